//! The wall clock: the only file that reads the time.

use crate::ports::Clock;
use domain::Instant;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine's clock, to the millisecond.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Instant {
        read()
    }

    fn lease_now(&self) -> Instant {
        read()
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the wall clock")]
fn read() -> Instant {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let ms = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    Instant::from_timestamp_millis(ms).unwrap_or_default()
}
