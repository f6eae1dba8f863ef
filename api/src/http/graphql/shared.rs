//! What all requests of one endpoint share, and the asking who calls.
use super::{
    Options, Sockets,
    count::Guard,
    problem::{Outcome, Problem, code},
    stream::Reservations,
};
use crate::http::auth::{AuthRefusal, Authenticator};
use async_graphql::Executor;
use futures_util::FutureExt;
use poem::http::header;
use secrecy::{ExposeSecret, SecretString};
use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};

/// The parts of an endpoint.
pub(super) struct Shared<E: Executor, A: Authenticator> {
    pub(super) executor: E,
    pub(super) authenticator: A,
    pub(super) options: Options,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) sockets: Sockets,
    pub(super) reservations: Reservations,
}

impl<E: Executor, A: Authenticator> Shared<E, A> {
    /// Counts one more live connection; refused when the service ends or too many are open.
    pub(super) fn enter(&self) -> Result<Guard, Problem> {
        let unavailable = |message: &str| {
            Problem::new(Outcome::Unavailable, code::UNAVAILABLE, message)
                .with_header(header::RETRY_AFTER, "5")
        };
        if *self.shutdown.borrow() {
            return Err(unavailable("The service is restarting. Try again."));
        }
        let guard = self.sockets.enter(self.options.limits.sockets);
        guard.ok_or_else(|| unavailable("Too many sockets and streams are open. Try again later."))
    }

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

/// Ends when the holder of `bearer` may no longer do and reach exactly what `before` could. A check that
/// fails says nothing about the token.
pub(super) async fn lapse<E: Executor, A: Authenticator>(
    shared: Arc<Shared<E, A>>,
    bearer: Option<SecretString>,
    before: A::Caller,
) {
    let mut ticks = every(shared.options.limits.check_period);
    loop {
        ticks.tick().await;
        match shared.caller(bearer.as_ref()).await {
            Ok(now) if shared.authenticator.same(&before, &now) => {}
            Err(AuthRefusal::Unavailable) => {}
            Ok(_) | Err(AuthRefusal::Missing | AuthRefusal::Invalid) => return,
        }
    }
}

/// Ticks once a period, first when one has passed.
pub(super) fn every(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Ends when the service shuts down.
pub(super) async fn told(shutdown: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and with it the service.
    let _ = shutdown.wait_for(|down| *down).await;
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
