//! How each reconciler of this process did last, and whether any needs looking after.
//!
//! **Invariant:** what is kept is bounded: one entry a reconciler.
//! **Invariant:** ages are of lease time, which nobody sets.

use super::{FaultCode, Metrics, labels::Came};
use crate::ports::Task;
use chrono::TimeDelta;
use domain::Instant;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Activations in a row that failed before a reconciler is called failing: one may be a passing trouble.
const FAILURES_MIN: u64 = 3;
/// Periods after which a reconciler that has not looked again is called stalled.
const PERIODS_MAX: i32 = 5;
/// The time over that it is given, since a busy machine delays.
const PATIENCE: TimeDelta = TimeDelta::seconds(30);
/// How long one activation may take: the resolver may wait for hundreds of answers.
const ACTIVATION_MAX: TimeDelta = TimeDelta::minutes(10);

/// What an activation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActivationResult {
    /// It did so many things.
    Worked(u64),
    /// There was nothing to do.
    Idle,
    /// It failed.
    Failed(FaultCode),
}

impl ActivationResult {
    const fn came(self) -> (Came, Option<FaultCode>) {
        match self {
            Self::Worked(_) => (Came::Worked, None),
            Self::Idle => (Came::Idle, None),
            Self::Failed(code) => (Came::Failed, Some(code)),
        }
    }
}

/// An activation that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Activation {
    /// When it ended, in civil time.
    pub at: Instant,
    /// How long it took.
    pub took: TimeDelta,
    /// What it came to.
    pub result: ActivationResult,
}

/// How a reconciler stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its last activation that ended, if any has.
    pub last: Option<Activation>,
    /// Activations so far that ended.
    pub activations: u64,
    /// Failures since the last that did not fail.
    pub failures_in_row: u64,
    /// The last failure: when, in civil time, and of what.
    pub failed: Option<(Instant, FaultCode)>,
    /// When the activation under way began, in lease time.
    began: Option<Instant>,
    /// When the last ended, in lease time.
    ended: Option<Instant>,
}

/// What is wrong with a reconciler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Its last activations failed.
    Failing(Task, FaultCode),
    /// It has not looked for too long.
    Stalled(Task),
}

#[derive(Debug, Default)]
struct Board {
    standings: [Standing; Task::ALL.len()],
    /// Since when the reconcilers are driven, in lease time, and their period.
    driven: Option<(Instant, TimeDelta)>,
}

impl Board {
    fn of(&mut self, task: Task) -> Option<&mut Standing> {
        let place = Task::ALL.iter().position(|known| *known == task)?;
        self.standings.get_mut(place)
    }
}

/// The reconcilers of this process.
#[derive(Debug, Default)]
pub struct Reconcilers(Mutex<Board>);

impl Reconcilers {
    fn board(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the reconcilers are driven from now on, each at least once in `period`.
    pub fn driven(&self, period: TimeDelta, lease_now: Instant) {
        self.board().driven = Some((lease_now, period));
    }

    /// Whether they are driven in this process.
    pub fn are_driven(&self) -> bool {
        self.board().driven.is_some()
    }

    /// Notes that an activation begins.
    pub fn begin(&self, task: Task, lease_now: Instant) {
        if let Some(standing) = self.board().of(task) {
            standing.began = Some(lease_now);
        }
    }

    /// Notes that the activation that began ended at `now`.
    pub fn end(
        &self,
        metrics: &Metrics,
        task: Task,
        result: ActivationResult,
        (now, lease_now): (Instant, Instant),
    ) {
        let mut board = self.board();
        let Some(standing) = board.of(task) else { return };
        let took = standing.began.map_or(TimeDelta::zero(), |began| lease_now - began);
        standing.last = Some(Activation { at: now, took, result });
        standing.activations += 1;
        (standing.began, standing.ended) = (None, Some(lease_now));
        if let ActivationResult::Failed(code) = result {
            standing.failures_in_row += 1;
            standing.failed = Some((now, code));
        } else {
            standing.failures_in_row = 0;
        }
        drop(board);
        metrics.activated(task, result.came(), took, now.timestamp_millis());
    }

    /// How each stands, in the order a campaign meets them.
    pub fn standings(&self) -> Vec<(Task, Standing)> {
        Task::ALL.into_iter().zip(self.board().standings).collect()
    }

    /// What is wrong with them, by what another node or a later moment may do better; nothing where they are
    /// not driven.
    pub fn troubles(&self, lease_now: Instant) -> Vec<Trouble> {
        let Some((since, period)) = self.board().driven else { return Vec::new() };
        let standings = self.standings().into_iter();
        standings
            .filter_map(|(task, standing)| trouble(task, &standing, (since, period), lease_now))
            .collect()
    }
}

fn trouble(
    task: Task,
    standing: &Standing,
    (since, period): (Instant, TimeDelta),
    lease_now: Instant,
) -> Option<Trouble> {
    let (looked, patience) = match (standing.began, standing.ended) {
        (Some(began), _) => (began, ACTIVATION_MAX),
        (None, ended) => (ended.unwrap_or(since), period * PERIODS_MAX + PATIENCE),
    };
    if lease_now - looked > patience {
        return Some(Trouble::Stalled(task));
    }
    let (_, code) = standing.failed.filter(|_| standing.failures_in_row >= FAILURES_MIN)?;
    code.is_passing().then_some(Trouble::Failing(task, code))
}
