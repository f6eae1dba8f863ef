//! Runs: campaigns as the engine finds them, due, being planned, or being handed over.
//!
//! **Invariant:** the engine asks the tables what there is to do; nothing is remembered between activations.

use super::{Result, Txn, counts::Run, each, plans};
use domain::{
    Instant,
    campaign::CampaignStatus,
    id::{CampaignId, SiteId},
    message::MessageState,
};
use entity::{
    aggregator_connection, campaign, campaign_progress,
    convert::{instant, ms},
    message, message_count, sender, site,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult,
    QuerySelect, QueryTrait as _, Select,
    sea_query::{Expr, ExprTrait, Order, Query, SimpleExpr},
};
use uuid::Uuid;

/// Starts the run of a campaign whose processing begins at `at`.
pub async fn begin(txn: &Txn, campaign_id: CampaignId, site_id: SiteId, at: Instant) -> Result<()> {
    campaign_progress::ActiveModel {
        campaign_id: Set(campaign_id.0),
        site_id: Set(site_id.0),
        version: Set(1),
        recipient_count: Set(0),
        processing_at: Set(ms(at)),
        plan_cursor: Set(None),
        planned_at: Set(None),
        started_at: Set(None),
        handed_over_at: Set(None),
        resends_at: Set(None),
    }
    .insert(txn)
    .await?;
    Ok(())
}

/// Scheduled campaigns whose processing is to have begun by `now`, the longest due first.
pub async fn scheduled_due(
    connection: &impl ConnectionTrait,
    now: Instant,
    limit: u64,
) -> Result<Vec<CampaignId>> {
    let ids: Vec<Uuid> = scheduled()
        .filter(campaign::Column::LaunchesAt.lte(ms(now)))
        .limit(limit)
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

fn scheduled() -> sea_orm::Select<campaign::Entity> {
    campaign::Entity::find()
        .select_only()
        .column(campaign::Column::Id)
        .filter(campaign::Column::Status.eq(CampaignStatus::Scheduled.as_str()))
        .order_by_asc(campaign::Column::LaunchesAt)
        .order_by_asc(campaign::Column::Id)
}

/// When the processing of the next scheduled campaign is to begin.
pub async fn next_scheduled(connection: &impl ConnectionTrait) -> Result<Option<Instant>> {
    let next: Option<Option<i64>> = campaign::Entity::find()
        .select_only()
        .column_as(campaign::Column::LaunchesAt.min(), "next")
        .filter(campaign::Column::Status.eq(CampaignStatus::Scheduled.as_str()))
        .into_tuple()
        .one(connection)
        .await?;
    Ok(next.flatten().map(instant))
}

/// Which of the campaigns that are being processed or sent to look for. Each is one statement, however many
/// campaigns run: the engine asks at every ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Those whose recipients are still being worked out.
    Unplanned,
    /// Those whose messages have moved so that the campaign may have to.
    Moved,
}

impl Wanted {
    fn condition(self) -> Condition {
        use campaign_progress::Column::{PlannedAt, StartedAt};
        let processing = campaign::Column::Status.eq(CampaignStatus::Processing.as_str());
        match self {
            Self::Unplanned => Condition::all().add(run_has(PlannedAt.is_null())),
            Self::Moved => Condition::all().add(run_has(PlannedAt.is_not_null())).add(
                Condition::any()
                    .add(has_nothing_left())
                    .add(processing.and(run_has(StartedAt.is_not_null()))),
            ),
        }
    }
}

/// That a campaign's run has this.
fn run_has(what: SimpleExpr) -> SimpleExpr {
    let runs = Query::select()
        .expr(Expr::val(1))
        .from(campaign_progress::Entity)
        .and_where(
            Expr::col((campaign_progress::Entity, campaign_progress::Column::CampaignId))
                .equals((campaign::Entity, campaign::Column::Id)),
        )
        .and_where(what)
        .to_owned();
    Expr::exists(runs)
}

