//! Facts of what the service was asked and what it says of itself.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Hours;

facts! {
    /// A mutation and its answer. The line's time is that at which the answer had been read.
    Called {
        /// What: `activate`, `cancel`, `pause`, `resume`, `resend`, `write_off`, `unsubscribe`, …
        verb: String,
        /// When the request was about to leave, on the monotonic clock.
        began_us: u64,
        /// The campaign.
        #[serde(skip_serializing_if = "Option::is_none")]
        campaign: Option<String>,
        /// The phone it was about, if about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        phone: Option<String>,
        /// The idempotency key.
        #[serde(skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// A digest of what was asked.
        asked: String,
        /// A digest of what was answered, but for how the campaign stands by then.
        told: String,
        /// The codes it was refused with; empty if it was done.
        refused: Vec<String>,
        /// The campaign's status in the answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<String>,
        /// The campaign's revision in the answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        revision: Option<i64>,
        /// What the answer counts as stopped.
        #[serde(skip_serializing_if = "Option::is_none")]
        canceled: Option<u64>,
        /// What the answer counts as handed over.
        #[serde(skip_serializing_if = "Option::is_none")]
        handed_over: Option<u64>,
        /// What the answer counts as in flight.
        #[serde(skip_serializing_if = "Option::is_none")]
        in_flight: Option<u64>,
    }

    /// One text of a campaign.
    StepText {
        /// Its place, from 0.
        position: u32,
        /// The text, with its variables.
        body: String,
        /// How long after the step before, in milliseconds.
        delay_ms: i64,
    }

    /// Whom an audience selects, by tags.
    Selection {
        /// One of these, unless there are none.
        any: Vec<String>,
        /// All of these.
        all: Vec<String>,
        /// None of these.
        none: Vec<String>,
    }

    /// What an activation froze, and what moving its time changed.
    Frozen {
        /// The site.
        site: String,
        /// The campaign.
        campaign: String,
        /// Its texts.
        steps: Vec<StepText>,
        /// The audiences; empty if they are not known.
        audiences: Vec<Selection>,
        /// Hours of its own in which nothing leaves.
        #[serde(skip_serializing_if = "Option::is_none")]
        quiet_hours: Option<Hours>,
        /// Whether Smart Sending applies.
        uses_smart_sending: bool,
        /// `IMMEDIATE`, `STORE_TIME` or `SUBSCRIBER_TIME`.
        mode: String,
        /// The wall-clock time chosen.
        #[serde(skip_serializing_if = "Option::is_none")]
        local: Option<String>,
        /// What happens where it has passed.
        #[serde(skip_serializing_if = "Option::is_none")]
        if_passed: Option<String>,
        /// When it was activated or moved, by civil time.
        activated_ms: i64,
        /// The first instant a message may leave, by the service's account.
        starts_ms: i64,
        /// The last.
        #[serde(skip_serializing_if = "Option::is_none")]
        send_by_ms: Option<i64>,
    }

    /// A subscription.
    StreamStart {
        /// Its name in this journal.
        stream: String,
        /// The site whose campaigns it follows.
        #[serde(skip_serializing_if = "Option::is_none")]
        site: Option<String>,
        /// The one campaign it follows.
        #[serde(skip_serializing_if = "Option::is_none")]
        campaign: Option<String>,
    }

    /// An event that was told.
    Event {
        /// By which stream.
        stream: String,
        /// The campaign.
        campaign: String,
        /// Its number among the campaign's events.
        sequence: i64,
        /// Its kind.
        kind: String,
        /// When it happened, by the service's account.
        occurred_ms: i64,
        /// The status before.
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<String>,
        /// The status after.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    }

    /// The end of a stream.
    StreamEnd {
        /// The stream.
        stream: String,
        /// Whether the service said that it was complete.
        is_complete: bool,
    }

    /// The parts of a campaign's messages.
    Counts {
        /// All.
        total: u64,
        /// Held.
        deferred: u64,
        /// Due.
        queued: u64,
        /// Being handed over.
        in_flight: u64,
        /// Accepted.
        accepted: u64,
        /// Delivered.
        delivered: u64,
        /// Undelivered.
        undelivered: u64,
        /// Unconfirmed.
        unconfirmed: u64,
        /// Unknown.
        unknown: u64,
        /// Skipped.
        skipped: u64,
        /// Canceled.
        canceled: u64,
    }

    /// How a campaign stood, in one answer.
    Progress {
        /// When the request was about to leave, on the monotonic clock.
        began_us: u64,
        /// The campaign.
        campaign: String,
        /// Its status.
        status: String,
        /// Its revision.
        revision: i64,
        /// Whether it is paused.
        is_paused: bool,
        /// The number of the snapshot; none before it is planned.
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<i64>,
        /// Its recipients.
        recipients: u64,
        /// Its messages.
        counts: Counts,
    }

    /// A reading of a campaign's ledger.
    Ledger {
        /// The campaign.
        campaign: String,
        /// Its status.
        status: String,
        /// How many recipients it counts; none before its planning.
        #[serde(skip_serializing_if = "Option::is_none")]
        recipients: Option<u64>,
        /// Its counts.
        counts: Counts,
        /// Its counts by state and reason, `SKIPPED UNSUBSCRIBED`.
        reasons: BTreeMap<String, u64>,
        /// How many rows follow.
        rows: u64,
    }

    /// One message of a ledger.
    Row {
        /// Its id.
        message: String,
        /// Its campaign.
        campaign: String,
        /// Its step's place.
        position: u32,
        /// Whom it texts.
        phone: String,
        /// Its state.
        state: String,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// The aggregator's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Every zone the recipient may be in, that of the due time first.
        zones: Vec<String>,
        /// The place whose law protects the recipient.
        #[serde(skip_serializing_if = "Option::is_none")]
        region: Option<String>,
        /// When it is or was due.
        #[serde(skip_serializing_if = "Option::is_none")]
        due_ms: Option<i64>,
        /// How often it was tried.
        attempts: u64,
        /// Billable segments.
        #[serde(skip_serializing_if = "Option::is_none")]
        segments: Option<u32>,
    }
}
