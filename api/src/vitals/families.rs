//! The families of figures, with their names and what they mean.
//!
//! **Invariant:** a name ends in its unit, and a released name never changes its meaning.

use super::{HoldCause, TableFigures};
use chrono::TimeDelta;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    Opts, Registry, core::Collector,
};

/// Upper bounds of how long messages wait, in seconds. The goals of a site's waits lie between the first ones,
/// an outage of the aggregator between the last.
const WAITS_S: &[f64] = &[
    0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0,
    86_400.0,
];
/// Upper bounds of how long work on the database takes, in seconds.
const WORK_S: &[f64] =
    &[0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// What hand-overs are told apart by.
const ROUTE: [&str; 2] = ["connection_kind", "site_class"];

/// What came of setting a figure up.
pub(super) type Made<T> = Result<T, prometheus::Error>;

/// Hand-overs, from the claim to the record.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) due_to_accepted: HistogramVec,
    pub(super) handovers: IntCounterVec,
    pub(super) in_flight: IntGauge,
    pub(super) claims: IntCounter,
    pub(super) claimed: IntCounter,
    pub(super) claim_seconds: Histogram,
    pub(super) holds: IntCounterVec,
    pub(super) records_refused: IntCounterVec,
}

impl Sending {
    pub(super) fn new(r: &Registry) -> Made<Self> {
        let waits = histogram(
            "handover_due_to_accepted_seconds",
            "From the moment a message was due, or first tried if it had to wait for the aggregator, to \
             the moment its acceptance is recorded.",
            WAITS_S,
        );
        let [kind, class] = ROUTE;
        let outcomes = "Hand-overs, by what they proved.";
        let in_flight =
            opts("handovers_in_flight", "Requests that this node waits for an answer to.");
        let claims = opts("claims_total", "Batches of due messages looked at in one transaction.");
        let claimed = opts("claimed_messages_total", "Messages claimed for a hand-over.");
        let took = "How long a claim took, its commit included.";
        let holds = "How often this node began to leave a connection alone, by cause.";
        let refused = "How often the database refused to record outcomes, which was tried again.";
        Ok(Self {
            due_to_accepted: kept(r, HistogramVec::new(waits, &ROUTE))?,
            handovers: counters(r, "handovers_total", outcomes, &[kind, class, "outcome"])?,
            in_flight: kept(r, IntGauge::with_opts(in_flight))?,
            claims: kept(r, IntCounter::with_opts(claims))?,
            claimed: kept(r, IntCounter::with_opts(claimed))?,
            claim_seconds: kept(r, Histogram::with_opts(histogram("claim_seconds", took, WORK_S)))?,
            holds: counters(r, "connection_holds_total", holds, &["cause"])?,
            records_refused: counters(r, "records_refused_total", refused, &["code"])?,
        })
    }
}

/// Receipts.
#[derive(Debug)]
pub(super) struct Receipts {
    pub(super) taken: IntCounterVec,
    pub(super) settled: IntCounterVec,
}

impl Receipts {
    pub(super) fn new(r: &Registry) -> Made<Self> {
        let taken = "Receipts and inbound texts at the door, by what became of them.";
        let settled = "Stored receipts, by what became of them.";
        Ok(Self {
            taken: counters(r, "receipts_total", taken, &["result"])?,
            settled: counters(r, "receipts_settled_total", settled, &["result"])?,
        })
    }
}

/// The reconcilers, and the words between nodes.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) activations: IntCounterVec,
    pub(super) failures: IntCounterVec,
    pub(super) last_seconds: GaugeVec,
    pub(super) last_at: GaugeVec,
    pub(super) words: IntCounterVec,
    pub(super) listens: IntGauge,
}

