//! What hand-overs came to: outcomes recorded on attempts and messages.
//!
//! **Invariant:** an outcome is recorded whatever happened to the message meanwhile: an acceptance is a
//! fact, and a proof that nothing was taken is one too.

mod claimed;
mod record;

pub use claimed::AsClaimed;
pub use record::{Basis, Record};

use super::{Result, Txn, plans, receipts};
use chrono::TimeDelta;
use domain::{
    Instant,
    campaign::CampaignStatus,
    id::{AttemptId, CampaignId, MessageId},
    message::{MessageState, Standing},
    reason::MessageReason,
};
use entity::{
    campaign, campaign_progress,
    convert::{code, ms},
    message,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

/// The outcome of an attempt nobody knows.
pub(super) const UNKNOWN: &str = "unknown";
/// The outcome of an attempt that the aggregator took.
pub(super) const ACCEPTED: &str = "accepted";

/// Whether messages of a campaign may be handed over, read inside the transaction that acts on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// They may.
    Open,
    /// The campaign is paused: they may not for now, and a message that turns out not to have been sent waits.
    Paused,
    /// They may not, and a message that turns out not to have been sent ends so.
    Closed(Standing),
}

/// How the gate of a campaign stands.
pub async fn gate(txn: &Txn, campaign_id: CampaignId) -> Result<Gate> {
    Ok(look(txn, campaign_id).await?.gate)
}

/// What stands before a record.
#[derive(Clone, Copy, Debug)]
pub struct Before {
    /// How the gate of the campaign stands.
    pub gate: Gate,
    /// Whether receipts are parked, of any campaign.
    pub has_parked: bool,
}

/// How the gate of a campaign stands, and whether receipts are parked.
pub async fn look(txn: &Txn, campaign_id: CampaignId) -> Result<Before> {
    let found: Option<(String, Option<i64>, i64)> = campaign::Entity::find()
        .select_only()
        .columns([campaign::Column::Status, campaign::Column::PausedAt])
        .expr_as(receipts::some_parked(), "some_parked")
        .filter(campaign::Column::Id.eq(campaign_id.0))
        .into_tuple()
        .one(txn)
        .await?;
    let Some((status, paused_at, parked)) = found else {
        let gone = Standing::because(MessageState::Canceled, MessageReason::CampaignCanceled);
        return Ok(Before { gate: Gate::Closed(gone), has_parked: false });
    };
    let status = code("campaign", &status)?;
    let gate = standing(txn, campaign_id, status, paused_at.is_some()).await?;
    Ok(Before { gate, has_parked: parked > 0 })
}

async fn standing(
    txn: &Txn,
    campaign_id: CampaignId,
    status: CampaignStatus,
    is_paused: bool,
) -> Result<Gate> {
    let canceled = |reason| Gate::Closed(Standing::because(MessageState::Canceled, reason));
    Ok(match status {
        status if status.is_running() && is_paused => Gate::Paused,
        status if status.is_running() => Gate::Open,
        CampaignStatus::Failed => canceled(MessageReason::CampaignFailed),
        // Somebody chose to send unknown messages again.
        CampaignStatus::Sent if is_resending(txn, campaign_id).await? => Gate::Open,
        // Unknown messages do not hold a campaign up: it may be sent before one turns out unsent.
        CampaignStatus::Sent => Gate::Closed(Standing::because(
            MessageState::Undelivered,
            MessageReason::AggregatorUnavailable,
        )),
        _ => canceled(MessageReason::CampaignCanceled),
    })
}

async fn is_resending(txn: &Txn, campaign_id: CampaignId) -> Result<bool> {
    let progress = campaign_progress::Entity::find_by_id(campaign_id.0).one(txn).await?;
    Ok(progress.is_some_and(|progress| progress.resends_at.is_some()))
}

