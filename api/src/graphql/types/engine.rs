//! How the engine of this process is doing.

use crate::{
    graphql::{
        connection::int,
        scalars::{DateTime, Duration},
    },
    ports::Task,
    service::Service,
    vitals::{Activation, ActivationResult, FaultCode, Standing},
};
use async_graphql::{Enum, Object, SimpleObject};

/// The sending engine of the process that answers.
#[derive(SimpleObject)]
pub(crate) struct EngineStatus {
    /// Whether it is at work in this process. False where the process only answers callers: then others send,
    /// and their metrics tell how they do.
    is_running: bool,
    /// Its reconcilers, in the order a campaign meets them.
    reconcilers: Vec<Reconciler>,
}

impl EngineStatus {
    /// That of the process behind `service`.
    pub(in crate::graphql) fn of(service: &Service) -> Self {
        let (is_running, standings) = service.engine_standing();
        let reconcilers =
            standings.into_iter().map(|(task, standing)| Reconciler { task, standing });
        Self { is_running, reconcilers: reconcilers.collect() }
    }
}

/// What the last activation of a reconciler came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum ReconcilerResult {
    /// It did something.
    Worked,
    /// There was nothing to do.
    Idle,
    /// It failed; the next activation looks again.
    Failed,
}

/// What kept a reconciler from doing what was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "FaultCode")]
pub(crate) enum ReconcilerErrorCode {
    /// The database cannot be reached, or ended the connection.
    DatabaseUnreachable,
    /// Somebody else holds a lock for longer than can be waited for.
    DatabaseLocked,
    /// The database takes no writes.
    DatabaseReadOnly,
    /// There is no room left for the database.
    DatabaseFull,
    /// The database refused a statement for another reason.
    DatabaseRefused,
    /// The tables hold what this version cannot work with.
    DataUnusable,
    /// The code panicked.
    Panicked,
}

/// A part of the engine that looks at the tables again and again and does what is due.
pub(crate) struct Reconciler {
    task: Task,
    standing: Standing,
}

/// A part of the engine that looks at the tables again and again and does what is due. What it says is of
/// this process, since its start.
#[Object]
impl Reconciler {
    /// Its name, as in logs and metrics: `planner`.
    async fn name(&self) -> &'static str {
        self.task.name()
    }

    /// Activations so far that ended.
    async fn activation_count(&self) -> i32 {
        count(self.standing.activations)
    }

    /// When the last activation ended.
    async fn last_activated_at(&self) -> Option<DateTime> {
        self.last().map(|last| last.at.into())
    }

    /// How long it took.
    async fn last_duration(&self) -> Option<Duration> {
        self.last().map(|last| Duration::of_milliseconds(last.took.num_milliseconds()))
    }

    /// What it came to.
    async fn last_result(&self) -> Option<ReconcilerResult> {
        self.last().map(|last| match last.result {
            ActivationResult::Worked(_) => ReconcilerResult::Worked,
            ActivationResult::Idle => ReconcilerResult::Idle,
            ActivationResult::Failed(_) => ReconcilerResult::Failed,
        })
    }

    /// How many things it did.
    async fn last_done_count(&self) -> Option<i32> {
        self.last().map(|last| match last.result {
            ActivationResult::Worked(done) => count(done),
            ActivationResult::Idle | ActivationResult::Failed(_) => 0,
        })
    }

    /// Failures in a row up to now.
    async fn failure_count_in_row(&self) -> i32 {
        count(self.standing.failures_in_row)
    }

    /// When an activation failed last, if any has.
    async fn last_failed_at(&self) -> Option<DateTime> {
        self.standing.failed.map(|(at, _)| at.into())
    }

    /// Why it did.
    async fn last_error_code(&self) -> Option<ReconcilerErrorCode> {
        self.standing.failed.map(|(_, code)| code.into())
    }
}

impl Reconciler {
    fn last(&self) -> Option<Activation> {
        self.standing.last
    }
}

/// A count as the schema has numbers.
fn count(count: u64) -> i32 {
    int(i64::try_from(count).unwrap_or(i64::MAX))
}
