//! Planning: who receives a campaign, a batch of subscribers at a time, and putting away what never leaves.
//!
//! **Invariant:** one row for each campaign, step and phone: planning the same subscriber again adds nothing.
//! **Invariant:** rows, counts, reservations and the planner's position are written in one transaction.

use super::{
    Result, Txn,
    binding::Binding,
    counts::{Deltas, Key, Run},
    decisions,
    prospects::{self, Bench, Planned, Prospect, Search, TooLong, outset},
    revisions::FrozenRules,
    runs, trials,
};
use crate::ports::Ids;
use domain::{
    Instant,
    campaign::Step,
    id::{CampaignId, MessageId},
    message::{MessageState, Standing},
    reason::{MessageReason, StatusReason},
};
use entity::{
    convert::{self, code, ms},
    message,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, OnConflict, SimpleExpr},
};

/// A batch to plan.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// What binds the campaign, which is being processed.
    pub binding: &'a Binding,
    /// How far the plan is.
    pub run: &'a Run,
    /// Whom the frozen revision selects and leaves out.
    pub rules: &'a FrozenRules,
    /// How many subscribers at the most.
    pub limit: u64,
}

/// What planning a batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extended {
    /// It is written. Commit.
    Planned,
    /// The campaign cannot go on, for this reason. Roll back.
    Impossible(StatusReason),
}

/// Plans the next batch.
pub async fn extend(txn: &Txn, ids: &Ids, batch: Batch<'_>, now: Instant) -> Result<Extended> {
    let Batch { binding, run, rules, limit } = batch;
    let Some((step, _)) = binding.step(0) else {
        return Ok(Extended::Impossible(StatusReason::ContentInvalid));
    };
    let search = Search { rules, joined_by: run.processing_at, after: run.plan_cursor, limit };
    let found = prospects::next(txn, &binding.campaign, search).await?;
    let mut bench = Bench::of(txn, binding, run.processing_at, &found, now).await?;
    let mut rows = Vec::with_capacity(found.len());
    let mut deltas = Deltas::default();
    let mut reserved = 0;
    for prospect in &found {
        let planned = match bench.work_out(prospect)? {
            Ok(planned) => planned,
            Err(TooLong) => return Ok(Extended::Impossible(StatusReason::ContentInvalid)),
        };
        let row = row(ids, binding, step, prospect, &planned, now);
        reserved += row.reserved;
        deltas.add(key(&row, standing_of(&row)?));
        rows.push(active(row));
    }
    let planned = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    insert(txn, "a planned batch", rows).await?;
    deltas.apply(txn).await?;
    let completed_at = (planned < limit).then_some(now);
    let cursor = found.last().map(|prospect| prospect.row.id);
    let planned = i64::try_from(planned).unwrap_or(i64::MAX);
    runs::planned(txn, run, cursor, planned, completed_at).await?;
    if !trials::reserve(txn, binding.site.id, reserved).await? {
        return Ok(Extended::Impossible(StatusReason::TrialLimitReached));
    }
    Ok(Extended::Planned)
}

/// Rows of one statement at the most: SQLite binds 32,766 values in one, and a message has 37 columns.
const INSERT_ROWS_MAX: usize = 800;

/// Adds messages, none of which may be there already.
pub(super) async fn insert(
    txn: &Txn,
    what: &'static str,
    mut rows: Vec<message::ActiveModel>,
) -> Result<()> {
    let expected = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let mut inserted: u64 = 0;
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(INSERT_ROWS_MAX));
        inserted += message::Entity::insert_many(rows)
            .on_conflict(OnConflict::new().do_nothing().to_owned())
            .exec_without_returning(txn)
            .await?;
        rows = rest;
    }
    super::expect_rows(what, inserted, expected)
}

