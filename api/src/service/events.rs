//! The event log, read and followed.

use super::{Actor, Fault, Page, PageRequest, Service};
use crate::db::events;
use domain::{
    event::CampaignEvent,
    id::{CampaignId, EventId, SiteId},
};
use tokio::sync::watch;

impl Service {
    /// Events of a campaign the caller reaches, oldest first (cursor: the sequence).
    pub async fn campaign_events(
        &self,
        actor: &Actor,
        campaign_id: CampaignId,
        page: &PageRequest,
    ) -> Result<Page<CampaignEvent>, Fault> {
        Ok(events::of_campaign(self.db.read(), actor.sites(), campaign_id, page).await?)
    }

    /// One event.
    pub async fn event(&self, actor: &Actor, id: EventId) -> Result<Option<CampaignEvent>, Fault> {
        Ok(events::find(self.db.read(), actor.sites(), id).await?)
    }

    /// The last position of the site's log: read it before the rows it vouches for. 0 for an empty log.
    pub async fn log_position(&self, site_id: SiteId) -> Result<i64, Fault> {
        Ok(events::last_position(self.db.read(), site_id).await?)
    }

    /// At most `limit` events of the site after `position`, in order; of one campaign when it is named.
    pub async fn events_after(
        &self,
        site_id: SiteId,
        campaign_id: Option<CampaignId>,
        position: i64,
        limit: u64,
    ) -> Result<Vec<CampaignEvent>, Fault> {
        Ok(events::after(self.db.read(), site_id, campaign_id, position, limit).await?)
    }

    /// `changed()` completes when something was committed here. A hint: poll beside it.
    pub fn hints(&self) -> watch::Receiver<u64> {
        self.hints.watch()
    }
}
