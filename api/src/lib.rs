//! The service: GraphQL over HTTP and WebSocket.
pub mod graphql;
pub mod http;
