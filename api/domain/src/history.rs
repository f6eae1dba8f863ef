//! Everything that happened to a message, put together from what was written down of it: the plan, decisions,
//! attempts, receipts.
//!
//! **Invariant:** events are told in the order in which the engine learned of them, and each says the state
//! that the message was left in then, so that the last one leaves it as it is.

use crate::{
    Instant,
    curfew::HeldBy,
    message::{MessageState, Standing},
    reason::MessageReason,
    receipt::{ReceiptKind, undelivered_reason},
};

/// Kinds of message event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageEventKind {
    /// The engine decided when or whether to send it.
    Evaluated,
    /// The engine began to hand it over.
    HandoverStarted,
    /// The aggregator accepted it.
    Accepted,
    /// The aggregator did not take it, and the engine tries again.
    RetryScheduled,
    /// The aggregator refused it, or the engine gave up.
    Rejected,
    /// The answer was lost.
    AnswerLost,
    /// A delivery receipt came.
    Receipt,
    /// It was stopped.
    Canceled,
}

/// Something that happened to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEvent {
    /// What.
    pub kind: MessageEventKind,
    /// When, by the account of whoever saw it.
    pub occurred_at: Instant,
    /// When the engine recorded it.
    pub recorded_at: Instant,
    /// The state the message was left in, and why.
    pub standing: Standing,
    /// The rule behind the reason.
    pub rule: Option<HeldBy>,
    /// The aggregator's own code.
    pub aggregator_code: Option<String>,
}

/// A decision about the message after it was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Instant,
    /// Where the message stood from then on.
    pub standing: Standing,
    /// The rule behind the reason.
    pub rule: Option<HeldBy>,
}

crate::codes! {
    /// What an attempt came to.
    pub enum AttemptOutcome {
        /// The aggregator took it.
        Accepted = "accepted",
        /// It refused it.
        Rejected = "rejected",
        /// It certainly did not take it.
        NotSent = "not_sent",
        /// The aggregator was not asked, or knows nothing of it.
        Withdrawn = "withdrawn",
        /// It may or may not have taken it.
        Unknown = "unknown",
    }
}

/// An attempt to hand the message over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// When it began.
    pub started_at: Instant,
    /// What it came to, and when; none while it is under way.
    pub ended: Option<(AttemptOutcome, Instant)>,
    /// The aggregator's own code.
    pub code: Option<String>,
}

/// A receipt that was applied to the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// What it reports.
    pub kind: ReceiptKind,
    /// The aggregator's own code.
    pub code: Option<String>,
    /// When it happened, by the aggregator's account.
    pub occurred_at: Instant,
    /// When it came.
    pub received_at: Instant,
}

/// The message as it is, and as far as that tells how it was planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// When it was planned; none for one of an older version.
    pub evaluated_at: Option<Instant>,
    /// Whether it follows another.
    pub is_follow_up: bool,
    /// Where it stands.
    pub standing: Standing,
    /// The rule behind that.
    pub rule: Option<HeldBy>,
    /// When it is due.
    pub due_at: Instant,
    /// When it was due before it was held.
    pub deferred_from: Option<Instant>,
    /// When its row last changed.
    pub updated_at: Instant,
}

/// Everything that was written down of a message, each list oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Records {
    /// The message.
    pub subject: Subject,
    /// Decisions after it was planned.
    pub decisions: Vec<Decision>,
    /// Attempts to hand it over.
    pub attempts: Vec<Attempt>,
    /// Receipts.
    pub receipts: Vec<Receipt>,
}

impl Records {
    /// What happened, oldest first.
    pub fn events(&self) -> Vec<MessageEvent> {
        let mut events: Vec<MessageEvent> = self.planned().into_iter().collect();
        events.extend(self.decisions.iter().map(decided));
        for (at, attempt) in self.attempts.iter().enumerate() {
            let in_flight = Standing::plain(MessageState::InFlight);
            events.push(plain(MessageEventKind::HandoverStarted, attempt.started_at, in_flight));
            let is_last = at.saturating_add(1) == self.attempts.len();
            events.extend(self.ended(attempt, is_last));
        }
        events.extend(self.receipts.iter().map(receipt));
        // Two things of one millisecond stand in the order in which they must have come.
        events.sort_by_key(|event| (event.recorded_at, event.kind));
        self.put_away(&mut events);
        settle(&mut events);
        events
    }

    /// What the planner decided.
    fn planned(&self) -> Option<MessageEvent> {
        let at = self.subject.evaluated_at?;
        let (standing, rule) = self.outset(at);
        Some(MessageEvent { rule, ..plain(MessageEventKind::Evaluated, at, standing) })
    }

