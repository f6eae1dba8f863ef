//! The generic aggregator contract: what travels between the service and any aggregator that speaks
//! it.
//!
//! `POST {base}/messages` hands over, `GET {base}/messages?reference=` looks up, receipts and
//! inbound texts come by Standard Webhooks to the message's `callback_url`. The types here are the
//! wire's; unknown fields are ignored.
//!
//! **Invariant:** no `Debug` of these types shows a whole phone number or a text.

pub mod problem;
pub mod signing;

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::privacy::mask;

/// The path of the messages, after the base URL.
pub const MESSAGES_PATH: &str = "/messages";
/// The header that makes a hand-over safe to repeat.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// How long a key is remembered, in hours.
pub const KEY_WINDOW_HOURS: i64 = 24;

/// The body of `POST {base}/messages`.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub struct SubmitRequest {
    /// The recipient, in E.164.
    pub to: String,
    /// The sender, in E.164 or as the aggregator knows it.
    #[serde(default)]
    pub from: String,
    /// The text, rendered.
    #[serde(default)]
    pub text: String,
    /// Pictures, which make it an MMS.
    #[serde(default)]
    pub media_urls: Vec<String>,
    /// The service's own name for the message or the attempt; receipts echo it and look-ups ask for
    /// it.
    #[serde(default)]
    pub reference: String,
    /// The last instant at which the message may still be delivered.
    #[serde(default, with = "rfc3339_option")]
    pub not_after: Option<DateTime<Utc>>,
    /// Where its receipts go.
    #[serde(default)]
    pub callback_url: Option<String>,
}

impl fmt::Debug for SubmitRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubmitRequest")
            .field("to", &mask(&self.to))
            .field("text_chars", &self.text.chars().count())
            .field("reference", &self.reference)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// The body of a 202: the aggregator has the message now.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The aggregator's id of the message.
    pub id: String,
    /// The aggregator's word for its state, for instance `queued`.
    pub status: String,
    /// Billable parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segments: Option<u32>,
    /// The price of all parts, an amount and a currency: `0.0079 USD`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<String>,
    /// How long the aggregator asks its caller to wait before the next hand-over, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The body of a look-up's answer.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
pub struct MessageList {
    /// The messages accepted under the reference; empty if there is none.
    pub messages: Vec<MessageView>,
}

/// One message in a look-up's answer.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub struct MessageView {
    /// The aggregator's id.
    pub id: String,
    /// Its state now, in the aggregator's words.
    pub status: String,
    /// The reference it was handed over with.
    pub reference: String,
    /// Its recipient.
    pub to: String,
}

impl fmt::Debug for MessageView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageView")
            .field("id", &self.id)
            .field("status", &self.status)
            .field("reference", &self.reference)
            .field("to", &mask(&self.to))
            .finish()
    }
}

/// What an event says happened.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum EventType {
    /// The carrier has it.
    #[serde(rename = "message.sent")]
    Sent,
    /// The phone has it.
    #[serde(rename = "message.delivered")]
    Delivered,
    /// The carrier could not deliver it.
    #[serde(rename = "message.undelivered")]
    Undelivered,
    /// The aggregator could not send it.
    #[serde(rename = "message.failed")]
    Failed,
    /// Its `not_after` passed first.
    #[serde(rename = "message.expired")]
    Expired,
    /// A text came from a phone.
    #[serde(rename = "message.received")]
    Received,
}

impl EventType {
    /// The last word of its wire name: `sent` for `message.sent`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Received => "received",
        }
    }
}

/// The body of a webhook.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Event {
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// When it happened.
    #[serde(with = "rfc3339")]
    pub timestamp: DateTime<Utc>,
    /// What it happened to.
    pub data: EventData,
}

/// The message an event is about.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub struct EventData {
    /// The aggregator's id of the message.
    pub id: String,
    /// The reference it was handed over with; absent for an inbound text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Where the message went.
    pub to: String,
    /// Where it came from.
    pub from: String,
    /// Why it was not delivered, as a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The text, for an inbound one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl fmt::Debug for EventData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventData")
            .field("id", &self.id)
            .field("reference", &self.reference)
            .field("to", &mask(&self.to))
            .field("from", &mask(&self.from))
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// An instant as the contract writes it: RFC 3339 in UTC, with as many digits of a second as it
/// needs.
pub fn instant_text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// Reads an instant with any offset.
fn parse_instant<E: serde::de::Error>(text: &str) -> Result<DateTime<Utc>, E> {
    DateTime::parse_from_rfc3339(text)
        .map(|instant| instant.to_utc())
        .map_err(|error| E::custom(format!("not an RFC 3339 instant: {error}")))
}

mod rfc3339 {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        instant: &DateTime<Utc>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::instant_text(*instant))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        super::parse_instant(&String::deserialize(deserializer)?)
    }
}

mod rfc3339_option {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "the signature that serde calls")]
    pub(super) fn serialize<S: Serializer>(
        instant: &Option<DateTime<Utc>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        instant.map(super::instant_text).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<DateTime<Utc>>, D::Error> {
        let text: Option<String> = Option::deserialize(deserializer)?;
        text.as_deref().map(super::parse_instant).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hand_over_ignores_unknown_fields_and_reads_any_offset() {
        let json = r#"{"to":"+14155550142","from":"+18885550100","text":"hello",
                       "reference":"msg_1","colour":"red",
                       "not_after":"2026-11-23T10:00:00-05:00","callback_url":null}"#;
        let request: SubmitRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.not_after, Some("2026-11-23T15:00:00Z".parse().unwrap()));
        assert_eq!(request.callback_url, None);
        let wrong = json.replace("2026-11-23T10:00:00-05:00", "tomorrow");
        assert!(serde_json::from_str::<SubmitRequest>(&wrong).is_err());
    }

    #[test]
    fn debug_shows_neither_phone_nor_text() {
        let json = r#"{"to":"+14155550142","text":"secret words"}"#;
        let request: SubmitRequest = serde_json::from_str(json).unwrap();
        let shown = format!("{request:?}");
        assert!(!shown.contains("415555") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn an_event_writes_its_type_and_leaves_out_what_it_has_not() {
        let event = Event {
            kind: EventType::Delivered,
            timestamp: "2026-11-23T15:00:02.500Z".parse().unwrap(),
            data: EventData {
                id: "agg_1".to_owned(),
                reference: Some("msg_1".to_owned()),
                to: "+14155550142".to_owned(),
                from: "+18885550100".to_owned(),
                code: None,
                text: None,
            },
        };
        let json = serde_json::to_string(&event).unwrap();
        let data =
            r#"{"id":"agg_1","reference":"msg_1","to":"+14155550142","from":"+18885550100"}"#;
        let head = r#""type":"message.delivered","timestamp":"2026-11-23T15:00:02.500Z""#;
        assert_eq!(json, format!(r#"{{{head},"data":{data}}}"#));
        assert_eq!(serde_json::from_str::<Event>(&json).unwrap(), event);
    }
}
