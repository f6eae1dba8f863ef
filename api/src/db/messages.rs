//! The message ledger, read.

use super::{
    Result, bulk, each,
    page::{self, Cursor, Page, PageRequest, Sort},
};
use domain::{
    Instant,
    curfew::HeldBy,
    id::{CampaignId, MessageId, SiteId, StepId, SubscriberId},
    message::{MessageState, Standing},
    place::ZoneSet,
    reason::MessageReason,
    zone::Zone,
};
use entity::{
    convert::{self, code, code_opt, instant, zone},
    message,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, Select, sea_query::Expr,
};

/// A row of the ledger.
#[derive(Clone, Debug)]
pub struct Message {
    /// The id.
    pub id: MessageId,
    /// The site.
    pub site_id: SiteId,
    /// The campaign it is part of.
    pub campaign_id: CampaignId,
    /// The step it is an instance of.
    pub step_id: StepId,
    /// Its recipient.
    pub subscriber_id: SubscriberId,
    /// What became of it, and why.
    pub standing: Standing,
    /// The aggregator's own code, if it gave one.
    pub aggregator_code: Option<String>,
    /// The zone its due time was worked out in.
    pub zone: Zone,
    /// Every zone the recipient may be in, that one first.
    pub zones: ZoneSet,
    /// The rule that holds or stopped it.
    pub rule: Option<HeldBy>,
    /// The message for whose sake it was skipped, where that is known.
    pub blocked_by: Option<MessageId>,
    /// When that one was accepted, or its hand-over began.
    pub blocked_at: Option<Instant>,
    /// When it is or was due.
    pub due_at: Instant,
    /// When it was due before it was deferred.
    pub deferred_from: Option<Instant>,
    /// When the aggregator accepted it.
    pub accepted_at: Option<Instant>,
    /// When it reached the handset, by the carrier's account.
    pub delivered_at: Option<Instant>,
    /// When the aggregator passed it on, by its receipt.
    pub passed_on_at: Option<Instant>,
    /// When it ended short of the handset.
    pub stopped_at: Option<Instant>,
    /// The aggregator's id for it.
    pub aggregator_message_id: Option<String>,
    /// Attempts to hand it over.
    pub attempt_count: i64,
    /// Billable segments; none until the text is rendered.
    pub segment_count: Option<i64>,
}

/// Which messages to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// In one of these states.
    pub statuses: Option<Vec<MessageState>>,
    /// With one of these reasons.
    pub reasons: Option<Vec<MessageReason>>,
    /// Of this step; `Some(None)` is an id that is no step's and matches nothing.
    pub step_id: Option<Option<StepId>>,
    /// To this subscriber; `Some(None)` as above.
    pub subscriber_id: Option<Option<SubscriberId>>,
    /// In one of these time zones.
    pub zones: Option<Vec<Zone>>,
}

fn read(row: message::Model) -> Result<Message> {
    const TABLE: &str = "message";
    Ok(Message {
        id: row.id.into(),
        site_id: row.site_id.into(),
        campaign_id: row.campaign_id.into(),
        step_id: row.step_id.into(),
        subscriber_id: row.subscriber_id.into(),
        standing: Standing {
            state: code(TABLE, &row.state)?,
            reason: code_opt(TABLE, row.reason.as_deref())?,
        },
        zones: convert::rules::zones(&row)?,
        rule: row.rule.as_deref().and_then(|rule| rule.parse().ok()),
        blocked_by: row.blocked_by.map(Into::into),
        blocked_at: row.blocked_at.map(instant),
        aggregator_code: row.aggregator_code,
        zone: zone(TABLE, &row.time_zone)?,
        due_at: instant(row.due_at),
        deferred_from: row.deferred_from.map(instant),
        accepted_at: row.accepted_at.map(instant),
        delivered_at: row.delivered_at.map(instant),
        passed_on_at: row.passed_on_at.map(instant),
        stopped_at: row.stopped_at.map(instant),
        aggregator_message_id: row.provider_id,
        attempt_count: row.attempt_count,
        segment_count: row.segments,
    })
}

