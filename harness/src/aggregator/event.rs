//! What the aggregator posts of itself, and how that went.

use chrono::{DateTime, Utc};

use crate::contract::EventType;
use crate::scenario::ForgedSignature;

/// Something to post.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// When it is due.
    pub(crate) due: DateTime<Utc>,
    /// The event's id: `whk_` and 32 hexadecimal digits. A repeat has the same, unless it is told
    /// to differ.
    pub(crate) event_id: String,
    /// Which repeat this is; 0 for the first.
    pub(crate) copy: u32,
    /// How often it was tried before.
    pub(crate) tries: usize,
    /// Whether it is posted before the message's 202 is answered.
    pub(crate) is_early: bool,
    /// What it says.
    pub(crate) content: Content,
}

/// What an event says.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// A receipt of a message in the ledger.
    Receipt { message_id: String, kind: EventType, code: Option<String>, happened: DateTime<Utc> },
    /// A receipt somebody made up, by its place in the script. Its message is chosen when it is
    /// due.
    Forged { index: usize, message_id: Option<String> },
    /// A genuine receipt of a message nobody knows, by its place in the script.
    UnknownMessage { index: usize },
    /// A text from a phone, by its place in the script.
    Inbound { index: usize },
}

/// A request to make.
#[derive(Clone)]
pub(crate) struct Webhook {
    /// Where to.
    pub(crate) url: String,
    /// The headers of Standard Webhooks.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

/// How a post went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The service answered with this status.
    Answered(u16),
    /// There was no answer.
    NoAnswer,
    /// There was nobody to post to, or no message to post about.
    Nowhere,
}

impl Outcome {
    /// Whether trying again can help: the service was not there, or said that the fault is its own.
    pub(crate) fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Answered(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            Self::NoAnswer => true,
            Self::Nowhere => false,
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Answered(status) => write!(f, "{status}"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::Nowhere => f.write_str("nowhere to post"),
        }
    }
}

/// A post that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The event's id.
    pub event_id: String,
    /// What it said happened.
    pub kind: EventType,
    /// The message it was about.
    pub message_id: Option<String>,
    /// Whether it was forged, and how.
    pub forged: Option<ForgedSignature>,
    /// Which repeat it was; 0 for the first.
    pub copy: u32,
    /// How it went.
    pub outcome: Outcome,
    /// Whether it will be tried again.
    pub again: bool,
}
