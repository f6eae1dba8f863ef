//! Runs: campaigns as the engine finds them, due, being planned, or being handed over.
//!
//! **Invariant:** the engine asks the tables what there is to do; nothing is remembered between activations.

use super::{Result, Txn, counts::Run, plans};
use domain::{
    Instant,
    campaign::CampaignStatus,
    id::{CampaignId, SiteId},
    message::MessageState,
};
use entity::{
    campaign, campaign_progress,
    convert::{instant, ms},
    message,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
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

/// Campaigns that are being processed or sent, beyond `after`, by id.
pub async fn running(
    connection: &impl ConnectionTrait,
    after: Option<CampaignId>,
    limit: u64,
) -> Result<Vec<CampaignId>> {
    let statuses = CampaignStatus::RUNNING.map(CampaignStatus::as_str);
    let mut select = campaign::Entity::find()
        .select_only()
        .column(campaign::Column::Id)
        .filter(campaign::Column::Status.is_in(statuses));
    if let Some(after) = after {
        select = select.filter(campaign::Column::Id.gt(after.0));
    }
    let ids: Vec<Uuid> =
        select.order_by_asc(campaign::Column::Id).limit(limit).into_tuple().all(connection).await?;
    Ok(ids.into_iter().map(Into::into).collect())
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

/// When the next message of a campaign is due, if one is left to hand over.
pub async fn next_due(
    connection: &impl ConnectionTrait,
    campaign_id: CampaignId,
) -> Result<Option<Instant>> {
    let next: Option<i64> = message::Entity::find()
        .select_only()
        .column(message::Column::DueAt)
        .filter(message::Column::CampaignId.eq(campaign_id.0))
        .filter(plans::in_states(&MessageState::PENDING))
        .order_by_asc(message::Column::DueAt)
        .order_by_asc(message::Column::Id)
        .into_tuple()
        .one(connection)
        .await?;
    Ok(next.map(instant))
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

/// Notes that a hand-over began, or that messages were accepted.
pub(super) async fn note(
    txn: &Txn,
    campaign: Uuid,
    began_at: Option<Instant>,
    handed_over_at: Option<Instant>,
) -> Result<()> {
    use campaign_progress::Column;
    if let Some(at) = began_at {
        campaign_progress::Entity::update_many()
            .col_expr(Column::StartedAt, ms(at).into())
            .filter(Column::CampaignId.eq(campaign))
            .filter(Expr::col(Column::StartedAt).is_null())
            .exec(txn)
            .await?;
    }
    if let Some(at) = handed_over_at {
        campaign_progress::Entity::update_many()
            .col_expr(Column::HandedOverAt, ms(at).into())
            .filter(Column::CampaignId.eq(campaign))
            .exec(txn)
            .await?;
    }
    Ok(())
}
