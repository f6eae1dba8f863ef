//! What the service answers over HTTP.
pub mod auth;
pub mod graphql;
