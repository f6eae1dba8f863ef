//! Whom a draft would reach and what it would cost, and why one person is reached or not.

use super::{Message, Subscriber, progress::MessageReasonCount};
use crate::{
    graphql::{
        connection::int,
        context::Caller,
        directive::requires_scope,
        enums::Scope,
        scalars::{DateTime, Decimal, TimeZone},
    },
    service,
};
use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use domain::{estimate::Sending, explanation::CheckReport, site::SegmentPrice};

/// Whom a draft would reach and what it would cost.
#[derive(SimpleObject)]
pub(crate) struct CampaignEstimate {
    /// When it was worked out.
    as_of: DateTime,
    /// Subscribers in its audiences.
    recipient_count: i32,
    /// Recipients who would be skipped, by reason, most frequent first.
    skipped: Vec<MessageReasonCount>,
    /// When the initial message would go out, by hour and time zone.
    timeline: Vec<EstimatedSending>,
    /// Billable segments, all steps together, if every follow-up is sent.
    segment_count: i32,
    /// The price of those segments. Null when the site has no price.
    cost: Option<Money>,
    /// Until when the schedule could be changed or canceled back to a draft.
    last_change_at: DateTime,
    /// Whether everybody was looked at. Of very large audiences only the first recipients are.
    is_complete: bool,
    /// What to look at before activating: blockers of the site, unknown variables, quiet hours that
    /// move many.
    warnings: Vec<String>,
}

impl From<service::Estimate> for CampaignEstimate {
    fn from(estimate: service::Estimate) -> Self {
        let tally = &estimate.tally;
        Self {
            as_of: estimate.as_of.into(),
            recipient_count: int(tally.recipients()),
            skipped: tally.skipped().into_iter().map(MessageReasonCount::from).collect(),
            timeline: tally.timeline().into_iter().map(EstimatedSending::from).collect(),
            segment_count: int(tally.segments()),
            cost: estimate.cost.map(Money::from),
            last_change_at: estimate.last_change_at.into(),
            is_complete: estimate.is_complete,
            warnings: estimate.warnings,
        }
    }
}

/// A share of an estimate.
#[derive(SimpleObject)]
pub(crate) struct EstimatedSending {
    /// The time zone.
    time_zone: TimeZone,
    /// When the first of its messages would be due, quiet hours applied.
    due_at: DateTime,
    /// How many are due within that hour.
    message_count: i32,
}

impl From<Sending> for EstimatedSending {
    fn from(sending: Sending) -> Self {
        Self {
            time_zone: TimeZone(sending.zone),
            due_at: sending.due_at.into(),
            message_count: int(sending.count),
        }
    }
}

/// An amount of money.
#[derive(SimpleObject)]
pub(crate) struct Money {
    /// The exact amount in the currency's major unit.
    amount: Decimal,
    /// The ISO 4217 code: `USD`.
    currency_code: String,
}

impl From<SegmentPrice> for Money {
    fn from(price: SegmentPrice) -> Self {
        Self { amount: Decimal(price.amount), currency_code: price.currency_code }
    }
}

/// Why one subscriber gets a campaign's messages, or does not.
pub(crate) struct RecipientExplanation(service::Explanation);

impl From<service::Explanation> for RecipientExplanation {
    fn from(explanation: service::Explanation) -> Self {
        Self(explanation)
    }
}

/// Why one subscriber gets a campaign's messages, or does not.
#[Object]
impl RecipientExplanation {
    /// The subscriber.
    fn subscriber(&self) -> Subscriber {
        self.0.subscriber.clone().into()
    }

    /// Whether an audience of the campaign selects the subscriber, or did when its recipients were
    /// worked out.
    fn is_recipient(&self) -> bool {
        self.0.is_recipient
    }

    /// The whole of it in a sentence or two.
    fn summary(&self) -> &str {
        &self.0.summary
    }

    /// Every check of the initial message, in the order in which they are made. Before recipients are
    /// worked out: what they would come to now.
    fn trail(&self) -> Vec<RecipientDecision> {
        self.0.trail.iter().cloned().map(RecipientDecision::from).collect()
    }

    /// The campaign's messages to the subscriber, the initial one first.
    #[graphql(directive = requires_scope::apply(Scope::MessageRead))]
    fn messages(&self, ctx: &Context<'_>) -> Result<Vec<Message>> {
        Caller::with(ctx, Scope::MessageRead)?;
        Ok(self.0.messages.iter().cloned().map(Message::from).collect())
    }
}

/// One check of one recipient.
#[derive(SimpleObject)]
pub(crate) struct RecipientDecision {
    /// What was asked.
    check: RecipientCheck,
    /// What came of it.
    outcome: RecipientOutcome,
    /// A sentence or two for people, with times on the recipient's clock.
    message: String,
    /// Until when the message is or was held. Null unless the outcome is `HELD` and that is known.
    until: Option<DateTime>,
}

impl From<CheckReport> for RecipientDecision {
    fn from(report: CheckReport) -> Self {
        Self {
            check: report.check.into(),
            outcome: report.outcome.into(),
            message: report.message,
            until: report.until.map(DateTime),
        }
    }
}

/// What is asked of every recipient, in order. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::explanation::RecipientCheck")]
pub(crate) enum RecipientCheck {
    /// Whether an audience of the campaign selects them.
    Audience,
    /// Whether they agreed to be texted.
    Consent,
    /// Whether the number can be texted.
    PhoneNumber,
    /// Whether an audience that is left out has them.
    Exclusion,
    /// Whether an original of the campaign, which leaves those reached out, reached them.
    AlreadyReached,
    /// Whether the text can be written for them.
    Text,
    /// The chosen time, where they are.
    LocalTime,
    /// Whether they were texted too recently.
    SmartSending,
    /// Whether a law's number of texts is reached.
    FrequencyCap,
    /// Whether the message can be handed over in time.
    SendBy,
    /// Whether it is quiet hours where they are.
    QuietHours,
    /// The hand-over, and what came of it.
    HandOver,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::explanation::CheckOutcome")]
pub(crate) enum RecipientOutcome {
    /// Nothing stood in the way.
    Passed,
    /// The message waits, or waited, because of it.
    Held,
    /// The message ends here.
    Stopped,
    /// An earlier check decided, or it has not come to that yet.
    NotReached,
}
