//! The scheduler: starts campaigns whose time has come, or fails them with the reason they cannot.

use super::{Activity, Engine, Fault, Tally, span};
use crate::{
    db::{
        campaigns::{self, Move},
        runs, sites,
    },
    ports::Task,
};
use chrono::TimeDelta;
use domain::{
    Instant,
    campaign::{Campaign, CampaignStatus, Trigger},
    id::CampaignId,
    reason::StatusReason,
    site,
};

/// Campaigns started in one activation.
const START_BATCH_MAX: u64 = 100;

impl Engine {
    pub(super) async fn activate_scheduler(&self) -> Result<Activity, Fault> {
        let now = self.clock.now();
        let due = runs::scheduled_due(self.db.read(), now, START_BATCH_MAX).await?;
        let mut tally = Tally::default();
        for id in due {
            let started = self.start(id, now).await;
            tally.add(id, started.map(|started| Activity::done(u64::from(started))));
        }
        let next_at = runs::next_scheduled(self.db.read()).await?;
        Ok(tally.finish()?.and(Activity { done: 0, next_at }))
    }

    /// Starts one campaign, or fails it. Answers whether it moved.
    async fn start(&self, id: CampaignId, now: Instant) -> Result<bool, Fault> {
        let txn = self.db.begin_write().await?;
        let Some(found) = campaigns::find_any(&txn, id).await? else { return Ok(false) };
        let Some(campaign) = campaigns::lock(&txn, &[found.site_id], id).await? else {
            return Ok(false);
        };
        let is_due = campaign.schedule.as_ref().is_some_and(|schedule| schedule.launches_at <= now);
        if !is_due || campaign.status != CampaignStatus::Scheduled {
            // Rescheduled, canceled, or started by another node since it was found due.
            return Ok(false);
        }
        let failure = self.obstacle(&txn, &campaign, now).await?;
        let trigger = if failure.is_some() { Trigger::Fail } else { Trigger::Start };
        let step = Move { trigger, reason: failure, at: now };
        let cause = Self::cause(Task::Scheduler);
        let moved = campaigns::move_on(&txn, &self.ids, &cause, &campaign, step).await?;
        let Some(moved) = moved else { return Ok(false) };
        if moved.status.is_running() {
            runs::begin(&txn, moved.id, moved.site_id, now).await?;
        }
        txn.commit().await?;
        self.bells.ring(Task::Planner);
        self.hints.give();
        Ok(true)
    }

    /// Why a campaign that is due cannot start, if it cannot.
    async fn obstacle(
        &self,
        txn: &crate::db::Txn,
        campaign: &Campaign,
        now: Instant,
    ) -> Result<Option<StatusReason>, Fault> {
        let own = campaign.max_lateness_s.map(TimeDelta::seconds);
        let lateness = own.unwrap_or_else(|| span(self.settings.max_lateness));
        if campaign.schedule.as_ref().is_some_and(|schedule| now - schedule.starts_at > lateness) {
            return Ok(Some(StatusReason::ScheduleMissed));
        }
        let Some(site) = sites::find(txn, campaign.site_id).await? else {
            return Ok(Some(StatusReason::SiteInactive));
        };
        let has_ready_sender = sites::has_ready_sender(txn, site.id).await?;
        Ok(site::sending_blockers(&site, has_ready_sender, now).into_iter().next())
    }
}
