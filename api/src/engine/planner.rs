//! The planner: works out who receives a campaign, a batch at a time, so that first messages may leave
//! while it still works.

use super::{Activity, Engine, Fault, Tally};
use crate::{
    db::{
        campaigns, counts, gate,
        outcomes::{self, Gate},
        plans::{self, Batch},
        revisions, sites,
    },
    ports::Task,
};
use domain::{campaign::Campaign, gate as rules, id::CampaignId, zone::Zone};

impl Engine {
    pub(super) async fn activate_planner(&self) -> Result<Activity, Fault> {
        let mut tally = Tally::default();
        for id in self.running().await? {
            let planned = self.plan(id).await;
            tally.add(id, planned.map(|planned| Activity::done(u64::from(planned))));
        }
        tally.finish()
    }

    /// Plans one batch of one campaign. Answers whether there was something to plan.
    async fn plan(&self, id: CampaignId) -> Result<bool, Fault> {
        let run = counts::run(self.db.read(), id).await?;
        if run.is_none_or(|run| run.planned_at.is_some()) {
            return Ok(false);
        }
        let txn = self.db.begin_write().await?;
        gate::enter(&txn, id).await?;
        gate::plan(&txn, id).await?;
        let run = counts::run(&txn, id).await?.filter(|run| run.planned_at.is_none());
        let standing = outcomes::gate(&txn, id).await?;
        let (Some(run), Gate::Open) = (run, standing) else { return Ok(false) };
        let Some(campaign) = campaigns::find_any(&txn, id).await? else { return Ok(false) };
        let steps = revisions::steps(&txn, campaign.revision_id).await?;
        let Some(step) = steps.first() else { return Ok(false) };
        let site = sites::find(&txn, campaign.site_id).await?;
        let batch = Batch {
            campaign: &campaign,
            step,
            run: &run,
            rules: &revisions::frozen_rules(&txn, campaign.revision_id).await?,
            site_zone: site.map_or(Zone::UTC, |site| site.zone),
            due_at: due_at(&campaign, &run),
            limit: self.settings.plan_batch_max,
        };
        let now = self.clock.now();
        plans::extend(&txn, &self.ids, batch, now, |facts| rules::judge(facts, now)).await?;
        txn.commit().await?;
        self.bells.ring(Task::Dispatcher);
        self.bells.ring(Task::Completer);
        self.hints.give();
        Ok(true)
    }
}

/// When a campaign's initial messages are due.
fn due_at(campaign: &Campaign, run: &counts::Run) -> domain::Instant {
    campaign.schedule.as_ref().map_or(run.processing_at, |schedule| schedule.starts_at)
}
