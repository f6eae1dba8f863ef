//! How far along a campaign is.

use crate::{
    graphql::{connection::int, enums::MessageReasonCode, scalars::DateTime},
    service::Progress,
};
use async_graphql::SimpleObject;
use domain::reason::MessageReason;

/// How far along a campaign is, in one consistent snapshot.
#[derive(SimpleObject)]
pub(crate) struct CampaignProgress {
    /// When the snapshot was taken.
    as_of: DateTime,
    /// Grows with every snapshot of the campaign. Ignore one with a smaller number than you have
    /// seen.
    version: i32,
    /// Recipients the audiences yielded. Grows while `PROCESSING`.
    recipient_count: i32,
    /// Messages by state, all steps together.
    counts: MessageCounts,
    /// Messages skipped, by reason, most frequent first.
    skipped: Vec<MessageReasonCount>,
    /// Messages undelivered, by reason, most frequent first.
    undelivered: Vec<MessageReasonCount>,
    /// The share of messages that need nothing more from the engine, 0 to 100.
    percent_complete: f64,
}

impl From<Progress> for CampaignProgress {
    fn from(progress: Progress) -> Self {
        let reasons = |counts: Vec<(MessageReason, i64)>| {
            counts.into_iter().map(MessageReasonCount::from).collect()
        };
        Self {
            as_of: progress.as_of.into(),
            version: int(progress.version),
            recipient_count: int(progress.recipient_count),
            counts: progress.counts.into(),
            skipped: reasons(progress.skipped),
            undelivered: reasons(progress.undelivered),
            percent_complete: progress.percent_complete,
        }
    }
}

/// A partition of messages: each is counted once, and the parts add up to `total`.
#[derive(SimpleObject)]
pub(crate) struct MessageCounts {
    /// All messages.
    total: i32,
    /// Held until a later time.
    deferred: i32,
    /// Due, and waiting their turn.
    queued: i32,
    /// Being handed over at this moment.
    in_flight: i32,
    /// Accepted by the aggregator, with no word of delivery yet.
    accepted: i32,
    /// Delivered.
    delivered: i32,
    /// Refused, filtered or undeliverable.
    undelivered: i32,
    /// Accepted, and no receipt came in time.
    unconfirmed: i32,
    /// Handed over with no certain answer.
    unknown: i32,
    /// Never to be sent.
    skipped: i32,
    /// Stopped by cancellation or failure.
    canceled: i32,
}

impl From<domain::message::MessageCounts> for MessageCounts {
    fn from(counts: domain::message::MessageCounts) -> Self {
        Self {
            total: int(counts.total()),
            deferred: int(counts.deferred),
            queued: int(counts.queued),
            in_flight: int(counts.in_flight),
            accepted: int(counts.accepted),
            delivered: int(counts.delivered),
            undelivered: int(counts.undelivered),
            unconfirmed: int(counts.unconfirmed),
            unknown: int(counts.unknown),
            skipped: int(counts.skipped),
            canceled: int(counts.canceled),
        }
    }
}

/// How many messages share a reason.
#[derive(SimpleObject)]
pub(crate) struct MessageReasonCount {
    /// The reason.
    reason: MessageReasonCode,
    /// The number of messages.
    count: i32,
}

impl From<(MessageReason, i64)> for MessageReasonCount {
    fn from((reason, count): (MessageReason, i64)) -> Self {
        Self { reason: reason.into(), count: int(count) }
    }
}
