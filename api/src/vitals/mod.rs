//! What the process shows of itself to those who run it: figures for Prometheus, and how each reconciler did.
//!
//! The parts of the process are handed a [`Vitals`] and record in it what they did; nothing reads it to
//! decide anything but whether this node is ready.
//!
//! **Invariant:** a label has a bound: a closed set of words, never an id, a phone number or a text.
//! **Invariant:** recording waits for nothing and cannot fail.

mod families;
mod fault;
mod labels;
mod metrics;
mod reconcilers;
#[cfg(test)]
mod tests;

pub use fault::FaultCode;
pub use labels::{HoldCause, ReceiptFate, ReceiptTaking, Route, SiteClass, Told, Word};
pub use metrics::{Metrics, TableFigures, Unusable};
pub use reconcilers::{Activation, ActivationResult, Reconcilers, Standing, Trouble};

use std::sync::Arc;

/// The vitals of a process. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Vitals(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    metrics: Metrics,
    reconcilers: Reconcilers,
    /// One reader of the tables at a time, however many scrape.
    scrape: tokio::sync::Mutex<()>,
}

impl Vitals {
    /// Those of a process that has done nothing yet.
    pub fn new() -> Result<Self, Unusable> {
        let (metrics, reconcilers) = (Metrics::new()?, Reconcilers::default());
        Ok(Self(Arc::new(Inner { metrics, reconcilers, scrape: tokio::sync::Mutex::new(()) })))
    }

    /// The figures.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// How each reconciler did.
    pub fn reconcilers(&self) -> &Reconcilers {
        &self.0.reconcilers
    }

    /// A turn at reading the tables for the figures.
    pub async fn scrape_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.scrape.lock().await
    }
}
