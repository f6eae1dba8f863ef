//! The aggregator's part of a scenario: what it takes, what it answers, what its receipts say, and
//! what goes wrong.
//!
//! **Invariant:** whether a message was taken (`accepts`) and what the caller saw (`respond`,
//! `transport`) are said apart; only so can "taken, and the answer was lost" be told.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;

use super::StatusNotice;
use super::values::{Percent, Span};
use crate::contract::EventType;
use crate::contract::problem::ScriptedCode;

/// Everything the scripted aggregator goes by.
#[derive(Clone, Debug)]
pub struct Script {
    /// What every choice is drawn from.
    pub seed: u64,
    /// The instant that offsets count from.
    pub start: DateTime<Utc>,
    /// What happens where nothing else is said.
    pub defaults: Defaults,
    /// What happens to some; the first that matches wins.
    pub rules: Vec<Rule>,
    /// What happens for a time; before the rules.
    pub windows: Vec<Window>,
    /// What becomes of receipts on their way.
    pub receipt_faults: ReceiptFaults,
    /// Texts that phones send.
    pub inbound: Vec<Inbound>,
    /// What the status page says.
    pub status_page: Vec<StatusNotice>,
}

impl Script {
    /// The instant at an offset from the start.
    pub fn instant(&self, offset: Span) -> DateTime<Utc> {
        self.start.checked_add_signed(offset.delta()).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }

    /// A script in which all goes well.
    pub fn plain(seed: u64, start: DateTime<Utc>) -> Self {
        Self {
            seed,
            start,
            defaults: Defaults::default(),
            rules: Vec::new(),
            windows: Vec::new(),
            receipt_faults: ReceiptFaults::default(),
            inbound: Vec::new(),
            status_page: Vec::new(),
        }
    }
}

/// What the aggregator does where nothing else is said.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Defaults {
    /// How long it takes to answer.
    pub latency: Latency,
    /// What it answers when it takes a message.
    pub accept: Accept,
    /// What its receipts say, counted from the instant it took the message.
    pub receipts: Vec<ReceiptStep>,
    /// Whether it gives up a message when its `not_after` passes, with a receipt `expired`.
    pub obeys_not_after: bool,
}

impl Default for Defaults {
    fn default() -> Self {
        let receipt = |ms, status| ReceiptStep { after: Span::from_ms(ms), status, code: None };
        Self {
            latency: Latency::default(),
            accept: Accept::default(),
            receipts: vec![
                receipt(300, ReceiptStatus::Sent),
                receipt(2000, ReceiptStatus::Delivered),
            ],
            obeys_not_after: true,
        }
    }
}

/// How long an answer takes. This is real time on the wire even where the story's time is virtual.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Always so long.
    pub fixed: Span,
}

/// What a 202 says.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Accept {
    /// The aggregator's word for the message's state.
    pub status: String,
    /// Billable parts.
    pub segments: Option<u32>,
    /// An amount and a currency.
    pub price: Option<String>,
    /// How long it asks its caller to wait, in milliseconds.
    pub retry_after_ms: Option<u64>,
}

impl Default for Accept {
    fn default() -> Self {
        Self { status: "queued".to_owned(), segments: None, price: None, retry_after_ms: None }
    }
}

/// One receipt of a message.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiptStep {
    /// How long after the message was taken.
    pub after: Span,
    /// What it says.
    pub status: ReceiptStatus,
    /// Why it was not delivered, as a code of the aggregator's.
    pub code: Option<String>,
}

/// What a receipt can say.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptStatus {
    /// The carrier has it.
    Sent,
    /// The phone has it.
    #[default]
    Delivered,
    /// The carrier could not deliver it.
    Undelivered,
    /// The aggregator could not send it.
    Failed,
    /// Its last instant passed.
    Expired,
}

