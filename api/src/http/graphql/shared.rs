//! What all requests of one endpoint share, and the asking who calls.
use super::{
    Options, Sockets,
    problem::{Outcome, Problem, code},
};
use crate::http::auth::{AuthRefusal, Authenticator};
use async_graphql::Executor;
use futures_util::FutureExt;
use poem::http::header;
use secrecy::{ExposeSecret, SecretString};
use std::panic::AssertUnwindSafe;
use tokio::{sync::watch, time::timeout};

/// The parts of an endpoint.
pub(super) struct Shared<E: Executor, A: Authenticator> {
    pub(super) executor: E,
    pub(super) authenticator: A,
    pub(super) options: Options,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) sockets: Sockets,
}

impl<E: Executor, A: Authenticator> Shared<E, A> {
    /// Asks who holds `bearer`. An authenticator that panics or is too slow could not be asked.
    pub(super) async fn caller(
        &self,
        bearer: Option<&SecretString>,
    ) -> Result<A::Caller, AuthRefusal> {
        let asked = self.authenticator.authenticate(bearer.map(ExposeSecret::expose_secret));
        let bounded =
            timeout(self.options.limits.auth_timeout, AssertUnwindSafe(asked).catch_unwind());
        match bounded.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => {
                tracing::error!("the authenticator panicked");
                Err(AuthRefusal::Unavailable)
            }
            Err(_elapsed) => {
                tracing::warn!("the authenticator did not answer in time");
                Err(AuthRefusal::Unavailable)
            }
        }
    }
}

/// The HTTP answer to a caller who was not recognised.
pub(super) fn unrecognised(refusal: AuthRefusal) -> Problem {
    let unauthenticated = |message: &str| {
        Problem::new(Outcome::Unauthenticated, code::UNAUTHENTICATED, message)
            .with_header(header::WWW_AUTHENTICATE, "Bearer")
    };
    match refusal {
        AuthRefusal::Missing => unauthenticated("Send an API key: `Authorization: Bearer <key>`."),
        AuthRefusal::Invalid => unauthenticated("The API key is not valid."),
        AuthRefusal::Unavailable => {
            let message = "The API key cannot be checked just now. Try again.";
            Problem::new(Outcome::Unavailable, code::UNAVAILABLE, message)
                .with_header(header::RETRY_AFTER, "1")
        }
    }
}
