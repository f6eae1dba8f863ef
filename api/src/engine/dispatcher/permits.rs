//! Permits: how many messages may be on their way at once, of this node and of each connection.
//!
//! A permit is taken before the claim and given back when the outcome is recorded, so what a crash can leave
//! unknown is never more than the permits there are.
//!
//! **Invariant:** a permit comes back however its hand-over ends, a panic included.
//! **Invariant:** one connection never has them all: an aggregator that hangs holds up its own messages alone.

use crate::ports::{Bells, Task};
use domain::id::ConnectionId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

/// The limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of the node.
    pub(super) all: u64,
    /// Of one connection.
    pub(super) of_one: u64,
}

/// What is taken.
#[derive(Debug, Default)]
struct Taken {
    all: u64,
    by_connection: HashMap<ConnectionId, u64>,
    /// Whether somebody wanted more than there was, and looks again when there is.
    is_wanted: bool,
}

/// The permits of a node.
#[derive(Debug)]
pub(super) struct Permits {
    limits: Limits,
    taken: Mutex<Taken>,
    returned: Notify,
    bells: Bells,
}

/// The part of all permits that must be free before the dispatcher is rung for them: claiming one message at
/// a time costs a transaction each. While others write, more come back and are claimed along.
const RING_PART: u64 = 16;

impl Permits {
    /// All of them, free.
    pub(super) fn new(limits: Limits, bells: Bells) -> Arc<Self> {
        Arc::new(Self { limits, taken: Mutex::default(), returned: Notify::new(), bells })
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are free.
    #[cfg(test)]
    fn free(&self) -> u64 {
        self.limits.all.saturating_sub(self.locked().all)
    }

    /// How many messages are on their way over a connection.
    pub(super) fn in_flight(&self, connection: ConnectionId) -> u64 {
        self.locked().by_connection.get(&connection).copied().unwrap_or_default()
    }

    /// Takes up to `wanted` permits for a connection. Whoever gets fewer hears the dispatcher's bell when there
    /// are more.
    pub(super) fn take(self: &Arc<Self>, connection: ConnectionId, wanted: u64) -> Permit {
        self.take_some(connection, wanted, wanted)
    }

    /// As [`Permits::take`], but no more than `at_most` of what is wanted.
    pub(super) fn take_some(
        self: &Arc<Self>,
        connection: ConnectionId,
        at_most: u64,
        wanted: u64,
    ) -> Permit {
        let mut taken = self.locked();
        let free = self.limits.all.saturating_sub(taken.all);
        let of_one = taken.by_connection.get(&connection).copied().unwrap_or_default();
        let count = at_most.min(free).min(self.limits.of_one.saturating_sub(of_one));
        taken.is_wanted |= count < wanted;
        taken.all += count;
        *taken.by_connection.entry(connection).or_default() += count;
        drop(taken);
        Permit { permits: Arc::clone(self), connection, count }
    }

    /// Whether every permit is taken. Whoever asks wants more, and hears the dispatcher's bell when there are.
    pub(super) fn are_all_taken(&self) -> bool {
        let mut taken = self.locked();
        let are_taken = taken.all >= self.limits.all;
        taken.is_wanted |= are_taken;
        are_taken
    }

    fn give_back(&self, connection: ConnectionId, count: u64) {
        let mut taken = self.locked();
        taken.all = taken.all.saturating_sub(count);
        if let Some(of_one) = taken.by_connection.get_mut(&connection) {
            *of_one = of_one.saturating_sub(count);
            if *of_one == 0 {
                taken.by_connection.remove(&connection);
            }
        }
        let free = self.limits.all.saturating_sub(taken.all);
        let is_enough = taken.all == 0 || free >= self.limits.all.div_ceil(RING_PART);
        let rings = taken.is_wanted && is_enough;
        if rings {
            taken.is_wanted = false;
        }
        drop(taken);
        if rings {
            self.bells.ring(Task::Dispatcher);
        }
        self.returned.notify_waiters();
    }

    /// Completes when none is taken.
    pub(super) async fn all_returned(&self) {
        loop {
            let returned = self.returned.notified();
            if self.locked().all == 0 {
                return;
            }
            returned.await;
        }
    }
}

/// Permits that are taken; they are given back when this is dropped.
#[derive(Debug)]
pub(in crate::engine) struct Permit {
    permits: Arc<Permits>,
    connection: ConnectionId,
    count: u64,
}

impl Permit {
    /// How many they are.
    pub(in crate::engine) const fn count(&self) -> u64 {
        self.count
    }

