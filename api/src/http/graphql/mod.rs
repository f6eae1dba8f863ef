//! GraphQL over HTTP and over `graphql-transport-ws`, all on one URL.
//!
//! A request opens a socket (a GET with `Upgrade: websocket`), asks for an operation (POST of JSON,
//! or GET of a query), or belongs to the single connection mode of GraphQL over server-sent events.
//! Whole answers are JSON; answers that go on are server-sent events or Apollo's multipart, as the
//! request accepts. A browser that asks for nothing is shown a page.
//!
//! **Invariant:** no token, document or variable is written to a log.
//! **Invariant:** every transport asks the same authenticator, prepares and runs operations the
//! same way.
mod ask;
mod bound;
mod cost;
mod count;
mod documents;
mod execute;
mod lane;
pub mod limits;
mod narrow;
mod negotiate;
mod operations;
mod origin;
mod page;
mod prepare;
mod problem;
mod quota;
mod request;
mod scan;
mod shared;
mod size;
mod socket;
mod stream;
mod trusted;
mod upgrade;
mod voice;
mod watches;

#[cfg(test)]
mod tests;

pub use cost::{Costs, Unreadable};
pub use count::Sockets;
pub use execute::Tracked;
pub use limits::Limits;
pub use quota::Rate;
pub use trusted::{Trusted, Untrusted};

use super::auth::Authenticator;
use async_graphql::Executor;
use documents::Documents;
use negotiate::Accepted;
use poem::{
    Endpoint, Request, Response, Result,
    http::{Method, header},
};
use problem::{Outcome, Problem, code};
use quota::Quotas;
use shared::Shared;
use std::sync::Arc;
use stream::{Reservations, single};
use tokio::sync::watch;
use watches::Watches;

/// The methods that are served.
const ALLOWED: &str = "GET, POST, PUT, DELETE";

/// What a deployment may set.
#[derive(Clone, Debug)]
pub struct Options {
    /// The web origins (`https://app.example.com`) whose pages may call. When empty, only pages of
    /// this very host may. A request without `Origin` does not come from a web page.
    pub allowed_origins: Vec<String>,
    /// The bounds of the transports.
    pub limits: Limits,
    /// The only documents that run; any, without them.
    pub trusted: Option<Arc<Trusted>>,
    /// Whether callers may ask for the schema.
    pub introspection: bool,
}

impl Default for Options {
    fn default() -> Self {
        let (allowed_origins, limits) = (Vec::new(), Limits::default());
        Self { allowed_origins, limits, trusted: None, introspection: true }
    }
}

/// The handler of `/graphql`.
///
/// The executor is a [`Tracked`] schema. The caller that `A` recognises is put
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
    /// An endpoint over this executor, whose schema has these costs. When `shutdown` turns true, or
    /// its sender is gone, open sockets close with 1012, streams end without their last word, and
    /// no new ones open; [`Self::sockets`] tells when all are closed.
    pub fn new(
        executor: E,
        costs: Costs,
        authenticator: A,
        options: Options,
        shutdown: watch::Receiver<bool>,
    ) -> Self {
        let sockets = Sockets::default();
        let reservations = Reservations::default();
        let quotas = Quotas::default();
        let shared = Shared {
            executor,
            authenticator,
            options,
            shutdown,
            sockets,
            reservations,
            costs,
            documents: Documents::default(),
            quotas,
            watches: Watches::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// The count of open sockets and streams. The server's own graceful shutdown does not know
    /// them.
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
        if page::is_asked(&request) {
            return Ok(page::show());
        }
        let origin = origin::listed(&request, &self.shared.options.allowed_origins);
        let mut response = match origin {
            Some(_) if origin::is_preflight(&request) => origin::preflight(),
            _ => self.answer(request).await,
        };
        if let Some(origin) = origin {
            origin::let_read(&mut response, origin);
        }
        Ok(response)
    }
}

impl<E: Executor, A: Authenticator> GraphqlEndpoint<E, A> {
    async fn answer(&self, request: Request) -> Response {
        let token = single::token(&request);
        match (request.method(), token) {
            (&Method::PUT, _) => single::reserve(&self.shared, &request).await,
            (&Method::DELETE, token) => single::stop(&self.shared, &request, token).await,
            (&Method::GET, Some(token)) => single::listen(&self.shared, &request, &token).await,
            (&Method::POST, Some(token)) => single::ask(&self.shared, request, &token).await,
            (&Method::GET | &Method::POST, None) => ask::answer(&self.shared, request).await,
            _ => {
                let message = format!("The methods served are {ALLOWED}.");
                Problem::new(Outcome::MethodNotAllowed, code::BAD_REQUEST, message)
                    .with_header(header::ALLOW, ALLOWED)
                    .into_response(Accepted::of(&request).of_errors())
            }
        }
    }
}
