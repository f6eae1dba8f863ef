//! The event log, read and followed.

use super::{Actor, Fault, Page, PageRequest, Service};
use domain::{event::CampaignEvent, id::{CampaignId, EventId, SiteId}};
use tokio::sync::watch;

impl Service {
    /// Events of a campaign the caller reaches, oldest first (cursor: the sequence).
    pub async fn campaign_events(&self, actor: &Actor, campaign_id: CampaignId, page: &PageRequest) -> Result<Page<CampaignEvent>, Fault> { unimplemented!() }
    /// One event.
    pub async fn event(&self, actor: &Actor, id: EventId) -> Result<Option<CampaignEvent>, Fault> { unimplemented!() }
    /// The last position of the site's log: read it before the rows it vouches for. 0 for an empty log.
    pub async fn log_position(&self, site_id: SiteId) -> Result<i64, Fault> { unimplemented!() }
    /// At most `limit` events of the site after `position`, in order; of one campaign when it is named.
    pub async fn events_after(&self, site_id: SiteId, campaign_id: Option<CampaignId>, position: i64, limit: u64) -> Result<Vec<CampaignEvent>, Fault> { unimplemented!() }
    /// `changed()` completes when something was committed. A hint: poll every second beside it.
    pub fn hints(&self) -> watch::Receiver<u64> { self.hints.watch() }
}