/// What one attempt proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The aggregator took it, under this id.
    Accepted {
        /// The aggregator's id for the message.
        provider_id: String,
        /// Billable segments by the aggregator's account, if it gave one.
        segments: Option<i64>,
    },
    /// It was refused, and repeating it cannot help.
    Rejected {
        /// Why.
        reason: MessageReason,
        /// The aggregator's own code.
        code: Option<String>,
    },
    /// It was certainly not taken; try again at `retry_at`.
    NotSent {
        /// When.
        retry_at: Instant,
        /// Why it was not taken.
        unsent: Unsent,
        /// The aggregator's own code.
        code: Option<String>,
    },
    /// It was certainly not taken, and the engine gives up.
    GivenUp {
        /// The aggregator's own code.
        code: Option<String>,
    },
    /// It may or may not have been taken.
    Unknown {
        /// When to ask what became of it; never, if none is given.
        ask_at: Option<Instant>,
    },
}

/// Why an attempt was certainly not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// The aggregator asked for a slower pace: such an attempt does not count.
    Throttled,
    /// The aggregator is away, or refuses for reasons of its own.
    Unavailable,
    /// The aggregator was not asked, or knows nothing of it: the message is in the queue again.
    Unasked,
}

impl Outcome {
    /// Its name in the attempt's row.
    pub(super) const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => ACCEPTED,
            Self::Rejected { .. } => "rejected",
            Self::NotSent { unsent: Unsent::Unasked, .. } => "withdrawn",
            Self::NotSent { .. } | Self::GivenUp { .. } => "not_sent",
            Self::Unknown { .. } => UNKNOWN,
        }
    }

    pub(super) fn code(&self) -> Option<&str> {
        match self {
            Self::Rejected { code, .. } | Self::NotSent { code, .. } | Self::GivenUp { code } => {
                code.as_deref()
            }
            Self::Accepted { .. } | Self::Unknown { .. } => None,
        }
    }

    pub(super) fn provider_id(&self) -> Option<&str> {
        match self {
            Self::Accepted { provider_id, .. } => Some(provider_id),
            _ => None,
        }
    }

    const fn is_unasked(&self) -> bool {
        matches!(self, Self::NotSent { unsent: Unsent::Unasked, .. })
    }

    /// What it proves about the message; none when the message simply waits again.
    pub(super) fn evidence(&self) -> Option<Standing> {
        Some(match self {
            Self::Accepted { .. } => Standing::plain(MessageState::Accepted),
            Self::Rejected { reason, .. } => Standing::because(MessageState::Undelivered, *reason),
            Self::GivenUp { .. } => {
                Standing::because(MessageState::Undelivered, MessageReason::AggregatorUnavailable)
            }
            Self::Unknown { .. } => {
                Standing::because(MessageState::Unknown, MessageReason::AnswerLost)
            }
            Self::NotSent { .. } => return None,
        })
    }
}

/// An attempt that ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The attempt.
    pub attempt_id: AttemptId,
    /// The message.
    pub message_id: MessageId,
    /// How often its outcome had been asked for when this was; 0 for the first request's own answer. What was
    /// learned meanwhile, or decided by a person, is not undone by an answer to an older question.
    pub asked: i64,
    /// Whether the message is known to be its recipient's last in the campaign, so that nothing need be looked up
    /// to follow it.
    pub is_last: bool,
    /// The message as the attempt's claim left it, where this node claimed it.
    pub claimed: Option<AsClaimed>,
    /// What it proved.
    pub outcome: Outcome,
}

/// What a record came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// The aggregator's ids that were new, whose receipts may be parked.
    pub accepted: Vec<String>,
    /// How long each message that was taken had waited: since it was due, or since its first try where there
    /// were several.
    pub waits: Vec<TimeDelta>,
}

/// How often the outcome of a message was asked for.
fn tries(row: &message::Model) -> i64 {
    row.resolve_tries.unwrap_or_default()
}

/// Whether somebody chose to leave a message as it is.
fn is_written_off(row: &message::Model) -> bool {
    row.reason.as_deref() == Some(MessageReason::WrittenOff.as_str())
}

/// Where an outcome leads. An acceptance is a fact whichever attempt it is of; anything else speaks of the
/// latest attempt alone.
fn after(before: Standing, end: &Ended, is_latest: bool, gate: Gate) -> Standing {
    let is_waiting_for_word =
        matches!(before.state, MessageState::InFlight | MessageState::Unknown);
    match (end.outcome.evidence(), gate) {
        (Some(evidence), _) if evidence.state == MessageState::Accepted => before.join(evidence),
        (Some(evidence), _) if is_latest && is_waiting_for_word => before.join(evidence),
        // A receipt settled it meanwhile, or a later attempt is under way.
        _ if !is_latest || !is_waiting_for_word => before,
        (_, Gate::Open | Gate::Paused) if end.outcome.is_unasked() => {
            Standing::plain(MessageState::Queued)
        }
        (_, Gate::Open | Gate::Paused) => {
            Standing::because(MessageState::Deferred, MessageReason::AggregatorBackpressure)
        }
        (_, Gate::Closed(standing)) => standing,
    }
}

