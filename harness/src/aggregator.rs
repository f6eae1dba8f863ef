//! The scripted aggregator, in the generic contract.
//!
//! One [`Core`] decides everything and knows no network: it takes a [`WireRequest`], answers with a
//! [`Reply`], keeps the ledger of what it took and the receipts it owes. Two fronts put it on the
//! wire: [`front_wiremock`] for tests and scenarios, [`front_hyper`] for the development world and
//! long runs. The [`Aggregator`] joins it with the courier, which posts receipts: when told
//! (`deliver_due`, on virtual time) or by itself (`run_in_real_time`).
//!
//! **Invariant:** the ledger is the truth: what is in it was taken exactly once, whatever the
//! caller was answered.

mod core;
mod courier;
mod decide;
mod event;
pub mod front_hyper;
pub mod front_wiremock;
mod journal;
mod ledger;
mod memory;
mod outbox;
mod plan;
mod status_page;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;

use crate::clock::Now;
use crate::contract::signing::SecretError;
use crate::scenario::Script;

pub use self::core::Core;
pub use event::{Delivery, Outcome};
pub use journal::{Entry, Journal, Seen};
pub use ledger::{Ledger, LedgerSummary, Taken};
pub use wire::{Reply, WireRequest};

use courier::Courier;
use event::Outgoing;

/// The most receipts posted in one call of `deliver_due`.
const DELIVERIES_MAX: usize = 2_000_000;
/// How many receipts are under way at once in real time.
const DELIVERIES_AT_ONCE: usize = 8;
/// How many due receipts are taken from the outbox at once in real time.
const DELIVERY_BATCH_MAX: usize = 256;
/// How long the real-time task sleeps at most before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Where receipts may be posted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Callbacks {
    /// To this machine only; a message with another `callback_url` is refused with `Misconfigured`.
    #[default]
    Loopback,
    /// Anywhere.
    Anywhere,
}

/// How an aggregator is set up.
#[derive(Clone)]
pub struct Settings {
    /// The bearer token it asks for.
    pub token: String,
    /// The secret it signs with, `whsec_<base64>`.
    pub webhook_secret: String,
    /// Where inbound texts and receipts without a message go; by default to the last `callback_url`
    /// seen.
    pub callback_url: Option<String>,
    /// The number inbound texts are sent to; by default the last `from` seen.
    pub sender: Option<String>,
    /// Where receipts may be posted.
    pub callbacks: Callbacks,
    /// Mixed into message ids. Zero where ids must be the same every time; something new at each
    /// start where a database outlives the aggregator.
    pub id_salt: u64,
    /// How many entries the journal keeps; the oldest go first.
    pub journal_max: usize,
    /// How many messages the ledger keeps; the oldest go first.
    pub ledger_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            token: "agg-token".to_owned(),
            webhook_secret: "whsec_c2VuZG9mZi1oYXJuZXNzLXNlY3JldC0w".to_owned(),
            callback_url: None,
            sender: None,
            callbacks: Callbacks::Loopback,
            id_salt: 0,
            journal_max: 1_000_000,
            ledger_max: 1_000_000,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("callbacks", &self.callbacks)
            .field("id_salt", &self.id_salt)
            .field("journal_max", &self.journal_max)
            .field("ledger_max", &self.ledger_max)
            .finish_non_exhaustive()
    }
}

/// An aggregator that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The webhook secret cannot be used.
    #[error("the webhook secret cannot be used")]
    Secret(#[source] SecretError),
    /// The HTTP client cannot be made.
    #[error("the courier's http client cannot be made")]
    Client(#[source] reqwest::Error),
    /// What was taken before cannot be read back.
    #[error("what the aggregator took before cannot be read back")]
    Memory(#[source] std::io::Error),
}

/// The scripted aggregator: its core and its courier. Clones are the same aggregator.
#[derive(Clone, Debug)]
pub struct Aggregator {
    core: Arc<Core>,
    courier: Courier,
}

impl Aggregator {
    /// An aggregator that goes by `script` and reads time from `clock`.
    pub fn new(settings: Settings, script: Script, clock: Arc<dyn Now>) -> Result<Self, Error> {
        let courier = Courier::new().map_err(Error::Client)?;
        let core = Core::new(settings, script, clock).map_err(Error::Secret)?;
        Ok(Self { core: Arc::new(core), courier })
    }

    /// An aggregator that remembers what it took over restarts, in the file at `memory`.
    pub fn with_memory(
        settings: Settings,
        script: Script,
        clock: Arc<dyn Now>,
        memory: &Path,
    ) -> Result<Self, Error> {
        let courier = Courier::new().map_err(Error::Client)?;
        let mut core = Core::new(settings, script, clock).map_err(Error::Secret)?;
        core.remember(memory).map_err(Error::Memory)?;
        Ok(Self { core: Arc::new(core), courier })
    }

    /// What decides.
    pub fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// When the next receipt is due; nothing if none is owed.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        self.core.next_due()
    }

    /// Posts every receipt that is due at `now`, one after the other, by due instant and then by
    /// id. A post that the service failed to take is tried again later, a bounded number of times.
    pub async fn deliver_due(&self, now: DateTime<Utc>) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for _ in 0..DELIVERIES_MAX {
            let Some(outgoing) = self.core.take_due(now) else { break };
            deliveries.push(self.post(outgoing).await);
        }
        deliveries
    }

    /// Posts receipts as they fall due by the clock, several at once, until `shutdown` is ready.
    pub async fn run_in_real_time(&self, shutdown: impl Future<Output = ()>) {
        let mut shutdown = std::pin::pin!(shutdown);
        loop {
            let posted = tokio::select! {
                () = &mut shutdown => return,
                posted = self.deliver_batch() => posted,
            };
            if posted {
                continue;
            }
            tokio::select! {
                () = &mut shutdown => return,
                () = self.core.owed() => {}
                () = tokio::time::sleep(self.until_next()) => {}
            }
        }
    }

    /// Posts what is due now, at most a batch; says whether there was anything.
    async fn deliver_batch(&self) -> bool {
        let now = self.core.now();
        let due: Vec<Outgoing> =
            std::iter::from_fn(|| self.core.take_due(now)).take(DELIVERY_BATCH_MAX).collect();
        let any = !due.is_empty();
        futures_util::stream::iter(due)
            .for_each_concurrent(DELIVERIES_AT_ONCE, async |outgoing| {
                self.post(outgoing).await;
            })
            .await;
        any
    }

    /// How long until the next receipt is due, at most [`LOOK_AGAIN`].
    fn until_next(&self) -> Duration {
        let now = self.core.now();
        self.next_due()
            .map_or(LOOK_AGAIN, |due| due.signed_duration_since(now).to_std().unwrap_or_default())
            .min(LOOK_AGAIN)
    }

    /// Posts the receipts that must arrive before an answer does.
    pub(crate) async fn post_all(&self, before: Vec<Outgoing>) {
        for outgoing in before {
            self.post(outgoing).await;
        }
    }

    /// Posts one receipt, records how that went, and puts it back if it is to be tried again.
    async fn post(&self, outgoing: Outgoing) -> Delivery {
        let outcome = match self.core.webhook(&outgoing) {
            Some(webhook) => self.courier.post(webhook).await,
            None => Outcome::Nowhere,
        };
        self.core.settle(outgoing, outcome)
    }
}
