//! Planning: who receives a campaign, a batch of subscribers at a time, and putting away what never leaves.
//!
//! **Invariant:** one row for each campaign, step and phone: planning the same subscriber again adds nothing.
//! **Invariant:** rows, counts and the planner's position are written in one transaction.

use super::{
    Result, Txn, audiences,
    counts::{Deltas, Key, Run},
    revisions::FrozenRules,
    runs, subscribers,
};
use crate::ports::Ids;
use domain::{
    Instant,
    campaign::{Campaign, Step},
    gate::{Facts, Verdict},
    id::{CampaignId, MessageId},
    message::{MessageState, Standing},
    reason::MessageReason,
    subscriber::SubscriberStatus,
    zone::Zone,
};
use entity::{
    campaign,
    convert::{code, ms},
    message, subscriber,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr},
};
use std::collections::HashSet;
use uuid::Uuid;

/// A batch to plan.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The campaign, being processed.
    pub campaign: &'a Campaign,
    /// The step whose messages are planned.
    pub step: &'a Step,
    /// How far the plan is.
    pub run: &'a Run,
    /// Whom the frozen revision selects.
    pub rules: &'a FrozenRules,
    /// The zone of subscribers without one of their own: the site's.
    pub site_zone: Zone,
    /// When the messages are due.
    pub due_at: Instant,
    /// How many subscribers at the most.
    pub limit: u64,
}

/// Originals whose reach a duplicate of a duplicate leaves out.
const ORIGINALS_MAX: usize = 16;

/// Plans the next batch; `judge` says what is to be done with each recipient. Answers whether the plan is
/// complete.
pub async fn extend(
    txn: &Txn,
    ids: &Ids,
    batch: Batch<'_>,
    now: Instant,
    judge: impl Fn(&Facts) -> Verdict,
) -> Result<bool> {
    let recipients = next_recipients(txn, &batch).await?;
    let phones = || recipients.iter().map(|row| row.phone.as_str());
    let site_id = batch.campaign.site_id;
    let opted_out = subscribers::opted_out(txn, site_id, phones()).await?;
    let reached = reached(txn, batch.campaign, phones()).await?;
    let mut rows = Vec::with_capacity(recipients.len());
    let mut deltas = Deltas::default();
    for recipient in &recipients {
        let facts = Facts {
            status: code::<SubscriberStatus>("subscriber", &recipient.status)?,
            has_opted_out: opted_out.contains(&recipient.phone),
            was_reached: reached.contains(&recipient.phone),
            due_at: batch.due_at,
            send_by: batch.campaign.schedule.as_ref().and_then(|schedule| schedule.send_by),
        };
        let standing = standing(judge(&facts), batch.due_at, now);
        let row = row(ids, &batch, recipient, &facts, standing, now);
        deltas.add(key(&row, standing));
        rows.push(active(row));
    }
    let planned = i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let inserted = message::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    super::expect_rows("a planned batch", inserted, planned.unsigned_abs())?;
    deltas.apply(txn).await?;
    let is_complete = planned.unsigned_abs() < batch.limit;
    let cursor = recipients.last().map(|row| row.id);
    runs::planned(txn, batch.run, cursor, planned, is_complete.then_some(now)).await?;
    Ok(is_complete)
}

/// Where a message starts: held, waiting its turn, or skipped.
fn standing(verdict: Verdict, due_at: Instant, now: Instant) -> Standing {
    match verdict {
        Verdict::Skip(reason) => Standing::because(MessageState::Skipped, reason),
        Verdict::Send if due_at > now => {
            Standing::because(MessageState::Deferred, MessageReason::WaitingForLocalTime)
        }
        Verdict::Send => Standing::plain(MessageState::Queued),
    }
}

