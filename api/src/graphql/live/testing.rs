//! A log in memory to test with, and the events to fill it.

use super::log::Log;
use crate::service::{Cursor, Page, PageRequest, Progress, Slice};
use async_graphql::Result;
use domain::{
    Instant,
    campaign::{Campaign, CampaignStatus, CampaignStatus::*},
    event::{ActorKind, CampaignEvent, CampaignEventKind, CampaignEventKind::*},
    id::{CampaignId, EventId, RevisionId, SiteId},
    message::MessageCounts,
};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;
use uuid::Uuid;

/// The site of every event.
pub(super) const SITE: SiteId = SiteId(Uuid::from_u128(1));

/// The campaign called `n`.
pub(super) fn campaign_id(n: i64) -> CampaignId {
    CampaignId(Uuid::from_u128(n.unsigned_abs().into()))
}

/// An event of the campaign `campaign` at `position` of its site's log.
pub(super) fn event(position: i64, campaign: i64, kind: CampaignEventKind) -> CampaignEvent {
    CampaignEvent {
        id: EventId(Uuid::from_u128(position.unsigned_abs().into())),
        site_id: SITE,
        position,
        campaign_id: campaign_id(campaign),
        sequence: position,
        kind,
        occurred_at: Instant::UNIX_EPOCH,
        actor_kind: ActorKind::Engine,
        actor_name: "planner".to_owned(),
        from_status: None,
        to_status: None,
        reason: None,
    }
}

#[derive(Debug, Default)]
struct State {
    events: Vec<CampaignEvent>,
    campaigns: Vec<Campaign>,
    progress: Option<Progress>,
}

/// A log in memory.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    state: Arc<Mutex<State>>,
    hints: Arc<watch::Sender<u64>>,
}

impl Memory {
    /// An empty log.
    pub(super) fn new() -> Self {
        Self { state: Arc::default(), hints: Arc::new(watch::Sender::new(0)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Commits an event of the campaign `n`, and says so.
    pub(super) fn commit(&self, n: i64, kind: CampaignEventKind, to: Option<CampaignStatus>) {
        self.append(n, kind, to);
        self.hints.send_modify(|hint| *hint += 1);
    }

    /// Commits an event of the campaign `n` without a hint.
    pub(super) fn commit_silently(&self, n: i64, kind: CampaignEventKind) {
        self.append(n, kind, None);
    }

    fn append(&self, n: i64, kind: CampaignEventKind, to: Option<CampaignStatus>) {
        let mut state = self.state();
        let position = state.events.iter().map(|event| event.position).max().unwrap_or(0) + 1;
        state.events.push(CampaignEvent { to_status: to, ..event(position, n, kind) });
        let id = campaign_id(n);
        match kind {
            Created => state.campaigns.push(campaign(id)),
            Deleted => state.campaigns.retain(|campaign| campaign.id != id),
            Edited | Rescheduled | Paused | Resumed | StatusChanged => {}
        }
        for campaign in state.campaigns.iter_mut().filter(|campaign| campaign.id == id) {
            campaign.status = to.unwrap_or(campaign.status);
        }
    }

    /// Makes the campaign `n` and moves it to each of `statuses`.
    pub(super) fn moved(&self, n: i64, statuses: &[CampaignStatus]) {
        self.commit(n, Created, None);
        for status in statuses {
            self.commit(n, StatusChanged, Some(*status));
        }
    }

    /// Sets the progress of every campaign.
    pub(super) fn set_progress(&self, version: i64, is_final: bool) {
        self.state().progress = Some(Progress {
            as_of: Instant::UNIX_EPOCH,
            version,
            recipient_count: 0,
            counts: MessageCounts::default(),
            skipped: Vec::new(),
            undelivered: Vec::new(),
            percent_complete: 0.0,
            started_at: None,
            handed_over_at: None,
            planned_at: None,
            is_final,
        });
        self.hints.send_modify(|hint| *hint += 1);
    }
}

fn campaign(id: CampaignId) -> Campaign {
    Campaign {
        id,
        site_id: SITE,
        name: "Black Friday".to_owned(),
        status: Draft,
        status_reason: None,
        status_changed_at: Instant::UNIX_EPOCH,
        revision: 1,
        revision_id: RevisionId(Uuid::nil()),
        uses_smart_sending: true,
        quiet_hours: None,
        max_lateness_s: None,
        paused_at: None,
        schedule: None,
        duplicated_from: None,
        excludes_reached: false,
        created_at: Instant::UNIX_EPOCH,
        updated_at: Instant::UNIX_EPOCH,
    }
}

impl Log for Memory {
    fn hints(&self) -> watch::Receiver<u64> {
        self.hints.subscribe()
    }

    async fn events_after(
        &self,
        site_id: SiteId,
        campaign_id: Option<CampaignId>,
        position: i64,
        limit: u64,
    ) -> Result<(Vec<CampaignEvent>, i64)> {
        assert_eq!(site_id, SITE);
        let state = self.state();
        let after = state.events.iter().filter(|event| event.position > position);
        let of = after.filter(|event| campaign_id.is_none_or(|id| event.campaign_id == id));
        let events: Vec<CampaignEvent> =
            of.take(usize::try_from(limit).unwrap()).cloned().collect();
        let up_to = events.last().map_or(position, |event| event.position);
        Ok((events, up_to))
    }

    async fn end(&self, _: SiteId) -> Result<i64> {
        Ok(self.state().events.last().map_or(0, |event| event.position))
    }

    async fn history(&self, id: CampaignId, page: &PageRequest) -> Result<Page<CampaignEvent>> {
        let Slice::Last(count) = page.slice else { panic!("history is read from its end") };
        let before: i64 =
            page.before.as_ref().map_or(i64::MAX, |before| before.value.parse().unwrap());
        let state = self.state();
        let all = state.events.iter().filter(|event| event.campaign_id == id);
        let mut items: Vec<(Cursor, CampaignEvent)> = all
            .filter(|event| event.sequence < before)
            .map(|event| {
                let at = Cursor { value: event.sequence.to_string(), id: event.id.0 };
                (at, event.clone())
            })
            .collect();
        let over = items.len().saturating_sub(usize::try_from(count).unwrap());
        items.drain(..over);
        Ok(Page { items, has_next: page.before.is_some(), has_previous: over > 0 })
    }

    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>> {
        Ok(self.state().campaigns.iter().find(|campaign| campaign.id == id).cloned())
    }

    async fn followed(&self, site_id: SiteId, id: CampaignId) -> Result<Option<Campaign>> {
        assert_eq!(site_id, SITE);
        self.campaign(id).await
    }

    async fn progress(&self, _: &Campaign) -> Result<Option<Progress>> {
        Ok(self.state().progress.clone())
    }
}
