//! What answers over HTTP: GraphQL, receipts, and health.
//!
//! **Invariant:** no handler decides anything; each reads a request, asks `service`, and writes an answer.

pub mod auth;
pub mod graphql;
mod health;
mod hooks;

use crate::{graphql::SendoffSchema, service::Service};
use async_trait::async_trait;
use auth::{AuthRefusal, Authenticator};
use graphql::{GraphqlEndpoint, Options, Sockets};
use poem::{EndpointExt as _, IntoEndpoint, Route, get, post};
use tokio::sync::watch;

/// The service behind the transports: a bearer token is an API key.
#[async_trait]
impl Authenticator for Service {
    type Caller = crate::service::Actor;

    async fn authenticate(&self, bearer: Option<&str>) -> Result<Self::Caller, AuthRefusal> {
        let token = bearer.ok_or(AuthRefusal::Missing)?;
        match Self::authenticate(self, token).await {
            Ok(Some(actor)) => Ok(actor),
            Ok(None) => Err(AuthRefusal::Invalid),
            Err(fault) => {
                let causes = crate::causes::chain(&fault);
                tracing::error!(error = %fault, causes, "an API key could not be checked");
                Err(AuthRefusal::Unavailable)
            }
        }
    }

    fn same(&self, before: &Self::Caller, now: &Self::Caller) -> bool {
        let reach = |actor: &Self::Caller| (actor.key_id, actor.role);
        reach(before) == reach(now) && before.sites() == now.sites()
    }
}

/// Everything that is answered, and the count of open sockets.
pub fn routes(
    service: &Service,
    schema: SendoffSchema,
    options: Options,
    shutdown: watch::Receiver<bool>,
) -> (impl IntoEndpoint + use<>, Sockets) {
    let endpoint = GraphqlEndpoint::new(schema, service.clone(), options, shutdown.clone());
    let sockets = endpoint.sockets();
    let routes = Route::new()
        .at("/graphql", endpoint)
        .at("/hooks/generic/:connection", post(hooks::generic))
        .at("/healthz", get(health::healthz))
        .at("/readyz", get(health::readyz))
        .data(service.clone())
        .data(health::ShuttingDown(shutdown));
    (routes, sockets)
}
