//! Civil time for the harness: a clock set by hand for scenarios, the machine's clock for the
//! development world, one that runs on from any time for benchmarks, and one that several processes share.
//!
//! **Invariant:** a [`VirtualClock`] never goes back.
//! **Invariant:** [`WallClock`] is the only place of this crate that reads the machine's time.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use api::ports::Clock;
use chrono::{DateTime, TimeDelta, Utc};

use crate::record::monotonic_us;

/// Where civil time comes from.
pub trait Now: Debug + Send + Sync {
    /// The present instant.
    fn now(&self) -> DateTime<Utc>;
}

/// A clock that moves only when told to. Clones share one time.
#[derive(Clone, Debug)]
pub struct VirtualClock {
    now: Arc<Mutex<DateTime<Utc>>>,
}

impl VirtualClock {
    /// A clock that stands at `start`.
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { now: Arc::new(Mutex::new(start)) }
    }

    /// The instant it stands at.
    pub fn now(&self) -> DateTime<Utc> {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves to `instant`, or stays where it is if `instant` has passed; answers where it stands
    /// then.
    pub fn advance_to(&self, instant: DateTime<Utc>) -> DateTime<Utc> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = instant.max(*now);
        *now
    }

    /// Moves on by `span`; a negative span leaves it where it is. Answers where it stands then.
    pub fn advance_by(&self, span: TimeDelta) -> DateTime<Utc> {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        *now = now.checked_add_signed(span.max(TimeDelta::zero())).unwrap_or(*now);
        *now
    }
}

impl Now for VirtualClock {
    fn now(&self) -> DateTime<Utc> {
        Self::now(self)
    }
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Now for WallClock {
    #[expect(clippy::disallowed_methods, reason = "this is the harness's one reader of wall time")]
    fn now(&self) -> DateTime<Utc> {
        DateTime::from(SystemTime::now())
    }
}

/// A service's clock that shows a civil time of its own and runs on from there as time does: what is
/// measured at one hour of the day is the same at every other.
#[derive(Clone, Copy, Debug)]
pub struct RunningClock {
    start: DateTime<Utc>,
    since: Instant,
    wall: api::wall_clock::WallClock,
}

impl RunningClock {
    /// A clock that shows `start` now.
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { start, since: Instant::now(), wall: api::wall_clock::WallClock::new() }
    }
}

impl Clock for RunningClock {
    fn now(&self) -> DateTime<Utc> {
        let passed = i64::try_from(self.since.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.start + TimeDelta::milliseconds(passed)
    }

    fn lease_now(&self) -> DateTime<Utc> {
        self.wall.lease_now()
    }
}

/// A civil time that all processes of a machine share, whichever of them dies: it showed `start` at an instant
/// of the monotonic clock, and passes so many times as fast as that. Leases pass at the usual pace.
#[derive(Clone, Copy, Debug)]
pub struct SharedClock {
    start: DateTime<Utc>,
    origin_us: u64,
    speed: u32,
}

impl SharedClock {
    /// A clock that showed `start` at `origin_us`, in microseconds on the machine's monotonic clock.
    pub fn new(start: DateTime<Utc>, origin_us: u64, speed: u32) -> Self {
        Self { start, origin_us, speed }
    }

    /// When it was started, and the civil time it showed then, and its speed.
    pub(crate) fn parts(&self) -> (DateTime<Utc>, u64, u32) {
        (self.start, self.origin_us, self.speed)
    }
}

impl Now for SharedClock {
    fn now(&self) -> DateTime<Utc> {
        let since_us = monotonic_us().saturating_sub(self.origin_us);
        let ms = i64::try_from(since_us.saturating_mul(self.speed.into()) / 1_000);
        let passed = TimeDelta::try_milliseconds(ms.unwrap_or(i64::MAX)).unwrap_or(TimeDelta::MAX);
        self.start.checked_add_signed(passed).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

impl Clock for SharedClock {
    fn now(&self) -> DateTime<Utc> {
        Now::now(self)
    }

    fn lease_now(&self) -> DateTime<Utc> {
        let ms = i64::try_from(monotonic_us() / 1_000).unwrap_or(i64::MAX);
        DateTime::from_timestamp_millis(ms).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instant(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn clones_share_one_time_that_never_goes_back() {
        let clock = VirtualClock::new(instant("2026-11-23T15:00:00Z"));
        let other = clock.clone();
        assert_eq!(other.advance_to(instant("2026-11-23T15:10:00Z")), clock.now());
        assert_eq!(clock.advance_to(instant("2026-11-23T15:05:00Z")), other.now());
        assert_eq!(clock.now(), instant("2026-11-23T15:10:00Z"));
        assert_eq!(clock.advance_by(TimeDelta::seconds(-1)), instant("2026-11-23T15:10:00Z"));
        assert_eq!(clock.advance_by(TimeDelta::seconds(1)), instant("2026-11-23T15:10:01Z"));
    }

    #[test]
    fn the_wall_clock_is_past_the_day_this_was_written() {
        assert!(WallClock.now() > instant("2026-01-01T00:00:00Z"));
    }
}