async fn next_recipients(txn: &Txn, batch: &Batch<'_>) -> Result<Vec<subscriber::Model>> {
    let selects = |rules: &[_]| {
        rules.iter().fold(Condition::any(), |any, rules| any.add(audiences::members(rules)))
    };
    let mut select = subscriber::Entity::find()
        .filter(subscriber::Column::SiteId.eq(batch.campaign.site_id.0))
        .filter(subscriber::Column::CreatedAt.lte(ms(batch.run.processing_at)))
        .filter(selects(&batch.rules.included));
    if !batch.rules.excluded.is_empty() {
        select = select.filter(selects(&batch.rules.excluded).not());
    }
    if let Some(cursor) = batch.run.plan_cursor {
        select = select.filter(subscriber::Column::Id.gt(cursor));
    }
    Ok(select.order_by_asc(subscriber::Column::Id).limit(batch.limit).all(txn).await?)
}

/// Which of `phones` the originals of a campaign that leaves them out have reached.
async fn reached(
    txn: &Txn,
    campaign: &Campaign,
    phones: impl Iterator<Item = &str>,
) -> Result<HashSet<String>> {
    let originals = originals(txn, campaign).await?;
    if originals.is_empty() {
        return Ok(HashSet::new());
    }
    let states = [
        MessageState::Unknown,
        MessageState::Accepted,
        MessageState::Unconfirmed,
        MessageState::Delivered,
        MessageState::InFlight,
    ];
    let phones: Vec<String> = message::Entity::find()
        .select_only()
        .column(message::Column::Phone)
        .filter(message::Column::CampaignId.is_in(originals))
        .filter(message::Column::State.is_in(states.map(MessageState::as_str)))
        .filter(message::Column::Phone.is_in(phones))
        .into_tuple()
        .all(txn)
        .await?;
    Ok(phones.into_iter().collect())
}

/// The campaign this one was copied from, and those that one left out in turn.
async fn originals(txn: &Txn, campaign: &Campaign) -> Result<Vec<Uuid>> {
    let mut originals = Vec::new();
    let mut next = campaign.duplicated_from.filter(|_| campaign.excludes_reached).map(|id| id.0);
    while let Some(id) = next
        && originals.len() < ORIGINALS_MAX
    {
        originals.push(id);
        let row = campaign::Entity::find_by_id(id).one(txn).await?;
        next = row.filter(|row| row.excludes_reached).and_then(|row| row.duplicated_from);
    }
    Ok(originals)
}

fn row(
    ids: &Ids,
    batch: &Batch<'_>,
    recipient: &subscriber::Model,
    facts: &Facts,
    standing: Standing,
    now: Instant,
) -> message::Model {
    let zone = recipient.time_zone.clone().unwrap_or_else(|| batch.site_zone.name().to_owned());
    message::Model {
        id: ids.next::<MessageId>().0,
        site_id: batch.campaign.site_id.0,
        campaign_id: batch.campaign.id.0,
        step_id: batch.step.id.0,
        step_position: i64::from(batch.step.position),
        subscriber_id: recipient.id,
        phone: recipient.phone.clone(),
        time_zone: zone,
        state: standing.state.as_str().to_owned(),
        reason: standing.reason.map(|reason| reason.as_str().to_owned()),
        aggregator_code: None,
        due_at: ms(facts.due_at),
        deferred_from: None,
        send_by: facts.send_by.map(ms),
        fence: 0,
        lease_until: None,
        attempt_count: 0,
        segments: None,
        connection_id: None,
        provider_id: None,
        accepted_at: None,
        delivered_at: None,
        zones: None,
        region: None,
        rule: None,
        blocked_by: None,
        blocked_at: None,
        variables: None,
        reserved: 0,
        evaluated_at: ms(now),
        previous_id: None,
        updated_at: ms(now),
    }
}

fn active(row: message::Model) -> message::ActiveModel {
    message::ActiveModel {
        id: Set(row.id),
        site_id: Set(row.site_id),
        campaign_id: Set(row.campaign_id),
        step_id: Set(row.step_id),
        step_position: Set(row.step_position),
        subscriber_id: Set(row.subscriber_id),
        phone: Set(row.phone),
        time_zone: Set(row.time_zone),
        state: Set(row.state),
        reason: Set(row.reason),
        aggregator_code: Set(row.aggregator_code),
        due_at: Set(row.due_at),
        deferred_from: Set(row.deferred_from),
        send_by: Set(row.send_by),
        fence: Set(row.fence),
        lease_until: Set(row.lease_until),
        attempt_count: Set(row.attempt_count),
        segments: Set(row.segments),
        connection_id: Set(row.connection_id),
        provider_id: Set(row.provider_id),
        accepted_at: Set(row.accepted_at),
        delivered_at: Set(row.delivered_at),
        zones: Set(row.zones),
        region: Set(row.region),
        rule: Set(row.rule),
        blocked_by: Set(row.blocked_by),
        blocked_at: Set(row.blocked_at),
        variables: Set(row.variables),
        reserved: Set(row.reserved),
        evaluated_at: Set(row.evaluated_at),
        previous_id: Set(row.previous_id),
        updated_at: Set(row.updated_at),
    }
}

