//! What is on the wire. Unknown fields are ignored.
//!
//! **Invariant:** the same message always renders to the same bytes: a repeat under its idempotency key
//! must not differ.

use super::receipts::Delivery;
use crate::ports::{Outbound, ReadReceipt, ReceiptRefusal};
use chrono::SecondsFormat;
use domain::Instant;
use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct SubmitRequest<'a> {
    to: &'a str,
    from: &'a str,
    text: &'a str,
    media_urls: Vec<&'a str>,
    reference: String,
    not_after: Option<String>,
    callback_url: &'a str,
}

/// The request's body.
pub(super) fn render(message: &Outbound<'_>) -> Vec<u8> {
    let request = SubmitRequest {
        to: message.to,
        from: message.from,
        text: message.text,
        media_urls: message.media_url.into_iter().collect(),
        reference: message.attempt_id.to_string(),
        not_after: message.not_after.map(|at| at.to_rfc3339_opts(SecondsFormat::Millis, true)),
        callback_url: message.callback_url,
    };
    // Strings and lists of strings always serialize.
    serde_json::to_vec(&request).unwrap_or_default()
}

/// The answer to a message taken.
#[derive(Deserialize)]
pub(super) struct Accepted {
    pub(super) id: String,
    pub(super) segments: Option<i64>,
}

/// The answer to a message refused (RFC 9457).
#[derive(Default, Deserialize)]
pub(super) struct Problem {
    pub(super) code: Option<String>,
    pub(super) scope: Option<String>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    timestamp: Option<String>,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    id: Option<String>,
    reference: Option<String>,
    from: Option<String>,
    code: Option<String>,
    text: Option<String>,
}

/// What every event's type begins with.
const EVENT_PREFIX: &str = "message.";

/// Reads a verified event. Its time is the one it names, or that of its delivery.
pub(super) fn read_event(body: &[u8], delivery: Delivery) -> Result<ReadReceipt, ReceiptRefusal> {
    let event: Event = serde_json::from_slice(body).map_err(|_json| ReceiptRefusal::Unreadable)?;
    let occurred_at = event.timestamp.and_then(|text| text.parse::<Instant>().ok());
    let kind = event.kind.strip_prefix(EVENT_PREFIX).unwrap_or(&event.kind);
    Ok(ReadReceipt {
        dedupe_key: delivery.id,
        kind: kind.to_owned(),
        provider_id: event.data.id,
        reference: event.data.reference,
        code: event.data.code,
        from: event.data.from,
        text: event.data.text,
        occurred_at: occurred_at.unwrap_or(delivery.at),
    })
}
