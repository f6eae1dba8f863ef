//! The ends of the sites' logs as this node has read them last, shared by all who follow: a thousand subscriptions
//! that are woken by one event cost one read of the log and one of the campaign.
//!
//! **Invariant:** what is answered is no older than the hint that its reader has seen: a read is shared only by
//! those who came before it began, or heard of nothing since. Without a hint it is [`AGE_MAX`] old at most.
//! **Invariant:** a campaign that is shared was read after every event that was.
//! **Invariant:** everything kept here has a bound, and nothing is true because it is kept here: the log is.

use super::{Actor, Fault, Service};
use crate::db::{Db, campaigns, events};
use domain::{
    campaign::Campaign,
    event::CampaignEvent,
    id::{CampaignId, SiteId},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// How long a read is shared by those who have heard of nothing since.
const AGE_MAX: Duration = Duration::from_millis(500);
/// Events kept of a site.
const EVENTS_MAX: usize = 1_024;
/// Events read at once.
const BATCH_MAX: u64 = 200;
/// Batches read for one caller: whoever is behind by more reads the log alone.
const BATCHES_MAX: usize = 8;
/// Sites whose logs are kept; with one more, all are read anew.
const SITES_MAX: usize = 1_000;
/// Campaigns kept of a site; with one more, all are read anew.
const CAMPAIGNS_MAX: usize = 1_000;

/// The ends of all logs that somebody follows.
#[derive(Debug, Default)]
pub(super) struct Tails(Mutex<HashMap<SiteId, Arc<Tail>>>);

impl Tails {
    fn of(&self, site_id: SiteId) -> Arc<Tail> {
        let mut tails = lock(&self.0);
        if tails.len() >= SITES_MAX && !tails.contains_key(&site_id) {
            tails.clear();
        }
        Arc::clone(tails.entry(site_id).or_default())
    }
}

/// When something was read.
#[derive(Clone, Copy, Debug)]
struct Mark {
    /// The last hint that was seen before the read began.
    hint: u64,
    at: Instant,
}

impl Mark {
    /// Whether it does for whoever has seen `hint`.
    fn does_for(self, hint: u64) -> bool {
        self.hint >= hint && self.at.elapsed() < AGE_MAX
    }
}

/// Events, and the position up to which there are no more of them: that of the log's `end` where they are fewer than
/// `limit`.
fn told(
    events: Vec<CampaignEvent>,
    position: i64,
    (limit, end): (u64, i64),
) -> (Vec<CampaignEvent>, i64) {
    let last = events.last().map_or(position, |event| event.position);
    let is_whole = u64::try_from(events.len()).is_ok_and(|told| told < limit);
    let up_to = if is_whole { last.max(end) } else { last };
    (events, up_to)
}

/// The end of one site's log.
#[derive(Debug, Default)]
struct Tail {
    /// Held while the log is read, so that those who wait share the read.
    reading: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// Nothing after this position is missing.
    begin: i64,
    /// The last position read.
    end: i64,
    /// When it was read; none before the first time.
    mark: Option<Mark>,
    events: VecDeque<CampaignEvent>,
    /// Campaigns, and the end of the log when each was read.
    campaigns: HashMap<CampaignId, (i64, Mark, Option<Campaign>)>,
}

impl Known {
    fn does_for(&self, hint: u64) -> bool {
        self.mark.is_some_and(|mark| mark.does_for(hint))
    }

    /// The events after `position`; none where some may be missing.
    fn after(&self, position: i64, wanted: &Wanted) -> Option<Vec<CampaignEvent>> {
        if position < self.begin {
            return None;
        }
        let first = self.events.partition_point(|event| event.position <= position);
        let later = self.events.iter().skip(first);
        let ours = later.filter(|event| wanted.campaign.is_none_or(|id| id == event.campaign_id));
        Some(ours.take(wanted.limit).cloned().collect())
    }

    fn add(&mut self, events: Vec<CampaignEvent>) {
        self.end = events.last().map_or(self.end, |event| event.position);
        self.events.extend(events);
        while self.events.len() > EVENTS_MAX {
            self.begin = self.events.pop_front().map_or(self.begin, |event| event.position);
        }
    }
}

/// Which events somebody wants.
struct Wanted {
    campaign: Option<CampaignId>,
    limit: usize,
}

impl Tail {
    /// Reads on to the end of the log, unless somebody did for whoever has seen `hint`. The first time it begins
    /// there.
    async fn read(&self, service: &Service, site: SiteId, hint: u64) -> Result<(), Fault> {
        if lock(&self.known).does_for(hint) {
            return Ok(());
        }
        let _turn = self.reading.lock().await;
        let known = {
            let known = lock(&self.known);
            if known.does_for(hint) {
                return Ok(());
            }
            known.mark.map(|_| known.end)
        };
        let mark = Some(Mark { hint: *service.hints().borrow(), at: Instant::now() });
        let Some(end) = known else {
            let end = service.log_position(site).await?;
            *lock(&self.known) = Known { begin: end, end, mark, ..Known::default() };
            return Ok(());
        };
        let read = read_on(&service.db, site, end).await?;
        let mut known = lock(&self.known);
        match read {
            Some(events) => {
                known.add(events);
                known.mark = mark;
            }
            // Too many to be shared: the next one begins anew, at the end.
            None => *known = Known::default(),
        }
        Ok(())
    }
}

/// The events after `position` to the end of the log; none when they are too many.
async fn read_on(
    db: &Db,
    site: SiteId,
    position: i64,
) -> Result<Option<Vec<CampaignEvent>>, Fault> {
    let (mut all, mut position) = (Vec::new(), position);
    for _ in 0..BATCHES_MAX {
        let batch = events::after(db.read(), site, None, position, BATCH_MAX).await?;
        let is_last = u64::try_from(batch.len()).is_ok_and(|read| read < BATCH_MAX);
        position = batch.last().map_or(position, |event| event.position);
        all.extend(batch);
        if is_last {
            return Ok(Some(all));
        }
    }
    Ok(None)
}

impl Service {
    /// At most `limit` events of the site after `position`, in order, and up to which position there are no more of
    /// them; of one campaign when it is named. The site was chosen through the actor.
    pub async fn events_after(
        &self,
        site_id: SiteId,
        campaign_id: Option<CampaignId>,
        position: i64,
        limit: u64,
    ) -> Result<(Vec<CampaignEvent>, i64), Fault> {
        let hint = *self.hints().borrow();
        let tail = self.tails.of(site_id);
        tail.read(self, site_id, hint).await?;
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let wanted = Wanted { campaign: campaign_id, limit: most };
        let shared = {
            let known = lock(&tail.known);
            let events = known.mark.and_then(|_| known.after(position, &wanted));
            events.map(|events| told(events, position, (limit, known.end)))
        };
        match shared {
            Some(told) => Ok(told),
            None => self.events_read(&tail, site_id, campaign_id, (position, limit)).await,
        }
    }

    /// The same, read from the log: for whoever is behind. What is later than what is shared is left for the next
    /// time, when it is shared.
    async fn events_read(
        &self,
        tail: &Tail,
        site_id: SiteId,
        campaign_id: Option<CampaignId>,
        (position, limit): (i64, u64),
    ) -> Result<(Vec<CampaignEvent>, i64), Fault> {
        let shared = {
            let known = lock(&tail.known);
            known.mark.map(|_| known.end)
        };
        let db = self.db.read();
        let mut read = events::after(db, site_id, campaign_id, position, limit).await?;
        let Some(end) = shared else { return Ok(told(read, position, (0, position))) };
        let is_whole = u64::try_from(read.len()).is_ok_and(|read| read < limit);
        read.retain(|event| event.position <= end);
        Ok(told(read, position, if is_whole { (u64::MAX, end) } else { (0, end) }))
    }

    /// The campaign as it is after all events that were told of its site; none that the caller does not reach.
    pub async fn campaign_followed(
        &self,
        actor: &Actor,
        site_id: SiteId,
        id: CampaignId,
    ) -> Result<Option<Campaign>, Fault> {
        let Some(site_id) = actor.site(Some(site_id)) else { return Ok(None) };
        let hint = *self.hints().borrow();
        let tail = self.tails.of(site_id);
        if let Some(found) = tail.campaign(id, hint) {
            return Ok(found);
        }
        let _turn = tail.reading.lock().await;
        if let Some(found) = tail.campaign(id, hint) {
            return Ok(found);
        }
        let end = lock(&tail.known).end;
        let mark = Mark { hint: *self.hints().borrow(), at: Instant::now() };
        let found = campaigns::find(self.db.read(), &[site_id], id).await?;
        let mut known = lock(&tail.known);
        if known.campaigns.len() >= CAMPAIGNS_MAX {
            known.campaigns.clear();
        }
        known.campaigns.insert(id, (end, mark, found.clone()));
        Ok(found)
    }
}

impl Tail {
    /// The campaign as it was read last, if that was after the last event and does for whoever has seen `hint`.
    fn campaign(&self, id: CampaignId, hint: u64) -> Option<Option<Campaign>> {
        let known = lock(&self.known);
        known.mark?;
        let (end, mark, found) = known.campaigns.get(&id)?;
        (*end >= known.end && mark.does_for(hint)).then(|| found.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
