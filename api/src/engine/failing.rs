//! Failing a running campaign: what waits is put away, what was handed over stays accounted for.

use super::{Engine, Fault};
use crate::{
    db::{
        campaigns::{self, Move},
        gate, plans,
    },
    ports::Task,
};
use domain::{
    campaign::Trigger,
    id::{CampaignId, SiteId},
    reason::{MessageReason, StatusReason},
};

impl Engine {
    /// Fails a running campaign of `site_id`. Answers whether it was running still.
    pub(super) async fn fail(
        &self,
        site_id: SiteId,
        id: CampaignId,
        reason: StatusReason,
        by: Task,
    ) -> Result<bool, Fault> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        gate::close(&txn, id).await?;
        let Some(campaign) = campaigns::lock(&txn, &[site_id], id).await? else { return Ok(false) };
        if !campaign.status.is_running() {
            return Ok(false);
        }
        plans::stop(&txn, id, MessageReason::CampaignFailed, now).await?;
        let step = Move { trigger: Trigger::Fail, reason: Some(reason), at: now };
        let cause = Self::cause(by);
        let moved = campaigns::move_on(&txn, &self.ids, &cause, &campaign, step).await?;
        txn.commit().await?;
        self.hints.give();
        Ok(moved.is_some())
    }
}
