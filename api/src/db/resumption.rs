//! Resumption: what becomes, when a paused campaign goes on, of initial messages whose chosen local time came
//! while it was paused.
//!
//! **Invariant:** the gate is closed, and rows, counts and decisions are written in the transaction that lets
//! the campaign go on: no such message leaves before it was decided about.

use super::{
    Result, Txn,
    counts::Deltas,
    decisions::{self, Decision},
    expect_rows,
    plans::{ends_as, in_states, move_rows},
};
use crate::ports::Ids;
use domain::{
    Instant,
    id::CampaignId,
    message::{MessageState, Standing},
    reason::MessageReason,
    schedule::{Due, PassedTimePolicy, Schedule, SendingMode},
};
use entity::{
    convert::{self, instant, ms},
    message,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, Func},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Messages decided about in one statement; a campaign of a million takes as many as needed.
const BATCH: u64 = 1_000;

/// A pause that ends.
#[derive(Clone, Copy, Debug)]
pub struct Pause<'a> {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Its schedule.
    pub schedule: &'a Schedule,
    /// When it was paused.
    pub from: Instant,
    /// When it goes on: now.
    pub until: Instant,
}

/// What became of messages whose time came during a pause and that are not simply sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Redated {
    /// Messages that wait for the next day.
    pub deferred_count: i64,
    /// Messages that are never to be sent.
    pub skipped_count: i64,
}

/// What becomes of a message, in the order in which messages are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    /// It waits until then, in ms.
    Waits(i64),
    /// It is never sent.
    Skipped(MessageReason),
}

/// Applies the schedule's policy for passed times to what the pause made late. Messages that a rule or the
/// aggregator held when their time came stay as they are: their hand-over judges them anyway.
pub async fn redate(txn: &Txn, ids: &Ids, pause: Pause<'_>) -> Result<Redated> {
    let is_by_zone = pause.schedule.mode == SendingMode::SubscriberTime;
    let policy = pause.schedule.if_passed.filter(|_| is_by_zone);
    if policy.is_none_or(|policy| policy == PassedTimePolicy::SendNow) {
        return Ok(Redated::default());
    }
    let (mut deltas, mut redated) = (Deltas::default(), Redated::default());
    let mut after = None;
    loop {
        let rows = late(txn, pause, after).await?;
        after = rows.last().map(|row| row.id);
        let is_last = u64::try_from(rows.len()).is_ok_and(|count| count < BATCH);
        for (fate, rows) in fates(rows, pause)? {
            let count = i64::try_from(rows.len()).unwrap_or(i64::MAX);
            match fate {
                Fate::Waits(_) => redated.deferred_count += count,
                Fate::Skipped(_) => redated.skipped_count += count,
            }
            carry_out(txn, ids, fate, &rows, pause.until, &mut deltas).await?;
        }
        if is_last {
            break;
        }
    }
    deltas.apply(txn).await?;
    Ok(redated)
}

/// The next batch of initial messages that waited for nothing but their time, which came during the pause.
async fn late(txn: &Txn, pause: Pause<'_>, after: Option<Uuid>) -> Result<Vec<message::Model>> {
    let waiting = MessageReason::WaitingForLocalTime.as_str();
    let mut select = message::Entity::find()
        .filter(message::Column::CampaignId.eq(pause.campaign_id.0))
        .filter(in_states(&MessageState::PENDING))
        .filter(message::Column::StepPosition.eq(0))
        .filter(message::Column::DueAt.gte(ms(pause.from)))
        .filter(message::Column::DueAt.lt(ms(pause.until)))
        .filter(
            Condition::any()
                .add(message::Column::Reason.is_null())
                .add(message::Column::Reason.eq(waiting)),
        )
        .order_by_asc(message::Column::Id)
        .limit(BATCH);
    if let Some(after) = after {
        select = select.filter(message::Column::Id.gt(after));
    }
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(select.all(txn).await?)
}

/// Sorts messages by what becomes of them.
fn fates(
    rows: Vec<message::Model>,
    pause: Pause<'_>,
) -> Result<BTreeMap<Fate, Vec<message::Model>>> {
    let mut fates: BTreeMap<Fate, Vec<message::Model>> = BTreeMap::new();
    for row in rows {
        let zone = convert::zone("message", &row.time_zone)?;
        let fate = match pause.schedule.due_again(zone, instant(row.due_at), pause.until) {
            Due::Passed => Fate::Skipped(MessageReason::LocalTimePassed),
            Due::At(at) if row.send_by.is_some_and(|send_by| ms(at) >= send_by) => {
                Fate::Skipped(MessageReason::Expired)
            }
            Due::At(at) => Fate::Waits(ms(at)),
        };
        fates.entry(fate).or_default().push(row);
    }
    Ok(fates)
}

async fn carry_out(
    txn: &Txn,
    ids: &Ids,
    fate: Fate,
    rows: &[message::Model],
    now: Instant,
    deltas: &mut Deltas,
) -> Result<()> {
    let to = match fate {
        Fate::Waits(_) => {
            Standing::because(MessageState::Deferred, MessageReason::WaitingForLocalTime)
        }
        Fate::Skipped(reason) => Standing::because(MessageState::Skipped, reason),
    };
    move_rows(txn, rows, to, now, deltas).await?;
    if let Fate::Waits(due_at) = fate {
        let first_due = Func::coalesce([
            Expr::col(message::Column::DeferredFrom),
            Expr::col(message::Column::DueAt),
        ]);
        let moved = message::Entity::update_many()
            .col_expr(message::Column::DeferredFrom, first_due.into())
            .col_expr(message::Column::DueAt, due_at.into())
            .filter(message::Column::Id.is_in(rows.iter().map(|row| row.id)))
            .exec(txn)
            .await?;
        let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        expect_rows("messages moved to another day", moved.rows_affected, count)?;
    }
    let due_of = |row: &message::Model| match fate {
        Fate::Waits(due_at) => due_at,
        Fate::Skipped(_) => row.due_at,
    };
    let decisions = rows
        .iter()
        .map(|row| Decision {
            row,
            to: ends_as(row, to),
            rule: None,
            due_at: due_of(row),
            is_by_caller: true,
        })
        .collect();
    decisions::write(txn, ids, decisions, now).await
}
