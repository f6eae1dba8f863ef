//! Driving virtual time: the engine looks until there is nothing to do now, then time moves to the
//! next instant at which somebody has something to do, and so on.
//!
//! **Invariant:** time moves to each due instant in turn and never past one.
//! **Invariant:** every loop is bounded, and says what never settled.

use api::ports::Task;
use chrono::{DateTime, Utc};

use super::{Error, World};
use crate::aggregator::Delivery;

/// How often the engine may look at one instant before it is said not to settle.
const ROUNDS_MAX: usize = 10_000;
/// How many instants one call may visit.
const INSTANTS_MAX: usize = 100_000;

/// What came of letting every reconciler look once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// How many things were done.
    pub done: u64,
    /// When there will be something to do, by the engine's account.
    pub next_at: Option<DateTime<Utc>>,
    /// The reconcilers that did something, by name, with how much.
    pub busy: Vec<(&'static str, u64)>,
}

impl Work {
    /// Notes what one reconciler came to.
    pub(super) fn add(&mut self, task: Task, activity: api::engine::Activity) {
        self.done = self.done.saturating_add(activity.done);
        self.next_at = self.next_at.into_iter().chain(activity.next_at).min();
        if activity.done > 0 {
            self.busy.push((task.name(), activity.done));
        }
    }

    /// Who was busy, in words.
    pub fn words(&self) -> String {
        let busy = self.busy.iter().map(|(task, done)| format!("{done} to do for the {task}"));
        let busy: Vec<String> = busy.collect();
        if busy.is_empty() { "nothing to do".to_owned() } else { busy.join(", ") }
    }
}

/// One turn of the story: everybody looked once, or time moved on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Round {
    /// The service or the aggregator did something at this instant.
    Busy(Work),
    /// Nobody had anything to do, so time moved on to this instant, and what receipts were due were
    /// posted.
    Moved(DateTime<Utc>),
    /// Nobody has anything to do, now or ever, or not before the instant given.
    Idle,
}

impl World {
    /// Lets one reconciler look once.
    pub async fn activate(&self, task: Task) -> Result<api::engine::Activity, Error> {
        let looked = self.app.engine().activate(task).await;
        looked.map_err(|source| Error::Engine { task: task.name(), source })
    }

    /// Lets every reconciler look once, in the order a campaign meets them.
    pub async fn step_engine(&self) -> Result<Work, Error> {
        let mut work = Work::default();
        for task in Task::ALL {
            work.add(task, self.activate(task).await?);
        }
        Ok(work)
    }

    /// Lets the engine look at this instant until there is nothing to do; answers what was done.
    pub async fn run_now(&self) -> Result<Work, Error> {
        let mut all = Work::default();
        for _ in 0..ROUNDS_MAX {
            let work = self.step_engine().await?;
            if work.done == 0 {
                return Ok(Work { next_at: work.next_at, ..all });
            }
            all.done = all.done.saturating_add(work.done);
            all.busy.extend(work.busy);
        }
        let what = self.step_engine().await?.words();
        Err(Error::Restless { at: self.now(), rounds: ROUNDS_MAX, what })
    }

    /// Posts the receipts that are due now.
    pub async fn deliver_due(&self) -> Vec<Delivery> {
        self.aggregator.deliver_due(self.now()).await
    }

    /// The next instant at which somebody has something to do, the engine's part as `work` says. An
    /// instant that has come already is none: whoever names it has had their turn.
    pub fn next_instant(&self, work: &Work) -> Option<DateTime<Utc>> {
        let due = work.next_at.into_iter().chain(self.aggregator.next_due());
        due.filter(|due| *due > self.now()).min()
    }

    /// Lets everything run, time moving on as fast as it can, until neither the service nor the
    /// aggregator has anything left to do.
    pub async fn run_until_idle(&self) -> Result<(), Error> {
        self.run_until(DateTime::<Utc>::MAX_UTC).await
    }

    /// Lets everything run until nothing is left to do before `end`, and then stands at `end`, or
    /// where the last thing was done if `end` is beyond all time.
    pub async fn run_until(&self, end: DateTime<Utc>) -> Result<(), Error> {
        for _ in 0..INSTANTS_MAX {
            self.deliver_due().await;
            let work = self.run_now().await?;
            match self.next_instant(&work).filter(|next| *next <= end) {
                Some(next) => self.advance_to(next),
                None if end == DateTime::<Utc>::MAX_UTC => return Ok(()),
                None if self.now() >= end => return Ok(()),
                None => self.advance_to(end),
            };
        }
        Err(self.endless().await)
    }

    /// The error of a story without an end: who is still waiting for something.
    pub async fn endless(&self) -> Error {
        let engine = match self.step_engine().await {
            Ok(work) => format!("{}, next at {:?}", work.words(), work.next_at),
            Err(error) => error.to_string(),
        };
        let due = self.aggregator.next_due();
        let what = format!("in the engine {engine}; receipts due at {due:?}");
        Error::Endless { instants: INSTANTS_MAX, what }
    }

    /// Applies what lies in the inbox.
    pub(super) async fn apply_receipts(&self) -> Result<(), Error> {
        for _ in 0..ROUNDS_MAX {
            if self.activate(Task::Receipts).await?.done == 0 {
                return Ok(());
            }
        }
        let what = "receipts to apply".to_owned();
        Err(Error::Restless { at: self.now(), rounds: ROUNDS_MAX, what })
    }
}
