//! Activating a draft, and moving the time of a scheduled campaign.

use super::{
    super::secrets::InputDigest,
    Activation, CampaignError, Outcome, Refused, Rescheduling, check_action, check_revision,
    not_found,
    once::{Once, answer},
    places::Seen,
    refuse_at,
};
use crate::{
    db::{
        Error, Txn, audiences,
        campaigns::{self, Move},
        revisions::{self, Content, Timing},
        runs, sites,
    },
    ports::Task,
    service::{Actor, Fault, Service, audit::Act},
};
use domain::{
    Instant,
    audit::AuditOperation,
    campaign::{Campaign, CampaignAction, Trigger},
    id::CampaignId,
    limits::{MAX_LATENESS_MAX_S, MAX_LATENESS_MIN_S},
    reason::StatusReason,
    refusal::Refusal,
    schedule::{Places, Schedule, ScheduleProblem, ScheduleRequest},
    site::{self, Site},
};
use entity::convert::{date_time_text, ms};

impl Service {
    /// Activates a draft: scheduled for a time to come, processing for now.
    pub async fn campaign_activate(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        activation: Activation,
    ) -> Refused<Campaign> {
        let now = self.clock.now();
        let seen = self.look_ahead(actor, id, activation.schedule).await?;
        let txn = self.db.begin_write().await?;
        let Some(campaign) = self.lock(&txn, actor, id).await? else { return Ok(not_found()) };
        let digest = digest(campaign.id, &activation);
        let key = activation.idempotency_key.as_deref();
        let once = Once::new(actor, "campaign_activate", key, &digest);
        match once.take(&txn, campaign.site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return self.replay(&txn, actor, &prior).await,
            Ok(None) => {}
        }
        let allowed = check_action(&campaign, CampaignAction::Activate).and_then(|()| {
            check_revision(&campaign, activation.expected_revision, "input.expectedRevision")
        });
        if let Err(refusals) = allowed {
            return Ok(Err(refusals));
        }
        let prepared = self.prepare(&txn, &campaign, &activation, seen, now).await?;
        let (site, schedule) = match prepared {
            Ok(prepared) => prepared,
            Err(refusals) => return Ok(Err(refusals)),
        };
        let max_lateness_s = activation.max_lateness_s;
        let timing = Timing { schedule: &schedule, max_lateness_s };
        self.freeze(&txn, &campaign, &site, timing, now).await?;
        let (trigger, task) = if schedule.launches_at <= now {
            (Trigger::Start, Task::Planner)
        } else {
            (Trigger::Schedule, Task::Scheduler)
        };
        let step = Move { trigger, reason: None, at: now };
        let moved = campaigns::move_on(&txn, &self.ids, &actor.cause(), &campaign, step).await?;
        let Some(moved) = moved else { return Ok(raced()) };
        if moved.status.is_running() {
            runs::begin(&txn, moved.id, moved.site_id, now).await?;
        }
        once.keep(&txn, answer(moved.id)).await?;
        self.note(&txn, actor, Act::to(&moved, AuditOperation::CampaignActivate), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.bells.ring(task);
        self.hints.give();
        self.reread(actor, moved.id).await
    }

    /// Checks that the campaign can be sent, and works its schedule out. Every problem is named.
    async fn prepare(
        &self,
        txn: &Txn,
        campaign: &Campaign,
        activation: &Activation,
        seen: Option<Seen>,
        now: Instant,
    ) -> Result<Outcome<(Site, Schedule), CampaignError>, Fault> {
        let Some(site) = sites::find(txn, campaign.site_id).await? else { return Ok(not_found()) };
        let mut refusals = Vec::new();
        let steps = revisions::steps(txn, campaign.revision_id).await?;
        if steps.is_empty() {
            let message = "The campaign has no message to send.";
            refusals.push(Refusal::at(CampaignError::NoSteps, "id", message));
        }
        refusals.extend(self.content_problems(txn, &steps, &site).await?);
        if revisions::targeting(txn, campaign.revision_id).await?.included.is_empty() {
            let message = "The campaign has no audience.";
            refusals.push(Refusal::at(CampaignError::NoAudience, "id", message));
        }
        let has_ready_sender = sites::has_ready_sender(txn, site.id).await?;
        refusals
            .extend(site::sending_blockers(&site, has_ready_sender, now).into_iter().map(blocker));
        refusals.extend(lateness_refusal(activation.max_lateness_s));
        let request = activation.schedule;
        let zones = self.recipient_zones(txn, campaign, site.zone, (request, seen)).await?;
        let places = Places { site: site.zone, recipients: &zones };
        match Schedule::resolve(request, places, activation.send_by, now) {
            Ok(schedule) if refusals.is_empty() => return Ok(Ok((site, schedule))),
            Ok(_) => {}
            Err(problem) => refusals.push(schedule_refusal(problem, request)),
        }
        Ok(Err(refusals))
    }

    /// Freezes the revision in force with its schedule, and points the campaign to it.
    async fn freeze(
        &self,
        txn: &Txn,
        campaign: &Campaign,
        site: &Site,
        timing: Timing<'_>,
        now: Instant,
    ) -> Result<(), Fault> {
        let schedule = timing.schedule;
        let targeting = revisions::targeting(txn, campaign.revision_id).await?;
        let ids: Vec<_> = targeting.included.iter().chain(&targeting.excluded).copied().collect();
        let defined = audiences::find_many(txn, &[campaign.site_id], &ids).await?;
        revisions::freeze(txn, campaign.revision_id, timing, site, &defined, now).await?;
        campaigns::set_revision(txn, campaign.id, campaign.revision_id, Some(schedule)).await?;
        Ok(())
    }

    /// Moves the scheduled time of a scheduled campaign: a new revision and an event, no change of status.
    pub async fn campaign_reschedule(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        rescheduling: Rescheduling,
    ) -> Refused<Campaign> {
        let now = self.clock.now();
        let request = rescheduling.schedule;
        let seen = self.look_ahead(actor, id, request).await?;
        let txn = self.db.begin_write().await?;
        let Some(campaign) = self.lock(&txn, actor, id).await? else { return Ok(not_found()) };
        let allowed = check_action(&campaign, CampaignAction::Reschedule).and_then(|()| {
            check_revision(&campaign, rescheduling.expected_revision, "input.expectedRevision")
        });
        if let Err(refusals) = allowed {
            return Ok(Err(refusals));
        }
        if request == ScheduleRequest::Now {
            let message = "A campaign cannot be moved to now: cancel it and activate it.";
            return Ok(refuse_at(CampaignError::Invalid, "input.schedule.now", message));
        }
        let Some(site) = sites::find(&txn, campaign.site_id).await? else { return Ok(not_found()) };
        let before = campaign.schedule.as_ref();
        let send_by = rescheduling.send_by.unwrap_or(before.and_then(|schedule| schedule.send_by));
        let zones = self.recipient_zones(&txn, &campaign, site.zone, (request, seen)).await?;
        let places = Places { site: site.zone, recipients: &zones };
        let max_lateness_s = rescheduling.max_lateness_s.unwrap_or(campaign.max_lateness_s);
        let mut problems: Vec<_> = lateness_refusal(max_lateness_s).into_iter().collect();
        let schedule = match Schedule::resolve(request, places, send_by, now) {
            Ok(schedule) => schedule,
            Err(problem) => {
                problems.push(schedule_refusal(problem, request));
                return Ok(Err(problems));
            }
        };
        let steps = revisions::steps(&txn, campaign.revision_id).await?;
        problems.extend(self.content_problems(&txn, &steps, &site).await?);
        if !problems.is_empty() {
            return Ok(Err(problems));
        }
        let revision_id = self.copy_revision(&txn, &campaign, now).await?;
        let moved = Campaign { revision_id, ..campaign.clone() };
        let timing = Timing { schedule: &schedule, max_lateness_s };
        self.freeze(&txn, &moved, &site, timing, now).await?;
        let by = actor.cause();
        if !campaigns::reschedule(&txn, &self.ids, &by, &campaign, revision_id, now).await? {
            return Ok(raced());
        }
        self.note(&txn, actor, Act::to(&campaign, AuditOperation::CampaignReschedule), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.bells.ring(Task::Scheduler);
        self.hints.give();
        self.reread(actor, campaign.id).await
    }

    /// Copies the revision in force to a new, unfrozen one.
    pub(super) async fn copy_revision(
        &self,
        txn: &Txn,
        campaign: &Campaign,
        now: Instant,
    ) -> Result<domain::id::RevisionId, Fault> {
        let content = self.content(txn, campaign).await?;
        let number = revisions::number(txn, campaign.revision_id).await? + 1;
        let owner = (campaign.site_id, campaign.id);
        Ok(revisions::insert(txn, &self.ids, owner, number, &content, now).await?)
    }

    /// The content of the revision in force.
    pub(super) async fn content(&self, txn: &Txn, campaign: &Campaign) -> Result<Content, Fault> {
        Ok(Content {
            steps: revisions::steps(txn, campaign.revision_id).await?,
            targeting: revisions::targeting(txn, campaign.revision_id).await?,
            uses_smart_sending: campaign.uses_smart_sending,
            quiet_hours: campaign.quiet_hours,
        })
    }
}

/// The answer to whoever lost a race for the campaign.
pub(super) fn raced<T>() -> Outcome<T, CampaignError> {
    let message = "Another caller changed the campaign at this moment.";
    super::refuse(CampaignError::StaleRevision, message)
}

/// What keeps the site from sending, as a refusal.
pub(super) fn blocker(reason: StatusReason) -> Refusal<CampaignError> {
    let code = match reason {
        StatusReason::SiteInactive => CampaignError::SiteInactive,
        StatusReason::SmsPlanMissing => CampaignError::SmsPlanMissing,
        StatusReason::TrialLimitReached => CampaignError::TrialLimitReached,
        StatusReason::SubdomainMissing => CampaignError::SubdomainMissing,
        StatusReason::SenderNotReady => CampaignError::SenderNotReady,
        _ => CampaignError::Invalid,
    };
    Refusal::new(code, reason.message())
}

/// What is wrong with how late a campaign may start, if anything.
fn lateness_refusal(seconds: Option<i64>) -> Option<Refusal<CampaignError>> {
    let message = match seconds? {
        less if less < MAX_LATENESS_MIN_S => "The lateness allowed is shorter than a minute.",
        more if more > MAX_LATENESS_MAX_S => "The lateness allowed is longer than seven days.",
        _ => return None,
    };
    Some(Refusal::at(CampaignError::Invalid, "input.maxLateness", message))
}

pub(super) fn schedule_refusal(
    problem: ScheduleProblem,
    request: ScheduleRequest,
) -> Refusal<CampaignError> {
    let (local, passed) = match request {
        ScheduleRequest::Now => ("input.schedule.now", "The time named has passed."),
        ScheduleRequest::AtStoreTime(_) => {
            ("input.schedule.atStoreTime.localDateTime", "The time named has passed.")
        }
        ScheduleRequest::AtSubscriberTime(..) => (
            "input.schedule.atSubscriberLocalTime.localDateTime",
            "The time named has passed in every time zone it applies to.",
        ),
    };
    match problem {
        ScheduleProblem::TimePassed => Refusal::at(CampaignError::TimePassed, local, passed),
        ScheduleProblem::TooFarAhead => {
            Refusal::at(CampaignError::Invalid, local, "The time named is more than a year ahead.")
        }
        ScheduleProblem::SendByBeforeStart => {
            let message = "The campaign would start no earlier than this.";
            Refusal::at(CampaignError::Invalid, "input.sendBy", message)
        }
    }
}

fn digest(id: CampaignId, activation: &Activation) -> String {
    let schedule = match activation.schedule {
        ScheduleRequest::Now => "now".to_owned(),
        ScheduleRequest::AtStoreTime(local) => date_time_text(local),
        ScheduleRequest::AtSubscriberTime(local, policy) => {
            format!("{} {policy}", date_time_text(local))
        }
    };
    InputDigest::default()
        .field(&id.to_string())
        .field(&schedule)
        .optional(activation.send_by.map(|at| ms(at).to_string()).as_deref())
        .optional(activation.max_lateness_s.map(|seconds| seconds.to_string()).as_deref())
        .optional(activation.expected_revision.map(|n| n.to_string()).as_deref())
        .finish()
}
