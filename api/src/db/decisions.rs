//! Decisions about messages after they were planned, one row each: what `Message.events` tells beside
//! attempts and receipts.
//!
//! **Invariant:** a decision is written in the transaction that carries it out.

use super::{Result, Txn, each};
use crate::ports::Ids;
use domain::{
    Instant,
    gate::{Skip, Verdict},
    id::{CampaignId, MessageId},
    message::Standing,
};
use entity::{
    convert::{self, code, code_opt, instant, ms},
    message, message_decision,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::Order,
};
use uuid::Uuid;

/// What stands behind a verdict, as rows hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Why {
    /// The code of the rule.
    pub(super) rule: Option<String>,
    /// The message for whose sake it was skipped.
    pub(super) blocked_by: Option<Uuid>,
    /// When that one was accepted, in ms.
    pub(super) blocked_at: Option<i64>,
}

impl Why {
    pub(super) fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Send | Verdict::Wait { .. } => Self::default(),
            Verdict::Defer { rule, .. } => {
                Self { rule: Some(rule.as_str().to_owned()), ..Self::default() }
            }
            Verdict::Skip(Skip { rule, blocked_by, .. }) => Self {
                rule: rule.map(|rule| rule.as_str().to_owned()),
                // A message of an older version is known by its time alone.
                blocked_by: blocked_by.map(|touch| touch.message.0).filter(|id| !id.is_nil()),
                blocked_at: blocked_by.map(|touch| ms(touch.at)),
            },
        }
    }
}

/// A decision to write.
#[derive(Clone, Debug)]
pub(super) struct Decision<'a> {
    /// The message as it was.
    pub(super) row: &'a message::Model,
    /// Where it stands from now on.
    pub(super) to: Standing,
    /// The code of the rule behind it.
    pub(super) rule: Option<String>,
    /// When it is due from now on, in ms.
    pub(super) due_at: i64,
    /// Whether a caller's act led to it.
    pub(super) is_by_caller: bool,
}

/// Writes decisions.
pub(super) async fn write(
    txn: &Txn,
    ids: &Ids,
    decisions: Vec<Decision<'_>>,
    now: Instant,
) -> Result<()> {
    let rows = decisions.into_iter().map(|decision| message_decision::ActiveModel {
        id: Set(ids.next::<MessageId>().0),
        site_id: Set(decision.row.site_id),
        campaign_id: Set(decision.row.campaign_id),
        message_id: Set(decision.row.id),
        at: Set(ms(now)),
        state: Set(decision.to.state.as_str().to_owned()),
        reason: Set(decision.to.reason.map(|reason| reason.as_str().to_owned())),
        rule: Set(decision.rule),
        due_at: Set(decision.due_at),
        is_by_caller: Set(decision.is_by_caller),
    });
    message_decision::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(())
}

/// A decision that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// When it was made.
    pub at: Instant,
    /// Where the message stood from then on.
    pub standing: Standing,
    /// The code of the rule behind it.
    pub rule: Option<String>,
    /// When the message was due from then on.
    pub due_at: Instant,
    /// Whether a caller's act led to it.
    pub is_by_caller: bool,
}

/// Decisions about each message, oldest first, of each at most `limit`, in the order of `ids`.
pub async fn of_messages(
    connection: &impl ConnectionTrait,
    ids: &[MessageId],
    limit: u64,
) -> Result<Vec<Vec<Decided>>> {
    const TABLE: &str = "message_decision";
    let of = |id: &MessageId| {
        message_decision::Entity::find()
            .filter(message_decision::Column::MessageId.eq(id.0))
            .order_by_asc(message_decision::Column::Id)
            .limit(limit)
    };
    let order = [("id", Order::Asc)];
    let lists = each::models(connection, ids.iter().map(of).collect(), &order).await?;
    let read = |row: message_decision::Model| {
        let reason = code_opt(TABLE, row.reason.as_deref())?;
        Ok(Decided {
            campaign_id: row.campaign_id.into(),
            at: instant(row.at),
            standing: Standing { state: code(TABLE, &row.state)?, reason },
            rule: row.rule,
            due_at: instant(row.due_at),
            is_by_caller: row.is_by_caller,
        })
    };
    let all = lists.into_iter().map(|rows| rows.into_iter().map(read).collect());
    all.collect::<std::result::Result<_, convert::Corrupt>>().map_err(Into::into)
}
