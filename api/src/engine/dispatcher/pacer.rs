//! Pace: how many messages may be handed over now, in segments a second: of a sender, and of the account that all
//! senders of a connection share.
//!
//! The generic cell rate algorithm on civil time: each segment moves the theoretical arrival time of whoever has a
//! limit on by one interval, and a tenth of a second's worth may leave at once. What this node remembers saves asking
//! when the answer is known to be no; what binds is read and moved on by the claim.
//!
//! **Invariant:** over any span, whoever has a limit sends at most one burst more than it allows, however many nodes
//! hand messages over, and as much as their clocks differ.

use super::Lane;
use crate::db::paces::Arrival;
use chrono::TimeDelta;
use domain::{Instant, id::SenderId};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};
use uuid::Uuid;

/// Bursts a second: how finely the rate is spread.
const BURSTS_PER_S: u64 = 10;
/// Microseconds of a second.
const SECOND_US: u64 = 1_000_000;
/// What a sender without a limit may hand over at once.
const UNLIMITED: u64 = u64::MAX;
/// The longest pause an aggregator can ask for.
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(10);
/// How far ahead an arrival can be: longer than the longest text takes at the slowest rate. One further ahead was
/// written by a clock that went wrong.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(1);

/// How many messages may leave now, and after what wait the next may if none may now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) messages: u64,
    pub(super) wait: Option<TimeDelta>,
}

impl Pace {
    const UNLIMITED: Self = Self { messages: UNLIMITED, wait: None };

    /// What two allow together.
    fn and(self, other: Self) -> Self {
        Self {
            messages: self.messages.min(other.messages),
            wait: self.wait.into_iter().chain(other.wait).max(),
        }
    }
}

/// Whoever has a limit, and it, in segments a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limited {
    id: Uuid,
    per_s: u64,
}

impl Limited {
    fn of(id: Uuid, segments_per_s: i64) -> Option<Self> {
        let per_s = u64::try_from(segments_per_s).ok().filter(|rate| *rate > 0)?;
        Some(Self { id, per_s: per_s.min(SECOND_US) })
    }

    /// Those of a lane: its sender, and the account behind its connection.
    pub(super) fn of_lane(lane: &Lane) -> Vec<Self> {
        let sender = Self::of(lane.sender.id.0, lane.sender.segments_per_s);
        let account = Self::of(lane.connection.id.0, lane.connection.segments_per_s);
        sender.into_iter().chain(account).collect()
    }

    /// Whose limit it is.
    pub(super) const fn id(&self) -> Uuid {
        self.id
    }

    fn interval(self) -> TimeDelta {
        let us = SECOND_US.checked_div(self.per_s).unwrap_or(SECOND_US);
        TimeDelta::microseconds(i64::try_from(us).unwrap_or(i64::MAX))
    }

    fn burst(self) -> u64 {
        self.per_s.checked_div(BURSTS_PER_S).unwrap_or_default().max(1)
    }

    fn span(self, segments: u64) -> TimeDelta {
        let count = i32::try_from(segments).unwrap_or(i32::MAX);
        self.interval().checked_mul(count).unwrap_or(AHEAD_MAX)
    }

    /// How many messages of `segments` each may leave at `now`, where the next segment arrives at `arrival`.
    fn allows(self, segments: u64, arrival: Instant, now: Instant) -> Pace {
        // A message longer than a burst still goes, alone, once whoever sends it has rested.
        let needed = segments.clamp(1, self.burst());
        let room = (now + self.span(self.burst())) - arrival;
        if room < self.span(needed) {
            return Pace { messages: 0, wait: Some(self.span(needed) - room) };
        }
        let of_one = self.interval().num_microseconds().unwrap_or(1).max(1);
        let units = room.num_microseconds().unwrap_or(i64::MAX).checked_div(of_one);
        let units = u64::try_from(units.unwrap_or_default()).unwrap_or_default();
        let messages = units.checked_div(segments.max(1)).unwrap_or_default();
        Pace { messages: messages.max(1), wait: None }
    }
}

/// What this node knows of arrivals, and until when the aggregator asked senders to pause.
#[derive(Debug, Default)]
pub(super) struct Pacer {
    arrivals: Mutex<HashMap<Uuid, Instant>>,
    pauses: Mutex<HashMap<SenderId, Instant>>,
}

impl Pacer {
    /// How many messages of `segments` each may leave at `now` by all of `limits`, by what is known here.
    pub(super) fn allowance(
        &self,
        sender: SenderId,
        limits: &[Limited],
        segments: u64,
        now: Instant,
    ) -> Pace {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(until) = pauses.get(&sender).copied().filter(|until| *until > now) {
            return Pace { messages: 0, wait: Some(until - now) };
        }
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let allows =
            |limit: &Limited| limit.allows(segments, arrival(&arrivals, limit.id, now), now);
        limits.iter().map(allows).fold(Pace::UNLIMITED, Pace::and)
    }