impl From<ReceiptStatus> for EventType {
    fn from(status: ReceiptStatus) -> Self {
        match status {
            ReceiptStatus::Sent => Self::Sent,
            ReceiptStatus::Delivered => Self::Delivered,
            ReceiptStatus::Undelivered => Self::Undelivered,
            ReceiptStatus::Failed => Self::Failed,
            ReceiptStatus::Expired => Self::Expired,
        }
    }
}

/// What happens to some hand-overs.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Rule {
    /// What the timeline calls it.
    pub name: String,
    /// Which hand-overs it is for; all, if nothing is said.
    pub when: When,
    /// How often it applies, counted by arrival.
    pub limit: Option<u32>,
    /// Whether the message is taken. By default it is, unless `respond` is an error.
    pub accepts: Option<bool>,
    /// What the 202 says.
    pub accept: Option<Accept>,
    /// What is answered instead of the 202.
    pub respond: Option<Respond>,
    /// What happens to the connection instead of an answer.
    pub transport: Option<Transport>,
    /// How long the answer takes.
    pub latency: Option<Latency>,
    /// What its receipts say.
    pub receipts: Option<Vec<ReceiptStep>>,
}

/// Which hand-overs a rule is for: all that is said must hold.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct When {
    /// To this phone.
    pub to: Option<String>,
    /// To one of these phones.
    pub to_in: Vec<String>,
    /// The n-th hand-over of the scenario by arrival, from 1; repeats of a taken one are not
    /// counted.
    pub nth: Option<u32>,
    /// So many of a hundred phones, chosen by seed, rule and phone.
    pub percent: Option<Percent>,
    /// The n-th hand-over to this phone, from 1; repeats of a taken one are not counted.
    pub attempt: Option<u32>,
    /// The text has this in it, whatever the case; `*` stands for any run of characters.
    pub body_matches: Option<String>,
}

/// An answer in place of the 202.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Respond {
    /// A code: it brings its status, headers and problem.
    pub error: Option<ScriptedCode>,
    /// The HTTP status, 200 to 599. By default the code's, or 200.
    pub status: Option<u16>,
    /// Headers, in place of those of the same name.
    pub headers: BTreeMap<String, String>,
    /// The body, as JSON.
    pub json: Option<serde_json::Value>,
    /// The body, as text.
    pub body: Option<String>,
}

impl Respond {
    /// The HTTP status it answers with.
    pub fn http_status(&self) -> u16 {
        self.status.or_else(|| self.error.map(|code| code.0.status)).unwrap_or(200)
    }
}

/// What happens to a connection in place of an answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "WrittenTransport")]
pub enum Transport {
    /// The request is read whole, then the connection is closed.
    CloseAfterRead,
    /// Nothing is answered for so long, in real time; then the connection is closed.
    Hang(Span),
}

/// What may be written as a transport; what needs more than an HTTP server is refused.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenTransport {
    CloseAfterRead,
    Hang(Span),
    Refuse,
    ResetBeforeRead,
    ResetAfterRead,
    TruncateAfter(serde::de::IgnoredAny),
    SlowBody(serde::de::IgnoredAny),
    Raw(serde::de::IgnoredAny),
}

impl TryFrom<WrittenTransport> for Transport {
    type Error = String;

    fn try_from(written: WrittenTransport) -> Result<Self, String> {
        let name = match written {
            WrittenTransport::CloseAfterRead => return Ok(Self::CloseAfterRead),
            WrittenTransport::Hang(span) => return Ok(Self::Hang(span)),
            WrittenTransport::Refuse => "refuse",
            WrittenTransport::ResetBeforeRead => "reset_before_read",
            WrittenTransport::ResetAfterRead => "reset_after_read",
            WrittenTransport::TruncateAfter(_) => "truncate_after",
            WrittenTransport::SlowBody(_) => "slow_body",
            WrittenTransport::Raw(_) => "raw",
        };
        Err(format!("transport `{name}` needs the fault gate, not in this version"))
    }
}

