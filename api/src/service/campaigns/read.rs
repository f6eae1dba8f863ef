//! Campaigns, read: the campaign itself, its content, and how far along it is.

use super::super::{Actor, CampaignFilter, CampaignOrder, Fault, Page, PageRequest, Service};
use crate::db::{audiences, campaigns, counts, revisions};
use domain::{
    Instant,
    audience::Audience,
    campaign::{Campaign, CampaignStatus, Step, Trigger},
    id::{AudienceId, CampaignId, SiteId, StepId},
    message::{MessageCounts, MessageState},
    reason::MessageReason,
};
use std::collections::HashMap;

/// A campaign's audiences, in the order set.
#[derive(Clone, Debug)]
pub struct CampaignView {
    /// Whose members receive it.
    pub included: Vec<Audience>,
    /// Whose members do not.
    pub excluded: Vec<Audience>,
}

/// What canceling would do now.
#[derive(Clone, Debug)]
pub struct CancelPreview {
    /// The status it would end in.
    pub resulting_status: CampaignStatus,
    /// Messages that would be stopped.
    pub stoppable_count: i64,
    /// Messages already handed over.
    pub handed_over_count: i64,
    /// Messages being handed over at this moment.
    pub in_flight_count: i64,
}

/// How far along a campaign is, in one snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// When the snapshot was taken.
    pub as_of: Instant,
    /// Grows with every change.
    pub version: i64,
    /// Recipients planned so far.
    pub recipient_count: i64,
    /// Messages by state.
    pub counts: MessageCounts,
    /// Messages skipped, by reason, most frequent first, then by name.
    pub skipped: Vec<(MessageReason, i64)>,
    /// Messages undelivered, by reason, most frequent first, then by name.
    pub undelivered: Vec<(MessageReason, i64)>,
    /// The share of messages that need nothing more from the engine, 0 to 100.
    pub percent_complete: f64,
    /// When the first hand-over began.
    pub started_at: Option<Instant>,
    /// When a message was last accepted.
    pub handed_over_at: Option<Instant>,
    /// When the plan was complete.
    pub planned_at: Option<Instant>,
    /// Whether the plan is complete and every message is final.
    pub is_final: bool,
}

impl Service {
    /// One campaign.
    pub async fn campaign(&self, actor: &Actor, id: CampaignId) -> Result<Option<Campaign>, Fault> {
        Ok(campaigns::find(self.db.read(), actor.sites(), id).await?)
    }

    /// Campaigns of a site.
    pub async fn campaigns(
        &self,
        actor: &Actor,
        site_id: SiteId,
        filter: &CampaignFilter,
        order: CampaignOrder,
        page: &PageRequest,
    ) -> Result<Page<Campaign>, Fault> {
        let Some(site_id) = actor.site(Some(site_id)) else { return Ok(Page::empty()) };
        Ok(campaigns::page(self.db.read(), site_id, filter, order, page).await?)
    }

    /// How many campaigns of a site match.
    pub async fn campaign_count(
        &self,
        actor: &Actor,
        site_id: SiteId,
        filter: &CampaignFilter,
    ) -> Result<i64, Fault> {
        let Some(site_id) = actor.site(Some(site_id)) else { return Ok(0) };
        Ok(campaigns::count(self.db.read(), site_id, filter).await?)
    }

    /// A campaign's messages as composed, in order.
    pub async fn campaign_steps(&self, campaign: &Campaign) -> Result<Vec<Step>, Fault> {
        Ok(revisions::steps(self.db.read(), campaign.revision_id).await?)
    }