    /// Notes arrivals that were read or written: other nodes may have moved them on.
    pub(super) fn learn(&self, read: &[Arrival]) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, at) in read {
            let known = arrivals.entry(*id).or_insert(*at);
            *known = (*known).max(*at);
        }
    }

    /// Where arrivals would be if `segments` left at `now`: to be learned once that is certain.
    pub(super) fn after(&self, limits: &[Limited], segments: u64, now: Instant) -> Vec<Arrival> {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let after =
            |limit: &Limited| (limit.id, arrival(&arrivals, limit.id, now) + limit.span(segments));
        limits.iter().map(after).collect()
    }

    /// Lets a sender rest: the aggregator asked it to when it took a message.
    pub(super) fn pause(&self, sender: SenderId, pause: TimeDelta, now: Instant) {
        let until = now + pause.clamp(TimeDelta::zero(), PAUSE_MAX);
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pauses.entry(sender).or_insert(until);
        *known = until.max(*known);
    }
}

/// When the next segment of whoever has a limit arrives: not before now. One that is absurdly late is not believed.
fn arrival(arrivals: &HashMap<Uuid, Instant>, id: Uuid, now: Instant) -> Instant {
    let known = arrivals.get(&id).copied().filter(|at| *at <= now + AHEAD_MAX);
    known.unwrap_or(now).max(now)
}

/// The first whole millisecond at or after `instant`: clocks tick in milliseconds.
pub(super) fn up_to_ms(instant: Instant) -> Instant {
    let rest_us = instant.timestamp_micros().rem_euclid(1_000);
    let missing = if rest_us == 0 { 0 } else { 1_000 - rest_us };
    instant + TimeDelta::microseconds(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENDER: SenderId = SenderId(Uuid::nil());

    fn limit(id: u128, per_s: i64) -> Limited {
        Limited::of(Uuid::from_u128(id), per_s).unwrap()
    }

    fn start() -> Instant {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    /// Goal: in any second, at most the rate and one burst leaves, and the rate is reached. Method: a sender
    /// that takes everything it may, for some seconds, on as many nodes in turn that tell each other what they took.
    fn sent_in(seconds: i64, limits: &[Limited], segments: u64, nodes: usize) -> u64 {
        let pacers: Vec<Pacer> = (0..nodes).map(|_| Pacer::default()).collect();
        let (mut now, mut sent) = (start(), 0);
        let mut arrivals = Vec::new();
        for turn in 0.. {
            if now >= start() + TimeDelta::seconds(seconds) {
                break;
            }
            let pacer = &pacers[turn % nodes];
            pacer.learn(&arrivals);
            let pace = pacer.allowance(SENDER, limits, segments, now);
            if pace.messages == 0 {
                let next = up_to_ms(now + pace.wait.unwrap());
                assert!(next > now);
                now = next;
            } else {
                arrivals = pacer.after(limits, pace.messages * segments, now);
                pacer.learn(&arrivals);
                sent += pace.messages * segments;
            }
        }
        sent
    }

    #[test]
    fn the_rate_is_kept_and_reached_by_however_many_nodes() {
        for nodes in [1, 3] {
            assert_eq!(sent_in(10, &[limit(1, 3)], 1, nodes), 30);
            assert_eq!(sent_in(10, &[limit(1, 10)], 1, nodes), 100);
            assert!((1_000..=1_010).contains(&sent_in(10, &[limit(1, 100)], 1, nodes)));
            assert!((970..=1_010).contains(&sent_in(10, &[limit(1, 100)], 3, nodes)));
            let long = sent_in(9, &[limit(1, 1)], 3, nodes);
            assert_eq!(long, 9, "three segments a message, one segment a second");
        }
    }

    /// Goal: of two limits the narrower one holds.
    #[test]
    fn an_account_binds_its_senders() {
        let narrow_account = [limit(1, 100), limit(2, 10)];
        assert_eq!(sent_in(10, &narrow_account, 1, 2), 100);
        let narrow_sender = [limit(1, 10), limit(2, 100)];
        assert_eq!(sent_in(10, &narrow_sender, 1, 2), 100);
    }

    #[test]
    fn who_has_no_limit_is_not_paced() {
        assert_eq!(Limited::of(Uuid::nil(), 0), None);
        assert_eq!(Pacer::default().allowance(SENDER, &[], 1, start()), Pace::UNLIMITED);
    }

    /// Goal: an arrival that a wrong clock wrote holds nobody up for hours.
    #[test]
    fn an_absurd_arrival_is_not_believed() {
        let (pacer, limits) = (Pacer::default(), [limit(1, 10)]);
        pacer.learn(&[(limits[0].id(), start() + TimeDelta::hours(5))]);
        assert_eq!(pacer.allowance(SENDER, &limits, 1, start()).messages, 1);
    }

    #[test]
    fn a_sender_rests_for_as_long_as_the_aggregator_asks() {
        let pacer = Pacer::default();
        pacer.pause(SENDER, TimeDelta::milliseconds(1_500), start());
        pacer.pause(SENDER, TimeDelta::milliseconds(200), start());
        let until = start() + TimeDelta::milliseconds(1_500);
        let resting = Pace { messages: 0, wait: Some(until - start()) };
        assert_eq!(pacer.allowance(SENDER, &[], 1, start()), resting);
        assert_eq!(pacer.allowance(SENDER, &[], 1, until), Pace::UNLIMITED);
    }
}