/// The states as literals: bound values would keep both databases from the partial indexes.
pub(super) fn in_states(states: &[MessageState]) -> SimpleExpr {
    let column = Expr::col((message::Entity, message::Column::State));
    let mut names = states.iter().map(|state| Expr::cust(format!("'{state}'")));
    // A list of one does not match an index over one state.
    match (names.next(), states.len()) {
        (Some(only), 1) => column.eq(only),
        (first, _) => column.is_in(first.into_iter().chain(names)),
    }
}

/// What a row is counted by in a standing it has or had.
pub(super) fn key(row: &message::Model, standing: Standing) -> Key {
    Key {
        site: row.site_id,
        campaign: row.campaign_id,
        step: row.step_id,
        time_zone: row.time_zone.clone(),
        state: standing.state,
        reason: standing.reason,
    }
}

/// The standing a row is in.
pub(super) fn standing_of(row: &message::Model) -> Result<Standing> {
    Ok(Standing {
        state: code("message", &row.state)?,
        reason: entity::convert::code_opt("message", row.reason.as_deref())?,
    })
}

/// Puts away everything of a campaign that waits for its hand-over, and answers how many messages that
/// were. The gate must be closed.
pub async fn stop(
    txn: &Txn,
    campaign: CampaignId,
    reason: MessageReason,
    now: Instant,
) -> Result<i64> {
    let of_campaign = Condition::all()
        .add(message::Column::CampaignId.eq(campaign.0))
        .add(in_states(&MessageState::PENDING));
    let to = Standing::because(MessageState::Canceled, reason);
    let (stopped, deltas) = put_away(txn, of_campaign, to, now).await?;
    deltas.apply(txn).await?;
    Ok(stopped)
}

/// Moves rows that were read and locked to one standing, out of any lease, and notes it in `deltas`.
pub(super) async fn move_rows(
    txn: &Txn,
    rows: &[message::Model],
    to: Standing,
    now: Instant,
    deltas: &mut Deltas,
) -> Result<()> {
    for row in rows {
        deltas.moved(key(row, standing_of(row)?), to);
    }
    let updated = message::Entity::update_many()
        .col_expr(message::Column::State, to.state.as_str().into())
        .col_expr(message::Column::Reason, to.reason.map(MessageReason::as_str).into())
        .col_expr(message::Column::LeaseUntil, Option::<i64>::None.into())
        .col_expr(message::Column::UpdatedAt, ms(now).into())
        .filter(message::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(txn)
        .await?;
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    super::expect_rows("messages moved", updated.rows_affected, count)
}

/// Rows put away in one statement; a campaign of a million takes as many statements as needed.
const PUT_AWAY_BATCH: u64 = 5_000;

async fn put_away(
    txn: &Txn,
    which: Condition,
    to: Standing,
    now: Instant,
) -> Result<(i64, Deltas)> {
    let mut deltas = Deltas::default();
    let mut stopped = 0;
    loop {
        let mut select = message::Entity::find()
            .filter(which.clone())
            .order_by_asc(message::Column::Id)
            .limit(PUT_AWAY_BATCH);
        if txn.get_database_backend() == sea_orm::DbBackend::Postgres {
            select = select.lock_exclusive();
        }
        let rows = select.all(txn).await?;
        move_rows(txn, &rows, to, now, &mut deltas).await?;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        stopped += i64::try_from(count).unwrap_or(i64::MAX);
        if count < PUT_AWAY_BATCH {
            break;
        }
    }
    Ok((stopped, deltas))
}
