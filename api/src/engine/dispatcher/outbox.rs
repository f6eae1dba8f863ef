//! The outbox: what came back, until it is recorded.
//!
//! **Invariant:** one records at a time, and nothing waits while nobody records: who brings something and finds nobody
//! at it has the turn, and who has it looks again before it ends.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The part of all messages in flight that one record takes at the most. With all of them in one, nothing would be on
/// its way while it is written, and nothing be written until the next come back.
const RECORD_PART: u64 = 2;

/// What came back and waits to be recorded.
pub(super) struct Outbox<T> {
    waiting: Arc<Mutex<Waiting<T>>>,
    /// How many are recorded together.
    record_max: usize,
}

struct Waiting<T> {
    ends: Vec<T>,
    is_recorded: bool,
}

impl<T> fmt::Debug for Outbox<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

impl<T> Outbox<T> {
    /// An empty one, of a node with at most so many messages in flight.
    pub(super) fn new(max_in_flight: u64) -> Self {
        let record_max = usize::try_from(max_in_flight.div_ceil(RECORD_PART)).unwrap_or(usize::MAX);
        let waiting = Waiting { ends: Vec::new(), is_recorded: false };
        Self { waiting: Arc::new(Mutex::new(waiting)), record_max: record_max.max(1) }
    }

    fn locked(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds one that came back. Whoever is given the turn records what waits.
    pub(super) fn put(&self, end: T) -> Option<Turn<T>> {
        let mut waiting = self.locked();
        waiting.ends.push(end);
        self.turn(&mut waiting)
    }

    /// The turn, if something waits that nobody records.
    pub(super) fn left_over(&self) -> Option<Turn<T>> {
        let mut waiting = self.locked();
        if waiting.ends.is_empty() { None } else { self.turn(&mut waiting) }
    }

    fn turn(&self, waiting: &mut Waiting<T>) -> Option<Turn<T>> {
        let is_free = !std::mem::replace(&mut waiting.is_recorded, true);
        let outbox = || Self { waiting: Arc::clone(&self.waiting), record_max: self.record_max };
        is_free.then(|| Turn { outbox: outbox(), is_over: false })
    }
}

/// The turn to record; it is free again when this is dropped.
#[must_use = "nobody else records meanwhile"]
pub(super) struct Turn<T> {
    outbox: Outbox<T>,
    is_over: bool,
}

impl<T> Turn<T> {
    /// Whether something waits. If not, the turn is over, and whoever brings something next has it.
    pub(super) fn is_needed(&mut self) -> bool {
        if !self.is_over {
            let mut waiting = self.outbox.locked();
            self.is_over = waiting.ends.is_empty();
            waiting.is_recorded = !self.is_over;
        }
        !self.is_over
    }

    /// What waits: those that came back first, as many as are recorded together.
    pub(super) fn take(&self) -> Vec<T> {
        let mut waiting = self.outbox.locked();
        let count = waiting.ends.len().min(self.outbox.record_max);
        let later = waiting.ends.split_off(count);
        std::mem::replace(&mut waiting.ends, later)
    }
}

impl<T> Drop for Turn<T> {
    fn drop(&mut self) {
        if !self.is_over {
            self.outbox.locked().is_recorded = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: one records at a time, at most half of what may be in flight at once, and what comes while it does is not
    /// left waiting. Method: five come back where six may be on their way.
    #[test]
    fn one_records_for_all_that_come_back() {
        let outbox = Outbox::new(6);
        let mut turn = outbox.put(1).unwrap();
        for end in 2..=5 {
            assert!(outbox.put(end).is_none(), "somebody records");
        }
        assert!(turn.is_needed());
        assert_eq!(turn.take(), [1, 2, 3]);
        assert!(turn.is_needed());
        assert_eq!(turn.take(), [4, 5]);
        assert!(outbox.left_over().is_none(), "nothing waits");
        assert!(outbox.put(6).is_none(), "it is still being written");
        assert!(turn.is_needed());
        assert_eq!(turn.take(), [6]);
        assert!(!turn.is_needed());
        let mut next = outbox.put(7).unwrap();
        assert!(!turn.is_needed(), "what is over is over");
        drop(turn);
        assert!(outbox.left_over().is_none(), "the next has its turn");
        assert!(next.is_needed());
    }

    /// Goal: whoever stops in the middle of a record holds nobody up. Method: its turn is dropped while others wait.
    #[test]
    fn what_is_left_over_is_recorded_by_another() {
        let outbox = Outbox::new(2);
        let turn = outbox.put(1).unwrap();
        assert!(outbox.put(2).is_none());
        assert_eq!(turn.take(), [1]);
        drop(turn);
        let mut turn = outbox.left_over().unwrap();
        assert!(turn.is_needed());
        assert_eq!(turn.take(), [2]);
        assert!(!turn.is_needed());
        assert!(outbox.left_over().is_none());
    }
}
