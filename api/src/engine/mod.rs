//! The sending engine: reconcilers that look at the tables and do what is left to do.
//!
//! Each reconciler is an [`Engine::activate`] without input, called when its bell rings and on a period.
//! Even when someone knows what changed, the bell does not say: after a restart, or with several nodes,
//! nobody would know, and there must be one way only.
//!
//! **Invariant:** activating any reconciler any number of times, at any moment, is harmless.
//! **Invariant:** nothing is remembered between activations that cannot be lost.
//! **Invariant:** time's hand and a caller's are siblings: nothing here calls `service`.

mod completer;
mod direct_texts;
mod dispatcher;
mod driver;
mod failing;
mod inbound;
mod planner;
mod receipts;
mod recovery;
mod resolver;
mod scheduler;
mod silence;
mod status_pages;

pub use dispatcher::Carrier;
pub use driver::Driver;

use crate::{
    db::{
        Db,
        events::Cause,
        runs::{self, Wanted},
    },
    direct::Direct,
    ports::{Aggregator, Bells, Clock, Hints, Ids, StatusPages, Task},
    vitals::{ActivationResult, FaultCode, Vitals},
};
use dispatcher::Dispatcher;
use domain::{Instant, event::ActorKind, id::CampaignId};
use std::{sync::Arc, time::Duration};

/// A failure of an activation: it is logged, and the next one looks again.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The database did not do what was asked.
    #[error("the engine could not do what was due")]
    Db(#[from] crate::db::Error),
    /// A message's text cannot be made again as it was planned: the ledger holds what composing refuses.
    #[error("the text of a message cannot be made again as it was planned")]
    Text,
}

impl Fault {
    /// Whether trying again cannot help: the database answers, and holds what must not be.
    fn is_lasting(&self) -> bool {
        use crate::db::Error;
        matches!(self, Self::Text | Self::Db(Error::Corrupt(_) | Error::Rows { .. }))
    }

    /// What went wrong.
    fn code(&self) -> FaultCode {
        match self {
            Self::Db(error) => error.code(),
            Self::Text => FaultCode::DataUnusable,
        }
    }
}

impl From<sea_orm::DbErr> for Fault {
    fn from(source: sea_orm::DbErr) -> Self {
        Self::Db(source.into())
    }
}

/// What an activation came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// How many things were done: 0 when there was nothing to do now.
    pub done: u64,
    /// When there will be something to do, if that is known, in civil time.
    pub next_at: Option<Instant>,
}

impl Activity {
    /// `done` things, and nothing known to come.
    const fn done(done: u64) -> Self {
        Self { done, next_at: None }
    }

    /// Both, one after the other.
    fn and(self, other: Self) -> Self {
        Self {
            done: self.done.saturating_add(other.done),
            next_at: self.next_at.into_iter().chain(other.next_at).min(),
        }
    }
}

/// How the engine works.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Hand-overs in flight at once.
    pub max_in_flight: u64,
    /// Hand-overs in flight at once over one connection.
    pub max_in_flight_per_connection: u64,
    /// Messages claimed in one transaction.
    pub claim_batch_max: u64,
    /// Subscribers planned in one transaction.
    pub plan_batch_max: u64,
    /// Receipts applied in one transaction.
    pub receipt_batch_max: u64,
    /// How often each reconciler looks unasked.
    pub period: Duration,
    /// How long a claim is held.
    pub lease: Duration,
    /// How long one hand-over may take; shorter than the lease.
    pub submit_timeout: Duration,
    /// How late a scheduled campaign may start.
    pub max_lateness: Duration,
    /// How old a claim may be when its request leaves.
    pub dispatch_grace: Duration,
    /// How long before a message's last moment the aggregator must give up.
    pub validity_pad: Duration,
    /// How long an accepted message waits for a final receipt before it is unconfirmed.
    pub unconfirmed_after: Duration,
    /// How often a status page is asked.
    pub status_page_period: Duration,
    /// Where receipts come in, without a slash at the end.
    pub public_url: String,
    /// The node, and its incarnation.
    pub node: String,
}

/// What the engine reaches the outside through.
#[derive(Clone, Debug)]
pub struct Outside {
    /// Texts one by one, and the contract that messages are handed over in.
    pub direct: Direct,
    /// The reader of status pages.
    pub status_pages: Arc<dyn StatusPages>,
    /// What those who run the process see of it.
    pub vitals: Vitals,
}

/// The engine. One a process.
#[derive(Debug)]
pub struct Engine {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    bells: Bells,
    hints: Hints,
    aggregator: Arc<dyn Aggregator>,
    status_pages: Arc<dyn StatusPages>,
    settings: Settings,
    dispatcher: Dispatcher,
    direct: Direct,
    vitals: Vitals,
}

