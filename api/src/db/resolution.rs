//! Messages whose outcome is not known: which are to be asked for, and which somebody settles.
//!
//! **Invariant:** a message leaves UNKNOWN by proof, or by a person's word, and never by itself.

use super::{
    Result, Txn,
    attempts::{self, Claimer, Repeat},
    binding::Binding,
    bulk::{self, Bulk, Kind},
    counts::Deltas,
    decisions::{self, Decision},
    expect_rows, plans, rows, trials,
};
use crate::ports::Ids;
use domain::{
    Instant,
    id::{AttemptId, CampaignId, ConnectionId, MessageId},
    message::{MessageState, Standing},
    reason::MessageReason,
};
use entity::{
    attempt, campaign_progress,
    convert::{instant, ms},
    message,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{LockBehavior, LockType},
};
use serde_json::json;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// A message whose outcome is to be asked for, with its latest attempt.
#[derive(Clone, Debug)]
pub struct Question {
    /// The message.
    pub message_id: MessageId,
    /// Its campaign.
    pub campaign_id: CampaignId,
    /// The connection its attempt went out on.
    pub connection_id: ConnectionId,
    /// The attempt.
    pub attempt_id: AttemptId,
    /// When that began.
    pub started_at: Instant,
    /// The bytes of its request, if they are kept.
    pub request: Option<Vec<u8>>,
    /// How often its outcome was asked for.
    pub tries: i64,
    /// Attempts of the message so far.
    pub attempts: i64,
}

