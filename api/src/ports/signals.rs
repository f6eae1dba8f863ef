//! Bells and hints: "look again", said within the process, and gathered for the other nodes.
//!
//! **Invariant:** none carries anything: a lost one costs a period, never a fact.
//! **Invariant:** what is gathered for other nodes has a bound: a bell each, and one hint.

use super::Task;
use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};
use tokio::sync::{Notify, watch};

/// One bell a task. Ringing an idle task wakes it; ringing a busy one makes it look once more.
#[derive(Clone, Debug, Default)]
pub struct Bells {
    bells: Arc<[Notify; Task::ALL.len()]>,
    outlet: Option<Outlet>,
}

impl Bells {
    /// The same bells, each rung on the other nodes too: for those who may be on a node without an engine.
    #[must_use]
    pub fn shared(&self, outlet: &Outlet) -> Self {
        Self { bells: Arc::clone(&self.bells), outlet: Some(outlet.clone()) }
    }

    fn of(&self, task: Task) -> &Notify {
        let [
            scheduler,
            planner,
            dispatcher,
            direct_texts,
            receipts,
            completer,
            recovery,
            resolver,
            silence,
            status_pages,
        ] = &*self.bells;
        match task {
            Task::Scheduler => scheduler,
            Task::Planner => planner,
            Task::Dispatcher => dispatcher,
            Task::DirectTexts => direct_texts,
            Task::Receipts => receipts,
            Task::Completer => completer,
            Task::Recovery => recovery,
            Task::Resolver => resolver,
            Task::Silence => silence,
            Task::StatusPages => status_pages,
        }
    }

    /// Wakes `task`.
    pub fn ring(&self, task: Task) {
        self.of(task).notify_one();
        if let Some(outlet) = &self.outlet {
            outlet.put(Signals::bell(task));
        }
    }

    /// Waits until `task` is rung.
    pub async fn heard(&self, task: Task) {
        self.of(task).notified().await;
    }
}

/// Hints to subscriptions that something was committed: a number that only grows.
#[derive(Clone, Debug)]
pub struct Hints {
    generation: Arc<AtomicU64>,
    sender: Arc<watch::Sender<u64>>,
    outlet: Option<Outlet>,
}

impl Default for Hints {
    fn default() -> Self {
        Self { generation: Arc::default(), sender: Arc::new(watch::Sender::new(0)), outlet: None }
    }
}

impl Hints {
    /// The same hints, given on the other nodes too.
    #[must_use]
    pub fn shared(&self, outlet: &Outlet) -> Self {
        Self { outlet: Some(outlet.clone()), ..self.clone() }
    }

    /// Says "look again" to every watcher.
    pub fn give(&self) {
        let next = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        self.sender.send_modify(|seen| *seen = next.max(*seen));
        if let Some(outlet) = &self.outlet {
            outlet.put(Signals::HINT);
        }
    }

    /// A receiver whose `changed()` completes after the next hint.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.sender.subscribe()
    }
}

/// Bells that were rung and whether a hint was given, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals(u32);

/// The name of a hint among the names of tasks.
const HINT_NAME: &str = "hint";

impl Signals {
    /// A hint.
    const HINT: Self = Self(1 << Task::ALL.len());

    /// Every bell, and a hint: what whoever may have missed some takes for heard.
    pub const ALL: Self = Self((Self::HINT.0 << 1) - 1);

    fn bell(task: Task) -> Self {
        let place = Task::ALL.iter().position(|known| *known == task).unwrap_or_default();
        Self(1 << place)
    }

    const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Passes them on to this process alone, if the bells and hints are not shared.
    pub fn pass_on(self, bells: &Bells, hints: &Hints) {
        if self.has(Self::HINT) {
            hints.give();
        }
        for task in Task::ALL.into_iter().filter(|task| self.has(Self::bell(*task))) {
            bells.ring(task);
        }
    }

    /// Their names, separated by commas.
    pub fn names(self) -> String {
        let bells = Task::ALL.into_iter().filter(|task| self.has(Self::bell(*task)));
        let hint = self.has(Self::HINT).then_some(HINT_NAME);
        let names: Vec<&str> = bells.map(Task::name).chain(hint).collect();
        names.join(",")
    }

    /// Those that are named; a name of another version's stands for nothing.
    pub fn of_names(names: &str) -> Self {
        let of = |name: &str| match name {
            HINT_NAME => Some(Self::HINT),
            name => Task::ALL.into_iter().find(|task| task.name() == name).map(Self::bell),
        };
        Self(names.split(',').filter_map(of).fold(0, |all, one| all | one.0))
    }
}

/// What the other nodes are to be told, gathered until somebody tells them. Where nobody does, it stays as
/// small as it is.
#[derive(Clone, Debug, Default)]
pub struct Outlet(Arc<Gathered>);

#[derive(Debug, Default)]
struct Gathered {
    signals: AtomicU32,
    some: Notify,
}

impl Outlet {
    fn put(&self, signals: Signals) {
        let before = self.0.signals.fetch_or(signals.0, Ordering::AcqRel);
        if !Signals(before).has(signals) {
            self.0.some.notify_one();
        }
    }

    /// Waits until there is something to tell, and takes all of it.
    pub async fn gathered(&self) -> Signals {
        loop {
            let signals = Signals(self.0.signals.swap(0, Ordering::AcqRel));
            if signals != Signals::default() {
                return signals;
            }
            self.0.some.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn names_read_back() {
        assert_eq!(Signals::of_names(&Signals::ALL.names()), Signals::ALL);
        for task in Task::ALL {
            assert_eq!(Signals::of_names(task.name()), Signals::bell(task), "{}", task.name());
        }
        assert_eq!(Signals::of_names(""), Signals::default());
        let known = Signals::of_names("levitator,hint,planner");
        assert_eq!(known.names(), "planner,hint");
    }

    /// Goal: what is said a thousand times is told once, and what comes from another node is not told again.
    #[test]
    fn signals_are_gathered_and_not_echoed() {
        let outlet = Outlet::default();
        let (bells, hints) = (Bells::default(), Hints::default());
        let (shared_bells, shared_hints) = (bells.shared(&outlet), hints.shared(&outlet));
        for _ in 0..1_000 {
            shared_bells.ring(Task::Planner);
            shared_hints.give();
        }
        assert!(bells.heard(Task::Planner).now_or_never().is_some(), "rung here too");
        let told = outlet.gathered().now_or_never().unwrap();
        assert_eq!(told.names(), "planner,hint");
        assert_eq!(outlet.gathered().now_or_never(), None);
        let seen = *hints.watch().borrow();
        told.pass_on(&bells, &hints);
        assert_eq!(outlet.gathered().now_or_never(), None, "an echo");
        assert!(bells.heard(Task::Planner).now_or_never().is_some());
        assert!(*hints.watch().borrow() > seen);
        assert!(bells.heard(Task::Dispatcher).now_or_never().is_none());
    }
}
