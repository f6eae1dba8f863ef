//! Reads the event log from a position on, and waits at its end.
//!
//! **Invariant:** hints are watched before the log is read, so that what is committed in between is
//! looked for again; each event is read once, because the position moves with what was read.

use super::{log::Log, wait};
use async_graphql::Result;
use domain::{
    campaign::Campaign,
    event::CampaignEvent,
    id::{CampaignId, SiteId},
};
use tokio::sync::watch;

/// The most events read at once.
pub(super) const BATCH_MAX: u64 = 200;

/// A reader of a site's log.
pub(super) struct Follower<L> {
    /// What is read.
    pub(super) log: L,
    /// Whose log it is.
    pub(super) site_id: SiteId,
    /// Whose events are read, if not every campaign's.
    campaign_id: Option<CampaignId>,
    /// The position up to which everything was read.
    position: i64,
    hints: watch::Receiver<u64>,
}

impl<L: Log> Follower<L> {
    /// A reader that begins after `position`.
    pub(super) fn new(
        log: L,
        site_id: SiteId,
        campaign_id: Option<CampaignId>,
        position: i64,
    ) -> Self {
        let hints = log.hints();
        Self { log, site_id, campaign_id, position, hints }
    }

    /// The events after those read so far, at most [`BATCH_MAX`]; none at the end of the log.
    pub(super) async fn read(&mut self) -> Result<Vec<CampaignEvent>> {
        self.hints.mark_unchanged();
        let after = self.position;
        let (events, up_to) =
            self.log.events_after(self.site_id, self.campaign_id, after, BATCH_MAX).await?;
        self.position = after.max(up_to);
        Ok(events)
    }

    /// A campaign of the site, as it is after all that was read.
    pub(super) async fn followed(&self, id: CampaignId) -> Result<Option<Campaign>> {
        self.log.followed(self.site_id, id).await
    }

    /// Waits until there may be more to read.
    pub(super) async fn wait(&mut self) {
        wait(&mut self.hints).await;
    }

    /// Where to go on from when the position lies ahead of the log, as after a restored backup: the
    /// log's end, with everything else to be queried again. None when the position is one of the
    /// log.
    pub(super) async fn resync(&mut self) -> Result<Option<i64>> {
        let end = self.log.end(self.site_id).await?;
        if self.position <= end {
            return Ok(None);
        }
        self.position = end;
        Ok(Some(end))
    }
}
