//! Messages that are due: found with all that is known of their recipients, then judged.
//!
//! **Invariant:** they are judged in the transaction that found and locked them, by what it read: judging itself
//! asks the database for nothing, so that something else may be written meanwhile.

use super::super::{
    Result, Txn,
    binding::Binding,
    counts::Deltas,
    decisions::{self, Decision, Why},
    lists,
    plans::{self, key, standing_of},
    receipts,
    recipients::Found,
};
use crate::ports::Ids;
use domain::{
    Instant,
    gate::{Judge, Skip, Verdict},
    id::{CampaignId, MessageId},
    message::{MessageState, Standing},
    reason::MessageReason,
};
use entity::{
    convert::{self, instant, ms},
    message,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use std::collections::BTreeMap;

/// A message that may be claimed.
#[derive(Clone, Debug)]
pub struct Candidate {
    row: message::Model,
    standing: Standing,
    closes_at: Option<Instant>,
}

impl Candidate {
    /// The message.
    pub fn id(&self) -> MessageId {
        self.row.id.into()
    }

    /// Its row, as it was found.
    pub(super) const fn row(&self) -> &message::Model {
        &self.row
    }

    /// How it stood.
    pub(super) const fn standing(&self) -> Standing {
        self.standing
    }

    /// Its row, as it was before its claim.
    pub(in crate::db) fn into_row(self) -> message::Model {
        self.row
    }

    /// The number to text, in E.164.
    pub fn phone(&self) -> &str {
        &self.row.phone
    }

    /// The place of its step.
    pub fn step_position(&self) -> i64 {
        self.row.step_position
    }

    /// How often it was attempted before.
    pub fn attempt_count(&self) -> i64 {
        self.row.attempt_count
    }

    /// The values its text uses, frozen when it was planned.
    pub fn values(&self) -> Result<BTreeMap<String, String>> {
        Ok(convert::values("message", "variables", self.row.variables.as_ref())?)
    }

    /// The last moment at which it may still arrive: when its recipient's quiet hours begin, or when it is
    /// of no use any more.
    pub fn last_moment(&self) -> Option<Instant> {
        self.closes_at.into_iter().chain(self.row.send_by.map(instant)).min()
    }
}

/// Messages of a campaign that are due, locked, and what is known of their recipients.
#[derive(Default)]
pub struct Due {
    rows: Vec<message::Model>,
    found: Option<Found>,
}

/// Finds up to `limit` due messages of a campaign, and locks them.
pub async fn due(txn: &Txn, binding: &Binding, limit: u64, now: Instant) -> Result<Due> {
    let rows = rows(txn, binding.campaign.id, limit, now).await?;
    let found =
        if rows.is_empty() { None } else { Some(Found::of(txn, binding, &rows, now).await?) };
    Ok(Due { rows, found })
}

impl Due {
    /// Tells those that may leave now from those that may not.
    pub fn judge(self, binding: &Binding, now: Instant) -> Result<Judged> {
        let mut judged = Judged::default();
        let Some(found) = self.found else { return Ok(judged) };
        let mut judge = Judge::new(&binding.rules, now);
        // Whoever texted since the rows were found has a word to say first.
        for row in self.rows.into_iter().filter(|row| !found.is_unheard(row)) {
            let facts = found.facts(binding, &row)?;
            match judge.verdict(&facts) {
                Verdict::Send => {
                    let closes_at = judge.closes_at(now, &facts);
                    let standing = standing_of(&row)?;
                    judged.taken.push(Candidate { row, standing, closes_at });
                }
                other => judged.held.push((row, other)),
            }
        }
        Ok(judged)
    }
}

/// Messages that are due, judged.
#[derive(Default)]
pub struct Judged {
    taken: Vec<Candidate>,
    held: Vec<(message::Model, Verdict)>,
}

impl Judged {
    /// Those that may leave now, to be claimed.
    pub fn take(&mut self) -> Vec<Candidate> {
        std::mem::take(&mut self.taken)
    }

    /// Has those that may not held or put away. Answers how many they were.
    pub async fn hold(self, txn: &Txn, ids: &Ids, now: Instant) -> Result<u64> {
        let count = u64::try_from(self.held.len()).unwrap_or(u64::MAX);
        hold(txn, ids, self.held, now).await?;
        Ok(count)
    }
}

async fn rows(
    txn: &Txn,
    campaign_id: CampaignId,
    limit: u64,
    now: Instant,
) -> Result<Vec<message::Model>> {
    let mut select = message::Entity::find()
        .filter(message::Column::CampaignId.eq(campaign_id.0))
        .filter(plans::in_states(&MessageState::PENDING))
        .filter(message::Column::DueAt.lte(ms(now)))
        .filter(receipts::all_heard())
        .order_by_asc(message::Column::DueAt)
        .order_by_asc(message::Column::Id)
        .limit(limit);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    lists::all(txn, select).await
}

/// Carries out verdicts that let a message not leave now: it is held until another time, or put away.
async fn hold(
    txn: &Txn,
    ids: &Ids,
    held: Vec<(message::Model, Verdict)>,
    now: Instant,
) -> Result<()> {
    let mut deltas = Deltas::default();
    let mut decisions = Vec::new();
    for (row, verdict) in &held {
        let before = standing_of(row)?;
        let (to, due_at) = match *verdict {
            Verdict::Skip(Skip { reason, .. }) => {
                let skipped = Standing::because(MessageState::Skipped, reason);
                (plans::ends_as(row, skipped), row.due_at)
            }
            Verdict::Defer { until, .. } => {
                (Standing::because(MessageState::Deferred, MessageReason::QuietHours), ms(until))
            }
            Verdict::Wait { until } => (before, ms(until)),
            Verdict::Send => continue,
        };
        let why = Why::of(verdict);
        let is_over = plans::is_over(to.state);
        if is_over {
            deltas.unreserve(row);
        }
        deltas.moved(key(row, before), to);
        let change = message::ActiveModel {
            id: Set(row.id),
            state: Set(to.state.as_str().to_owned()),
            reason: Set(to.reason.map(|reason| reason.as_str().to_owned())),
            due_at: Set(due_at),
            deferred_from: match verdict {
                Verdict::Defer { .. } => Set(Some(row.deferred_from.unwrap_or(row.due_at))),
                _ => NotSet,
            },
            rule: Set(why.rule.clone()),
            blocked_by: Set(why.blocked_by),
            blocked_at: Set(why.blocked_at),
            reserved: if is_over { Set(0) } else { NotSet },
            updated_at: Set(ms(now)),
            ..Default::default()
        };
        change.update_without_returning(txn).await?;
        if !matches!(verdict, Verdict::Wait { .. }) {
            decisions.push(Decision { row, to, rule: why.rule, due_at, is_by_caller: false });
        }
    }
    decisions::write(txn, ids, decisions, now).await?;
    deltas.apply(txn).await
}