    /// Adds others of the same connection.
    pub(in crate::engine) fn join(&mut self, mut other: Self) {
        if self.connection == other.connection {
            self.count = self.count.saturating_add(std::mem::take(&mut other.count));
        }
    }

    /// Gives back all but `count` of them.
    pub(in crate::engine) fn keep(&mut self, count: u64) {
        let surplus = self.count.saturating_sub(count);
        if surplus > 0 {
            self.count = count;
            self.permits.give_back(self.connection, surplus);
        }
    }

    /// One of them by itself; none when there is none left.
    pub(in crate::engine) fn split(&mut self) -> Option<Self> {
        self.count = self.count.checked_sub(1)?;
        Some(Self { permits: Arc::clone(&self.permits), connection: self.connection, count: 1 })
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if self.count > 0 {
            self.permits.give_back(self.connection, self.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    fn connection(n: u128) -> ConnectionId {
        ConnectionId(uuid::Uuid::from_u128(n))
    }

    /// Goal: one connection leaves some to the others, and what it has is what it gave back less.
    #[test]
    fn one_connection_never_has_them_all() {
        let permits = Permits::new(Limits { all: 8, of_one: 6 }, Bells::default());
        let mut first = permits.take(connection(1), 100);
        assert_eq!((first.count(), permits.free()), (6, 2));
        let second = permits.take(connection(2), 100);
        assert_eq!((second.count(), permits.free()), (2, 0));
        assert_eq!(permits.take(connection(3), 1).count(), 0);
        let one = first.split().unwrap();
        drop(first);
        assert_eq!((permits.free(), permits.in_flight(connection(1))), (5, 1));
        let mut one = one;
        one.join(permits.take(connection(1), 4));
        assert_eq!((one.count(), permits.in_flight(connection(1))), (5, 5));
        one.keep(9);
        assert_eq!(one.count(), 5, "there are no more");
        one.keep(3);
        assert_eq!((one.count(), permits.in_flight(connection(1))), (3, 3));
        one.join(permits.take(connection(4), 1));
        assert_eq!(
            (one.count(), permits.in_flight(connection(4))),
            (3, 0),
            "another's are given back"
        );
        drop((one, second));
        assert_eq!((permits.free(), permits.in_flight(connection(1))), (8, 0));
    }

    #[test]
    fn a_panic_gives_its_permit_back() {
        let permits = Permits::new(Limits { all: 1, of_one: 1 }, Bells::default());
        let taken = permits.take(connection(1), 1);
        let panicked = catch_unwind(AssertUnwindSafe(move || {
            let _taken = taken;
            panic!("in the middle of a hand-over");
        }));
        assert!(panicked.is_err());
        assert_eq!(permits.free(), 1);
    }

    /// Goal: whoever found too few is rung when there is a batch, and not for each that comes back.
    #[tokio::test]
    async fn whoever_wanted_more_is_rung_once_there_is_a_batch() {
        let bells = Bells::default();
        let permits = Permits::new(Limits { all: 32, of_one: 32 }, bells.clone());
        let mut taken = permits.take(connection(1), 33);
        let heard = || futures_util::FutureExt::now_or_never(bells.heard(Task::Dispatcher));
        drop(taken.split());
        assert!(heard().is_none(), "one of thirty-two is no batch");
        drop(taken.split());
        assert!(heard().is_some());
        drop(taken.split());
        assert!(heard().is_none(), "nobody asked since");
        drop(taken);
        permits.all_returned().await;
    }
}