/// Takes up to `limit` messages whose outcome is to be asked for by `now`, the longest due first. Nobody else
/// gets them before `until`, by when they are answered or put off.
pub async fn take(txn: &Txn, now: Instant, until: Instant, limit: u64) -> Result<Vec<Question>> {
    let mut select = message::Entity::find()
        .filter(message::Column::ResolveAt.is_not_null())
        .filter(message::Column::ResolveAt.lte(ms(now)))
        .order_by_asc(message::Column::ResolveAt)
        .order_by_asc(message::Column::Id)
        .limit(limit);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let rows = select.all(txn).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    message::Entity::update_many()
        .col_expr(message::Column::ResolveAt, ms(until).into())
        .filter(message::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(txn)
        .await?;
    let attempts = attempt::Entity::find()
        .filter(attempt::Column::MessageId.is_in(rows.iter().map(|row| row.id)))
        .all(txn)
        .await?;
    let by_fence: HashMap<(Uuid, i64), attempt::Model> =
        attempts.into_iter().map(|row| ((row.message_id, row.fence), row)).collect();
    let question = |row: message::Model| {
        let attempt = by_fence.get(&(row.id, row.fence))?;
        Some(Question {
            message_id: row.id.into(),
            campaign_id: row.campaign_id.into(),
            connection_id: attempt.connection_id.into(),
            attempt_id: attempt.id.into(),
            started_at: instant(attempt.started_at),
            request: attempt.request.clone().map(String::into_bytes),
            tries: row.resolve_tries.unwrap_or_default(),
            attempts: row.attempt_count,
        })
    };
    Ok(rows.into_iter().filter_map(question).collect())
}

/// When the next outcome is to be asked for.
pub async fn next(connection: &impl ConnectionTrait) -> Result<Option<Instant>> {
    let next: Option<Option<i64>> = message::Entity::find()
        .select_only()
        .column(message::Column::ResolveAt)
        .filter(message::Column::ResolveAt.is_not_null())
        .order_by_asc(message::Column::ResolveAt)
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(next.flatten().map(instant))
}

/// Whether the outcome of a message of the campaign is still being asked for, for less than the `tries_max`th
/// time.
pub async fn is_asking(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    tries_max: i64,
) -> Result<bool> {
    let found: Option<Uuid> = message::Entity::find()
        .select_only()
        .column(message::Column::Id)
        .filter(message::Column::CampaignId.eq(campaign.0))
        .filter(plans::in_states(&[MessageState::Unknown]))
        .filter(message::Column::ResolveAt.is_not_null())
        .filter(
            Condition::any()
                .add(message::Column::ResolveTries.is_null())
                .add(message::Column::ResolveTries.lt(tries_max)),
        )
        .limit(1)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(found.is_some())
}

/// Puts messages in flight again under the attempts they were sent with: the same request may be repeated
/// under its key, for the answer's sake. Those that may not leave now, by the judgment of a claim, stay as
/// they are. The gate must be entered and open. Answers with those taken.
pub async fn repeat(
    txn: &Txn,
    binding: &Binding,
    questions: &[Question],
    claimer: Claimer<'_>,
    now: Instant,
) -> Result<Vec<AttemptId>> {
    let mut locked = rows::lock(txn, questions.iter().map(|asked| asked.message_id.0)).await?;
    locked.retain(|_, row| is_unknown(row));
    let due: Vec<message::Model> = locked.values().cloned().collect();
    let cleared = attempts::may_repeat(txn, binding, due, now).await?;
    let taken: Vec<Repeat> = questions
        .iter()
        .filter(|asked| cleared.contains(&asked.message_id.0))
        .filter_map(|asked| {
            let row = locked.remove(&asked.message_id.0)?;
            Some(Repeat { row, attempt_id: asked.attempt_id })
        })
        .collect();
    attempts::reclaim(txn, &taken, claimer, now).await?;
    Ok(taken.into_iter().map(|repeat| repeat.attempt_id).collect())
}

fn is_unknown(row: &message::Model) -> bool {
    row.state == MessageState::Unknown.as_str()
}

/// When outcomes are asked for next: of those that nobody has settled meanwhile.
const POSTPONE: Bulk = Bulk {
    what: "questions put off",
    table: "message",
    which: bulk::BY_ID,
    kinds: &[Kind::Number, Kind::Number],
    set: "resolve_at = CASE WHEN state = 'unknown' AND resolve_at IS NOT NULL THEN v.c1 \
              ELSE resolve_at END, \
          resolve_tries = CASE WHEN state = 'unknown' AND resolve_at IS NOT NULL THEN v.c2 \
              ELSE resolve_tries END",
};

/// Notes when the outcomes of messages are asked for next, if ever, and how often they were by then.
pub async fn postpone(txn: &Txn, next: &[(MessageId, Option<Instant>, i64)]) -> Result<()> {
    rows::lock(txn, next.iter().map(|(id, ..)| id.0)).await?;
    let values = next.iter().map(|(id, at, tries)| json!([bulk::id(id.0), at.map(ms), *tries]));
    POSTPONE.update(txn, values).await
}

/// What a person chose for messages whose outcome is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Hand them over again, under a new key: the recipient may get the text twice.
    Resend,
    /// Leave them: the recipient may not have got the text.
    WriteOff,
}

/// Messages settled in one statement.
const SETTLE_BATCH: u64 = 1_000;

/// Settles unknown messages of a campaign: all, or those of `only`. The gate must be closed. Those written off
/// before are left alone by a second write-off. Answers how many were settled; none where a trial has too few
/// segments left to send them again, each being paid for twice. Nothing may be committed then.
pub async fn settle(
    txn: &Txn,
    ids: &Ids,
    campaign: CampaignId,
    settlement: Settlement,
    only: Option<&[MessageId]>,
    now: Instant,
) -> Result<Option<i64>> {
    let mut deltas = Deltas::default();
    let mut settled = 0;
    let mut after: Option<Uuid> = None;
    loop {
        let batch = unknown(txn, campaign, only, after).await?;
        let Some(last) = batch.last() else { break };
        after = Some(last.id);
        let written_off = MessageReason::WrittenOff.as_str();
        let is_open = |row: &message::Model| {
            settlement == Settlement::Resend || row.reason.as_deref() != Some(written_off)
        };
        let open: Vec<message::Model> = batch.into_iter().filter(is_open).collect();
        settled += i64::try_from(open.len()).unwrap_or(i64::MAX);
        if settlement == Settlement::Resend && !pay_again(txn, &open).await? {
            return Ok(None);
        }
        settle_batch(txn, ids, &open, settlement, &mut deltas, now).await?;
    }
    deltas.apply(txn).await?;
    Ok(Some(settled))
}

