//! Holds: an aggregator that refuses to take messages is left alone for a while, longer each time. One whose
//! answers stay away is, too: what it was sent meanwhile would only be unknown.
//!
//! **Invariant:** a hold costs no message an attempt: while it lasts, nothing is claimed.

use chrono::TimeDelta;
use domain::{Instant, id::ConnectionId};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The first hold; each further one in a row is twice as long.
const FIRST_HOLD_S: i64 = 1;
/// The longest hold.
const HOLD_MAX_S: i64 = 60;
/// The longest hold an aggregator can ask for.
const ASKED_MAX_S: i64 = 600;
/// Doublings after which a hold is at its longest.
const DOUBLINGS_MAX: u32 = 6;

/// Requests without a certain answer, with none taken between them, after which a connection is held.
const UNANSWERED_MAX: u64 = 8;

#[derive(Clone, Copy, Debug)]
struct Hold {
    until: Instant,
    in_a_row: u32,
}

/// Which connections are held.
#[derive(Debug, Default)]
pub(super) struct Holds {
    holds: Mutex<HashMap<ConnectionId, Hold>>,
    unanswered: Mutex<HashMap<ConnectionId, u64>>,
}

impl Holds {
    /// Until when a connection is held, if it is.
    pub(super) fn until(&self, connection: ConnectionId, now: Instant) -> Option<Instant> {
        let holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.get(&connection).map(|hold| hold.until).filter(|until| *until > now)
    }

    /// Whether a connection was held and has not taken a message since: one message finds out whether it
    /// does again.
    pub(super) fn is_on_trial(&self, connection: ConnectionId) -> bool {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&connection)
    }

    /// Holds a connection that did not take a message, for as long as it asked or for the next of the
    /// growing holds. Answers until when.
    pub(super) fn hold(
        &self,
        connection: ConnectionId,
        asked: Option<TimeDelta>,
        now: Instant,
    ) -> Instant {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let known = holds.get(&connection).copied();
        // Refusals of one window count once: the hold they led to is still on.
        let in_a_row = match known {
            Some(hold) if hold.until > now => hold.in_a_row,
            Some(hold) => hold.in_a_row.saturating_add(1),
            None => 0,
        };
        let growing_s = (FIRST_HOLD_S << in_a_row.min(DOUBLINGS_MAX)).min(HOLD_MAX_S);
        let span = asked.map_or(TimeDelta::seconds(growing_s), |asked| {
            asked.clamp(TimeDelta::zero(), TimeDelta::seconds(ASKED_MAX_S))
        });
        let until = known.map_or(now, |hold| hold.until).max(now + span);
        holds.insert(connection, Hold { until, in_a_row });
        until
    }

    /// Notes that a connection took a message.
    pub(super) fn release(&self, connection: ConnectionId) {
        self.holds.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
    }

    /// Notes requests without a certain answer. A connection is held when there were too many in a row.
    pub(super) fn miss(&self, connection: ConnectionId, count: u64, now: Instant) {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        let in_a_row = unanswered.entry(connection).or_default();
        *in_a_row = in_a_row.saturating_add(count);
        let is_too_many = *in_a_row >= UNANSWERED_MAX;
        drop(unanswered);
        if is_too_many && count > 0 {
            self.hold(connection, None, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_grow_until_a_message_is_taken() {
        let (holds, connection) = (Holds::default(), ConnectionId(uuid::Uuid::nil()));
        let mut now: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let mut spans = Vec::new();
        for _ in 0..8 {
            let until = holds.hold(connection, None, now);
            assert_eq!(holds.hold(connection, None, now), until, "one window counts once");
            assert_eq!(holds.until(connection, now), Some(until));
            spans.push((until - now).num_seconds());
            now = until;
            assert_eq!(holds.until(connection, now), None);
        }
        assert_eq!(spans, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(holds.is_on_trial(connection));
        holds.release(connection);
        assert!(!holds.is_on_trial(connection));
        holds.miss(connection, UNANSWERED_MAX - 1, now);
        assert_eq!(holds.until(connection, now), None, "a few lost answers are no outage");
        holds.miss(connection, 1, now);
        assert_eq!(holds.until(connection, now), Some(now + TimeDelta::seconds(1)));
        holds.release(connection);
        holds.miss(connection, 1, now);
        assert_eq!(holds.until(connection, now), None, "one was taken in between");
        let asked = Some(TimeDelta::seconds(7));
        assert_eq!(holds.hold(connection, asked, now), now + TimeDelta::seconds(7));
    }
}
