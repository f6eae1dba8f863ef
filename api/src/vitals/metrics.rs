//! The figures, and their text for Prometheus.
//!
//! Counters and histograms are this process's own and begin with it. What `sendoff_messages` and the other
//! figures of the tables say is the same on every node that shares the database.
//!
//! **Invariant:** a name ends in its unit, and a released name never changes its meaning.
//! **Invariant:** a figure of the tables that could not be read is left out: an old one would lie.

use super::{
    FaultCode, HoldCause, ReceiptFate, ReceiptTaking, Route, SiteClass, Told, Word,
    families::{Made, Receipts, Sending, Tables, Work, kept, seconds},
    labels::{Came, ConnectionKind},
};
use crate::ports::Task;
use chrono::TimeDelta;
use domain::zone::TZDB_VERSION;
use prometheus::{IntGauge, Opts, Registry, TextEncoder};

/// The figures cannot be set up: two share a name.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be set up")]
pub struct Unusable(#[from] prometheus::Error);

/// What the tables say right now. Counts end at a bound, and then mean "at least".
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableFigures {
    /// Messages of running campaigns that could be handed over now.
    pub due: u64,
    /// How long the first of them has been due.
    pub oldest_due: Option<TimeDelta>,
    /// Messages that are being handed over.
    pub in_flight: u64,
    /// Messages whose outcome is not known.
    pub unknown: u64,
    /// Receipts that wait to be applied.
    pub receipts_waiting: u64,
    /// Connections that are left alone, by why.
    pub held: Vec<(HoldCause, u64)>,
}

/// The figures of a process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    sending: Sending,
    receipts: Receipts,
    work: Work,
    tables: Tables,
}

impl Metrics {
    /// Figures that begin at zero.
    pub(super) fn new() -> Result<Self, Unusable> {
        let registry = Registry::new();
        let (sending, receipts) = (Sending::new(&registry)?, Receipts::new(&registry)?);
        let (work, tables) = (Work::new(&registry)?, Tables::new(&registry)?);
        let metrics = Self { registry, sending, receipts, work, tables };
        metrics.begin()?;
        Ok(metrics)
    }

    /// Makes every figure exist from the start: one that appears with its first event looks like no change.
    fn begin(&self) -> Made<()> {
        let info = Opts::new(
            "sendoff_build_info",
            "The version of the program and of its time zone rules.",
        )
        .const_label("version", env!("CARGO_PKG_VERSION"))
        .const_label("tzdb", TZDB_VERSION);
        kept(&self.registry, IntGauge::with_opts(info))?.set(1);
        for kind in ConnectionKind::ALL {
            for class in SiteClass::ALL {
                let [kind, class] = [kind.word(), class.word()];
                self.sending.due_to_accepted.get_metric_with_label_values(&[kind, class])?;
                for told in Told::ALL {
                    self.sending.handovers.get_metric_with_label_values(&[
                        kind,
                        class,
                        told.word(),
                    ])?;
                }
            }
        }
        for cause in HoldCause::ALL {
            self.sending.holds.get_metric_with_label_values(&[cause.word()])?;
        }
        for result in ReceiptTaking::ALL {
            self.receipts.taken.get_metric_with_label_values(&[result.word()])?;
        }
        for result in ReceiptFate::ALL {
            self.receipts.settled.get_metric_with_label_values(&[result.word()])?;
        }
        for result in Word::ALL {
            self.work.words.get_metric_with_label_values(&[result.word()])?;
        }
        for code in FaultCode::ALL {
            self.sending.records_refused.get_metric_with_label_values(&[code.as_str()])?;
        }
        for task in Task::ALL {
            for came in Came::ALL {
                self.work.activations.get_metric_with_label_values(&[task.name(), came.word()])?;
            }
        }
        Ok(())
    }

    /// Notes that a hand-over ended so.
    pub fn handed_over(&self, route: Route, told: Told) {
        let [kind, class] = route.words();
        self.sending.handovers.with_label_values(&[kind, class, told.word()]).inc();
    }

    /// Notes how long messages waited between being due and being taken.
    pub fn accepted(&self, route: Route, waits: &[TimeDelta]) {
        let histogram = self.sending.due_to_accepted.with_label_values(&route.words());
        for wait in waits {
            histogram.observe(seconds(*wait));
        }
    }

    /// Notes that a request is on its way until the answer is dropped.
    pub fn in_flight(&self) -> InFlight {
        self.sending.in_flight.inc();
        InFlight(self.sending.in_flight.clone())
    }

    /// Notes a claim of `messages` that took so long.
    pub fn claimed(&self, messages: usize, took: TimeDelta) {
        self.sending.claims.inc();
        self.sending.claimed.inc_by(u64::try_from(messages).unwrap_or(u64::MAX));
        self.sending.claim_seconds.observe(seconds(took));
    }

    /// Notes that a connection is left alone from now on.
    pub fn held(&self, cause: HoldCause) {
        self.sending.holds.with_label_values(&[cause.word()]).inc();
    }

    /// Notes that the database refused to record outcomes.
    pub fn record_refused(&self, code: FaultCode) {
        self.sending.records_refused.with_label_values(&[code.as_str()]).inc();
    }

    /// Notes what became of a receipt at the door.
    pub fn receipt(&self, taking: ReceiptTaking) {
        self.receipts.taken.with_label_values(&[taking.word()]).inc();
    }

    /// Notes what became of `count` stored receipts.
    pub fn receipts_settled(&self, fate: ReceiptFate, count: u64) {
        self.receipts.settled.with_label_values(&[fate.word()]).inc_by(count);
    }

    /// Notes what became of a word between nodes.
    pub fn word(&self, word: Word) {
        self.work.words.with_label_values(&[word.word()]).inc();
    }

    /// Notes whether this node hears the others.
    pub fn listens(&self, listens: bool) {
        self.work.listens.set(i64::from(listens));
    }

    /// Notes what an activation came to, how long it took, and when it ended, in ms since 1970.
    pub(super) fn activated(
        &self,
        task: Task,
        came: (Came, Option<FaultCode>),
        took: TimeDelta,
        ended_ms: i64,
    ) {
        let (came, fault) = came;
        self.work.activations.with_label_values(&[task.name(), came.word()]).inc();
        if let Some(code) = fault {
            self.work.failures.with_label_values(&[task.name(), code.as_str()]).inc();
        }
        self.work.last_seconds.with_label_values(&[task.name()]).set(seconds(took));
        let ended = TimeDelta::milliseconds(ended_ms);
        self.work.last_at.with_label_values(&[task.name()]).set(seconds(ended));
    }

    /// All figures as text, with what the tables say; none if they could not be read.
    pub fn text(&self, figures: Option<&TableFigures>) -> Result<String, Unusable> {
        self.tables.show(figures);
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

/// A request on its way, until it is dropped.
#[derive(Debug)]
#[must_use = "the request is over when this is dropped"]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}
