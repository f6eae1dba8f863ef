//! What is asked of campaigns.

use super::{QuietHoursInput, change};
use crate::{
    graphql::{
        context::{id, id_or_nobody},
        enums::{CampaignStatus, MessageStepCondition, PassedTimePolicy},
        scalars::{DateTime, Duration, LocalDateTime, Url},
    },
    service::{
        Activation, Cancellation, Changes, Duplication, NewCampaign, NewStep, Rescheduling,
        TestSending,
    },
};
use async_graphql::{ID, InputObject, MaybeUndefined, OneofObject};
use domain::{
    id::AudienceId,
    refusal::{CampaignError, Refusal},
    schedule::ScheduleRequest,
};

/// When to send: give exactly one.
#[derive(Clone, Copy, Debug, OneofObject)]
pub(crate) enum CampaignScheduleInput {
    /// Now. Must be true.
    Now(bool),
    /// At a wall-clock time in the store's zone, to everybody at once.
    AtStoreTime(StoreTimeInput),
    /// At a wall-clock time in each subscriber's own zone.
    AtSubscriberLocalTime(SubscriberLocalTimeInput),
}

/// A time in the store's zone.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct StoreTimeInput {
    /// The wall-clock time. One that a clock change skips moves forward; one that occurs twice
    /// means the first.
    local_date_time: LocalDateTime,
}

/// A time in each subscriber's zone.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct SubscriberLocalTimeInput {
    /// The wall-clock time. One that a clock change skips moves forward; one that occurs twice
    /// means the first.
    local_date_time: LocalDateTime,
    /// What to do where it has passed.
    #[graphql(default_with = "PassedTimePolicy::SendNow")]
    if_passed: PassedTimePolicy,
}

/// A schedule of `now: false`, which says nothing: GraphQL has no type for a value that can only be
/// true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotNow;

impl From<NotNow> for Refusal<CampaignError> {
    fn from(_: NotNow) -> Self {
        Self::at(CampaignError::Invalid, "input.schedule.now", "`now` must be true if it is given.")
    }
}

impl TryFrom<CampaignScheduleInput> for ScheduleRequest {
    type Error = NotNow;

    fn try_from(input: CampaignScheduleInput) -> Result<Self, NotNow> {
        match input {
            CampaignScheduleInput::Now(true) => Ok(Self::Now),
            CampaignScheduleInput::Now(false) => Err(NotNow),
            CampaignScheduleInput::AtStoreTime(at) => Ok(Self::AtStoreTime(at.local_date_time.0)),
            CampaignScheduleInput::AtSubscriberLocalTime(at) => {
                Ok(Self::AtSubscriberTime(at.local_date_time.0, at.if_passed.into()))
            }
        }
    }
}

/// A step to save.
#[derive(Clone, InputObject)]
pub(crate) struct MessageStepInput {
    /// The text. `{{ name }}` stands for the attribute of that name that the subscriber has, and
    /// `{{ name | fallback }}` for the fallback where there is none; `site_name` is the site's name.
    /// At most 1,600 characters.
    body: String,
    /// A picture, which makes it an MMS.
    media_url: Option<Url>,
    /// How long after the step before it. Required for every step but the first, which must not
    /// have it.
    delay: Option<Duration>,
    /// Whether it is sent to a recipient whose delay has run. The first step has no condition.
    #[graphql(default_with = "MessageStepCondition::Always")]
    condition: MessageStepCondition,
}

impl From<MessageStepInput> for NewStep {
    fn from(input: MessageStepInput) -> Self {
        Self {
            body: input.body,
            media_url: input.media_url.map(|url| url.0),
            delay_s: input.delay.map(Duration::as_seconds),
            condition: input.condition.into(),
        }
    }
}

fn steps(input: Vec<MessageStepInput>) -> Vec<NewStep> {
    input.into_iter().map(NewStep::from).collect()
}

fn audiences(ids: &[ID]) -> Vec<Option<AudienceId>> {
    ids.iter().map(|text| id(text)).collect()
}

/// A draft to make.
#[derive(Clone, InputObject)]
pub(crate) struct CampaignCreateInput {
    /// The site. Needed when the caller's key reaches several.
    site_id: Option<ID>,
    /// A label for people. Up to 200 characters.
    name: String,
    /// Who receives it. A draft may have none; activation needs one.
    audience_ids: Option<Vec<ID>>,
    /// Who does not.
    excluded_audience_ids: Option<Vec<ID>>,
    /// Its messages, the initial one first. A draft may have none; activation needs one. At most 10.
    steps: Option<Vec<MessageStepInput>>,
    /// Whether Smart Sending applies.
    #[graphql(default = true)]
    uses_smart_sending: bool,
    /// Quiet hours of its own: a message waits for the site's and for these. A window that is not
    /// enabled is the same as none.
    quiet_hours: Option<QuietHoursInput>,
    /// Makes a retry safe: the same key with the same input within 24 hours answers with the first
    /// result and does nothing more.
    idempotency_key: Option<String>,
}

impl From<CampaignCreateInput> for NewCampaign {
    fn from(input: CampaignCreateInput) -> Self {
        Self {
            site_id: input.site_id.map(|text| id_or_nobody(&text)),
            name: input.name,
            audience_ids: audiences(&input.audience_ids.unwrap_or_default()),
            excluded_audience_ids: audiences(&input.excluded_audience_ids.unwrap_or_default()),
            steps: steps(input.steps.unwrap_or_default()),
            uses_smart_sending: input.uses_smart_sending,
            quiet_hours: input.quiet_hours.map(Into::into),
            idempotency_key: input.idempotency_key,
        }
    }
}

