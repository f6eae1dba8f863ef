//! Campaigns, read: the campaign itself, its content, and how far along it is.

use super::super::{Actor, CampaignFilter, CampaignOrder, Fault, Page, PageRequest, Service};
use crate::db::{Txn, audiences, campaigns, counts, revisions};
use domain::{
    Instant,
    audience::Audience,
    campaign::{Campaign, CampaignStatus, Step, Targeting, Trigger},
    id::{AudienceId, CampaignId, RevisionId, SiteId, StepId},
    message::{MessageCounts, MessageState},
    reason::MessageReason,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

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

    /// Those of these campaigns that are of the caller's sites, in no order.
    pub async fn campaigns_by_id(
        &self,
        actor: &Actor,
        ids: &[CampaignId],
    ) -> Result<Vec<Campaign>, Fault> {
        Ok(campaigns::find_many(self.db.read(), actor.sites(), ids).await?)
    }

    /// A page of the campaigns of each site that the caller reaches.
    pub async fn campaigns(
        &self,
        actor: &Actor,
        sites: &[SiteId],
        filter: &CampaignFilter,
        order: CampaignOrder,
        page: &PageRequest,
    ) -> Result<HashMap<SiteId, Page<Campaign>>, Fault> {
        let sites = actor.reached(sites);
        let pages = campaigns::pages(self.db.read(), &sites, filter, order, page).await?;
        Ok(sites.into_iter().zip(pages).collect())
    }

    /// How many campaigns of each site match, in the order asked; none of a site that the caller does not reach.
    pub async fn campaign_totals(
        &self,
        actor: &Actor,
        asked: &[(SiteId, CampaignFilter)],
    ) -> Result<Vec<i64>, Fault> {
        let counts = campaigns::counts(self.db.read(), asked).await?;
        Ok(asked.iter().zip(counts).map(|((site, _), count)| actor.only(*site, count)).collect())
    }

    /// The messages of revisions of the caller's campaigns as composed, in order.
    pub async fn campaign_steps(
        &self,
        actor: &Actor,
        ids: &[RevisionId],
    ) -> Result<HashMap<RevisionId, Vec<Step>>, Fault> {
        Ok(revisions::steps_of(self.db.read(), actor.sites(), ids).await?)
    }

    /// The audiences of revisions of the caller's campaigns, in the order set.
    pub async fn campaign_audiences(
        &self,
        actor: &Actor,
        ids: &[RevisionId],
    ) -> Result<HashMap<RevisionId, CampaignView>, Fault> {
        let targetings = revisions::targetings(self.db.read(), actor.sites(), ids).await?;
        let of = |targeting: &Targeting| {
            targeting.included.iter().chain(&targeting.excluded).copied().collect::<Vec<_>>()
        };
        let named: HashSet<AudienceId> = targetings.values().flat_map(of).collect();
        let named: Vec<AudienceId> = named.into_iter().collect();
        let found = audiences::find_many(self.db.read(), actor.sites(), &named).await?;
        let found: HashMap<AudienceId, Audience> =
            found.into_iter().map(|audience| (audience.id, audience)).collect();
        let pick = |ids: &[AudienceId]| {
            ids.iter().filter_map(|id| found.get(id).cloned()).collect::<Vec<_>>()
        };
        let view = |targeting: &Targeting| CampaignView {
            included: pick(&targeting.included),
            excluded: pick(&targeting.excluded),
        };
        Ok(targetings.iter().map(|(id, targeting)| (*id, view(targeting))).collect())
    }

    /// How far the engine is with each of the caller's campaigns, and what became of its messages: all of one
    /// moment. Those are counted again whose version has changed.
    pub async fn tallies(
        &self,
        actor: &Actor,
        ids: &[CampaignId],
    ) -> Result<HashMap<CampaignId, Tally>, Fault> {
        let runs = counts::runs(self.db.read(), actor.sites(), ids).await?;
        let mut tallies: HashMap<CampaignId, Tally> = HashMap::with_capacity(ids.len());
        let mut changed = Vec::new();
        for (id, run) in runs {
            match self.sums.of(&run) {
                Some(counted) => drop(tallies.insert(id, Tally { run: Some(run), counted })),
                None => changed.push(id),
            }
        }
        if !changed.is_empty() {
            for (run, counted) in counts::sums(self.db.read(), actor.sites(), &changed).await? {
                let counted = self.sums.keep(&run, counted);
                tallies.insert(run.campaign_id, Tally { run: Some(run), counted });
            }
        }
        for id in ids {
            tallies.entry(*id).or_default();
        }
        Ok(tallies)
    }

    /// How far along a campaign is; none before it is processed.
    pub fn progress(&self, tally: &Tally) -> Option<Progress> {
        let now = self.clock.now();
        tally.run.as_ref().map(|run| snapshot(now, run, &tally.counted))
    }

    /// How far along a campaign is; none before it is processed.
    pub async fn campaign_progress(&self, campaign: &Campaign) -> Result<Option<Progress>, Fault> {
        let snapshot_of = self.db.begin_read().await?;
        let run = counts::run(&snapshot_of, campaign.id).await?;
        let counted = counts::read(&snapshot_of, campaign.id, None).await?;
        snapshot_of.rollback().await.map_err(crate::db::Error::from)?;
        Ok(run.map(|run| snapshot(self.clock.now(), &run, &counted)))
    }
}

/// How far the engine is with campaigns of the caller's, beside their counts.
pub(super) async fn tallies(
    snapshot: &Txn,
    actor: &Actor,
    ids: &[CampaignId],
    mut counted: HashMap<CampaignId, Vec<counts::Counted>>,
) -> Result<HashMap<CampaignId, Tally>, Fault> {
    let mut runs = counts::runs(snapshot, actor.sites(), ids).await?;
    let tally = |id: &CampaignId| {
        let (run, counted) = (runs.remove(id), counted.remove(id).unwrap_or_default());
        (*id, Tally { run, counted: counted.into() })
    };
    Ok(ids.iter().map(tally).collect())
}

/// What became of a campaign's messages, and how far the engine is with it, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub(super) run: Option<counts::Run>,
    pub(super) counted: Arc<[counts::Counted]>,
}

impl Tally {
    /// What became of all messages.
    pub(super) fn counts(&self) -> MessageCounts {
        counts::partition(&self.counted)
    }

    /// What became of one step's messages; none before the campaign is processed.
    pub fn of_step(&self, step: StepId) -> Option<MessageCounts> {
        self.run.as_ref()?;
        let mut counts = MessageCounts::default();
        for entry in self.counted.iter().filter(|entry| entry.step_id == step) {
            counts.add(entry.standing.state, entry.count);
        }
        Some(counts)
    }

    /// What canceling `campaign`, whose tally this is, would do now; none when it cannot be canceled.
    pub fn cancel_preview(&self, campaign: &Campaign) -> Option<CancelPreview> {
        let resulting_status = campaign.status.after(Trigger::Cancel)?;
        let counts = self.counts();
        Some(CancelPreview {
            resulting_status,
            stoppable_count: counts.pending(),
            handed_over_count: counts.handed_over(),
            in_flight_count: counts.in_flight,
        })
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
    // There are a handful, and a list asks for them once a campaign.
    let mut sums: Vec<(MessageReason, i64)> = Vec::new();
    for entry in counted.iter().filter(|entry| entry.standing.state == state) {
        let Some(reason) = entry.standing.reason else { continue };
        match sums.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, sum)) => *sum += entry.count,
            None => sums.push((reason, entry.count)),
        }
    }
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
