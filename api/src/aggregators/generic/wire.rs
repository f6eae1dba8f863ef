//! What is on the wire. Unknown fields are ignored.
//!
//! **Invariant:** the same message always renders to the same bytes: a repeat under its idempotency key
//! must not differ.

use super::receipts::Delivery;
use crate::ports::{Outbound, ReadReceipt, ReceiptRefusal};
use chrono::{SecondsFormat, TimeDelta};
use domain::Instant;
use serde::{Deserialize, Deserializer, Serialize};

/// Characters of an id, a reference or a code that are kept: more fits no index.
const LABEL_CHARS_MAX: usize = 255;

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
    #[serde(default, deserialize_with = "label")]
    pub(super) id: Option<String>,
    pub(super) segments: Option<i64>,
    pub(super) retry_after_ms: Option<u64>,
}

/// The answer to a look-up.
#[derive(Deserialize)]
pub(super) struct Found {
    pub(super) messages: Vec<FoundMessage>,
}

/// A message that a look-up found.
#[derive(Deserialize)]
pub(super) struct FoundMessage {
    #[serde(default, deserialize_with = "label")]
    pub(super) id: Option<String>,
    #[serde(default, deserialize_with = "label")]
    pub(super) reference: Option<String>,
}

/// The answer to a message refused (RFC 9457).
#[derive(Default, Deserialize)]
pub(super) struct Problem {
    #[serde(default, deserialize_with = "label")]
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
    #[serde(default, deserialize_with = "label")]
    id: Option<String>,
    #[serde(default, deserialize_with = "label")]
    reference: Option<String>,
    #[serde(default, deserialize_with = "label")]
    from: Option<String>,
    #[serde(default, deserialize_with = "label")]
    code: Option<String>,
    #[serde(default, deserialize_with = "text")]
    text: Option<String>,
}

/// A text as every database keeps it: PostgreSQL takes no NUL, and an answer or a receipt that could
/// not be stored would come again and again.
fn text<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    Ok(text.map(|text| text.replace('\0', "")))
}

/// A text that is looked for, no longer than an index takes. Cut alike wherever it comes in, so that
/// an id still meets itself.
fn label<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    Ok(text(from)?.map(|text| text.chars().take(LABEL_CHARS_MAX).collect()))
}

/// What every event's type begins with.
const EVENT_PREFIX: &str = "message.";

/// How old an event may say it is; what carriers say beyond that is a slip.
const AGE_MAX: TimeDelta = TimeDelta::days(31);
/// How far ahead of its delivery it may be, for clocks that differ.
const AHEAD_MAX: TimeDelta = TimeDelta::minutes(5);

/// Reads a verified event. Its time is the one it names if that can be, or that of its delivery.
pub(super) fn read_event(body: &[u8], delivery: Delivery) -> Result<ReadReceipt, ReceiptRefusal> {
    let event: Event = serde_json::from_slice(body).map_err(|_json| ReceiptRefusal::Unreadable)?;
    let span = (delivery.at - AGE_MAX)..=(delivery.at + AHEAD_MAX);
    let occurred_at = event
        .timestamp
        .and_then(|text| text.parse::<Instant>().ok())
        .filter(|occurred_at| span.contains(occurred_at));
    let kind = event.kind.strip_prefix(EVENT_PREFIX).unwrap_or(&event.kind);
    Ok(ReadReceipt {
        dedupe_key: delivery.id,
        kind: kind.replace('\0', ""),
        provider_id: event.data.id,
        reference: event.data.reference,
        code: event.data.code,
        from: event.data.from,
        text: event.data.text,
        occurred_at: occurred_at.unwrap_or(delivery.at),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_happened_when_it_says_if_that_can_be() {
        let at: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let occurred = |timestamp: &str| {
            let body =
                format!(r#"{{"type":"message.sent","timestamp":"{timestamp}","data":{{}}}}"#);
            read_event(body.as_bytes(), Delivery { id: "e".to_owned(), at }).unwrap().occurred_at
        };
        assert_eq!(occurred("2026-11-23T14:59:58Z"), at - TimeDelta::seconds(2));
        for slip in ["9999-12-31T00:00:00Z", "0000-01-01T00:00:00Z", "yesterday", ""] {
            assert_eq!(occurred(slip), at, "{slip}");
        }
    }

    /// Goal: whatever an aggregator writes can be stored. Method: NULs and endless ids in each place.
    #[test]
    fn what_is_read_can_be_kept() {
        let id = "i".repeat(10_000);
        let accepted: Accepted =
            serde_json::from_str(&format!(r#"{{"id": "\u0000{id}"}}"#)).unwrap();
        let kept = "i".repeat(LABEL_CHARS_MAX);
        assert_eq!(accepted.id.as_deref(), Some(kept.as_str()));
        let body = format!(
            r#"{{"type": "message.received\u0000", "data":
                {{"id": "{id}", "from": "+1\u0000", "text": "STOP\u0000", "code": null}}}}"#
        );
        let at = Instant::UNIX_EPOCH;
        let read = read_event(body.as_bytes(), Delivery { id: "e1".to_owned(), at }).unwrap();
        assert_eq!(read.provider_id.as_deref(), Some(kept.as_str()));
        assert_eq!((read.from.as_deref(), read.text.as_deref()), (Some("+1"), Some("STOP")));
        assert_eq!((read.kind.as_str(), read.code, read.reference), ("received", None, None));
        assert_eq!(read.occurred_at, at);
    }
}
