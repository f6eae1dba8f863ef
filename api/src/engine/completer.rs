//! The completer: moves a campaign on when its messages have moved.

use super::{Activity, Engine, Fault, RESENDING_MAX, Tally, resolver::TRIES_WAITED_FOR};
use crate::{
    db::{
        campaigns::{self, Move},
        counts, gate, resolution,
        runs::Wanted,
    },
    ports::Task,
};
use domain::{
    campaign::{CampaignStatus, Trigger},
    id::CampaignId,
    message::MessageCounts,
    reason::StatusReason,
};
use sea_orm::ConnectionTrait;

impl Engine {
    pub(super) async fn activate_completer(&self) -> Result<Activity, Fault> {
        let mut tally = Tally::default();
        for id in self.running(Wanted::Moved).await? {
            let moved = self.complete(id).await;
            tally.add(id, moved.map(|moved| Activity::done(u64::from(moved))));
        }
        for id in resolution::resending(self.db.read(), RESENDING_MAX).await? {
            let finished = self.finish_resending(id).await;
            tally.add(id, finished.map(|finished| Activity::done(u64::from(finished))));
        }
        tally.finish()
    }

    /// Moves one campaign on, if its messages have moved. Answers whether it did.
    async fn complete(&self, id: CampaignId) -> Result<bool, Fault> {
        let read = self.db.read();
        let Some(found) = campaigns::find_any(read, id).await? else { return Ok(false) };
        // Counts before the run: a hand-over that begins in between is seen to have begun.
        let counted = counts::read(read, id, None).await?;
        let Some(run) = counts::run(read, id).await? else { return Ok(false) };
        if next(found.status, &run, &counts::partition(&counted)).is_none()
            || self.is_asking(read, found.status, id).await?
        {
            return Ok(false);
        }
        // There may be something to do: decide again, now that nobody else can move the campaign.
        let txn = self.db.begin_write().await?;
        gate::close(&txn, id).await?;
        let Some(campaign) = campaigns::lock(&txn, &[found.site_id], id).await? else {
            return Ok(false);
        };
        let counted = counts::partition(&counts::read(&txn, id, None).await?);
        let Some(run) = counts::run(&txn, id).await? else { return Ok(false) };
        let Some((trigger, reason)) = next(campaign.status, &run, &counted) else {
            return Ok(false);
        };
        if self.is_asking(&txn, campaign.status, id).await? {
            return Ok(false);
        }
        let step = Move { trigger, reason, at: self.clock.now() };
        let cause = Self::cause(Task::Completer);
        let moved = campaigns::move_on(&txn, &self.ids, &cause, &campaign, step).await?;
        txn.commit().await?;
        self.hints.give();
        Ok(moved.is_some())
    }
}

impl Engine {
    /// Whether a campaign whose messages have all left still waits for the resolver's first answers.
    async fn is_asking(
        &self,
        connection: &impl ConnectionTrait,
        status: CampaignStatus,
        id: CampaignId,
    ) -> Result<bool, Fault> {
        Ok(status == CampaignStatus::Sending
            && resolution::is_asking(connection, id, TRIES_WAITED_FOR).await?)
    }

    /// Notes that what somebody chose to send again of a sent campaign has left.
    async fn finish_resending(&self, id: CampaignId) -> Result<bool, Fault> {
        let counted = counts::partition(&counts::read(self.db.read(), id, None).await?);
        if counted.outstanding() > 0 {
            return Ok(false);
        }
        let txn = self.db.begin_write().await?;
        gate::close(&txn, id).await?;
        let counted = counts::partition(&counts::read(&txn, id, None).await?);
        if counted.outstanding() > 0 {
            return Ok(false);
        }
        resolution::mark_resending(&txn, id, None).await?;
        txn.commit().await?;
        Ok(true)
    }
}

/// Where a campaign goes from here, if anywhere: it is released when its plan is complete and a hand-over
/// has begun, and complete when nothing is left to hand over.
fn next(
    status: CampaignStatus,
    run: &counts::Run,
    counts: &MessageCounts,
) -> Option<(Trigger, Option<StatusReason>)> {
    run.planned_at?;
    let is_done = counts.outstanding() == 0;
    match status {
        CampaignStatus::Processing if run.started_at.is_some() => Some((Trigger::Release, None)),
        CampaignStatus::Processing if run.recipient_count == 0 => {
            Some((Trigger::Fail, Some(StatusReason::AudienceEmpty)))
        }
        CampaignStatus::Processing if is_done => {
            Some((Trigger::Complete, Some(StatusReason::NothingToSend)))
        }
        CampaignStatus::Sending if is_done => Some((Trigger::Complete, None)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::SiteId;

    fn run(recipients: i64, planned: bool, started: bool) -> counts::Run {
        let at: domain::Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        counts::Run {
            campaign_id: CampaignId::from(uuid::Uuid::nil()),
            site_id: SiteId::from(uuid::Uuid::nil()),
            version: 1,
            recipient_count: recipients,
            processing_at: at,
            plan_cursor: None,
            planned_at: planned.then_some(at),
            started_at: started.then_some(at),
            handed_over_at: None,
        }
    }

    #[test]
    fn a_campaign_moves_when_its_messages_have() {
        use CampaignStatus::{Processing, Sending};
        let waiting = MessageCounts { queued: 1, ..MessageCounts::default() };
        let in_flight = MessageCounts { in_flight: 1, ..MessageCounts::default() };
        let unknown = MessageCounts { unknown: 1, ..MessageCounts::default() };
        let skipped = MessageCounts { skipped: 1, ..MessageCounts::default() };
        assert_eq!(next(Processing, &run(1, false, true), &waiting), None);
        assert_eq!(next(Processing, &run(1, true, false), &waiting), None);
        assert_eq!(next(Processing, &run(1, true, true), &unknown), Some((Trigger::Release, None)));
        let empty = Some((Trigger::Fail, Some(StatusReason::AudienceEmpty)));
        assert_eq!(next(Processing, &run(0, true, false), &MessageCounts::default()), empty);
        let nothing = Some((Trigger::Complete, Some(StatusReason::NothingToSend)));
        assert_eq!(next(Processing, &run(1, true, false), &skipped), nothing);
        assert_eq!(next(Sending, &run(1, true, true), &in_flight), None);
        assert_eq!(next(Sending, &run(1, true, true), &unknown), Some((Trigger::Complete, None)));
    }
}