/// That none of a campaign's messages is left to hand over or on its way.
fn has_nothing_left() -> SimpleExpr {
    use message_count::Column;
    let left = MessageState::OUTSTANDING.map(MessageState::as_str);
    let counts = Query::select()
        .expr(Expr::val(1))
        .from(message_count::Entity)
        .and_where(
            Expr::col((message_count::Entity, Column::CampaignId))
                .equals((campaign::Entity, campaign::Column::Id)),
        )
        .and_where(Expr::col((message_count::Entity, Column::State)).is_in(left))
        .and_where(Expr::col((message_count::Entity, Column::Count)).gt(0))
        .to_owned();
    Expr::exists(counts).not()
}

/// Campaigns that are being processed or sent and are wanted, beyond `after`, by id.
pub async fn running(
    connection: &impl ConnectionTrait,
    wanted: Wanted,
    after: Option<CampaignId>,
    limit: u64,
) -> Result<Vec<CampaignId>> {
    let ids: Vec<Uuid> = page_of_running(after, limit)
        .filter(wanted.condition())
        .into_tuple()
        .all(connection)
        .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

fn page_of_running(after: Option<CampaignId>, limit: u64) -> Select<campaign::Entity> {
    let statuses = CampaignStatus::RUNNING.map(CampaignStatus::as_str);
    let select = campaign::Entity::find()
        .select_only()
        .column(campaign::Column::Id)
        .filter(campaign::Column::Status.is_in(statuses))
        .order_by_asc(campaign::Column::Id)
        .limit(limit);
    match after {
        Some(after) => select.filter(campaign::Column::Id.gt(after.0)),
        None => select,
    }
}

/// A campaign that may hand messages over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// When the next of its messages is due, if one is left.
    pub next_at: Option<Instant>,
    /// What tells whether anything that its messages are made of has changed.
    pub stamp: Stamp,
}

/// Stays the same while a campaign, its site's settings, senders and connections do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    revision: i64,
    site_at: i64,
    sender_at: Option<i64>,
    connection_at: Option<i64>,
    /// The latest change among them but for the campaign's own, which are numbered.
    pub newest_at: Instant,
}

/// What is read of a [`Due`].
type DueRow = (Uuid, i64, Option<i64>, i64, Option<i64>, Option<i64>);

impl From<DueRow> for Due {
    fn from((id, revision, next, site_at, sender_at, connection_at): DueRow) -> Self {
        let changes = [Some(site_at), sender_at, connection_at];
        let newest_at = instant(changes.into_iter().flatten().max().unwrap_or_default());
        Self {
            campaign_id: id.into(),
            next_at: next.map(instant),
            stamp: Stamp { revision, site_at, sender_at, connection_at, newest_at },
        }
    }
}

/// When the rows of a table that belong to a campaign's site were changed last.
fn changed<E: EntityTrait>(entity: E, (at, key): (E::Column, E::Column)) -> SimpleExpr {
    let rows = Query::select()
        .expr(Expr::col((entity, at)).max())
        .from(entity)
        .and_where(Expr::col((entity, key)).equals((campaign::Entity, campaign::Column::SiteId)))
        .to_owned();
    SimpleExpr::SubQuery(None, Box::new(rows.into()))
}

/// Campaigns that are being processed or sent and are not paused, beyond `after`, by id.
pub async fn dues(
    connection: &impl ConnectionTrait,
    after: Option<CampaignId>,
    limit: u64,
) -> Result<Vec<Due>> {
    read_dues(connection, page_of_running(after, limit)).await
}

/// One of them.
pub async fn due(connection: &impl ConnectionTrait, id: CampaignId) -> Result<Option<Due>> {
    let one = page_of_running(None, 1).filter(campaign::Column::Id.eq(id.0));
    Ok(read_dues(connection, one).await?.pop())
}

