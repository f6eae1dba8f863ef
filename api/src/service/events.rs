//! The event log, read and followed.

use super::{Actor, Fault, Page, PageRequest, Service};
use crate::db::events;
use domain::{
    event::CampaignEvent,
    id::{CampaignId, EventId, SiteId},
};
use std::collections::HashMap;
use tokio::sync::watch;

impl Service {
    /// A page of the events of each campaign, oldest first (cursor: the sequence); empty for a foreign one.
    pub async fn campaign_events(
        &self,
        actor: &Actor,
        ids: &[CampaignId],
        page: &PageRequest,
    ) -> Result<HashMap<CampaignId, Page<CampaignEvent>>, Fault> {
        let pages = events::pages(self.db.read(), actor.sites(), ids, page).await?;
        Ok(ids.iter().copied().zip(pages).collect())
    }

    /// Positions of events of the caller's sites, each told by its campaign and its sequence; what is not there is
    /// left out.
    pub async fn event_positions(
        &self,
        actor: &Actor,
        asked: &[(CampaignId, i64)],
    ) -> Result<HashMap<(CampaignId, i64), i64>, Fault> {
        Ok(events::positions(self.db.read(), actor.sites(), asked).await?)
    }

    /// One event.
    pub async fn event(&self, actor: &Actor, id: EventId) -> Result<Option<CampaignEvent>, Fault> {
        Ok(events::find(self.db.read(), actor.sites(), id).await?)
    }

    /// The last position of the site's log: read it before the rows it vouches for. 0 for an empty log.
    pub async fn log_position(&self, site_id: SiteId) -> Result<i64, Fault> {
        let mut last = events::last_positions(self.db.read(), &[site_id]).await?;
        Ok(last.remove(&site_id).unwrap_or_default())
    }

    /// The same of each site that the caller reaches.
    pub async fn log_positions(
        &self,
        actor: &Actor,
        sites: &[SiteId],
    ) -> Result<HashMap<SiteId, i64>, Fault> {
        let sites = actor.reached(sites);
        let mut last = events::last_positions(self.db.read(), &sites).await?;
        Ok(sites.iter().map(|site| (*site, last.remove(site).unwrap_or_default())).collect())
    }

    /// `changed()` completes when something was committed here. A hint: poll beside it.
    pub fn hints(&self) -> watch::Receiver<u64> {
        self.hints.watch()
    }
}
