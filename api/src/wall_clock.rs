//! The wall clock: the only file that reads the time.
//!
//! **Invariant:** lease time only moves forward, and by as much as has passed: it starts at the wall time
//! of the start, or at the time of the database that nodes share, and setting the machine's clock ends no lease early and holds none open.

use crate::ports::Clock;
use domain::Instant;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The machine's clock, to the millisecond.
#[derive(Clone, Copy, Debug)]
pub struct WallClock {
    /// Lease time when it was made.
    start: Instant,
    /// The same moment in a time that nobody sets.
    since: std::time::Instant,
}

impl WallClock {
    /// A clock whose lease time begins at the wall time of now.
    pub fn new() -> Self {
        Self { start: read(), since: std::time::Instant::now() }
    }

    /// A clock whose lease time begins at `lease_ms`, milliseconds since 1970 by another clock.
    pub fn with_lease_time(lease_ms: i64) -> Self {
        Self { start: at(lease_ms, Duration::ZERO), since: std::time::Instant::now() }
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for WallClock {
    fn now(&self) -> Instant {
        read()
    }

    fn lease_now(&self) -> Instant {
        at(self.start.timestamp_millis(), self.since.elapsed())
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the wall clock")]
fn read() -> Instant {
    at(0, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The instant `passed` after `start_ms`, in milliseconds since 1970.
fn at(start_ms: i64, passed: Duration) -> Instant {
    let passed_ms = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
    Instant::from_timestamp_millis(start_ms.saturating_add(passed_ms)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: lease time does not follow a wall clock that is set. Method: a clock that was made while
    /// the wall clock showed 1970.
    #[test]
    fn lease_time_keeps_its_own_course() {
        let clock = WallClock { start: Instant::UNIX_EPOCH, ..WallClock::new() };
        let first = clock.lease_now();
        assert!(clock.now() - first > chrono::TimeDelta::days(365));
        assert!(clock.lease_now() >= first);
        let an_hour_ago = std::time::Instant::now().checked_sub(Duration::from_hours(1));
        if let Some(since) = an_hour_ago {
            let clock = WallClock { since, ..clock };
            assert!(clock.lease_now() - first >= chrono::TimeDelta::minutes(59));
        }
        let fresh = WallClock::new();
        assert!((fresh.now() - fresh.lease_now()).abs() < chrono::TimeDelta::minutes(1));
    }
}
