//! What the aggregator took: the truth that the service's own ledger is measured against.
//!
//! **Invariant:** a message enters once and never changes but for what happened to it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use sha2::{Digest, Sha256};

use crate::contract::{Accepted, KEY_WINDOW_HOURS, MessageView, SubmitRequest};
use crate::privacy::mask;

/// A message that was taken.
#[derive(Clone)]
pub struct Taken {
    /// The aggregator's id.
    pub id: String,
    /// What was handed over.
    pub request: SubmitRequest,
    /// The key it was handed over with.
    pub key: String,
    /// The body of the hand-over, byte for byte.
    pub body: Box<[u8]>,
    /// When it was taken.
    pub accepted_at: DateTime<Utc>,
    /// The how-manieth hand-over to its phone it was, from 1.
    pub attempt: u32,
    /// What the 202 says.
    pub accepted: Accepted,
    /// What happens to it and when, whether or not a receipt tells.
    pub states: Vec<(DateTime<Utc>, &'static str)>,
}

impl Taken {
    /// Its state at an instant, in the aggregator's words.
    pub fn status_at(&self, now: DateTime<Utc>) -> &str {
        let happened = self.states.iter().filter(|(at, _)| *at <= now);
        happened.max_by_key(|(at, _)| *at).map_or(&self.accepted.status, |(_, status)| status)
    }

    /// As a look-up shows it.
    pub(crate) fn view(&self, now: DateTime<Utc>) -> MessageView {
        MessageView {
            id: self.id.clone(),
            status: self.status_at(now).to_owned(),
            reference: self.request.reference.clone(),
            to: self.request.to.clone(),
        }
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("id", &self.id)
            .field("to", &mask(&self.request.to))
            .field("key", &self.key)
            .field("accepted_at", &self.accepted_at)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// What is known of an idempotency key.
pub(crate) enum KeyState {
    /// It is new, or so old that it is forgotten.
    New,
    /// It came with the same bytes; this was answered.
    Same(Accepted),
    /// It came with other bytes.
    Other,
}

/// A key that a message was taken under.
#[derive(Clone, Debug)]
struct Key {
    digest: [u8; 32],
    taken_at: DateTime<Utc>,
    accepted: Accepted,
}

/// The messages taken, in order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    messages: VecDeque<Taken>,
    by_id: HashMap<String, u64>,
    by_reference: HashMap<String, Vec<String>>,
    keys: HashMap<String, Key>,
    first: u64,
    total: u64,
}

impl Ledger {
    /// Every message kept, in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &Taken> {
        self.messages.iter()
    }

    /// The message with that id.
    pub fn find(&self, id: &str) -> Option<&Taken> {
        let place = self.by_id.get(id)?.checked_sub(self.first)?;
        self.messages.get(usize::try_from(place).ok()?)
    }

    /// How many messages were ever taken.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What is known of a key at `now`.
    pub(crate) fn key_state(&self, key: &str, body: &[u8], now: DateTime<Utc>) -> KeyState {
        let window = TimeDelta::hours(KEY_WINDOW_HOURS);
        match self.keys.get(key) {
            Some(known) if now.signed_duration_since(known.taken_at) >= window => KeyState::New,
            Some(known) if known.digest == digest(body) => KeyState::Same(known.accepted.clone()),
            Some(_) => KeyState::Other,
            None => KeyState::New,
        }
    }

    /// Enters a message; the oldest go when there are more than `max`.
    pub(crate) fn enter(&mut self, taken: Taken, max: usize) {
        let key = Key {
            digest: digest(&taken.body),
            taken_at: taken.accepted_at,
            accepted: taken.accepted.clone(),
        };
        self.keys.insert(taken.key.clone(), key);
        self.by_id.insert(taken.id.clone(), self.total);
        let under = self.by_reference.entry(taken.request.reference.clone()).or_default();
        under.push(taken.id.clone());
        self.messages.push_back(taken);
        self.total = self.total.saturating_add(1);
        while self.messages.len() > max.max(1) {
            self.forget_oldest();
        }
    }

    /// Drops the oldest message and, if it is still that message's, its key.
    fn forget_oldest(&mut self) {
        let Some(oldest) = self.messages.pop_front() else { return };
        self.first = self.first.saturating_add(1);
        self.by_id.remove(&oldest.id);
        if let Some(under) = self.by_reference.get_mut(&oldest.request.reference) {
            under.retain(|id| *id != oldest.id);
            if under.is_empty() {
                self.by_reference.remove(&oldest.request.reference);
            }
        }
        if self.keys.get(&oldest.key).is_some_and(|key| key.accepted.id == oldest.id) {
            self.keys.remove(&oldest.key);
        }
    }

    /// The messages taken under a reference, in the order of arrival.
    pub(crate) fn under(&self, reference: &str) -> Vec<&Taken> {
        let ids = self.by_reference.get(reference).into_iter().flatten();
        ids.filter_map(|id| self.find(id)).collect()
    }

    /// Counts and repeats.
    pub fn summary(&self) -> LedgerSummary {
        let mut phones: BTreeMap<String, u64> = BTreeMap::new();
        for taken in &self.messages {
            let count = phones.entry(taken.request.to.clone()).or_default();
            *count = count.saturating_add(1);
        }
        let distinct = u64::try_from(phones.len()).unwrap_or(u64::MAX);
        phones.retain(|_, count| *count > 1);
        LedgerSummary { accepted: self.total, phones: distinct, repeated: phones }
    }
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// What the ledger amounts to.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct LedgerSummary {
    /// Messages ever taken.
    pub accepted: u64,
    /// Phones among those kept.
    pub phones: u64,
    /// The phones that more than one message was taken for, and how many.
    pub repeated: BTreeMap<String, u64>,
}

impl fmt::Debug for LedgerSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LedgerSummary")
            .field("accepted", &self.accepted)
            .field("phones", &self.phones)
            .field("repeated", &self.repeated.len())
            .finish()
    }
}
