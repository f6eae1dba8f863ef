//! What answers over HTTP: GraphQL, receipts, health and metrics.
//!
//! **Invariant:** no handler decides anything; each reads a request, asks `service`, and writes an
//! answer.

pub mod auth;
pub mod graphql;
mod health;
mod hooks;
mod metrics;
pub mod patience;

use crate::{
    graphql::SendoffSchema,
    service::{Service, Unrecognised},
    vitals::Vitals,
};
use async_trait::async_trait;
use auth::{AuthRefusal, Authenticator};
use graphql::{Costs, GraphqlEndpoint, Options, Sockets, Tracked};
use poem::{EndpointExt as _, IntoEndpoint, Route, get, post};
use secrecy::SecretString;
use tokio::sync::watch;
use uuid::Uuid;

/// The service behind the transports: a bearer token is an API key, or one that another service signed.
#[async_trait]
impl Authenticator for Service {
    type Caller = crate::service::Actor;

    async fn authenticate(&self, bearer: Option<&str>) -> Result<Self::Caller, AuthRefusal> {
        let token = bearer.ok_or(AuthRefusal::Missing)?;
        match Self::authenticate(self, token).await {
            Ok(Ok(actor)) => Ok(actor),
            Ok(Err(Unrecognised::Key)) => Err(AuthRefusal::Invalid),
            Ok(Err(Unrecognised::Token(flaw))) => Err(AuthRefusal::Token(flaw)),
            Err(fault) => {
                let causes = crate::causes::chain(&fault);
                tracing::error!(error = %fault, causes, "a bearer token could not be checked");
                Err(AuthRefusal::Unavailable)
            }
        }
    }

    fn account(&self, caller: &Self::Caller) -> Uuid {
        caller.account()
    }

    fn same(&self, before: &Self::Caller, now: &Self::Caller) -> bool {
        before.is_same(now)
    }
}

/// Who is answered besides those who ask for health.
pub struct Open {
    /// Callers of GraphQL, and aggregators with their receipts.
    pub api: bool,
    /// Whoever reads the metrics with this bearer token; none without one.
    pub metrics_token: Option<SecretString>,
    /// What they read, and what is counted at the door.
    pub vitals: Vitals,
}

/// Everything that is answered, and the count of open sockets.
pub fn routes(
    service: &Service,
    (schema, costs): (Tracked<SendoffSchema>, Costs),
    options: Options,
    open: Open,
    shutdown: watch::Receiver<bool>,
) -> (impl IntoEndpoint + use<>, Sockets) {
    let endpoint = GraphqlEndpoint::new(schema, costs, service.clone(), options, shutdown.clone());
    let sockets = endpoint.sockets();
    let mut routes = Route::new()
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .at("/metrics", get(metrics::metrics));
    if open.api {
        routes =
            routes.at("/graphql", endpoint).at("/hooks/generic/:connection", post(hooks::generic));
    }
    let routes = routes
        .data(service.clone())
        .data(open.vitals)
        .data(metrics::Token::new(open.metrics_token))
        .data(health::ShuttingDown(shutdown));
    (routes, sockets)
}
