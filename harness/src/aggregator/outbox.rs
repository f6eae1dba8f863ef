//! What the aggregator still has to post, by due instant.
//!
//! **Invariant:** two posts due at one instant leave in the order of their ids, whenever they were
//! put in.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::event::Outgoing;

/// The most posts waiting at once; beyond it new ones are dropped.
const WAITING_MAX: usize = 4_000_000;

/// By instant, then by id and repeat.
type Place = (DateTime<Utc>, String, u32);

/// The posts that wait.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    waiting: BTreeMap<Place, Outgoing>,
}

impl Outbox {
    /// Puts a post in.
    pub(crate) fn put(&mut self, outgoing: Outgoing) {
        if self.waiting.len() < WAITING_MAX {
            let place = (outgoing.due, outgoing.event_id.clone(), outgoing.copy);
            self.waiting.insert(place, outgoing);
        }
    }

    /// Keeps only what `keeps` says.
    pub(crate) fn retain(&mut self, keeps: impl Fn(&Outgoing) -> bool) {
        self.waiting.retain(|_, outgoing| keeps(outgoing));
    }

    /// When the next is due.
    pub(crate) fn next_due(&self) -> Option<DateTime<Utc>> {
        self.waiting.first_key_value().map(|((due, _, _), _)| *due)
    }

    /// Takes the next out, if it is due at `now`.
    pub(crate) fn take_due(&mut self, now: DateTime<Utc>) -> Option<Outgoing> {
        let first = self.waiting.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}