fn row(
    ids: &Ids,
    binding: &Binding,
    step: &Step,
    prospect: &Prospect,
    planned: &Planned,
    now: Instant,
) -> message::Model {
    let outset = outset(&planned.verdict, planned.due_at, now);
    let why = decisions::Why::of(&planned.verdict);
    let is_to_go = outset.state.is_pending();
    let zones = planned.place.zones;
    let is_one_of_several = zones.zones().len() > 1;
    message::Model {
        id: ids.next::<MessageId>().0,
        site_id: binding.campaign.site_id.0,
        campaign_id: binding.campaign.id.0,
        step_id: step.id.0,
        step_position: i64::from(step.position),
        subscriber_id: prospect.row.id,
        phone: prospect.row.phone.clone(),
        time_zone: zones.principal().name().to_owned(),
        state: outset.state.as_str().to_owned(),
        reason: outset.reason.map(|reason| reason.as_str().to_owned()),
        aggregator_code: None,
        due_at: ms(outset.due_at),
        deferred_from: outset.deferred_from.map(ms),
        send_by: binding.schedule.as_ref().and_then(|schedule| schedule.send_by).map(ms),
        fence: 0,
        lease_until: None,
        attempt_count: 0,
        segments: planned.segments.map(i64::from),
        connection_id: None,
        provider_id: None,
        accepted_at: None,
        delivered_at: None,
        passed_on_at: None,
        stopped_at: None,
        zones: is_one_of_several.then(|| zones.to_string()),
        region: planned.place.region.map(|region| region.as_str().to_owned()),
        rule: why.rule,
        blocked_by: why.blocked_by,
        blocked_at: why.blocked_at,
        variables: (!planned.values.is_empty()).then(|| convert::values_json(&planned.values)),
        reserved: if is_to_go && binding.is_on_trial() {
            i64::from(planned.segments_of_all)
        } else {
            0
        },
        evaluated_at: ms(now),
        previous_id: None,
        resolve_at: None,
        resolve_tries: None,
        uncertain_at: None,
        updated_at: ms(now),
    }
}

pub(super) fn active(row: message::Model) -> message::ActiveModel {
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
        passed_on_at: Set(row.passed_on_at),
        stopped_at: Set(row.stopped_at),
        zones: Set(row.zones),
        region: Set(row.region),
        rule: Set(row.rule),
        blocked_by: Set(row.blocked_by),
        blocked_at: Set(row.blocked_at),
        variables: Set(row.variables),
        reserved: Set(row.reserved),
        evaluated_at: Set(row.evaluated_at),
        previous_id: Set(row.previous_id),
        resolve_at: Set(row.resolve_at),
        resolve_tries: Set(row.resolve_tries),
        uncertain_at: Set(row.uncertain_at),
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

/// Whether a message in `state` neither waits nor may be on its way, so that nothing need be reserved for it.
pub(super) const fn is_over(state: MessageState) -> bool {
    !state.is_pending() && !matches!(state, MessageState::InFlight | MessageState::Unknown)
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

/// Where a message ends that is to end as `to`: one of which an earlier attempt may have been taken, and
/// which somebody chose to send again, is not known to have reached nobody.
pub(super) fn ends_as(row: &message::Model, to: Standing) -> Standing {
    let says_unsent = matches!(to.state, MessageState::Canceled | MessageState::Skipped);
    if says_unsent && row.uncertain_at.is_some() {
        Standing::because(MessageState::Unknown, MessageReason::WrittenOff)
    } else {
        to
    }
}

/// Moves rows that were read and locked to one standing, out of any lease, and notes it in `deltas`; see
/// [`ends_as`]. Answers how many moved there.
pub(super) async fn move_rows(
    txn: &Txn,
    rows: &[message::Model],
    to: Standing,
    now: Instant,
    deltas: &mut Deltas,
) -> Result<i64> {
    let (certain, uncertain): (Vec<_>, Vec<_>) =
        rows.iter().partition(|row| ends_as(row, to) == to);
    move_all(txn, &certain, to, now, deltas).await?;
    if let Some(row) = uncertain.first() {
        move_all(txn, &uncertain, ends_as(row, to), now, deltas).await?;
    }
    Ok(i64::try_from(certain.len()).unwrap_or(i64::MAX))
}

async fn move_all(
    txn: &Txn,
    rows: &[&message::Model],
    to: Standing,
    now: Instant,
    deltas: &mut Deltas,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let is_over = is_over(to.state);
    for row in rows {
        deltas.moved(key(row, standing_of(row)?), to);
        if is_over {
            deltas.unreserve(row);
        }
    }
    let mut update = message::Entity::update_many()
        .col_expr(message::Column::State, to.state.as_str().into())
        .col_expr(message::Column::Reason, to.reason.map(MessageReason::as_str).into());
    if is_over {
        update = update.col_expr(message::Column::Reserved, 0.into());
    }
    let updated = update
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
        stopped += move_rows(txn, &rows, to, now, &mut deltas).await?;
        if u64::try_from(rows.len()).unwrap_or(u64::MAX) < PUT_AWAY_BATCH {
            break;
        }
    }
    Ok((stopped, deltas))
}