impl Engine {
    /// Puts the engine together; nothing runs until it is driven.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        bells: Bells,
        hints: Hints,
        outside: Outside,
        settings: Settings,
    ) -> Self {
        let Outside { direct, status_pages, vitals } = outside;
        let dispatcher = Dispatcher::new(&settings, bells.clone());
        let aggregator = direct.aggregator();
        Self {
            db,
            clock,
            ids,
            bells,
            hints,
            aggregator,
            status_pages,
            settings,
            dispatcher,
            direct,
            vitals,
        }
    }

    /// Lets one reconciler look once, without waiting for what it sets on its way: how the driver does it.
    pub(crate) async fn stream(self: &Arc<Self>, task: Task) -> Result<Activity, Fault> {
        match task {
            Task::Dispatcher => self.watched(task, Box::pin(self.stream_dispatcher())).await,
            _ => self.activate(task).await,
        }
    }

    /// Lets one reconciler look once, and waits for all that comes of it: how a story on virtual time does it.
    pub async fn activate(&self, task: Task) -> Result<Activity, Fault> {
        self.watched(task, Box::pin(self.look_once(task))).await
    }

    /// Shows what an activation came to to those who run the process.
    async fn watched(
        &self,
        task: Task,
        activation: impl Future<Output = Result<Activity, Fault>>,
    ) -> Result<Activity, Fault> {
        self.vitals.reconcilers().begin(task, self.clock.lease_now());
        let came_to = activation.await;
        self.show(
            task,
            match &came_to {
                Ok(activity) if activity.done == 0 => ActivationResult::Idle,
                Ok(activity) => ActivationResult::Worked(activity.done),
                Err(fault) => ActivationResult::Failed(fault.code()),
            },
        );
        came_to
    }

    fn show(&self, task: Task, result: ActivationResult) {
        let at = (self.clock.now(), self.clock.lease_now());
        self.vitals.reconcilers().end(self.vitals.metrics(), task, result, at);
    }

    async fn look_once(&self, task: Task) -> Result<Activity, Fault> {
        match task {
            Task::Scheduler => self.activate_scheduler().await,
            Task::Planner => self.activate_planner().await,
            Task::Dispatcher => self.activate_dispatcher().await,
            Task::DirectTexts => self.activate_direct_texts().await,
            Task::Receipts => self.activate_receipts().await,
            Task::Completer => self.activate_completer().await,
            Task::Recovery => self.activate_recovery().await,
            Task::Resolver => self.activate_resolver().await,
            Task::Silence => self.activate_silence().await,
            Task::StatusPages => self.activate_status_pages().await,
        }
    }

    /// Every running campaign that is wanted, by id.
    async fn running(&self, wanted: Wanted) -> Result<Vec<CampaignId>, Fault> {
        let mut ids: Vec<CampaignId> = Vec::new();
        for _ in 0..RUNNING_PAGES_MAX {
            let after = ids.last().copied();
            let page = runs::running(self.db.read(), wanted, after, RUNNING_PAGE).await?;
            let is_last = page.len() < usize::try_from(RUNNING_PAGE).unwrap_or(usize::MAX);
            ids.extend(page);
            if is_last {
                break;
            }
        }
        Ok(ids)
    }

    fn cause(task: Task) -> Cause {
        Cause { kind: ActorKind::Engine, name: task.name().to_owned() }
    }
}

/// Sent campaigns with messages to send again that are looked at in one activation.
const RESENDING_MAX: u64 = 1_000;
/// Running campaigns read at once, and how often in one activation.
const RUNNING_PAGE: u64 = 1_000;
const RUNNING_PAGES_MAX: usize = 100;

/// What several campaigns came to: one that fails does not hold up the others, and its fault is told when
/// all had their turn.
#[derive(Debug, Default)]
struct Tally {
    activity: Activity,
    fault: Option<Fault>,
}

impl Tally {
    /// Adds what one campaign came to.
    fn add(&mut self, campaign: CampaignId, came_to: Result<Activity, Fault>) {
        match came_to {
            Ok(activity) => self.activity = self.activity.and(activity),
            Err(fault) => {
                let causes = crate::causes::chain(&fault);
                tracing::error!(campaign.id = %campaign, error = %fault, causes, "a campaign is stuck");
                self.fault = Some(fault);
            }
        }
    }

    /// What they came to together.
    fn finish(self) -> Result<Activity, Fault> {
        self.fault.map_or(Ok(self.activity), Err)
    }
}

/// A span of civil time as long as `duration`; a century for anything longer.
fn span(duration: Duration) -> chrono::TimeDelta {
    chrono::TimeDelta::from_std(duration).unwrap_or(chrono::TimeDelta::days(36_500))
}
