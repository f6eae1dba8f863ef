//! GraphQL over HTTP and over `graphql-transport-ws`, both on one URL.
//!
//! A request is either the opening of a socket (a GET with `Upgrade: websocket`) or a POST of JSON.
//! Further transports are further modules: negotiation, parsing, preparation and execution do not
//! know who asks.
//!
//! **Invariant:** no token, document or variable is written to a log.
mod execute;
pub mod limits;
mod negotiate;
mod post;
mod prepare;
mod problem;
mod request;
mod shared;
mod size;
mod socket;
mod upgrade;

#[cfg(test)]
mod tests;

pub use execute::Track;
pub use limits::Limits;
pub use socket::Sockets;

use super::auth::Authenticator;
use async_graphql::Executor;
use poem::{
    Endpoint, Request, Response, Result,
    http::{Method, header},
};
use problem::{Outcome, Problem, code};
use shared::Shared;
use std::sync::Arc;
use tokio::sync::watch;

/// What a deployment may set.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The web origins (`https://app.example.com`) whose pages may open a socket. When empty, only
    /// pages of this very host may. A request without `Origin` does not come from a web page.
    pub allowed_origins: Vec<String>,
    /// The bounds of the transports.
    pub limits: Limits,
}

/// The handler of `/graphql`.
///
/// The executor's schema must have the [`Track`] extension. The caller that `A` recognises is put
/// into the data of each request.
pub struct GraphqlEndpoint<E: Executor, A: Authenticator> {
    shared: Arc<Shared<E, A>>,
}

impl<E: Executor, A: Authenticator> Clone for GraphqlEndpoint<E, A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<E: Executor, A: Authenticator> GraphqlEndpoint<E, A> {
    /// An endpoint over this executor. When `shutdown` turns true, or its sender is gone, open
    /// sockets close with 1012 and no new ones open; [`Self::sockets`] tells when all are closed.
    pub fn new(
        executor: E,
        authenticator: A,
        options: Options,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let sockets = Sockets::default();
        let shared = Shared { executor, authenticator, options, shutdown, sockets };
        Self { shared: Arc::new(shared) }
    }

    /// The count of open sockets. The server's own graceful shutdown does not know them.
    pub fn sockets(&self) -> Sockets {
        self.shared.sockets.clone()
    }
}

impl<E: Executor, A: Authenticator> Endpoint for GraphqlEndpoint<E, A> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        if upgrade::is_asked(&request) {
            return Ok(upgrade::open(&self.shared, &request));
        }
        if request.method() == Method::POST {
            return Ok(post::answer(&self.shared, request).await);
        }
        let media = post::media_of_errors(&request);
        let message = "Send queries and mutations by POST; subscribe over a WebSocket with the \
                       subprotocol graphql-transport-ws.";
        let problem = Problem::new(Outcome::MethodNotAllowed, code::BAD_REQUEST, message);
        Ok(problem.with_header(header::ALLOW, "POST").into_response(media))
    }
}
