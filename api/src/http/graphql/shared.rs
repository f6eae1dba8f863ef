//! What all requests of one endpoint share, and the asking who calls.
use super::{
    Options, Sockets,
    bound::{Bound, set_limit},
    cost::Costs,
    count::Guard,
    documents::Documents,
    execute::Admitted,
    prepare::{Terms, prepare},
    problem::{Outcome, Problem, code, error},
    quota::{Kind, Quotas, Share},
    stream::Reservations,
    trusted,
    watches::Watches,
};
use crate::{
    http::auth::{AuthRefusal, Authenticator},
    tokens::Flaw,
};
use async_graphql::{ErrorExtensionValues, Executor, Request};
use futures_util::FutureExt;
use poem::http::header;
use secrecy::{ExposeSecret, SecretString};
use std::{panic::AssertUnwindSafe, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, Interval, MissedTickBehavior, interval_at, timeout},
};
use uuid::Uuid;

/// When to come back for what others of the same key have.
pub(super) const BUSY_RETRY_AFTER_S: u64 = 5;

/// The parts of an endpoint.
pub(super) struct Shared<E: Executor, A: Authenticator> {
    pub(super) executor: E,
    pub(super) authenticator: A,
    pub(super) options: Options,
    pub(super) shutdown: watch::Receiver<bool>,
    pub(super) sockets: Sockets,
    pub(super) reservations: Reservations,
    pub(super) costs: Costs,
    pub(super) documents: Documents,
    pub(super) quotas: Quotas,
    pub(super) watches: Watches<A::Caller>,
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

    /// Counts one more socket or stream of the key's.
    pub(super) fn enter_for(&self, account: Uuid) -> Result<Share, Problem> {
        let most = self.options.limits.connections_of_key;
        self.share(account, Kind::Live, most, Bound::LiveOfKey)
    }

    fn share(
        &self,
        account: Uuid,
        kind: Kind,
        most: usize,
        bound: Bound,
    ) -> Result<Share, Problem> {
        let taken = self.quotas.take(account, kind, most);
        taken.ok_or_else(|| bound.problem(None, most).with_retry_after(BUSY_RETRY_AFTER_S))
    }

    /// Admits an operation, which costs its key a point even when it is refused.
    pub(super) fn admit(&self, account: Uuid, request: &mut Request) -> Result<Admitted, Problem> {
        let limits = &self.options.limits;
        self.spend(account, 1)?;
        trusted::resolve(self.options.trusted.as_deref(), request)?;
        let terms = Terms { cost_max: limits.cost, introspection: self.options.introspection };
        let prepared = prepare(request, &self.costs, &self.documents, terms)?;
        self.spend(account, prepared.cost.saturating_sub(1))?;
        let most = limits.operations_of_key;
        let share = self.share(account, Kind::Operation, most, Bound::OperationsOfKey)?;
        let (cost_max, request_timeout) = (limits.cost, limits.request_timeout);
        Ok(Admitted { prepared, cost_max, request_timeout, share })
    }

    fn spend(&self, account: Uuid, points: usize) -> Result<(), Problem> {
        let rate = self.options.limits.rate;
        let points = u32::try_from(points).unwrap_or(u32::MAX);
        let Err(wait) = self.quotas.spend(account, points, rate) else { return Ok(()) };
        let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
        let message = format!(
            "The key has spent its points: it has {} at most, and {} come back in a second. This \
             asks for {points}; try again in {seconds} s.",
            rate.burst, rate.per_s
        );
        let mut error = error(code::RATE_LIMITED, message);
        let limit = vec![
            ("name", "RATE".into()),
            ("maximum", rate.burst.into()),
            ("found", points.into()),
            ("restoredPerSecond", rate.per_s.into()),
            ("retryAfterSeconds", seconds.into()),
        ];
        set_limit(&mut error, limit);
        Err(Problem::of(Outcome::TooMany, vec![error]).with_retry_after(seconds))
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

/// What the holder of a signed token is told: a code that stays, and what to do. Of a token that is not
/// verified nothing is told, whatever is wrong with it.
const fn reason(flaw: Flaw) -> (&'static str, &'static str) {
    match flaw {
        Flaw::Unverified => {
            ("UNVERIFIED", "The token is not signed with a key that is known here.")
        }
        Flaw::WrongIssuer => ("WRONG_ISSUER", "The token is of an issuer that is not known here."),
        Flaw::WrongAudience => ("WRONG_AUDIENCE", "The token is for another service."),
        Flaw::Expired => ("EXPIRED", "The token has expired. Get a new one."),
        Flaw::NotYetValid => ("NOT_YET_VALID", "The token is not valid yet. Try again later."),
        Flaw::Claims => {
            let message =
                "A claim of the token is missing, or not of its form: sub, role, sites, exp.";
            ("CLAIMS", message)
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
        AuthRefusal::Token(flaw) => {
            let (reason, message) = reason(flaw);
            let mut error = error(code::UNAUTHENTICATED, message);
            let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
            extensions.set("reason", reason);
            Problem::of(Outcome::Unauthenticated, vec![error])
                .with_header(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")
        }
        AuthRefusal::Unavailable => {
            let message = "The key or the token cannot be checked just now. Try again.";
            Problem::new(Outcome::Unavailable, code::UNAVAILABLE, message)
                .with_header(header::RETRY_AFTER, "1")
        }
    }
}
