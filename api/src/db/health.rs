//! How the aggregators behind connections are: what the engine noted of them, and how fast they took messages.
//!
//! **Invariant:** a note touches its own columns only: nodes and the status page's reader never undo each
//! other. Of two nodes that note the same, the last one is believed.
//! **Invariant:** every read here goes through an index and has a bound.

use super::{Result, Txn, bulk, each, plans};
use chrono::TimeDelta;
use domain::{
    Instant,
    health::{Component, Hold, OBSERVED_FOR, Observed, PageReport, Pushback},
    id::{CampaignId, ConnectionId, SiteId},
    message::MessageState,
};
use entity::{
    attempt, connection_health,
    convert::{code_opt, instant, ms},
    message,
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait as _,
    sea_query::OnConflict,
};
use std::collections::HashMap;
use uuid::Uuid;

const TABLE: &str = "connection_health";

/// Everything that is known about the health of a connection's aggregator.
pub async fn read(db: &impl ConnectionTrait, id: ConnectionId) -> Result<Observed> {
    let row = connection_health::Entity::find_by_id(id.0).one(db).await?;
    row.map_or_else(|| Ok(Observed::default()), observed)
}

/// The same of several connections of the sites given; those of which nothing was noted are left out.
pub async fn read_many(
    db: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[ConnectionId],
) -> Result<HashMap<ConnectionId, Observed>> {
    use connection_health::Column;
    let rows = connection_health::Entity::find()
        .filter(bulk::among(db, Column::ConnectionId, ids.iter().map(|id| id.0)))
        .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .all(db)
        .await?;
    rows.into_iter().map(|row| Ok((row.connection_id.into(), observed(row)?))).collect()
}

fn observed(row: connection_health::Model) -> Result<Observed> {
    let hold: Option<Pushback> = code_opt(TABLE, row.hold.as_deref())?;
    let indicator = code_opt(TABLE, row.indicator.as_deref())?;
    let status = code_opt(TABLE, row.component_status.as_deref())?;
    let incident_url = row.incident_url;
    let page_since = row.since.map(instant);
    Ok(Observed {
        hold: hold.zip(row.held_since).zip(row.held_until).map(|((pushback, since), until)| Hold {
            pushback,
            since: instant(since),
            until: instant(until),
            code: row.last_error_code,
        }),
        unanswered_at: row.unanswered_at.map(instant),
        page: indicator.map(|indicator| PageReport {
            indicator,
            component: row.component.zip(status).map(|(name, status)| Component { name, status }),
            incident: row
                .incident
                .map(|title| domain::health::Incident { title, url: incident_url }),
            since: page_since,
        }),
        page_since,
        checked_at: row.checked_at.map(instant),
        failed_at: row.failed_at.map(instant),
    })
}

/// Makes a connection's row, unless it has one.
pub(super) async fn ensure(txn: &Txn, id: ConnectionId, site: SiteId) -> Result<()> {
    let row = connection_health::ActiveModel {
        connection_id: Set(id.0),
        site_id: Set(site.0),
        indicator: NotSet,
        component: NotSet,
        component_status: NotSet,
        incident: NotSet,
        incident_url: NotSet,
        since: NotSet,
        checked_at: NotSet,
        etag: NotSet,
        failed_at: NotSet,
        hold: NotSet,
        held_since: NotSet,
        held_until: NotSet,
        last_error_code: NotSet,
        unanswered_at: NotSet,
    };
    connection_health::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(())
}

/// Notes that a connection is left alone until `until`, because its aggregator did not take a message. A hold
/// that goes on keeps its beginning.
pub async fn held(
    txn: &Txn,
    (id, site): (ConnectionId, SiteId),
    hold: (Pushback, Instant, Option<&str>),
    now: Instant,
) -> Result<()> {
    use connection_health::Column;
    ensure(txn, id, site).await?;
    let known = read(txn, id).await?.hold.filter(|hold| now < hold.until + OBSERVED_FOR);
    let since = known.map_or(now, |hold| hold.since);
    let (pushback, until, code) = hold;
    connection_health::Entity::update_many()
        .col_expr(Column::Hold, pushback.as_str().into())
        .col_expr(Column::HeldSince, ms(since).into())
        .col_expr(Column::HeldUntil, ms(until).into())
        .col_expr(Column::LastErrorCode, code.into())
        .filter(Column::ConnectionId.eq(id.0))
        .exec(txn)
        .await?;
    Ok(())
}

/// Notes that a connection's aggregator takes messages.
pub async fn released(txn: &Txn, id: ConnectionId) -> Result<()> {
    use connection_health::Column;
    connection_health::Entity::update_many()
        .col_expr(Column::Hold, Option::<String>::None.into())
        .col_expr(Column::HeldSince, Option::<i64>::None.into())
        .col_expr(Column::HeldUntil, Option::<i64>::None.into())
        .col_expr(Column::LastErrorCode, Option::<String>::None.into())
        .filter(Column::ConnectionId.eq(id.0))
        .filter(Column::Hold.is_not_null())
        .exec(txn)
        .await?;
    Ok(())
}

