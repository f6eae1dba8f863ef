//! Pausing and resuming: what is left to hand over waits, beside a status that stays as it is.
//!
//! **Invariant:** the gate is closed before the campaign is read: when a pause is committed, no new hand-over
//! can begin, and every message is counted once, as waiting, handed over or in flight.
//! **Invariant:** messages that a pause made late are decided about before any of them can leave.

use super::{
    super::secrets::InputDigest, CampaignError, Outcome, Refused, activate::raced, check_action,
    check_revision, not_found, once::Once,
};
use crate::{
    db::{
        Error, campaigns, counts,
        resumption::{self, Pause, Redated},
    },
    ports::Task,
    service::{Actor, Fault, Service, audit::Act},
};
use domain::{
    Instant,
    audit::AuditOperation,
    campaign::{Campaign, CampaignAction},
    id::CampaignId,
};
use serde_json::{Value, json};

/// How to pause, or to resume.
#[derive(Clone, Debug, Default)]
pub struct Suspension {
    /// Refuse unless the campaign is at this revision.
    pub expected_revision: Option<i64>,
    /// Repeats under the same key get the first answer, counts included.
    pub idempotency_key: Option<String>,
}

/// What a pause came to. The counts are exact at the instant it was committed.
#[derive(Clone, Debug)]
pub struct Paused {
    /// The campaign as it now is.
    pub campaign: Campaign,
    /// Messages planned so far that wait.
    pub pending_count: i64,
    /// Messages already handed over, those without a certain answer included.
    pub handed_over_count: i64,
    /// Messages whose hand-over had begun and not ended.
    pub in_flight_count: i64,
}

/// What a resumption came to.
#[derive(Clone, Debug)]
pub struct Resumed {
    /// The campaign as it now is.
    pub campaign: Campaign,
    /// Messages whose local time came during the pause and that wait for the next day.
    pub deferred_count: i64,
    /// Messages whose local time came during the pause and that are skipped.
    pub skipped_count: i64,
}

impl Service {
    /// Pauses a campaign that is being processed or sent.
    pub async fn campaign_pause(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        pausing: Suspension,
    ) -> Refused<Paused> {
        let now = self.clock.now();
        let Some((txn, campaign)) = self.lock_closed(actor, id).await? else {
            return Ok(not_found());
        };
        let digest = digest(campaign.id, &pausing);
        let key = pausing.idempotency_key.as_deref();
        let once = Once::new(actor, "campaign_pause", key, &digest);
        match once.take(&txn, campaign.site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return Ok(Ok(paused_before(campaign, &prior))),
            Ok(None) => {}
        }
        if let Err(refusals) = check(&campaign, CampaignAction::Pause, &pausing) {
            return Ok(Err(refusals));
        }
        let counts = counts::partition(&counts::read(&txn, campaign.id, None).await?);
        if !campaigns::pause(&txn, &self.ids, &actor.cause(), &campaign, now).await? {
            return Ok(raced());
        }
        let answer = json!({
            "pending": counts.pending(),
            "handed_over": counts.handed_over(),
            "in_flight": counts.in_flight,
        });
        once.keep(&txn, answer.clone()).await?;
        self.note(&txn, actor, Act::to(&campaign, AuditOperation::CampaignPause), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.hints.give();
        let campaign = self.reread(actor, campaign.id).await?;
        Ok(campaign.map(|campaign| paused_before(campaign, &answer)))
    }

    /// Lets a paused campaign go on. Initial messages whose local time came meanwhile follow its policy.
    pub async fn campaign_resume(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        resuming: Suspension,
    ) -> Refused<Resumed> {
        let now = self.clock.now();
        let Some((txn, campaign)) = self.lock_closed(actor, id).await? else {
            return Ok(not_found());
        };
        let digest = digest(campaign.id, &resuming);
        let key = resuming.idempotency_key.as_deref();
        let once = Once::new(actor, "campaign_resume", key, &digest);
        match once.take(&txn, campaign.site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return Ok(Ok(resumed_before(campaign, &prior))),
            Ok(None) => {}
        }
        if let Err(refusals) = check(&campaign, CampaignAction::Resume, &resuming) {
            return Ok(Err(refusals));
        }
        let redated = self.redate(&txn, &campaign, now).await?;
        if !campaigns::resume(&txn, &self.ids, &actor.cause(), &campaign, now).await? {
            return Ok(raced());
        }
        let answer =
            json!({ "deferred": redated.deferred_count, "skipped": redated.skipped_count });
        once.keep(&txn, answer.clone()).await?;
        self.note(&txn, actor, Act::to(&campaign, AuditOperation::CampaignResume), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.bells.ring(Task::Dispatcher);
        // Skipping may have left nothing to hand over.
        self.bells.ring(Task::Completer);
        self.hints.give();
        let campaign = self.reread(actor, campaign.id).await?;
        Ok(campaign.map(|campaign| resumed_before(campaign, &answer)))
    }

    async fn redate(
        &self,
        txn: &crate::db::Txn,
        campaign: &Campaign,
        now: Instant,
    ) -> Result<Redated, Fault> {
        let (Some(from), Some(schedule)) = (campaign.paused_at, &campaign.schedule) else {
            return Ok(Redated::default());
        };
        let pause = Pause { campaign_id: campaign.id, schedule, from, until: now };
        Ok(resumption::redate(txn, &self.ids, pause).await?)
    }
}

fn check(
    campaign: &Campaign,
    action: CampaignAction,
    suspension: &Suspension,
) -> Outcome<(), CampaignError> {
    check_action(campaign, action)?;
    check_revision(campaign, suspension.expected_revision, "input.expectedRevision")
}

/// The answer to a pause from what was kept of it.
fn paused_before(campaign: Campaign, kept: &Value) -> Paused {
    Paused {
        campaign,
        pending_count: count(kept, "pending"),
        handed_over_count: count(kept, "handed_over"),
        in_flight_count: count(kept, "in_flight"),
    }
}

/// The answer to a resumption from what was kept of it.
fn resumed_before(campaign: Campaign, kept: &Value) -> Resumed {
    Resumed {
        campaign,
        deferred_count: count(kept, "deferred"),
        skipped_count: count(kept, "skipped"),
    }
}

fn count(kept: &Value, name: &str) -> i64 {
    kept.get(name).and_then(Value::as_i64).unwrap_or_default()
}

fn digest(id: CampaignId, suspension: &Suspension) -> String {
    InputDigest::default()
        .field(&id.to_string())
        .optional(suspension.expected_revision.map(|n| n.to_string()).as_deref())
        .finish()
}