fn within(sites: &[SiteId]) -> Select<message::Entity> {
    message::Entity::find().filter(message::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
}

fn of_campaign(sites: &[SiteId], campaign: CampaignId, filter: &Filter) -> Select<message::Entity> {
    use message::Column;
    let mut select = within(sites).filter(Column::CampaignId.eq(campaign.0));
    if let Some(statuses) = &filter.statuses {
        select = select.filter(Column::State.is_in(statuses.iter().map(|state| state.as_str())));
    }
    if let Some(reasons) = &filter.reasons {
        select = select.filter(Column::Reason.is_in(reasons.iter().map(|reason| reason.as_str())));
    }
    if let Some(step) = filter.step_id {
        select = select.filter(Column::StepId.is_in(step.map(|step| step.0)));
    }
    if let Some(subscriber) = filter.subscriber_id {
        select = select.filter(Column::SubscriberId.is_in(subscriber.map(|id| id.0)));
    }
    if let Some(zones) = &filter.zones {
        select = select.filter(Column::TimeZone.is_in(zones.iter().map(|zone| zone.name())));
    }
    select
}

fn sort(order: Order) -> Sort<message::Model> {
    let cursor = |row: &message::Model| Cursor { value: String::new(), id: row.id };
    Sort { order, ..Sort::by_id(Expr::col(message::Column::Id), cursor) }
}

/// A page of a campaign's messages, by id.
pub async fn page(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    campaign: CampaignId,
    filter: &Filter,
    request: &PageRequest,
) -> Result<Page<Message>> {
    let select = of_campaign(sites, campaign, filter);
    page::fetch(connection, select, &sort(Order::Asc), request).await?.try_map(read)
}

/// A page of each campaign's messages, by id, in the order of `campaigns`.
pub async fn pages(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    campaigns: &[CampaignId],
    filter: &Filter,
    request: &PageRequest,
) -> Result<Vec<Page<Message>>> {
    let lists = campaigns.iter().map(|campaign| of_campaign(sites, *campaign, filter)).collect();
    let pages = page::fetch_each(connection, lists, &sort(Order::Asc), request).await?;
    pages.into_iter().map(|page| page.try_map(read)).collect()
}

/// How many messages of campaigns go to one subscriber each and match: at most one a step, so they are
/// counted.
pub async fn counts_to_subscriber(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    asked: &[(CampaignId, Filter)],
) -> Result<Vec<i64>> {
    let lists = asked.iter().map(|(campaign, filter)| of_campaign(sites, *campaign, filter));
    each::counts(connection, lists.collect()).await
}

/// The messages with these ids on the sites given, in no order.
pub async fn find_many(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[MessageId],
) -> Result<Vec<Message>> {
    let among = bulk::among(connection, message::Column::Id, ids.iter().map(|id| id.0));
    let rows = within(sites).filter(among).all(connection).await?;
    rows.into_iter().map(read).collect()
}

fn to_subscriber(sites: &[SiteId], subscriber: SubscriberId) -> Select<message::Entity> {
    within(sites).filter(message::Column::SubscriberId.eq(subscriber.0))
}

/// A page of messages to each subscriber, newest first, in the order of `subscribers`.
pub async fn pages_to_subscribers(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    subscribers: &[SubscriberId],
    request: &PageRequest,
) -> Result<Vec<Page<Message>>> {
    let lists = subscribers.iter().map(|id| to_subscriber(sites, *id)).collect();
    let pages = page::fetch_each(connection, lists, &sort(Order::Desc), request).await?;
    pages.into_iter().map(|page| page.try_map(read)).collect()
}

/// How many messages there are to each subscriber.
pub async fn counts_by_subscriber(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    subscribers: &[SubscriberId],
) -> Result<Vec<i64>> {
    let lists = subscribers.iter().map(|id| to_subscriber(sites, *id)).collect();
    each::counts(connection, lists).await
}
