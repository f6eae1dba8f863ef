//! The clocks of the simulated nodes: one sky, and how far each node's clocks are off.
//!
//! **Invariant:** lease time never goes back, and civil time goes where the schedule puts it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use api::ports::Clock;
use chrono::{DateTime, TimeDelta, Utc};

/// The time of the world.
#[derive(Debug)]
pub(super) struct Sky {
    start: DateTime<Utc>,
    passed_ms: AtomicI64,
    is_doubted: AtomicBool,
}

impl Sky {
    /// A sky at `start`.
    pub(super) fn new(start: DateTime<Utc>) -> Arc<Self> {
        Arc::new(Self { start, passed_ms: AtomicI64::new(0), is_doubted: AtomicBool::new(false) })
    }

    /// The present instant.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.start + TimeDelta::milliseconds(self.passed_ms())
    }

    /// How long it has stood, in ms.
    pub(super) fn passed_ms(&self) -> i64 {
        self.passed_ms.load(Ordering::Relaxed)
    }

    /// Whether some node's civil clock was ever off.
    pub(super) fn is_doubted(&self) -> bool {
        self.is_doubted.load(Ordering::Relaxed)
    }

    /// Moves on.
    pub(super) fn pass(&self, span: TimeDelta) {
        self.passed_ms.fetch_add(span.num_milliseconds().max(0), Ordering::Relaxed);
    }
}

/// A node's clocks.
#[derive(Debug)]
pub(super) struct NodeClock {
    sky: Arc<Sky>,
    /// How far its civil time is ahead, in ms.
    ahead_ms: AtomicI64,
    /// How far its lease time is ahead, in ms. Nodes keep leases by the database's time, so that this is little.
    lease_ahead_ms: i64,
}

impl NodeClock {
    /// A clock that is right, but for its lease time.
    pub(super) fn new(sky: &Arc<Sky>, lease_ahead_ms: i64) -> Arc<Self> {
        let sky = Arc::clone(sky);
        Arc::new(Self { sky, ahead_ms: AtomicI64::new(0), lease_ahead_ms })
    }

    /// Sets civil time off by `ahead_ms`, whatever it was off before.
    pub(super) fn set_ahead(&self, ahead_ms: i64) {
        self.ahead_ms.store(ahead_ms, Ordering::Relaxed);
        self.sky.is_doubted.fetch_or(ahead_ms != 0, Ordering::Relaxed);
    }
}

impl Clock for NodeClock {
    fn now(&self) -> DateTime<Utc> {
        self.sky.now() + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::Relaxed))
    }

    fn lease_now(&self) -> DateTime<Utc> {
        self.sky.now() + TimeDelta::milliseconds(self.lease_ahead_ms)
    }
}
