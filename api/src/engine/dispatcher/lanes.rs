//! Lanes: campaigns with something due, and what their messages are made of.
//!
//! **Invariant:** what is remembered of a lane is used only while nothing that it was read from has changed, by
//! one statement that looks at all of them.

use super::{Activity, Engine, Fault, Tally, span};
use crate::{
    db::{
        admin,
        binding::{self, Binding},
        campaigns, counts, resolution,
        runs::{self, Due, Stamp},
    },
    engine::{RESENDING_MAX, RUNNING_PAGE, RUNNING_PAGES_MAX},
    ports::{Connection, Task},
};
use domain::{Instant, id::CampaignId, reason::StatusReason, site, text};
use futures_util::future;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// A campaign with something due, and what its messages are made of.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Lane {
    pub(in crate::engine) binding: Binding,
    pub(in crate::engine) sender: admin::Sender,
    pub(in crate::engine) connection: Connection,
    pub(in crate::engine) callback_url: String,
    /// Billable segments of the initial message where no variable is long, by which the sender is paced;
    /// what is claimed is then paid for exactly.
    pub(in crate::engine) segments: u64,
}

impl Lane {
    /// The campaign.
    pub(in crate::engine) const fn id(&self) -> CampaignId {
        self.binding.campaign.id
    }
}

fn segments(binding: &Binding) -> u64 {
    let literal = binding.step(0).map_or_else(String::new, |(_, text)| text.literal());
    u64::from(text::measure(&binding.frame.compose(&literal)).segments).max(1)
}

/// How long what a lane is read from must have stood still before it is remembered: two changes within the
/// same millisecond cannot be told apart.
const STANDS_STILL: Duration = Duration::from_secs(2);

/// Lanes that are remembered, each with what tells whether it still is so.
#[derive(Debug, Default)]
pub(super) struct Lanes(Mutex<HashMap<CampaignId, (Stamp, Arc<Lane>)>>);

impl Lanes {
    pub(super) fn get(&self, id: CampaignId, stamp: Stamp) -> Option<Arc<Lane>> {
        let lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.get(&id).filter(|(known, _)| *known == stamp).map(|(_, lane)| Arc::clone(lane))
    }

    fn keep(&self, stamp: Stamp, lane: &Arc<Lane>) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lanes.insert(lane.id(), (stamp, Arc::clone(lane)));
    }

    /// Forgets all but those of campaigns that run.
    fn retain(&self, dues: &[Due]) {
        let mut lanes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // They come in the order of their ids.
        lanes.retain(|id, _| dues.binary_search_by_key(id, |due| due.campaign_id).is_ok());
    }
}

impl Engine {
    /// The running campaigns with something due now, and when the next of the others is due.
    pub(super) async fn lanes(&self, now: Instant) -> Result<(Vec<Arc<Lane>>, Tally), Fault> {
        let (mut lanes, mut tally) = (Vec::new(), Tally::default());
        let mut add = |id, looked: Result<Look, Fault>| {
            let looked = looked.map(|look| {
                lanes.extend(look.lane);
                Activity { done: 0, next_at: look.next_at }
            });
            tally.add(id, looked);
        };
        let (dues, resending) =
            future::join(self.dues(), resolution::resending(self.db.read(), RESENDING_MAX)).await;
        for due in dues? {
            let stamp = Some(due.stamp);
            add(due.campaign_id, self.look(due.campaign_id, due.next_at, stamp, now).await);
        }
        for id in resending? {
            let next_at = runs::next_due(self.db.read(), id).await?;
            add(id, self.look(id, next_at, None, now).await);
        }
        Ok((lanes, tally))
    }

    /// Every campaign that runs and is not paused.
    async fn dues(&self) -> Result<Vec<Due>, Fault> {
        let mut dues: Vec<Due> = Vec::new();
        for _ in 0..RUNNING_PAGES_MAX {
            let after = dues.last().map(|due| due.campaign_id);
            let page = runs::dues(self.db.read(), after, RUNNING_PAGE).await?;
            let is_last = page.len() < usize::try_from(RUNNING_PAGE).unwrap_or(usize::MAX);
            dues.extend(page);
            if is_last {
                break;
            }
        }
        self.dispatcher.lanes.retain(&dues);
        Ok(dues)
    }

