//! What waits right now, for those who watch the service.
//!
//! **Invariant:** every count ends at a bound and is read through an index of what is outstanding, so that it
//! costs nothing for what is done.

use super::{Db, Result, plans};
use crate::vitals::{HoldCause, TableFigures};
use domain::{
    Instant,
    campaign::CampaignStatus,
    health::{OBSERVED_FOR, Pushback},
    message::MessageState,
};
use entity::{
    campaign, connection_health,
    convert::{code_opt, instant, ms},
    message,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    Select,
    sea_query::{Asterisk, Expr, ExprTrait, Func, Query},
};
use uuid::Uuid;

/// The most that is counted of anything.
const COUNTED_MAX: u64 = 10_000;
/// Running campaigns whose queues are looked at.
const CAMPAIGNS_MAX: u64 = 1_000;
/// Connections in trouble that are looked at.
const CONNECTIONS_MAX: u64 = 1_000;

impl Db {
    /// What waits at `now`, over all sites.
    pub async fn figures(&self, now: Instant) -> Result<TableFigures> {
        let db = self.read();
        let (mut due, mut oldest): (u64, Option<Instant>) = (0, None);
        for campaign in sending(db).await? {
            let waiting = due_now(campaign, now);
            let first: Option<i64> = waiting
                .clone()
                .select_only()
                .column(message::Column::DueAt)
                .order_by_asc(message::Column::DueAt)
                .order_by_asc(message::Column::Id)
                .into_tuple()
                .one(db)
                .await?;
            let Some(first) = first.map(instant) else { continue };
            oldest = oldest.into_iter().chain([first]).min();
            due += count(db, waiting, COUNTED_MAX.saturating_sub(due)).await?;
        }
        let in_state = |state| message::Entity::find().filter(plans::in_states(&[state]));
        Ok(TableFigures {
            due,
            oldest_due: oldest.map(|at| now - at),
            in_flight: count(db, in_state(MessageState::InFlight), COUNTED_MAX).await?,
            unknown: count(db, in_state(MessageState::Unknown), COUNTED_MAX).await?,
            receipts_waiting: count(db, super::receipts::waiting(), COUNTED_MAX).await?,
            held: held(db, now).await?,
        })
    }
}

/// The rows of a selection, counted up to `most`.
async fn count<E: EntityTrait>(
    db: &impl ConnectionTrait,
    rows: Select<E>,
    most: u64,
) -> Result<u64> {
    if most == 0 {
        return Ok(0);
    }
    let some = rows.select_only().expr_as(Expr::val(1), "one").limit(most).into_query();
    let counted = Query::select()
        .expr(Func::count(Expr::col(Asterisk)))
        .from_subquery(some, "some")
        .to_owned();
    let row = db.query_one(&counted).await?;
    let count: i64 = row.map_or(Ok(0), |row| row.try_get_by_index(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Campaigns whose messages may leave now, those that are paused left out.
async fn sending(db: &impl ConnectionTrait) -> Result<Vec<Uuid>> {
    let running = CampaignStatus::RUNNING.map(CampaignStatus::as_str);
    let campaigns = campaign::Entity::find()
        .select_only()
        .column(campaign::Column::Id)
        .filter(campaign::Column::Status.is_in(running))
        .filter(campaign::Column::PausedAt.is_null())
        .order_by_asc(campaign::Column::Id)
        .limit(CAMPAIGNS_MAX);
    Ok(campaigns.into_tuple().all(db).await?)
}

/// Messages of a campaign that are due.
fn due_now(campaign: Uuid, now: Instant) -> Select<message::Entity> {
    message::Entity::find()
        .filter(message::Column::CampaignId.eq(campaign))
        .filter(plans::in_states(&MessageState::PENDING))
        .filter(message::Column::DueAt.lte(ms(now)))
}

/// Connections that are left alone or whose answers stay away, by why.
async fn held(db: &impl ConnectionTrait, now: Instant) -> Result<Vec<(HoldCause, u64)>> {
    use connection_health::Column;
    let of_late = Column::UnansweredAt.gt(ms(now - OBSERVED_FOR));
    let rows: Vec<(Option<String>, Option<i64>)> = connection_health::Entity::find()
        .select_only()
        .columns([Column::Hold, Column::HeldUntil])
        .filter(Column::HeldUntil.gt(ms(now)).or(of_late))
        .limit(CONNECTIONS_MAX)
        .into_tuple()
        .all(db)
        .await?;
    let mut held = Vec::with_capacity(rows.len());
    for (hold, until) in rows {
        let is_held = until.is_some_and(|until| instant(until) > now);
        let why: Option<Pushback> = code_opt("connection_health", hold.as_deref())?;
        let cause = match why.filter(|_| is_held) {
            Some(Pushback::Throttled) => HoldCause::Throttled,
            Some(Pushback::Unavailable) => HoldCause::Unavailable,
            None => HoldCause::Unanswered,
        };
        held.push((cause, 1));
    }
    Ok(held)
}