/// Notes that hand-overs got no certain answer.
pub async fn unanswered(txn: &Txn, id: ConnectionId, site: SiteId, now: Instant) -> Result<()> {
    use connection_health::Column;
    ensure(txn, id, site).await?;
    connection_health::Entity::update_many()
        .col_expr(Column::UnansweredAt, ms(now).into())
        .filter(Column::ConnectionId.eq(id.0))
        .exec(txn)
        .await?;
    Ok(())
}

/// When the message of each campaign was accepted that has waited longest for a carrier's word, in the order
/// of `campaigns`.
pub async fn oldest_awaiting(
    db: &impl ConnectionTrait,
    campaigns: &[CampaignId],
) -> Result<Vec<Option<Instant>>> {
    let oldest = |campaign: &CampaignId| {
        message::Entity::find()
            .select_only()
            .column(message::Column::AcceptedAt)
            .filter(message::Column::CampaignId.eq(campaign.0))
            .filter(plans::in_states(&[MessageState::Accepted]))
            .order_by_asc(message::Column::AcceptedAt)
            .limit(1)
            .into_query()
    };
    let lists = each::rows(db, campaigns.iter().map(oldest).collect(), &[]).await?;
    let accepted_at = |rows: Vec<QueryResult>| {
        let at: Option<Option<i64>> =
            rows.first().map(|row| row.try_get("", "accepted_at")).transpose()?;
        Ok(at.flatten().map(instant))
    };
    lists.into_iter().map(accepted_at).collect()
}

/// How long the messages that each connection took last waited between being due and being taken: at most
/// `limit` of them, none taken before `since`. One that was tried again counts from its first try, because
/// its due time moved with each further one.
pub async fn waits(
    db: &impl ConnectionTrait,
    sites: &[SiteId],
    connections: &[ConnectionId],
    since: Instant,
    limit: u64,
) -> Result<Vec<Vec<TimeDelta>>> {
    use message::Column;
    let taken = |id: &ConnectionId| {
        message::Entity::find()
            .select_only()
            .columns([Column::Id, Column::DueAt, Column::Fence, Column::AcceptedAt])
            .filter(Column::ConnectionId.eq(id.0))
            .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
            .filter(Column::AcceptedAt.gt(ms(since)))
            .order_by_desc(Column::AcceptedAt)
            .limit(limit)
            .into_query()
    };
    let read = |row: &QueryResult| {
        Ok::<(Uuid, i64, i64, Option<i64>), DbErr>((
            row.try_get("", "id")?,
            row.try_get("", "due_at")?,
            row.try_get("", "fence")?,
            row.try_get("", "accepted_at")?,
        ))
    };
    let lists = each::rows(db, connections.iter().map(taken).collect(), &[]).await?;
    let lists = lists.iter().map(|rows| rows.iter().map(read).collect());
    let lists: Vec<Vec<_>> = lists.collect::<std::result::Result<_, DbErr>>()?;
    let again = lists.iter().flatten().filter(|(_, _, fence, _)| *fence > FIRST_FENCE);
    let first = first_tries(db, again.map(|(id, ..)| *id)).await?;
    let waited = |(id, due_at, _, accepted_at): &(Uuid, i64, i64, Option<i64>)| {
        accepted_at.map(|at| wait(first.get(id).copied(), *due_at, at))
    };
    Ok(lists.iter().map(|rows| rows.iter().filter_map(waited).collect()).collect())
}

/// As [`waits`], of messages that were taken just now.
pub(super) async fn waited<'a>(
    txn: &Txn,
    taken: impl Iterator<Item = &'a message::Model> + Clone,
) -> Result<Vec<TimeDelta>> {
    let again = taken.clone().filter(|row| row.fence > FIRST_FENCE).map(|row| row.id);
    let first = first_tries(txn, again).await?;
    let waits = taken
        .map(|row| row.accepted_at.map(|at| wait(first.get(&row.id).copied(), row.due_at, at)));
    Ok(waits.flatten().collect())
}

/// How long a message waited that was due, first tried if that was earlier, and taken at these ms.
fn wait(tried_at: Option<i64>, due_at: i64, accepted_at: i64) -> TimeDelta {
    let began = tried_at.map_or(due_at, |tried| tried.min(due_at));
    TimeDelta::milliseconds(accepted_at.saturating_sub(began))
}

/// The fence of a message's first attempt.
const FIRST_FENCE: i64 = 1;

/// When messages were first tried.
async fn first_tries(
    db: &impl ConnectionTrait,
    messages: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, i64>> {
    let messages: Vec<Uuid> = messages.collect();
    if messages.is_empty() {
        return Ok(HashMap::new());
    }
    let tried: Vec<(Uuid, i64)> = attempt::Entity::find()
        .select_only()
        .columns([attempt::Column::MessageId, attempt::Column::StartedAt])
        .filter(bulk::among(db, attempt::Column::MessageId, messages.into_iter()))
        .filter(attempt::Column::Fence.eq(FIRST_FENCE))
        .into_tuple()
        .all(db)
        .await?;
    Ok(tried.into_iter().collect())
}
