//! Status pages: which are to be asked, by whom, and what they said.
//!
//! **Invariant:** a page is asked by whoever swaps its `checked_at`, so that nodes share the work and none
//! asks twice.

use super::{Result, Txn, expect_rows, health};
use domain::{
    Instant,
    campaign::CampaignStatus,
    health::PageReport,
    id::{ConnectionId, SiteId},
    message::MessageState,
};
use entity::{
    aggregator_connection, campaign, campaign_progress, connection_health,
    convert::{instant, ms},
    message_count,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter,
    QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Func, Query, SelectStatement},
};
use uuid::Uuid;

/// A status page that somebody wants to know about.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The connection.
    pub connection_id: ConnectionId,
    /// Its site.
    pub site_id: SiteId,
    /// The page's URL, without a path of the interface.
    pub url: String,
    /// What its last answer is told by.
    pub etag: Option<String>,
    /// When it was last asked.
    pub checked_at: Option<Instant>,
    /// Since when it reports trouble.
    pub since: Option<Instant>,
    /// Since when it cannot be read.
    pub failed_at: Option<Instant>,
}

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    site_id: Uuid,
    status_page_url: Option<String>,
    etag: Option<String>,
    checked_at: Option<i64>,
    since: Option<i64>,
    failed_at: Option<i64>,
}