    /// A campaign's lane if something of it is due and its connection is not held, else when it will be.
    async fn look(
        &self,
        id: CampaignId,
        next_at: Option<Instant>,
        stamp: Option<Stamp>,
        now: Instant,
    ) -> Result<Look, Fault> {
        if next_at.is_none_or(|next_at| next_at > now) {
            return Ok(Look { lane: None, next_at });
        }
        let known = stamp.and_then(|stamp| self.dispatcher.lanes.get(id, stamp));
        let lane = match known {
            Some(lane) => Some(lane),
            None => self.read_lane(id).await?.map(Arc::new),
        };
        let Some(lane) = lane else { return Ok(Look::default()) };
        if let Some(stamp) = stamp.filter(|stamp| stamp.newest_at + span(STANDS_STILL) < now) {
            self.dispatcher.lanes.keep(stamp, &lane);
        }
        if !self.may_send(&lane, now).await? {
            return Ok(Look::default());
        }
        Ok(match self.dispatcher.holds.until(lane.connection.id, now) {
            Some(until) => Look { lane: None, next_at: Some(until) },
            None => Look { lane: Some(lane), next_at: None },
        })
    }

    /// What a campaign's messages are made of; none when it may not send now, or can no longer send: then
    /// it has failed.
    pub(in crate::engine) async fn lane(
        &self,
        id: CampaignId,
        now: Instant,
    ) -> Result<Option<Arc<Lane>>, Fault> {
        let Some(lane) = self.read_lane(id).await?.map(Arc::new) else { return Ok(None) };
        Ok(self.may_send(&lane, now).await?.then_some(lane))
    }

    /// Reads a lane; none where there is none, or where what can never be sent made the campaign fail.
    async fn read_lane(&self, id: CampaignId) -> Result<Option<Lane>, Fault> {
        let db = self.db.read();
        let Some(campaign) = campaigns::find_any(db, id).await? else { return Ok(None) };
        if campaign.paused_at.is_some() {
            return Ok(None);
        }
        let site_id = campaign.site_id;
        let sender = admin::ready_sender(db, site_id).await?;
        let connection = match &sender {
            Some(sender) => admin::find_connection(db, sender.connection_id).await?,
            None => None,
        };
        let Some(binding) = binding::read(db, campaign).await? else {
            self.fail(site_id, id, StatusReason::ContentInvalid, Task::Dispatcher).await?;
            return Ok(None);
        };
        let Some((sender, connection)) = sender.zip(connection) else {
            let obstacle = site::running_blocker(&binding.site, false, self.clock.now());
            let reason = obstacle.unwrap_or(StatusReason::SenderNotReady);
            self.fail(site_id, id, reason, Task::Dispatcher).await?;
            return Ok(None);
        };
        let callback_url = format!("{}/hooks/generic/{}", self.settings.public_url, connection.id);
        let segments = segments(&binding);
        Ok(Some(Lane { binding, sender, connection, callback_url, segments }))
    }

    /// Whether a lane's messages may leave now. A campaign that can no longer send has failed.
    async fn may_send(&self, lane: &Lane, now: Instant) -> Result<bool, Fault> {
        let (site, id) = (&lane.binding.site, lane.id());
        if let Some(reason) = site::running_blocker(site, true, now) {
            self.fail(site.id, id, reason, Task::Dispatcher).await?;
            return Ok(false);
        }
        // A trial's plan is reserved whole before its first message leaves.
        Ok(!lane.binding.is_on_trial() || self.is_planned(id).await?)
    }

    async fn is_planned(&self, id: CampaignId) -> Result<bool, Fault> {
        let run = counts::run(self.db.read(), id).await?;
        Ok(run.is_some_and(|run| run.planned_at.is_some()))
    }
}

/// What looking at a campaign came to.
#[derive(Default)]
struct Look {
    lane: Option<Arc<Lane>>,
    /// When something of it can be handed over, if not now.
    next_at: Option<Instant>,
}