/// Counts attempts that may have been taken as used, so that what is reserved for their messages pays for the
/// next ones. Answers whether a trial had as much left.
async fn pay_again(txn: &Txn, open: &[message::Model]) -> Result<bool> {
    let mut sites: BTreeMap<Uuid, i64> = BTreeMap::new();
    for row in open.iter().filter(|row| row.reserved > 0) {
        *sites.entry(row.site_id).or_default() += row.segments.unwrap_or_default();
    }
    for (site, segments) in sites {
        if !trials::spend(txn, site.into(), segments).await? {
            return Ok(false);
        }
    }
    Ok(true)
}

async fn unknown(
    txn: &Txn,
    campaign: CampaignId,
    only: Option<&[MessageId]>,
    after: Option<Uuid>,
) -> Result<Vec<message::Model>> {
    let mut select = message::Entity::find()
        .filter(message::Column::CampaignId.eq(campaign.0))
        .filter(plans::in_states(&[MessageState::Unknown]))
        .order_by_asc(message::Column::Id)
        .limit(SETTLE_BATCH);
    if let Some(only) = only {
        select = select.filter(message::Column::Id.is_in(only.iter().map(|id| id.0)));
    }
    if let Some(after) = after {
        select = select.filter(message::Column::Id.gt(after));
    }
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(select.all(txn).await?)
}

async fn settle_batch(
    txn: &Txn,
    ids: &Ids,
    open: &[message::Model],
    settlement: Settlement,
    deltas: &mut Deltas,
    now: Instant,
) -> Result<()> {
    if open.is_empty() {
        return Ok(());
    }
    let to = match settlement {
        Settlement::Resend => Standing::plain(MessageState::Queued),
        Settlement::WriteOff => Standing::because(MessageState::Unknown, MessageReason::WrittenOff),
    };
    plans::move_rows(txn, open, to, now, deltas).await?;
    let due_at = |row: &message::Model| match settlement {
        // A clock that is set back makes nothing due before its time.
        Settlement::Resend => ms(now).max(row.due_at),
        Settlement::WriteOff => row.due_at,
    };
    let uncertain_at = |row: &message::Model| match settlement {
        Settlement::Resend => Some(ms(now)),
        Settlement::WriteOff => row.uncertain_at,
    };
    let values = open.iter().map(|row| (bulk::id(row.id), due_at(row), uncertain_at(row)));
    SETTLED.update(txn, values).await?;
    let decisions = open
        .iter()
        .map(|row| Decision { row, to, rule: None, due_at: due_at(row), is_by_caller: true })
        .collect();
    decisions::write(txn, ids, decisions, now).await
}

/// Messages that are not asked for any more, because somebody settled them.
const SETTLED: Bulk = Bulk {
    what: "messages settled",
    table: "message",
    which: bulk::BY_ID,
    kinds: &[Kind::Number, Kind::Number],
    set: "due_at = v.c1, uncertain_at = v.c2, resolve_at = NULL, resolve_tries = NULL",
};

/// Notes that a campaign that is sent has messages to hand over again, or that it has none any more.
pub async fn mark_resending(txn: &Txn, campaign: CampaignId, at: Option<Instant>) -> Result<()> {
    let updated = campaign_progress::Entity::update_many()
        .col_expr(campaign_progress::Column::ResendsAt, at.map(ms).into())
        .filter(campaign_progress::Column::CampaignId.eq(campaign.0))
        .exec(txn)
        .await?;
    expect_rows("a campaign's resending", updated.rows_affected, 1)
}

/// Sent campaigns with messages to hand over again.
pub async fn resending(connection: &impl ConnectionTrait, limit: u64) -> Result<Vec<CampaignId>> {
    let ids: Vec<Uuid> = campaign_progress::Entity::find()
        .select_only()
        .column(campaign_progress::Column::CampaignId)
        .filter(campaign_progress::Column::ResendsAt.is_not_null())
        .order_by_asc(campaign_progress::Column::CampaignId)
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}
