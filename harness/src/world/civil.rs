//! The service's clock: civil time is the story's, lease time the machine's.

use api::ports::Clock;
use api::wall_clock::WallClock;
use chrono::TimeDelta;
use domain::Instant;

use crate::clock::VirtualClock;

/// Virtual civil time, real lease time.
#[derive(Debug)]
pub(super) struct CivilClock {
    civil: VirtualClock,
    wall: WallClock,
    ahead: TimeDelta,
}

impl CivilClock {
    /// Civil time as `civil` shows it.
    pub(super) fn new(civil: VirtualClock) -> Self {
        Self::later(civil, TimeDelta::zero())
    }

    /// The clock of a process that starts `ahead` later by lease time.
    pub(super) fn later(civil: VirtualClock, ahead: TimeDelta) -> Self {
        Self { civil, wall: WallClock::new(), ahead }
    }
}

impl Clock for CivilClock {
    fn now(&self) -> Instant {
        self.civil.now()
    }

    fn lease_now(&self) -> Instant {
        self.wall.lease_now() + self.ahead
    }
}
