//! Launches: a scheduled campaign by subscribers' own time begins in time for whoever joins it later.
//!
//! When a campaign is activated, the earliest zone of its recipients says when it launches. Somebody who
//! subscribes, is tagged or moves afterwards may be in an earlier one, where the time is still to come.
//!
//! **Invariant:** a launch only ever moves earlier, and never past now.
//!
//! Who joins at the very moment of an activation on another node may be missed by both: for them the time
//! has passed once the campaign launches, and `ifPassed` decides.

use super::{Result, Txn, audiences, binding, campaigns, revisions, subscribers};
use domain::{
    Instant,
    campaign::{Campaign, CampaignStatus},
    id::{CampaignId, SiteId, SubscriberId},
    schedule::{Schedule, SendingMode},
};
use entity::{campaign, campaign_revision, convert::ms, subscriber};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

/// Scheduled campaigns of a site that are looked at when somebody joins.
const SCHEDULED_MAX: u64 = 1_000;

/// Lets the scheduled campaigns that these subscribers have just become recipients of begin in time for
/// them. Answers whether one begins earlier than before.
pub async fn joined(
    txn: &Txn,
    site_id: SiteId,
    joined: &[SubscriberId],
    now: Instant,
) -> Result<bool> {
    let mut is_earlier = false;
    for id in scheduled(txn, site_id).await? {
        let Some(campaign) = campaigns::lock(txn, &[site_id], id).await? else { continue };
        if campaign.status == CampaignStatus::Scheduled {
            is_earlier |= welcome(txn, campaign, joined, now).await?;
        }
    }
    Ok(is_earlier)
}

/// The scheduled campaigns of a site that go by subscribers' own time, in one order for all.
async fn scheduled(txn: &Txn, site_id: SiteId) -> Result<Vec<CampaignId>> {
    let by_own_time = Query::select()
        .column(campaign_revision::Column::Id)
        .from(campaign_revision::Entity)
        .and_where(campaign_revision::Column::SiteId.eq(site_id.0))
        .and_where(campaign_revision::Column::Mode.eq(SendingMode::SubscriberTime.as_str()))
        .to_owned();
    let ids: Vec<Uuid> = campaign::Entity::find()
        .select_only()
        .column(campaign::Column::Id)
        .filter(campaign::Column::SiteId.eq(site_id.0))
        .filter(campaign::Column::Status.eq(CampaignStatus::Scheduled.as_str()))
        .filter(campaign::Column::RevisionId.in_subquery(by_own_time))
        .order_by_asc(campaign::Column::Id)
        .limit(SCHEDULED_MAX)
        .into_tuple()
        .all(txn)
        .await?;
    Ok(ids.into_iter().map(Into::into).collect())
}

/// Moves one campaign's launch, if one of those who joined is its recipient and would come too late.
async fn welcome(
    txn: &Txn,
    campaign: Campaign,
    joined: &[SubscriberId],
    now: Instant,
) -> Result<bool> {
    let Some(binding) = binding::read(txn, campaign).await? else { return Ok(false) };
    let Some(before) = &binding.schedule else { return Ok(false) };
    let rules = revisions::frozen_rules(txn, binding.campaign.revision_id).await?;
    if rules.included.is_empty() {
        return Ok(false);
    }
    let among = Condition::all()
        .add(subscriber::Column::Id.is_in(joined.iter().map(|id| id.0)))
        .add(audiences::recipients(&rules.included, &rules.excluded));
    let site_id = binding.campaign.site_id;
    let groups = subscribers::zones_of(txn, site_id, among, binding.zone).await?;
    let zones = groups.into_iter().map(|(set, _)| set.principal());
    let after = zones.fold(before.clone(), |schedule, zone| schedule.with_recipient_in(zone, now));
    if after == *before {
        return Ok(false);
    }
    write(txn, &binding.campaign, &after).await?;
    Ok(after.launches_at < before.launches_at)
}

async fn write(txn: &Txn, campaign: &Campaign, schedule: &Schedule) -> Result<()> {
    campaigns::set_revision(txn, campaign.id, campaign.revision_id, Some(schedule)).await?;
    let updated = campaign_revision::Entity::update_many()
        .col_expr(campaign_revision::Column::LaunchesAt, Expr::val(ms(schedule.launches_at)))
        .col_expr(campaign_revision::Column::StartsAt, Expr::val(ms(schedule.starts_at)))
        .col_expr(campaign_revision::Column::EndsAt, Expr::val(ms(schedule.ends_at)))
        .filter(campaign_revision::Column::Id.eq(campaign.revision_id.0))
        .exec(txn)
        .await?;
    super::expect_rows("a campaign's launch", updated.rows_affected, 1)
}
