//! The planner: works out who receives a campaign, a batch at a time, so that first messages may leave
//! while it still works.

use super::{Activity, Engine, Fault, Tally};
use crate::{
    db::{
        binding, counts, gate,
        outcomes::{self, Gate},
        plans::{self, Batch, Extended},
        revisions,
        runs::Wanted,
    },
    ports::Task,
};
use domain::{id::CampaignId, reason::StatusReason};

impl Engine {
    pub(super) async fn activate_planner(&self) -> Result<Activity, Fault> {
        let mut tally = Tally::default();
        for id in self.running(Wanted::Unplanned).await? {
            let planned = self.plan(id).await;
            tally.add(id, planned.map(|planned| Activity::done(u64::from(planned))));
        }
        tally.finish()
    }

    /// Plans one batch of one campaign, or fails it. Answers whether there was something to plan.
    async fn plan(&self, id: CampaignId) -> Result<bool, Fault> {
        let run = counts::run(self.db.read(), id).await?;
        let Some(run) = run.filter(|run| run.planned_at.is_none()) else { return Ok(false) };
        match self.plan_batch(id).await? {
            None => return Ok(false),
            Some(Extended::Planned) => {}
            Some(Extended::Impossible(reason)) => {
                self.fail(run.site_id, id, reason, Task::Planner).await?;
            }
        }
        self.bells.ring(Task::Dispatcher);
        self.bells.ring(Task::Completer);
        self.hints.give();
        Ok(true)
    }

    /// Plans one batch in a transaction of its own, which is rolled back when the campaign cannot go on.
    async fn plan_batch(&self, id: CampaignId) -> Result<Option<Extended>, Fault> {
        let txn = self.db.begin_write().await?;
        gate::enter(&txn, id).await?;
        gate::plan(&txn, id).await?;
        let run = counts::run(&txn, id).await?.filter(|run| run.planned_at.is_none());
        let standing = outcomes::gate(&txn, id).await?;
        let (Some(run), Gate::Open | Gate::Paused) = (run, standing) else { return Ok(None) };
        let Some(binding) = binding::find(&txn, id).await? else {
            return Ok(Some(Extended::Impossible(StatusReason::ContentInvalid)));
        };
        let batch = Batch {
            binding: &binding,
            run: &run,
            rules: &revisions::frozen_rules(&txn, binding.campaign.revision_id).await?,
            limit: self.settings.plan_batch_max,
        };
        let extended = plans::extend(&txn, &self.ids, batch, self.clock.now()).await?;
        if extended == Extended::Planned {
            txn.commit().await?;
        }
        Ok(Some(extended))
    }
}