    /// A campaign's audiences, in the order set.
    pub async fn campaign_audiences(&self, campaign: &Campaign) -> Result<CampaignView, Fault> {
        let targeting = revisions::targeting(self.db.read(), campaign.revision_id).await?;
        let ids: Vec<AudienceId> =
            targeting.included.iter().chain(&targeting.excluded).copied().collect();
        let found = audiences::find_many(self.db.read(), &[campaign.site_id], &ids).await?;
        let found: HashMap<AudienceId, Audience> =
            found.into_iter().map(|audience| (audience.id, audience)).collect();
        let pick = |ids: &[AudienceId]| {
            ids.iter().filter_map(|id| found.get(id).cloned()).collect::<Vec<_>>()
        };
        Ok(CampaignView {
            included: pick(&targeting.included),
            excluded: pick(&targeting.excluded),
        })
    }

    /// How far along a campaign is; none before it is processed.
    pub async fn campaign_progress(&self, campaign: &Campaign) -> Result<Option<Progress>, Fault> {
        let snapshot_of = self.db.begin_read().await?;
        let run = counts::run(&snapshot_of, campaign.id).await?;
        let counted = counts::read(&snapshot_of, campaign.id, None).await?;
        snapshot_of.rollback().await.map_err(crate::db::Error::from)?;
        Ok(run.map(|run| snapshot(self.clock.now(), &run, &counted)))
    }

    /// What became of one step's messages; none before the campaign is processed.
    pub async fn step_counts(
        &self,
        campaign_id: CampaignId,
        step_id: StepId,
    ) -> Result<Option<MessageCounts>, Fault> {
        if counts::run(self.db.read(), campaign_id).await?.is_none() {
            return Ok(None);
        }
        let counted = counts::read(self.db.read(), campaign_id, Some(step_id)).await?;
        Ok(Some(counts::partition(&counted)))
    }

    /// What canceling would do now; none when the campaign cannot be canceled.
    pub async fn cancel_preview(
        &self,
        campaign: &Campaign,
    ) -> Result<Option<CancelPreview>, Fault> {
        let Some(resulting_status) = campaign.status.after(Trigger::Cancel) else {
            return Ok(None);
        };
        let counted = counts::read(self.db.read(), campaign.id, None).await?;
        let counts = counts::partition(&counted);
        Ok(Some(CancelPreview {
            resulting_status,
            stoppable_count: counts.pending(),
            handed_over_count: counts.handed_over(),
            in_flight_count: counts.in_flight,
        }))
    }
}

fn snapshot(as_of: Instant, run: &counts::Run, counted: &[counts::Counted]) -> Progress {
    let counts = counts::partition(counted);
    let is_settled =
        counts.outstanding() + counts.accepted + counts.unknown + counts.unconfirmed == 0;
    Progress {
        as_of,
        version: run.version,
        recipient_count: run.recipient_count,
        counts,
        skipped: by_reason(counted, MessageState::Skipped),
        undelivered: by_reason(counted, MessageState::Undelivered),
        percent_complete: percent_complete(run, &counts),
        started_at: run.started_at,
        handed_over_at: run.handed_over_at,
        planned_at: run.planned_at,
        is_final: run.planned_at.is_some() && is_settled,
    }
}

fn by_reason(counted: &[counts::Counted], state: MessageState) -> Vec<(MessageReason, i64)> {
    let mut sums: HashMap<MessageReason, i64> = HashMap::new();
    for entry in counted.iter().filter(|entry| entry.standing.state == state) {
        if let Some(reason) = entry.standing.reason {
            *sums.entry(reason).or_default() += entry.count;
        }
    }
    let mut sums: Vec<(MessageReason, i64)> = sums.into_iter().collect();
    sums.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.as_str().cmp(b.as_str())));
    sums
}

/// Of the messages planned, the share the engine is done with: with none planned, all once the plan is
/// complete and none before.
fn percent_complete(run: &counts::Run, counts: &MessageCounts) -> f64 {
    let number = |n: i64| f64::from(i32::try_from(n).unwrap_or(i32::MAX));
    match counts.total() {
        0 if run.planned_at.is_some() => 100.0,
        0 => 0.0,
        total => 100.0 * number(total - counts.outstanding()) / number(total),
    }
}
