//! Pace: how many messages a sender may hand over now, in segments a second.
//!
//! The generic cell rate algorithm on civil time: each segment moves the sender's theoretical arrival time
//! on by one interval, and a tenth of a second's worth may leave at once.
//!
//! **Invariant:** over any span, a sender leaves at most one burst more than its rate allows.

use crate::db::admin::Sender;
use chrono::TimeDelta;
use domain::{Instant, id::SenderId};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// Bursts a second: how finely the rate is spread.
const BURSTS_PER_S: u64 = 10;
/// Microseconds of a second.
const SECOND_US: u64 = 1_000_000;
/// What a sender without a limit may hand over at once.
const UNLIMITED: u64 = u64::MAX;

/// How many messages may leave now, and when the next may if none may now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) messages: u64,
    pub(super) next_at: Option<Instant>,
}

/// The theoretical arrival time of each sender's next segment, and until when the aggregator asked some to
/// pause.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    arrivals: Mutex<HashMap<SenderId, Instant>>,
    pauses: Mutex<HashMap<SenderId, Instant>>,
}

/// The longest pause an aggregator can ask for.
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(10);

/// A rate of segments.
#[derive(Clone, Copy)]
struct Rate {
    interval: TimeDelta,
    burst: u64,
}

impl Rate {
    /// The sender's rate; none when it is not limited.
    fn of(sender: &Sender) -> Option<Self> {
        let per_s = u64::try_from(sender.segments_per_s).ok().filter(|rate| *rate > 0)?;
        let interval_us = i64::try_from(SECOND_US / per_s.min(SECOND_US)).ok()?;
        Some(Self {
            interval: TimeDelta::microseconds(interval_us),
            burst: (per_s / BURSTS_PER_S).max(1),
        })
    }

    fn span(self, segments: u64) -> TimeDelta {
        let count = i32::try_from(segments).unwrap_or(i32::MAX);
        self.interval.checked_mul(count).unwrap_or(TimeDelta::MAX)
    }
}

impl Pacer {
    /// How many messages of `segments` each the sender may hand over at `now`.
    pub(super) fn allowance(&self, sender: &Sender, segments: u64, now: Instant) -> Pace {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = pauses.get(&sender.id).copied().filter(|until| *until > now) {
            return Pace { messages: 0, next_at: Some(until) };
        }
        let Some(rate) = Rate::of(sender) else {
            return Pace { messages: UNLIMITED, next_at: None };
        };
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let arrival = arrivals.get(&sender.id).copied().unwrap_or(now).max(now);
        // A message longer than a burst still goes, alone, once the sender has rested.
        let needed = segments.clamp(1, rate.burst);
        let room = (now + rate.span(rate.burst)) - arrival;
        if room < rate.span(needed) {
            let wait = rate.span(needed) - room;
            return Pace { messages: 0, next_at: Some(up_to_ms(now + wait)) };
        }
        let units = room.num_microseconds().unwrap_or(i64::MAX)
            / rate.interval.num_microseconds().unwrap_or(1).max(1);
        let messages = u64::try_from(units).unwrap_or_default() / segments.max(1);
        Pace { messages: messages.max(1), next_at: None }
    }

    /// Lets a sender rest: the aggregator asked it to when it took a message.
    pub(super) fn pause(&self, sender: &Sender, pause: TimeDelta, now: Instant) {
        let until = up_to_ms(now + pause.clamp(TimeDelta::zero(), PAUSE_MAX));
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pauses.entry(sender.id).or_insert(until);
        *known = until.max(*known);
    }

    /// Notes that `segments` left at `now`.
    pub(super) fn spend(&self, sender: &Sender, segments: u64, now: Instant) {
        let Some(rate) = Rate::of(sender).filter(|_| segments > 0) else { return };
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let arrival = arrivals.get(&sender.id).copied().unwrap_or(now).max(now);
        arrivals.insert(sender.id, arrival + rate.span(segments));
    }
}

/// The first whole millisecond at or after `instant`: clocks tick in milliseconds.
fn up_to_ms(instant: Instant) -> Instant {
    let rest_us = instant.timestamp_micros().rem_euclid(1_000);
    let missing = if rest_us == 0 { 0 } else { 1_000 - rest_us };
    instant + TimeDelta::microseconds(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{id::ConnectionId, id::SiteId, phone::PhoneNumber};
    use uuid::Uuid;

    fn sender(segments_per_s: i64) -> Sender {
        Sender {
            id: SenderId(Uuid::nil()),
            site_id: SiteId(Uuid::nil()),
            connection_id: ConnectionId(Uuid::nil()),
            phone: PhoneNumber::parse("+18885550100").unwrap(),
            segments_per_s,
            is_ready: true,
        }
    }

    /// Goal: in any second, at most the rate and one burst leaves, and the rate is reached. Method: a sender
    /// that takes everything it may, for ten seconds.
    fn sent_in(seconds: i64, rate: i64, segments: u64) -> u64 {
        let (pacer, sender) = (Pacer::default(), sender(rate));
        let start: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let (mut now, mut sent) = (start, 0);
        while now < start + TimeDelta::seconds(seconds) {
            let pace = pacer.allowance(&sender, segments, now);
            if pace.messages == 0 {
                assert!(pace.next_at.unwrap() > now);
                now = pace.next_at.unwrap();
            } else {
                pacer.spend(&sender, pace.messages * segments, now);
                sent += pace.messages * segments;
            }
        }
        sent
    }

    #[test]
    fn the_rate_is_kept_and_reached() {
        assert_eq!(sent_in(10, 3, 1), 30);
        assert_eq!(sent_in(10, 10, 1), 100);
        assert!((1_000..=1_010).contains(&sent_in(10, 100, 1)));
        assert!((970..=1_010).contains(&sent_in(10, 100, 3)), "{}", sent_in(10, 100, 3));
        assert_eq!(sent_in(9, 1, 3), 9, "three segments a message, one segment a second");
    }

    #[test]
    fn a_sender_without_a_limit_is_not_paced() {
        let pacer = Pacer::default();
        let now: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        assert_eq!(pacer.allowance(&sender(0), 1, now).messages, UNLIMITED);
    }

    #[test]
    fn a_sender_rests_for_as_long_as_the_aggregator_asks() {
        let pacer = Pacer::default();
        let now: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        pacer.pause(&sender(0), TimeDelta::milliseconds(1_500), now);
        pacer.pause(&sender(0), TimeDelta::milliseconds(200), now);
        let until = now + TimeDelta::milliseconds(1_500);
        let resting = Pace { messages: 0, next_at: Some(until) };
        assert_eq!(pacer.allowance(&sender(0), 1, now), resting);
        assert_eq!(pacer.allowance(&sender(0), 1, until).messages, UNLIMITED);
    }
}
