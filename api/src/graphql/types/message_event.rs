//! Why a message stands as it does: its history, the rule behind a reason, and the message that blocked it.

use super::{Message, MessageReason};
use crate::graphql::{enums::MessageStatus, loaders, scalars::DateTime};
use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use domain::{Instant, curfew::HeldBy, explanation, history, id::MessageId};

/// Something that happened to a message.
#[derive(SimpleObject)]
pub(crate) struct MessageEvent {
    /// What happened.
    kind: MessageEventKind,
    /// When it happened, by the account of whoever saw it.
    occurred_at: DateTime,
    /// When the engine recorded it.
    recorded_at: DateTime,
    /// The state the message was left in.
    status: MessageStatus,
    /// Why, if there is a reason.
    reason: Option<MessageReason>,
}

impl From<history::MessageEvent> for MessageEvent {
    fn from(event: history::MessageEvent) -> Self {
        let code = event.aggregator_code;
        let reason = event.standing.reason;
        Self {
            kind: event.kind.into(),
            occurred_at: event.occurred_at.into(),
            recorded_at: event.recorded_at.into(),
            status: event.standing.state.into(),
            reason: reason.map(|reason| MessageReason::new(reason, code).ruled_by(event.rule)),
        }
    }
}

/// Kinds of message event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::history::MessageEventKind")]
pub(crate) enum MessageEventKind {
    /// The engine decided when or whether to send it.
    Evaluated,
    /// The engine began to hand it over.
    HandoverStarted,
    /// The aggregator accepted it.
    Accepted,
    /// The aggregator answered with an error, and the engine will try again.
    RetryScheduled,
    /// The aggregator refused it, or the engine gave up.
    Rejected,
    /// The aggregator's answer was lost: whether it took the message is not certain.
    AnswerLost,
    /// A delivery receipt came.
    Receipt,
    /// It was stopped.
    Canceled,
}

/// The rule behind a reason.
#[derive(SimpleObject)]
pub(crate) struct MessageRule {
    /// A stable code: `site_quiet_hours`, `campaign_quiet_hours`, or a rule pack's, such as `us_fl`.
    code: &'static str,
    /// A sentence for people.
    message: String,
}

impl MessageRule {
    /// The rule, as it applies to a reason.
    pub(super) fn new(rule: HeldBy, reason: domain::reason::MessageReason) -> Self {
        Self { code: rule.as_str(), message: explanation::rule_message(rule, reason) }
    }
}

/// The earlier message for whose sake a message was skipped.
pub(crate) struct MessageBlocker {
    /// Which; none where only its time is known.
    pub(super) id: Option<MessageId>,
    /// When it was accepted.
    pub(super) at: Instant,
}

/// The earlier message for whose sake a message was skipped.
#[Object]
impl MessageBlocker {
    /// The message, which may be another campaign's. Null when it is not known any more.
    async fn message(&self, ctx: &Context<'_>) -> Option<Result<Message>> {
        let id = self.id?;
        let found = loaders::message_if_any(ctx, id).await;
        found.map(|found| found.map(Message::from)).transpose()
    }

    /// When it was accepted, or its hand-over began.
    fn at(&self) -> DateTime {
        self.at.into()
    }
}
