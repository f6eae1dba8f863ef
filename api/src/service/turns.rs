//! Turns at work that reads much: a few at once, some more wait, and whoever comes then is turned away.
//!
//! **Invariant:** who is turned away is so at once; who waits gets a turn in the order of coming.
//! **Invariant:** a turn and a place in the queue are given back however the work ends.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A few turns, and a queue for them. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Turns {
    /// Whoever works or waits holds one.
    places: Arc<Semaphore>,
    /// Whoever works holds one.
    turns: Arc<Semaphore>,
}

/// A place in the queue.
#[derive(Debug)]
pub(super) struct Place {
    turns: Arc<Semaphore>,
    place: OwnedSemaphorePermit,
}

/// A turn; it is over when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    _turn: Option<OwnedSemaphorePermit>,
    _place: OwnedSemaphorePermit,
}

impl Turns {
    /// `at_once` turns, for which `waiting` more may wait.
    pub(super) fn new(at_once: usize, waiting: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(at_once.saturating_add(waiting))),
            turns: Arc::new(Semaphore::new(at_once)),
        }
    }

    /// A place, if one is free; it never waits.
    pub(super) fn place(&self) -> Option<Place> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        Some(Place { turns: Arc::clone(&self.turns), place })
    }
}

impl Place {
    /// Waits for a turn.
    pub(super) async fn turn(self) -> Turn {
        // The semaphore is never closed; if it were, the places alone would bound the work.
        Turn { _turn: self.turns.acquire_owned().await.ok(), _place: self.place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn some_work_some_wait_and_the_rest_are_turned_away() {
        let turns = Turns::new(2, 1);
        let first = turns.place().unwrap().turn().await;
        let second = turns.place().unwrap().turn().await;
        let mut third = Box::pin(turns.place().unwrap().turn());
        assert!((&mut third).now_or_never().is_none(), "two work already");
        assert!(turns.place().is_none(), "and one waits");
        drop(first);
        let third = third.now_or_never().expect("a turn is free");
        let fourth = turns.place().expect("and a place");
        assert!(turns.place().is_none());
        drop(fourth);
        assert!(turns.place().is_some(), "who goes away leaves a place");
        drop((second, third));
        let all: Vec<Place> = std::iter::from_fn(|| turns.place()).collect();
        assert_eq!(all.len(), 3);
    }
}
