//! What people do: the calls of the service that start, stop and settle.

use std::sync::Arc;

use api::service::{
    Activation, Cancellation, Fault, NewCampaign, NewStep, Service, Settlement, Suspension,
    UnknownResolution,
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::campaign::StepCondition;
use domain::id::CampaignId;
use domain::refusal::{CampaignError, Outcome};
use domain::schedule::ScheduleRequest;

use super::ground::Plot;
use super::plan::{Campaign, Launch};
use super::port::mark;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Activate,
    Cancel,
    Pause,
    Resume,
    Resend,
    WriteOff,
}

/// A call, for a campaign by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) act: Act,
    pub(super) campaign: u32,
}

impl Call {
    /// In words.
    pub(super) fn words(self) -> String {
        let act = match self.act {
            Act::Activate => "activate",
            Act::Cancel => "cancel",
            Act::Pause => "pause",
            Act::Resume => "resume",
            Act::Resend => "send the unknown again of",
            Act::WriteOff => "write off the unknown of",
        };
        format!("{act} campaign {}", self.campaign)
    }
}

/// What a call was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    /// The campaign's status.
    pub(super) status: String,
    /// Messages whose hand-over had begun and not ended, by a cancel or a pause.
    pub(super) in_flight: i64,
    /// Messages stopped, by a cancel.
    pub(super) canceled: i64,
    /// Messages handed over, by a cancel.
    pub(super) handed_over: i64,
    /// Messages settled.
    pub(super) resolved: i64,
    /// Why it was refused.
    pub(super) refused: Option<String>,
}

impl Answer {
    fn of<T>(outcome: Outcome<T, CampaignError>, read: impl FnOnce(T) -> Self) -> Self {
        match outcome {
            Ok(done) => read(done),
            Err(refusals) => {
                let first = refusals.first().map(|refusal| refusal.message.clone());
                Self { refused: Some(first.unwrap_or_default()), ..Self::default() }
            }
        }
    }
}

/// Makes a draft.
pub(super) async fn create(
    service: Service,
    plot: Arc<Plot>,
    place: u32,
    campaign: Campaign,
) -> Result<Option<CampaignId>, Fault> {
    let audience = plot.audiences.get(usize::try_from(campaign.recipients - 1).unwrap_or_default());
    let step = |step: u32| NewStep {
        body: format!("{} Hello", mark(place, step)),
        media_url: None,
        delay_s: (step > 0).then(|| campaign.delay.num_seconds()),
        condition: StepCondition::Always,
    };
    let input = NewCampaign {
        site_id: None,
        name: format!("campaign {place}"),
        audience_ids: vec![audience.copied()],
        excluded_audience_ids: Vec::new(),
        steps: (0..campaign.steps).map(step).collect(),
        uses_smart_sending: campaign.uses_smart_sending,
        quiet_hours: None,
        idempotency_key: None,
    };
    let made = service.campaign_create(&plot.actor, input).await?;
    Ok(made.ok().map(|campaign| campaign.id))
}

/// When a campaign is to go out, for who asks at `now`: the site is in New York.
fn schedule(launch: Launch, now: DateTime<Utc>) -> ScheduleRequest {
    /// New York's time in November.
    const BEHIND: TimeDelta = TimeDelta::hours(5);
    match launch {
        Launch::Now => ScheduleRequest::Now,
        Launch::Later(minutes) => {
            let local = (now - BEHIND).naive_utc() + TimeDelta::minutes(minutes.into());
            ScheduleRequest::AtStoreTime(local)
        }
    }
}

/// Calls.
pub(super) async fn call(
    service: Service,
    plot: Arc<Plot>,
    call: Call,
    (id, launch, now): (CampaignId, Launch, DateTime<Utc>),
) -> Result<Answer, Fault> {
    let (actor, id) = (&plot.actor, Some(id));
    let status = |campaign: &domain::campaign::Campaign| campaign.status.as_str().to_owned();
    Ok(match call.act {
        Act::Activate => {
            let activation = Activation {
                schedule: schedule(launch, now),
                send_by: None,
                max_lateness_s: None,
                expected_revision: None,
                idempotency_key: None,
            };
            let done = service.campaign_activate(actor, id, activation).await?;
            Answer::of(done, |it| Answer { status: status(&it), ..Answer::default() })
        }
        Act::Cancel => {
            let done = service.campaign_cancel(actor, id, Cancellation::default()).await?;
            Answer::of(done, |it| Answer {
                status: status(&it.campaign),
                in_flight: it.in_flight_count,
                canceled: it.canceled_count,
                handed_over: it.handed_over_count,
                ..Answer::default()
            })
        }
        Act::Pause => {
            let done = service.campaign_pause(actor, id, Suspension::default()).await?;
            Answer::of(done, |it| Answer {
                status: status(&it.campaign),
                in_flight: it.in_flight_count,
                ..Answer::default()
            })
        }
        Act::Resume => {
            let done = service.campaign_resume(actor, id, Suspension::default()).await?;
            Answer::of(done, |it| Answer { status: status(&it.campaign), ..Answer::default() })
        }
        Act::Resend | Act::WriteOff => {
            let settlement = match call.act {
                Act::Resend => Settlement::Resend,
                _ => Settlement::WriteOff,
            };
            let resolution = UnknownResolution { settlement, only: None, idempotency_key: None };
            let done = service.campaign_resolve_unknown(actor, id, resolution).await?;
            Answer::of(done, |it| Answer {
                status: status(&it.campaign),
                resolved: it.resolved_count,
                ..Answer::default()
            })
        }
    })
}