/// Changes to a draft.
#[derive(Clone, InputObject)]
pub(crate) struct CampaignUpdateInput {
    /// A label for people.
    name: Option<String>,
    /// Who receives it, in place of the audiences now set.
    audience_ids: Option<Vec<ID>>,
    /// Who does not, in place of the exclusions now set.
    excluded_audience_ids: Option<Vec<ID>>,
    /// Its messages, in place of the steps now set.
    steps: Option<Vec<MessageStepInput>>,
    /// Whether Smart Sending applies.
    uses_smart_sending: Option<bool>,
    /// Quiet hours of its own. Null takes them away; left out, they stay.
    quiet_hours: MaybeUndefined<QuietHoursInput>,
    /// Refuse with `STALE_REVISION` unless the campaign is at this revision.
    expected_revision: Option<i32>,
}

impl From<CampaignUpdateInput> for Changes {
    fn from(input: CampaignUpdateInput) -> Self {
        Self {
            name: input.name,
            audience_ids: input.audience_ids.as_deref().map(audiences),
            excluded_audience_ids: input.excluded_audience_ids.as_deref().map(audiences),
            steps: input.steps.map(steps),
            uses_smart_sending: input.uses_smart_sending,
            quiet_hours: change(input.quiet_hours).map(|own| own.map(Into::into)),
            expected_revision: input.expected_revision.map(i64::from),
        }
    }
}

/// How to activate.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct CampaignActivateInput {
    /// When to send.
    schedule: CampaignScheduleInput,
    /// Skip messages not handed over by then, rather than send them stale.
    send_by: Option<DateTime>,
    /// Fail with `SCHEDULE_MISSED` rather than start later than this after the time chosen, as after
    /// an outage. From `PT1M` to `P7D`; by default, the service's own limit, an hour unless it is set
    /// otherwise.
    max_lateness: Option<Duration>,
    /// Refuse with `STALE_REVISION` unless the campaign is at this revision: send what was
    /// reviewed, or nothing.
    expected_revision: Option<i32>,
    /// Makes a retry safe.
    idempotency_key: Option<String>,
}

impl TryFrom<CampaignActivateInput> for Activation {
    type Error = NotNow;

    fn try_from(input: CampaignActivateInput) -> Result<Self, NotNow> {
        Ok(Self {
            schedule: input.schedule.try_into()?,
            send_by: input.send_by.map(|instant| instant.0),
            max_lateness_s: input.max_lateness.map(Duration::as_seconds),
            expected_revision: input.expected_revision.map(i64::from),
            idempotency_key: input.idempotency_key,
        })
    }
}

/// How to reschedule.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct CampaignRescheduleInput {
    /// When to send. Not `now`: cancel and activate for that.
    schedule: CampaignScheduleInput,
    /// Skip messages not handed over by then. Null for no limit; left out, as it is.
    send_by: MaybeUndefined<DateTime>,
    /// How late it may start, see `campaignActivate`. Null for the service's own limit; left out, as
    /// it is.
    max_lateness: MaybeUndefined<Duration>,
    /// Refuse with `STALE_REVISION` unless the campaign is at this revision.
    expected_revision: Option<i32>,
}

impl TryFrom<CampaignRescheduleInput> for Rescheduling {
    type Error = NotNow;

    fn try_from(input: CampaignRescheduleInput) -> Result<Self, NotNow> {
        let max_lateness = change(input.max_lateness);
        Ok(Self {
            schedule: input.schedule.try_into()?,
            send_by: change(input.send_by).map(|by| by.map(|instant| instant.0)),
            max_lateness_s: max_lateness.map(|span| span.map(Duration::as_seconds)),
            expected_revision: input.expected_revision.map(i64::from),
        })
    }
}

/// How to cancel.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct CampaignCancelInput {
    /// Refuse with `WRONG_STATUS` unless the campaign is in one of these. For a button labelled for
    /// one effect.
    only_from: Option<Vec<CampaignStatus>>,
    /// Repeats under the same key within 24 hours get the first answer, counts included.
    idempotency_key: Option<String>,
}

impl From<CampaignCancelInput> for Cancellation {
    fn from(input: CampaignCancelInput) -> Self {
        let only_from = input.only_from.map(|all| all.into_iter().map(Into::into).collect());
        Self { only_from, idempotency_key: input.idempotency_key }
    }
}

/// How to duplicate.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct CampaignDuplicateInput {
    /// Leave out everybody the original reached: to finish what a cancel or a failure cut short.
    #[graphql(default = false)]
    excludes_reached: bool,
    /// The copy's name. By default the original's, with ` (copy)`.
    name: Option<String>,
    /// Makes a retry safe.
    idempotency_key: Option<String>,
}

impl From<CampaignDuplicateInput> for Duplication {
    fn from(input: CampaignDuplicateInput) -> Self {
        Self {
            excludes_reached: input.excludes_reached,
            name: input.name,
            idempotency_key: input.idempotency_key,
        }
    }
}

/// How to delete.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(crate) struct CampaignDeleteInput {
    /// Refuse with `STALE_REVISION` unless the campaign is at this revision.
    pub(in crate::graphql) expected_revision: Option<i32>,
}

/// A test to send.
#[derive(Clone, InputObject)]
pub(crate) struct CampaignSendTestInput {
    /// The step.
    step_id: ID,
    /// Where to, in E.164. At most 5.
    phone_numbers: Vec<String>,
    /// Makes a retry safe.
    idempotency_key: Option<String>,
}

impl From<CampaignSendTestInput> for TestSending {
    fn from(input: CampaignSendTestInput) -> Self {
        Self {
            step_id: id(&input.step_id),
            phone_numbers: input.phone_numbers,
            idempotency_key: input.idempotency_key,
        }
    }
}