/// Up to `limit` status pages of sites with a campaign that is running, or that handed messages over since
/// `handed_over_since` and waits for word of some; those not asked for the longest time first.
pub async fn watched(
    db: &impl ConnectionTrait,
    handed_over_since: Instant,
    limit: u64,
) -> Result<Vec<Watched>> {
    use connection_health::Column;
    let health = connection_health::Entity::belongs_to(aggregator_connection::Entity)
        .from(Column::ConnectionId)
        .to(aggregator_connection::Column::Id);
    let last_asked = Expr::col((connection_health::Entity, Column::CheckedAt));
    let rows = aggregator_connection::Entity::find()
        .select_only()
        .columns([
            aggregator_connection::Column::Id,
            aggregator_connection::Column::SiteId,
            aggregator_connection::Column::StatusPageUrl,
        ])
        .columns([Column::Etag, Column::CheckedAt, Column::Since, Column::FailedAt])
        .join_rev(JoinType::LeftJoin, health.into())
        .filter(aggregator_connection::Column::StatusPageUrl.is_not_null())
        .filter(
            Condition::any()
                .add(Expr::exists(running()))
                .add(Expr::exists(awaiting(handed_over_since))),
        )
        .order_by_asc(Func::coalesce([last_asked, Expr::val(0_i64)]))
        .order_by_asc(aggregator_connection::Column::Id)
        .limit(limit)
        .into_model::<Row>()
        .all(db)
        .await?;
    let read = |row: Row| {
        Some(Watched {
            connection_id: row.id.into(),
            site_id: row.site_id.into(),
            url: row.status_page_url?,
            etag: row.etag,
            checked_at: row.checked_at.map(instant),
            since: row.since.map(instant),
            failed_at: row.failed_at.map(instant),
        })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// Campaigns of a connection's site that are running.
fn running() -> SelectStatement {
    use campaign::Column;
    Query::select()
        .expr(Expr::val(1))
        .from(campaign::Entity)
        .and_where(
            Expr::col((campaign::Entity, Column::SiteId))
                .equals((aggregator_connection::Entity, aggregator_connection::Column::SiteId)),
        )
        .and_where(
            Expr::col((campaign::Entity, Column::Status))
                .is_in(CampaignStatus::RUNNING.map(CampaignStatus::as_str)),
        )
        .to_owned()
}

/// Campaigns of a connection's site that handed over lately and wait for word of some messages.
fn awaiting(since: Instant) -> SelectStatement {
    use campaign_progress::Column;
    let without_word = [MessageState::Accepted, MessageState::Unknown].map(MessageState::as_str);
    Query::select()
        .expr(Expr::val(1))
        .from(campaign_progress::Entity)
        .inner_join(
            message_count::Entity,
            Expr::col((message_count::Entity, message_count::Column::CampaignId))
                .equals((campaign_progress::Entity, Column::CampaignId)),
        )
        .and_where(
            Expr::col((campaign_progress::Entity, Column::SiteId))
                .equals((aggregator_connection::Entity, aggregator_connection::Column::SiteId)),
        )
        .and_where(Expr::col((campaign_progress::Entity, Column::HandedOverAt)).gt(ms(since)))
        .and_where(
            Expr::col((message_count::Entity, message_count::Column::State)).is_in(without_word),
        )
        .and_where(Expr::col((message_count::Entity, message_count::Column::Count)).gt(0))
        .to_owned()
}

/// Takes the next reading of a page; answers whether it is ours, or another node was first.
pub async fn claim(txn: &Txn, page: &Watched, now: Instant) -> Result<bool> {
    use connection_health::Column;
    health::ensure(txn, page.connection_id, page.site_id).await?;
    let as_seen = match page.checked_at {
        Some(at) => Column::CheckedAt.eq(ms(at)),
        None => Column::CheckedAt.is_null(),
    };
    let claimed = connection_health::Entity::update_many()
        .col_expr(Column::CheckedAt, ms(now).into())
        .filter(Column::ConnectionId.eq(page.connection_id.0))
        .filter(as_seen)
        .exec(txn)
        .await?;
    Ok(claimed.rows_affected == 1)
}

/// Keeps what a page says, since when it reports trouble, and what its answer is told by.
pub async fn keep(
    txn: &Txn,
    id: ConnectionId,
    report: &PageReport,
    since: Option<Instant>,
    etag: Option<&str>,
) -> Result<()> {
    use connection_health::Column;
    let (component, incident) = (report.component.as_ref(), report.incident.as_ref());
    let status = component.map(|component| component.status.as_str());
    let kept = connection_health::Entity::update_many()
        .col_expr(Column::Indicator, report.indicator.as_str().into())
        .col_expr(Column::Component, component.map(|component| component.name.as_str()).into())
        .col_expr(Column::ComponentStatus, status.into())
        .col_expr(Column::Incident, incident.map(|incident| incident.title.as_str()).into())
        .col_expr(Column::IncidentUrl, incident.and_then(|it| it.url.as_deref()).into())
        .col_expr(Column::Since, since.map(ms).into())
        .col_expr(Column::Etag, etag.into())
        .col_expr(Column::FailedAt, Option::<i64>::None.into())
        .filter(Column::ConnectionId.eq(id.0))
        .exec(txn)
        .await?;
    expect_rows("a connection's health", kept.rows_affected, 1)
}

/// Notes that a page says what it said before.
pub async fn unchanged(txn: &Txn, id: ConnectionId) -> Result<()> {
    use connection_health::Column;
    connection_health::Entity::update_many()
        .col_expr(Column::FailedAt, Option::<i64>::None.into())
        .filter(Column::ConnectionId.eq(id.0))
        .exec(txn)
        .await?;
    Ok(())
}

/// Notes that a page cannot be read; since when, is what the first failure says.
pub async fn failed(txn: &Txn, id: ConnectionId, now: Instant) -> Result<()> {
    use connection_health::Column;
    connection_health::Entity::update_many()
        .col_expr(Column::FailedAt, ms(now).into())
        .filter(Column::ConnectionId.eq(id.0))
        .filter(Column::FailedAt.is_null())
        .exec(txn)
        .await?;
    Ok(())
}

/// Forgets what a connection's former status page said.
pub async fn forget(txn: &Txn, id: ConnectionId) -> Result<()> {
    use connection_health::Column;
    let texts = [
        Column::Indicator,
        Column::Component,
        Column::ComponentStatus,
        Column::Incident,
        Column::IncidentUrl,
        Column::Etag,
    ];
    let instants = [Column::Since, Column::CheckedAt, Column::FailedAt];
    let mut forget = connection_health::Entity::update_many();
    for column in texts {
        forget = forget.col_expr(column, Option::<String>::None.into());
    }
    for column in instants {
        forget = forget.col_expr(column, Option::<i64>::None.into());
    }
    forget.filter(Column::ConnectionId.eq(id.0)).exec(txn).await?;
    Ok(())
}
