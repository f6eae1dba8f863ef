//! The event log of each site: what happened to its campaigns, in commit order.
//!
//! **Invariant:** a position is taken by counting up the site's own row, whose lock is held to the commit:
//! whoever has read position n will never see a smaller one appear.

use super::{
    Result, Txn, bulk, each,
    page::{self, Cursor, Page, PageRequest, Sort},
};
use crate::ports::Ids;
use domain::{
    Instant,
    campaign::CampaignStatus,
    event::{ActorKind, CampaignEvent, CampaignEventKind},
    id::{CampaignId, EventId, SiteId},
    reason::StatusReason,
};
use entity::{convert, event, site_log};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QueryOrder, QuerySelect,
    QueryTrait as _,
    sea_query::{Expr, ExprTrait},
};
use std::collections::HashMap;

/// Who caused an event.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The kind of actor.
    pub kind: ActorKind,
    /// The key's name, or the reconciler's.
    pub name: String,
}

/// An event to append.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// The site whose log it goes to.
    pub site_id: SiteId,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Its number among the campaign's events.
    pub sequence: i64,
    /// What happened.
    pub kind: CampaignEventKind,
    /// The status before and after, when the status changed.
    pub statuses: Option<(CampaignStatus, CampaignStatus)>,
    /// Why, if there is a reason.
    pub reason: Option<StatusReason>,
    /// When.
    pub at: Instant,
}

/// Appends `new` to its site's log, and answers with its position.
pub async fn append(txn: &Txn, ids: &Ids, cause: &Cause, new: NewEvent) -> Result<i64> {
    let bumped = site_log::Entity::update_many()
        .col_expr(site_log::Column::Position, Expr::col(site_log::Column::Position).add(1))
        .filter(site_log::Column::SiteId.eq(new.site_id.0))
        .exec_with_returning(txn)
        .await?;
    let position = bumped.first().map_or(0, |row| row.position);
    super::expect_rows("the site's log", u64::try_from(bumped.len()).unwrap_or_default(), 1)?;
    event::ActiveModel {
        id: Set(ids.next::<EventId>().0),
        site_id: Set(new.site_id.0),
        position: Set(position),
        campaign_id: Set(new.campaign_id.0),
        sequence: Set(new.sequence),
        kind: Set(new.kind.as_str().to_owned()),
        occurred_at: Set(convert::ms(new.at)),
        actor_kind: Set(cause.kind.as_str().to_owned()),
        actor_name: Set(cause.name.clone()),
        from_status: Set(new.statuses.map(|(from, _)| from.as_str().to_owned())),
        to_status: Set(new.statuses.map(|(_, to)| to.as_str().to_owned())),
        reason: Set(new.reason.map(|reason| reason.as_str().to_owned())),
    }
    .insert(txn)
    .await?;
    Ok(position)
}

/// Starts the log of a new site.
pub async fn open_log(txn: &Txn, site_id: SiteId) -> Result<()> {
    site_log::ActiveModel { site_id: Set(site_id.0), position: Set(0) }.insert(txn).await?;
    Ok(())
}

/// The last position of each site's log that is not empty.
pub async fn last_positions(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
) -> Result<HashMap<SiteId, i64>> {
    let among = bulk::among(connection, site_log::Column::SiteId, sites.iter().map(|site| site.0));
    let logs = site_log::Entity::find().filter(among).all(connection).await?;
    Ok(logs.into_iter().map(|log| (log.site_id.into(), log.position)).collect())
}

/// Positions of events of the sites given, each told by its campaign and its number; what is not there is left
/// out.
pub async fn positions(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    asked: &[(CampaignId, i64)],
) -> Result<HashMap<(CampaignId, i64), i64>> {
    use event::Column;
    let parts = asked.iter().map(|(campaign, sequence)| {
        event::Entity::find()
            .select_only()
            .columns([Column::CampaignId, Column::Sequence, Column::Position])
            .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
            .filter(Column::CampaignId.eq(campaign.0))
            .filter(Column::Sequence.eq(*sequence))
            .into_query()
    });
    let mut found = HashMap::new();
    for row in each::rows(connection, parts.collect(), &[]).await?.into_iter().flatten() {
        let campaign: uuid::Uuid = row.try_get("", "campaign_id")?;
        let sequence: i64 = row.try_get("", "sequence")?;
        found.insert((campaign.into(), sequence), row.try_get("", "position")?);
    }
    Ok(found)
}

/// At most `limit` events of a site after `position`, in order; of one campaign when it is named.
pub async fn after(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    campaign_id: Option<CampaignId>,
    position: i64,
    limit: u64,
) -> Result<Vec<CampaignEvent>> {
    let mut select = event::Entity::find()
        .filter(event::Column::SiteId.eq(site_id.0))
        .filter(event::Column::Position.gt(position));
    if let Some(campaign_id) = campaign_id {
        select = select.filter(event::Column::CampaignId.eq(campaign_id.0));
    }
    let rows =
        select.order_by(event::Column::Position, Order::Asc).limit(limit).all(connection).await?;
    Ok(rows.into_iter().map(convert::event).collect::<std::result::Result<_, _>>()?)
}

/// A page of events of each campaign of the sites given, oldest first, in the order of `campaigns`.
pub async fn pages(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    campaigns: &[CampaignId],
    request: &PageRequest,
) -> Result<Vec<Page<CampaignEvent>>> {
    let list = |campaign: &CampaignId| {
        event::Entity::find()
            .filter(event::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
            .filter(event::Column::CampaignId.eq(campaign.0))
    };
    let lists = campaigns.iter().map(list).collect();
    let sort = Sort {
        value: Some(Expr::col(event::Column::Sequence)),
        id: Expr::col(event::Column::Id),
        order: Order::Asc,
        parse: |text| text.parse::<i64>().ok().map(Into::into),
        cursor: |row: &event::Model| Cursor { value: row.sequence.to_string(), id: row.id },
    };
    let pages = page::fetch_each(connection, lists, &sort, request).await?;
    let read = |page: Page<event::Model>| Ok(page.try_map(convert::event)?);
    pages.into_iter().map(read).collect()
}

/// One event of the sites given.
pub async fn find(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    id: EventId,
) -> Result<Option<CampaignEvent>> {
    let row = event::Entity::find_by_id(id.0)
        .filter(event::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .one(connection)
        .await?;
    Ok(row.map(convert::event).transpose()?)
}