/// What happens for a time, to hand-overs and look-ups alike.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Window {
    /// What the timeline calls it.
    pub name: String,
    /// From when, as an offset.
    pub from: Span,
    /// Until when, this instant not included; to the end, if not said.
    pub until: Option<Span>,
    /// Whether messages are taken. By default they are, unless `respond` is an error.
    pub accepts: Option<bool>,
    /// What is answered.
    pub respond: Option<Respond>,
    /// What happens to the connection.
    pub transport: Option<Transport>,
    /// How long answers take.
    pub latency: Option<Latency>,
    /// What becomes of receipts that are due meanwhile.
    pub receipts: WindowReceipts,
}

impl Window {
    /// Whether it lasts at `offset` from the start.
    pub fn lasts_at(&self, offset: TimeDelta) -> bool {
        offset >= self.from.delta() && self.until.is_none_or(|until| offset < until.delta())
    }

    /// Whether it answers in place of the rules.
    pub fn answers(&self) -> bool {
        self.respond.is_some() || self.transport.is_some()
    }
}

/// What becomes of receipts that are due while a window lasts.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum WindowReceipts {
    /// They come.
    #[default]
    Flow,
    /// They come when the window ends.
    Hold,
    /// They never come.
    Drop,
}

/// What becomes of receipts on their way. Chosen by seed, phone and receipt.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiptFaults {
    /// Some come several times.
    pub duplicate: Duplicate,
    /// Some come late enough to change their order.
    pub reorder: Reorder,
    /// Some come very late.
    pub delay: Delay,
    /// Some never come.
    pub drop: PercentOnly,
    /// Some are lies.
    pub forged: Vec<Forged>,
    /// Some are about messages nobody knows.
    pub unknown_message: Vec<UnknownMessage>,
    /// Of some messages the first comes before the 202 is answered.
    pub before_response: PercentOnly,
}

/// Receipts that come several times.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Duplicate {
    /// How many of a hundred.
    pub percent: Percent,
    /// How often in addition.
    pub copies: u32,
    /// How far apart.
    pub gap: Span,
    /// Whether each repeat has an event id of its own, so that only its content tells that it is
    /// one.
    pub fresh_ids: bool,
}

impl Default for Duplicate {
    fn default() -> Self {
        let percent = Percent::default();
        Self { percent, copies: 1, gap: Span::from_ms(150), fresh_ids: false }
    }
}

/// Receipts that come later by anything up to `within`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reorder {
    /// How many of a hundred.
    pub percent: Percent,
    /// By how much at most.
    pub within: Span,
}

/// Receipts that come later by exactly `by`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delay {
    /// How many of a hundred.
    pub percent: Percent,
    /// By how much.
    pub by: Span,
}

/// A share and nothing else.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PercentOnly {
    /// How many of a hundred.
    pub percent: Percent,
}

/// A receipt that the aggregator did not send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Forged {
    /// When, as an offset.
    pub at: Span,
    /// About which message.
    #[serde(rename = "for")]
    pub target: ForgedFor,
    /// What it says.
    pub status: ReceiptStatus,
    /// Its code.
    pub code: Option<String>,
    /// What is wrong with its signature.
    pub signature: ForgedSignature,
}

/// Which of the messages taken so far a forged receipt is about.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ForgedFor {
    /// The first by instant, then by phone.
    #[default]
    First,
    /// One chosen by the seed.
    Random,
}

/// What is wrong with a forged receipt's signature.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ForgedSignature {
    /// There is none.
    #[default]
    None,
    /// It was made with another key.
    WrongKey,
    /// It was made for another body.
    ValidThenTamperedBody,
    /// It is genuine and an hour old.
    Stale,
}

/// A genuine receipt about a message that was never taken.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UnknownMessage {
    /// When, as an offset.
    pub at: Span,
    /// The message's id.
    pub id: String,
    /// What it says.
    pub status: ReceiptStatus,
}

/// A text that a phone sends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Inbound {
    /// When, as an offset.
    pub at: Span,
    /// When the aggregator posts it; at once, if not said.
    pub arrives: Option<Span>,
    /// From which phone.
    pub from: String,
    /// The text.
    pub body: String,
}
