//! The steps of a process: what passes between the service and its ports, counted; and its death at one of
//! them.
//!
//! Each request to the aggregator has a step before and one after it, and each reading of the civil or the
//! lease clock is one; ids are made from a reading, so what the service writes has steps between.
//!
//! **Invariant:** a process that is to die at a step does nothing after it: the system kills it there.

use crate::clock::SharedClock;
use api::ports::{
    Aggregator, Clock, Connection, LookedUp, Outbound, RawReceipt, ReadReceipt, ReceiptRefusal,
    Submitted,
};
use async_trait::async_trait;
use domain::{Instant, id::AttemptId};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// A step that passed, counted from 1, and that at which the process dies; 0 for none.
#[derive(Debug)]
pub(super) struct Steps {
    passed: AtomicU64,
    die_at: u64,
}

impl Steps {
    /// None has passed.
    pub(super) const fn new(die_at: u64) -> Self {
        Self { passed: AtomicU64::new(0), die_at }
    }

    /// How many have passed.
    pub(super) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    fn pass(&self) {
        let number = self.passed.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if number == self.die_at {
            die();
        }
    }
}

/// Ends this process as the system ends one: nothing is flushed, closed or said.
#[cfg(unix)]
fn die() {
    use rustix::process::{Signal, getpid, kill_process};
    // A process may always signal itself; and if it could not, nothing more may happen either.
    let _ = kill_process(getpid(), Signal::KILL);
    std::process::abort();
}

/// Ends this process at once.
#[cfg(not(unix))]
fn die() {
    std::process::abort();
}

/// A clock whose readings are steps.
#[derive(Debug)]
pub(super) struct SteppedClock {
    pub(super) clock: SharedClock,
    pub(super) steps: Arc<Steps>,
}

impl Clock for SteppedClock {
    fn now(&self) -> Instant {
        self.steps.pass();
        Clock::now(&self.clock)
    }

    fn lease_now(&self) -> Instant {
        self.steps.pass();
        self.clock.lease_now()
    }
}

/// A way to the aggregator at one address, whatever a connection says, whose requests have steps around them.
#[derive(Debug)]
pub(super) struct SteppedAggregator<A> {
    pub(super) aggregator: A,
    pub(super) base_url: String,
    pub(super) steps: Arc<Steps>,
}

impl<A> SteppedAggregator<A> {
    fn there(&self, connection: &Connection) -> Connection {
        Connection { base_url: self.base_url.clone(), ..connection.clone() }
    }
}

#[async_trait]
impl<A: Aggregator> Aggregator for SteppedAggregator<A> {
    fn render(&self, message: &Outbound<'_>) -> Vec<u8> {
        self.aggregator.render(message)
    }

    async fn submit(
        &self,
        connection: &Connection,
        attempt_id: AttemptId,
        request: Vec<u8>,
        timeout: Duration,
    ) -> Submitted {
        self.steps.pass();
        let connection = self.there(connection);
        let submitted = self.aggregator.submit(&connection, attempt_id, request, timeout).await;
        self.steps.pass();
        submitted
    }

    async fn look_up(
        &self,
        connection: &Connection,
        attempt_id: AttemptId,
        timeout: Duration,
    ) -> LookedUp {
        self.steps.pass();
        let found = self.aggregator.look_up(&self.there(connection), attempt_id, timeout).await;
        self.steps.pass();
        found
    }

    fn read_receipt(
        &self,
        connection: &Connection,
        raw: &RawReceipt<'_>,
        now: Instant,
    ) -> Result<ReadReceipt, ReceiptRefusal> {
        self.aggregator.read_receipt(connection, raw, now)
    }
}