    /// Where the message stood once it was planned: where it stands, if nothing happened since.
    fn outset(&self, evaluated_at: Instant) -> (Standing, Option<HeldBy>) {
        let Subject { standing, rule, due_at, deferred_from, updated_at, .. } = self.subject;
        let is_untouched =
            self.decisions.is_empty() && self.attempts.is_empty() && updated_at == evaluated_at;
        if is_untouched {
            return (standing, rule);
        }
        let deferred = |reason| Standing::because(MessageState::Deferred, reason);
        if self.subject.is_follow_up {
            return (deferred(MessageReason::FollowUpDelay), None);
        }
        let was_held = self.decisions.is_empty() && deferred_from.is_some();
        if let Some(rule) = rule.filter(|_| was_held) {
            return (deferred(MessageReason::QuietHours), Some(rule));
        }
        if deferred_from.unwrap_or(due_at) > evaluated_at {
            return (deferred(MessageReason::WaitingForLocalTime), None);
        }
        (Standing::plain(MessageState::Queued), None)
    }

    /// How an attempt ended.
    fn ended(&self, attempt: &Attempt, is_last: bool) -> Option<MessageEvent> {
        let (outcome, at) = attempt.ended?;
        let now = self.subject.standing;
        let lost = MessageReason::AnswerLost;
        let (kind, standing) = match outcome {
            AttemptOutcome::Accepted => {
                (MessageEventKind::Accepted, Standing::plain(MessageState::Accepted))
            }
            AttemptOutcome::Rejected => {
                let known = attempt.code.as_deref().and_then(undelivered_reason);
                let reason = known.unwrap_or(MessageReason::AggregatorRejected);
                let refused = Standing::because(MessageState::Undelivered, reason);
                (MessageEventKind::Rejected, refused)
            }
            AttemptOutcome::NotSent if is_last && now.state == MessageState::Undelivered => {
                (MessageEventKind::Rejected, now)
            }
            AttemptOutcome::Withdrawn => {
                (MessageEventKind::RetryScheduled, Standing::plain(MessageState::Queued))
            }
            AttemptOutcome::NotSent => {
                let reason = MessageReason::AggregatorBackpressure;
                let waiting = Standing::because(MessageState::Deferred, reason);
                (MessageEventKind::RetryScheduled, waiting)
            }
            // Told already, when the answer was lost.
            AttemptOutcome::Unknown if self.decisions.iter().any(is_loss) => {
                return None;
            }
            AttemptOutcome::Unknown => {
                let is_so_still = is_last && now.state == MessageState::Unknown;
                let reason = now.reason.filter(|_| is_so_still).unwrap_or(lost);
                let unknown = Standing::because(MessageState::Unknown, reason);
                (MessageEventKind::AnswerLost, unknown)
            }
        };
        Some(MessageEvent { aggregator_code: attempt.code.clone(), ..plain(kind, at, standing) })
    }

    /// A stop, or an opt-out, moves many messages at once and is written down on each alone.
    fn put_away(&self, events: &mut Vec<MessageEvent>) {
        let Subject { standing, rule, updated_at, .. } = self.subject;
        let is_told = events.iter().any(|event| event.standing == standing);
        let kind = match standing.state {
            MessageState::Canceled => MessageEventKind::Canceled,
            MessageState::Skipped => MessageEventKind::Evaluated,
            _ => return,
        };
        if !is_told {
            events.push(MessageEvent { rule, ..plain(kind, updated_at, standing) });
        }
    }
}

fn plain(kind: MessageEventKind, at: Instant, standing: Standing) -> MessageEvent {
    MessageEvent {
        kind,
        occurred_at: at,
        recorded_at: at,
        standing,
        rule: None,
        aggregator_code: None,
    }
}

/// Whether this is no decision but the word that an answer was lost: an attempt's own outcome may be found out
/// later, and then tells of the loss no more.
fn is_loss(decision: &Decision) -> bool {
    decision.standing.state == MessageState::Unknown
        && decision.standing.reason != Some(MessageReason::WrittenOff)
}

fn decided(decision: &Decision) -> MessageEvent {
    let kind = match decision.standing.state {
        MessageState::Canceled => MessageEventKind::Canceled,
        MessageState::Unknown if is_loss(decision) => MessageEventKind::AnswerLost,
        _ => MessageEventKind::Evaluated,
    };
    MessageEvent { rule: decision.rule, ..plain(kind, decision.at, decision.standing) }
}

fn receipt(receipt: &Receipt) -> MessageEvent {
    let evidence = receipt.kind.standing(receipt.code.as_deref());
    MessageEvent {
        occurred_at: receipt.occurred_at,
        aggregator_code: receipt.code.clone(),
        ..plain(MessageEventKind::Receipt, receipt.received_at, evidence)
    }
}

/// Evidence is merged with what was known when it came, whatever the order.
fn settle(events: &mut [MessageEvent]) {
    let mut known: Option<Standing> = None;
    for event in events {
        let is_evidence = matches!(
            event.kind,
            MessageEventKind::Accepted
                | MessageEventKind::Receipt
                | MessageEventKind::AnswerLost
                | MessageEventKind::Rejected
        );
        if let Some(known) = known.filter(|_| is_evidence) {
            event.standing = known.join(event.standing);
        }
        known = Some(event.standing);
    }
}

#[cfg(test)]
mod tests;
