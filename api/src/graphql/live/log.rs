//! What a stream reads: the event log, and the campaigns it tells of.

use crate::{
    graphql::context::{Answered as _, Caller},
    service::{Page, PageRequest, Progress},
};
use async_graphql::Result;
use domain::{
    campaign::Campaign,
    event::CampaignEvent,
    id::{CampaignId, SiteId},
};
use tokio::sync::watch;

/// What a stream reads, for one caller.
pub(in crate::graphql) trait Log: Send + Sync + 'static {
    /// A receiver that is woken when there may be something new.
    fn hints(&self) -> watch::Receiver<u64>;

    /// At most `limit` events of the site after `position`, in order, and up to which position there
    /// are no more of them; of one campaign when it is named.
    fn events_after(
        &self,
        site_id: SiteId,
        campaign_id: Option<CampaignId>,
        position: i64,
        limit: u64,
    ) -> impl Future<Output = Result<(Vec<CampaignEvent>, i64)>> + Send;

    /// The last position of the site's log.
    fn end(&self, site_id: SiteId) -> impl Future<Output = Result<i64>> + Send;

    /// A page of a campaign's events, oldest first.
    fn history(
        &self,
        id: CampaignId,
        page: &PageRequest,
    ) -> impl Future<Output = Result<Page<CampaignEvent>>> + Send;

    /// The campaign as it now is, unless there is none the caller may see.
    fn campaign(&self, id: CampaignId) -> impl Future<Output = Result<Option<Campaign>>> + Send;

    /// The campaign of a site that is followed, as it is after all events told of the site.
    fn followed(
        &self,
        site_id: SiteId,
        id: CampaignId,
    ) -> impl Future<Output = Result<Option<Campaign>>> + Send;

    /// How far along the campaign is; none before `PROCESSING`.
    fn progress(
        &self,
        campaign: &Campaign,
    ) -> impl Future<Output = Result<Option<Progress>>> + Send;
}

/// What asks the database is boxed while it does: a subscription that waits need not keep the room for it.
impl Log for Caller {
    fn hints(&self) -> watch::Receiver<u64> {
        self.service.hints()
    }

    async fn events_after(
        &self,
        site_id: SiteId,
        campaign_id: Option<CampaignId>,
        position: i64,
        limit: u64,
    ) -> Result<(Vec<CampaignEvent>, i64)> {
        let events = self.service.events_after(site_id, campaign_id, position, limit);
        Box::pin(events).await.or_internal(self)
    }

    async fn end(&self, site_id: SiteId) -> Result<i64> {
        Box::pin(self.service.log_position(site_id)).await.or_internal(self)
    }

    async fn history(&self, id: CampaignId, page: &PageRequest) -> Result<Page<CampaignEvent>> {
        let ids = [id];
        let pages = Box::pin(self.service.campaign_events(&self.actor, &ids, page)).await;
        Ok(pages.or_internal(self)?.remove(&id).unwrap_or_else(Page::empty))
    }

    async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>> {
        Box::pin(self.service.campaign(&self.actor, id)).await.or_internal(self)
    }

    async fn followed(&self, site_id: SiteId, id: CampaignId) -> Result<Option<Campaign>> {
        let followed = self.service.campaign_followed(&self.actor, site_id, id);
        Box::pin(followed).await.or_internal(self)
    }

    async fn progress(&self, campaign: &Campaign) -> Result<Option<Progress>> {
        Box::pin(self.service.campaign_progress(campaign)).await.or_internal(self)
    }
}
