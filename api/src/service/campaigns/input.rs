//! What callers send in.

use domain::{
    Instant,
    campaign::{CampaignStatus, StepCondition},
    id::{AudienceId, SiteId},
    schedule::ScheduleRequest,
};

use crate::service::NewQuietHours;

/// A step to save, as it came in.
#[derive(Clone)]
pub struct NewStep {
    /// The text.
    pub body: String,
    /// A picture, which makes it an MMS.
    pub media_url: Option<String>,
    /// Seconds after the step before it; none for the initial message.
    pub delay_s: Option<i64>,
    /// When it is sent.
    pub condition: StepCondition,
}

/// A draft to make.
#[derive(Clone)]
pub struct NewCampaign {
    /// The site; needed when the key reaches several.
    pub site_id: Option<SiteId>,
    /// A label for people.
    pub name: String,
    /// Who receives it; none for a text that is no id, which is refused like one of no audience.
    pub audience_ids: Vec<Option<AudienceId>>,
    /// Who does not.
    pub excluded_audience_ids: Vec<Option<AudienceId>>,
    /// Its messages, the initial one first.
    pub steps: Vec<NewStep>,
    /// Whether Smart Sending applies.
    pub uses_smart_sending: bool,
    /// Quiet hours of its own; a window that is switched off is none.
    pub quiet_hours: Option<NewQuietHours>,
    /// Makes a retry safe.
    pub idempotency_key: Option<String>,
}

/// Changes to a draft; what is none stays as it is.
#[derive(Clone, Default)]
pub struct Changes {
    /// A label for people.
    pub name: Option<String>,
    /// Who receives it, in place of the audiences now set.
    pub audience_ids: Option<Vec<Option<AudienceId>>>,
    /// Who does not, in place of the exclusions now set.
    pub excluded_audience_ids: Option<Vec<Option<AudienceId>>>,
    /// Its messages, in place of the steps now set.
    pub steps: Option<Vec<NewStep>>,
    /// Whether Smart Sending applies.
    pub uses_smart_sending: Option<bool>,
    /// Quiet hours of its own; `Some(None)` takes them away.
    pub quiet_hours: Option<Option<NewQuietHours>>,
    /// Refuse unless the campaign is at this revision.
    pub expected_revision: Option<i64>,
}

/// How to activate.
#[derive(Clone, Debug)]
pub struct Activation {
    /// When to send.
    pub schedule: ScheduleRequest,
    /// Skip messages not handed over by then.
    pub send_by: Option<Instant>,
    /// Seconds by which it may start late; none for the service's own limit.
    pub max_lateness_s: Option<i64>,
    /// Refuse unless the campaign is at this revision.
    pub expected_revision: Option<i64>,
    /// Makes a retry safe.
    pub idempotency_key: Option<String>,
}

/// How to reschedule.
#[derive(Clone, Debug)]
pub struct Rescheduling {
    /// When to send; not now.
    pub schedule: ScheduleRequest,
    /// Skip messages not handed over by then; left out, it stays, and `Some(None)` takes it away.
    pub send_by: Option<Option<Instant>>,
    /// Seconds by which it may start late; left out, it stays, and `Some(None)` takes it away.
    pub max_lateness_s: Option<Option<i64>>,
    /// Refuse unless the campaign is at this revision.
    pub expected_revision: Option<i64>,
}

/// How to cancel.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    /// Refuse unless the campaign is in one of these statuses.
    pub only_from: Option<Vec<CampaignStatus>>,
    /// Repeats under the same key get the first answer, counts included.
    pub idempotency_key: Option<String>,
}

/// How to duplicate.
#[derive(Clone, Debug, Default)]
pub struct Duplication {
    /// Leave out everybody the original reached.
    pub excludes_reached: bool,
    /// The copy's name; by default the original's, with ` (copy)`.
    pub name: Option<String>,
    /// Makes a retry safe.
    pub idempotency_key: Option<String>,
}
