//! Driving virtual time: the engine looks until there is nothing to do now, then time moves to the
//! next instant at which somebody has something to do, and so on.
//!
//! **Invariant:** time moves to each due instant in turn and never past one.
//! **Invariant:** every loop is bounded, and says what never settled.

use std::future::Future;
use std::ops::ControlFlow;

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
    pub(super) fn words(&self) -> String {
        let busy = self.busy.iter().map(|(task, done)| format!("{done} to do for the {task}"));
        let busy: Vec<String> = busy.collect();
        if busy.is_empty() { "nothing to do".to_owned() } else { busy.join(", ") }
    }
}

/// Something that was done, after which a story may want to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// A reconciler did something.
    Worked(Task),
    /// The aggregator posted receipts that were due.
    Posted,
    /// Nobody had anything to do, so time moved on.
    Moved,
}

/// Who looks on while a world is driven.
pub trait Watcher {
    /// What can go wrong with it.
    type Error: From<Error>;

    /// Called after everything that was done, with the world standing still. A break ends the
    /// driving.
    fn saw(
        &mut self,
        world: &World,
        beat: Beat,
    ) -> impl Future<Output = Result<ControlFlow<()>, Self::Error>>;
}

/// Nobody looks on.
impl Watcher for () {
    type Error = Error;

    async fn saw(&mut self, _: &World, _: Beat) -> Result<ControlFlow<()>, Error> {
        Ok(ControlFlow::Continue(()))
    }
}

/// How a driving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driven {
    /// The watcher said so.
    Stopped,
    /// Nobody has anything left to do, or not before the end given.
    Idle,
}

impl World {
    /// Lets one reconciler look once.
    pub async fn activate(&self, task: Task) -> Result<api::engine::Activity, Error> {
        let looked = self.app().engine().activate(task).await;
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

    /// Lets everything run, time moving on as fast as it can, until neither the service nor the
    /// aggregator has anything left to do.
    pub async fn run_until_idle(&self) -> Result<(), Error> {
        self.drive(None, &mut ()).await.map(drop)
    }

    /// Lets everything run until nothing is left to do up to `end`, and stands at `end` then; without
    /// an end, until nothing is left to do at all. `watcher` sees each thing that is done.
    pub async fn drive<W: Watcher>(
        &self,
        end: Option<DateTime<Utc>>,
        watcher: &mut W,
    ) -> Result<Driven, W::Error> {
        for _ in 0..INSTANTS_MAX {
            let (driven, next_at) = self.drive_now(watcher).await?;
            if driven == Driven::Stopped {
                return Ok(driven);
            }
            let due = next_at.into_iter().chain(self.aggregator.next_due()).min();
            let due = due.filter(|due| end.is_none_or(|end| *due <= end));
            let Some(next) = due.or(end.filter(|end| *end > self.now())) else {
                return Ok(Driven::Idle);
            };
            self.advance_to(next);
            if watcher.saw(self, Beat::Moved).await?.is_break() {
                return Ok(Driven::Stopped);
            }
        }
        Err(self.endless().await.into())
    }

    /// Lets everybody act at this instant until nobody has anything to do; answers also when the
    /// engine will have.
    async fn drive_now<W: Watcher>(
        &self,
        watcher: &mut W,
    ) -> Result<(Driven, Option<DateTime<Utc>>), W::Error> {
        let mut work = Work::default();
        for _ in 0..ROUNDS_MAX {
            let posted = !self.deliver_due().await.is_empty();
            if posted && watcher.saw(self, Beat::Posted).await?.is_break() {
                return Ok((Driven::Stopped, None));
            }
            work = Work::default();
            for task in Task::ALL {
                let activity = self.activate(task).await?;
                work.add(task, activity);
                let worked = activity.done > 0;
                if worked && watcher.saw(self, Beat::Worked(task)).await?.is_break() {
                    return Ok((Driven::Stopped, None));
                }
            }
            let is_due = work.next_at.into_iter().chain(self.aggregator.next_due());
            if work.done == 0 && is_due.min().is_none_or(|due| due > self.now()) {
                return Ok((Driven::Idle, work.next_at));
            }
        }
        let what = format!("{}, due at {:?}", work.words(), work.next_at);
        Err(Error::Restless { at: self.now(), rounds: ROUNDS_MAX, what }.into())
    }

    /// The error of a story without an end: who is still waiting for something.
    async fn endless(&self) -> Error {
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
        self.exhaust(Task::Receipts).await
    }

    /// Lets one reconciler look at this instant until it finds nothing to do.
    pub(super) async fn exhaust(&self, task: Task) -> Result<(), Error> {
        for _ in 0..ROUNDS_MAX {
            if self.activate(task).await?.done == 0 {
                return Ok(());
            }
        }
        let what = format!("work for the {}", task.name());
        Err(Error::Restless { at: self.now(), rounds: ROUNDS_MAX, what })
    }
}
