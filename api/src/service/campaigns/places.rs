//! Where a campaign's recipients are, for a time in each one's own zone.
//!
//! **Invariant:** recipients are looked through before the write transaction begins, so that nobody waits for
//! it; what was found for another revision of the campaign is found anew.

use crate::{
    db::{Txn, audiences, campaigns, sites},
    service::{Actor, Fault, Service},
};
use domain::{campaign::Campaign, id::CampaignId, schedule::ScheduleRequest, zone::Zone};

/// The zones of a campaign's recipients, at one revision of it.
pub(super) struct Seen {
    revision: i64,
    zones: Vec<Zone>,
}

impl Service {
    /// Collects the zones of a campaign's recipients, where the schedule asked for depends on them.
    pub(super) async fn look_ahead(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        request: ScheduleRequest,
    ) -> Result<Option<Seen>, Fault> {
        let (Some(id), ScheduleRequest::AtSubscriberTime(..)) = (id, request) else {
            return Ok(None);
        };
        let db = self.db.read();
        let Some(campaign) = campaigns::find(db, actor.sites(), id).await? else { return Ok(None) };
        let Some(site) = sites::find(db, campaign.site_id).await? else { return Ok(None) };
        let zones = audiences::zones(db, &campaign, site.zone).await?;
        Ok(Some(Seen { revision: campaign.revision, zones }))
    }

    /// The zones of the recipients of a campaign that is locked: those seen, if it has not changed since.
    pub(super) async fn recipient_zones(
        &self,
        txn: &Txn,
        campaign: &Campaign,
        site: Zone,
        (request, seen): (ScheduleRequest, Option<Seen>),
    ) -> Result<Vec<Zone>, Fault> {
        match (request, seen) {
            (ScheduleRequest::AtSubscriberTime(..), Some(seen))
                if seen.revision == campaign.revision =>
            {
                Ok(seen.zones)
            }
            (ScheduleRequest::AtSubscriberTime(..), _) => {
                Ok(audiences::zones(txn, campaign, site).await?)
            }
            (ScheduleRequest::Now | ScheduleRequest::AtStoreTime(_), _) => Ok(Vec::new()),
        }
    }
}