async fn read_dues(
    connection: &impl ConnectionTrait,
    running: Select<campaign::Entity>,
) -> Result<Vec<Due>> {
    use {
        aggregator_connection::Column as OfConnection, sender::Column as OfSender,
        site::Column as OfSite,
    };
    let next = Query::select()
        .column((message::Entity, message::Column::DueAt))
        .from(message::Entity)
        .and_where(
            Expr::col((message::Entity, message::Column::CampaignId))
                .equals((campaign::Entity, campaign::Column::Id)),
        )
        .and_where(plans::in_states(&MessageState::PENDING))
        .order_by((message::Entity, message::Column::DueAt), Order::Asc)
        .limit(1)
        .to_owned();
    let connections = (OfConnection::UpdatedAt, OfConnection::SiteId);
    let rows: Vec<DueRow> = running
        .filter(campaign::Column::PausedAt.is_null())
        .column(campaign::Column::Revision)
        .expr_as(SimpleExpr::SubQuery(None, Box::new(next.into())), "next_due")
        .expr_as(changed(site::Entity, (OfSite::UpdatedAt, OfSite::Id)), "site_at")
        .expr_as(changed(sender::Entity, (OfSender::UpdatedAt, OfSender::SiteId)), "sender_at")
        .expr_as(changed(aggregator_connection::Entity, connections), "connection_at")
        .into_tuple()
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// When processing began of the campaign of a site whose plan has taken longest and is not complete.
pub(super) async fn oldest_plan(txn: &Txn, site_id: SiteId) -> Result<Option<Instant>> {
    use campaign_progress::Column;
    let statuses = CampaignStatus::RUNNING.map(CampaignStatus::as_str);
    let running = Query::select()
        .column(campaign::Column::Id)
        .from(campaign::Entity)
        .and_where(campaign::Column::SiteId.eq(site_id.0))
        .and_where(campaign::Column::Status.is_in(statuses))
        .to_owned();
    let began: Option<Option<i64>> = campaign_progress::Entity::find()
        .select_only()
        .column_as(Column::ProcessingAt.min(), "began")
        .filter(Column::SiteId.eq(site_id.0))
        .filter(Column::PlannedAt.is_null())
        .filter(Column::CampaignId.in_subquery(running))
        .into_tuple()
        .one(txn)
        .await?;
    Ok(began.flatten().map(instant))
}

/// When the messages of a campaign are due that are left to hand over, the first of them first.
fn due_times(campaign_id: CampaignId) -> Select<message::Entity> {
    message::Entity::find()
        .select_only()
        .column(message::Column::DueAt)
        .filter(message::Column::CampaignId.eq(campaign_id.0))
        .filter(plans::in_states(&MessageState::PENDING))
        .order_by_asc(message::Column::DueAt)
        .order_by_asc(message::Column::Id)
}

/// When the next message of a campaign is due, if one is left to hand over.
pub async fn next_due(
    connection: &impl ConnectionTrait,
    campaign_id: CampaignId,
) -> Result<Option<Instant>> {
    let next: Option<i64> = due_times(campaign_id).into_tuple().one(connection).await?;
    Ok(next.map(instant))
}

/// When the next message of each of several campaigns is due, in their order.
pub async fn next_due_of(
    connection: &impl ConnectionTrait,
    campaigns: &[CampaignId],
) -> Result<Vec<Option<Instant>>> {
    let next = |campaign: &CampaignId| due_times(*campaign).limit(1).into_query();
    let lists = each::rows(connection, campaigns.iter().map(next).collect(), &[]).await?;
    let due = |rows: Vec<QueryResult>| {
        Ok(rows.first().map(|row| row.try_get("", "due_at")).transpose()?.map(instant))
    };
    lists.into_iter().map(due).collect()
}

/// Notes how far the plan is: the last subscriber planned, how many were, and whether it is complete.
pub(super) async fn planned(
    txn: &Txn,
    run: &Run,
    cursor: Option<Uuid>,
    recipients: i64,
    completed_at: Option<Instant>,
) -> Result<()> {
    use campaign_progress::Column;
    let updated = campaign_progress::Entity::update_many()
        .col_expr(Column::PlanCursor, cursor.or(run.plan_cursor).into())
        .col_expr(Column::RecipientCount, Expr::col(Column::RecipientCount).add(recipients))
        .col_expr(Column::PlannedAt, completed_at.map(ms).into())
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::CampaignId.eq(run.campaign_id.0))
        .exec(txn)
        .await?;
    super::expect_rows("a campaign's plan", updated.rows_affected, 1)
}