impl Work {
    pub(super) fn new(r: &Registry) -> Made<Self> {
        let of = "reconciler";
        let activations = "Activations of each reconciler, by what they came to.";
        let failures = "Activations that failed, by what went wrong.";
        let took = "How long the last activation of each reconciler took.";
        let at = "When the last activation of each reconciler ended, since 1970.";
        let words = "Words between nodes that say where to look, by what became of them.";
        let listens = "Whether this node hears the others: 1 or 0. On SQLite there are none.";
        let last_at = "reconciler_last_activation_timestamp_seconds";
        Ok(Self {
            activations: counters(r, "reconciler_activations_total", activations, &[of, "result"])?,
            failures: counters(r, "reconciler_failures_total", failures, &[of, "code"])?,
            last_seconds: gauges(r, "reconciler_last_seconds", took, &[of])?,
            last_at: gauges(r, last_at, at, &[of])?,
            words: counters(r, "node_words_total", words, &["result"])?,
            listens: kept(r, IntGauge::with_opts(opts("node_listens", listens)))?,
        })
    }
}

/// What the tables say.
#[derive(Debug)]
pub(super) struct Tables {
    database_up: Gauge,
    messages: GaugeVec,
    oldest_due: GaugeVec,
    receipts_waiting: GaugeVec,
    held: GaugeVec,
}

impl Tables {
    pub(super) fn new(r: &Registry) -> Made<Self> {
        let up = "Whether the database answered when these figures were made: 1 or 0.";
        let messages = "Messages right now, over all nodes, by state: due, in_flight, unknown. At \
                        most 10000.";
        let oldest = "How long the first message in the queue has been due.";
        let waiting = "Stored receipts that wait to be applied. At most 10000.";
        let held = "Connections that are left alone right now, over all nodes, by cause.";
        Ok(Self {
            database_up: kept(r, Gauge::with_opts(opts("database_up", up)))?,
            messages: gauges(r, "messages", messages, &["state"])?,
            oldest_due: gauges(r, "oldest_due_seconds", oldest, &[])?,
            receipts_waiting: gauges(r, "receipts_waiting", waiting, &[])?,
            held: gauges(r, "connections_held", held, &["cause"])?,
        })
    }

    /// Shows what the tables say, or that they could not be read.
    pub(super) fn show(&self, figures: Option<&TableFigures>) {
        for family in [&self.messages, &self.oldest_due, &self.receipts_waiting, &self.held] {
            family.reset();
        }
        self.database_up.set(if figures.is_some() { 1.0 } else { 0.0 });
        let Some(figures) = figures else { return };
        let states =
            [("due", figures.due), ("in_flight", figures.in_flight), ("unknown", figures.unknown)];
        for (state, count) in states {
            self.messages.with_label_values(&[state]).set(float(count));
        }
        let none: [&str; 0] = [];
        let oldest = figures.oldest_due.unwrap_or_default();
        self.oldest_due.with_label_values(&none).set(seconds(oldest));
        self.receipts_waiting.with_label_values(&none).set(float(figures.receipts_waiting));
        for cause in HoldCause::ALL {
            let of_it = figures.held.iter().filter(|(of, _)| of == cause);
            let count = of_it.map(|(_, count)| count).sum();
            self.held.with_label_values(&[cause.word()]).set(float(count));
        }
    }
}

/// A figure, registered.
pub(super) fn kept<C: Collector + Clone + 'static>(registry: &Registry, made: Made<C>) -> Made<C> {
    let made = made?;
    registry.register(Box::new(made.clone()))?;
    Ok(made)
}

fn counters(r: &Registry, name: &str, help: &str, labels: &[&str]) -> Made<IntCounterVec> {
    kept(r, IntCounterVec::new(opts(name, help), labels))
}

fn gauges(r: &Registry, name: &str, help: &str, labels: &[&str]) -> Made<GaugeVec> {
    kept(r, GaugeVec::new(opts(name, help), labels))
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("sendoff")
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help).namespace("sendoff").buckets(buckets.to_vec())
}

/// A length of time in seconds; one below zero, which a clock set back can lead to, counts as zero.
pub(super) fn seconds(length: TimeDelta) -> f64 {
    length.max(TimeDelta::zero()).as_seconds_f64()
}

/// A count as Prometheus has numbers.
fn float(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}