/// Changes a locked row to what `end` made of it.
fn change(row: &mut message::Model, end: &Ended, after: Standing, now: Instant) {
    after.state.as_str().clone_into(&mut row.state);
    row.reason = after.reason.map(|reason| reason.as_str().to_owned());
    row.lease_until = None;
    row.updated_at = ms(now);
    if let Some(code) = end.outcome.code() {
        row.aggregator_code = Some(code.to_owned());
    }
    if plans::is_over(after.state) {
        row.reserved = 0;
    }
    // What is known for certain need not be asked for, also where the message stays unknown for the sake of an
    // attempt before it.
    let is_certain = !matches!(end.outcome, Outcome::Unknown { .. });
    if is_certain || after.state != MessageState::Unknown {
        (row.resolve_at, row.resolve_tries) = (None, None);
    }
    match &end.outcome {
        Outcome::Accepted { provider_id, segments } => {
            row.provider_id = Some(provider_id.clone());
            row.segments = segments.or(row.segments);
        }
        Outcome::Rejected { .. } | Outcome::GivenUp { .. }
            if after.state == MessageState::Undelivered =>
        {
            row.stopped_at = row.stopped_at.or(Some(ms(now)));
        }
        Outcome::NotSent { retry_at, unsent, .. } if after.state == MessageState::Deferred => {
            row.deferred_from = row.deferred_from.or(Some(row.due_at));
            // A clock that is set back makes nothing due before its time.
            row.due_at = ms(*retry_at).max(row.due_at);
            if *unsent == Unsent::Throttled {
                row.attempt_count -= 1;
            }
        }
        Outcome::Unknown { ask_at } if after.state == MessageState::Unknown => {
            row.resolve_at = ask_at.map(ms);
            row.resolve_tries = Some(tries(row) + 1);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn end(outcome: Outcome) -> Ended {
        let id = Uuid::nil();
        Ended {
            attempt_id: id.into(),
            message_id: id.into(),
            asked: 0,
            is_last: false,
            claimed: None,
            outcome,
        }
    }

    /// Goal: a message is made ready again only by the latest attempt's own proof that nothing was taken.
    #[test]
    fn only_the_latest_attempt_makes_a_message_wait_again() {
        let retry_at: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let not_sent = end(Outcome::NotSent { retry_at, unsent: Unsent::Unavailable, code: None });
        let in_flight = Standing::plain(MessageState::InFlight);
        let unknown = Standing::because(MessageState::Unknown, MessageReason::EngineStopped);
        let delivered = Standing::plain(MessageState::Delivered);
        for before in [in_flight, unknown] {
            assert_eq!(after(before, &not_sent, true, Gate::Open).state, MessageState::Deferred);
            assert_eq!(after(before, &not_sent, false, Gate::Open), before, "another is under way");
            let closed = Standing::because(MessageState::Canceled, MessageReason::CampaignFailed);
            assert_eq!(after(before, &not_sent, true, Gate::Closed(closed)), closed);
        }
        assert_eq!(after(delivered, &not_sent, true, Gate::Open), delivered);
        let unasked = end(Outcome::NotSent { retry_at, unsent: Unsent::Unasked, code: None });
        let queued = Standing::plain(MessageState::Queued);
        assert_eq!(after(unknown, &unasked, true, Gate::Open), queued, "a look-up found nothing");
        assert_eq!(after(unknown, &unasked, false, Gate::Open), unknown);
        let refused = end(Outcome::Rejected { reason: MessageReason::CarrierFiltered, code: None });
        assert_eq!(after(in_flight, &refused, false, Gate::Open), in_flight);
        let taken = end(Outcome::Accepted { provider_id: "m".to_owned(), segments: None });
        assert_eq!(after(in_flight, &taken, false, Gate::Open).state, MessageState::Accepted);
    }
}
