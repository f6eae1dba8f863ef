//! Campaigns.

use super::{Actor, Fault, Page, PageRequest, Service};
use domain::{
    Instant,
    audience::Audience,
    campaign::{Campaign, CampaignStatus, Step},
    id::{AudienceId, CampaignId, SiteId, StepId},
    message::MessageCounts,
    reason::MessageReason,
    refusal::{CampaignError, Outcome},
    schedule::ScheduleRequest,
};

/// A step to save, as it came in.
#[derive(Clone)]
pub struct NewStep {
    /// The text.
    pub body: String,
    /// A picture.
    pub media_url: Option<String>,
    /// Seconds after the step before it.
    pub delay_s: Option<i64>,
}

/// A draft to make.
#[derive(Clone)]
pub struct NewCampaign {
    pub site_id: Option<SiteId>,
    pub name: String,
    /// Ids as they came in: one that does not parse is refused like one that does not exist.
    pub audience_ids: Vec<Option<AudienceId>>,
    pub excluded_audience_ids: Vec<Option<AudienceId>>,
    pub steps: Vec<NewStep>,
    pub uses_smart_sending: bool,
    pub idempotency_key: Option<String>,
}

/// Changes to a draft; what is none stays as it is.
#[derive(Clone, Default)]
pub struct Changes {
    pub name: Option<String>,
    pub audience_ids: Option<Vec<Option<AudienceId>>>,
    pub excluded_audience_ids: Option<Vec<Option<AudienceId>>>,
    pub steps: Option<Vec<NewStep>>,
    pub uses_smart_sending: Option<bool>,
    pub expected_revision: Option<i64>,
}

/// How to activate.
#[derive(Clone, Debug)]
pub struct Activation {
    pub schedule: ScheduleRequest,
    pub send_by: Option<Instant>,
    pub expected_revision: Option<i64>,
    pub idempotency_key: Option<String>,
}

/// How to reschedule.
#[derive(Clone, Debug)]
pub struct Rescheduling {
    pub schedule: ScheduleRequest,
    /// Left out, it stays; `Some(None)` takes it away.
    pub send_by: Option<Option<Instant>>,
    pub expected_revision: Option<i64>,
}

/// How to cancel.
#[derive(Clone, Debug, Default)]
pub struct Cancellation {
    pub only_from: Option<Vec<CampaignStatus>>,
    pub idempotency_key: Option<String>,
}

/// How to duplicate.
#[derive(Clone, Debug, Default)]
pub struct Duplication {
    pub excludes_reached: bool,
    pub name: Option<String>,
    pub idempotency_key: Option<String>,
}

/// What a cancel came to.
#[derive(Clone, Debug)]
pub struct Canceled {
    pub campaign: Campaign,
    pub canceled_count: i64,
    pub handed_over_count: i64,
    pub in_flight_count: i64,
}

/// What canceling would do now.
#[derive(Clone, Debug)]
pub struct CancelPreview {
    pub resulting_status: CampaignStatus,
    pub stoppable_count: i64,
    pub handed_over_count: i64,
    pub in_flight_count: i64,
}

/// How far along a campaign is, in one consistent snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    pub as_of: Instant,
    pub version: i64,
    pub recipient_count: i64,
    pub counts: MessageCounts,
    /// By reason, most frequent first, then by name.
    pub skipped: Vec<(MessageReason, i64)>,
    pub undelivered: Vec<(MessageReason, i64)>,
    /// 0 to 100.
    pub percent_complete: f64,
    /// When the first message was claimed.
    pub started_at: Option<Instant>,
    /// When the last message was handed over so far.
    pub handed_over_at: Option<Instant>,
    pub planned_at: Option<Instant>,
    /// Whether every message is final, so that a progress stream can end.
    pub is_final: bool,
}

/// A campaign with what most answers need beside it.
#[derive(Clone, Debug)]
pub struct CampaignView {
    pub included: Vec<Audience>,
    pub excluded: Vec<Audience>,
}

/// Which campaigns to keep.
#[derive(Clone, Debug, Default)]
pub struct CampaignFilter {
    pub statuses: Option<Vec<CampaignStatus>>,
    pub name_contains: Option<String>,
    pub starts_from: Option<Instant>,
    pub starts_until: Option<Instant>,
    pub created_from: Option<Instant>,
    pub created_until: Option<Instant>,
}

/// What campaigns can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CampaignOrderField { CreatedAt, UpdatedAt, StartsAt, Name }
/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction { Asc, Desc }
/// How to sort campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CampaignOrder { pub field: CampaignOrderField, pub direction: Direction }

pub type Refused<T> = Result<Outcome<T, CampaignError>, Fault>;

impl Service {
    pub async fn campaign_create(&self, actor: &Actor, input: NewCampaign) -> Refused<Campaign> { unimplemented!() }
    /// `id` is none when the caller's text is not a campaign id: refused as NOT_FOUND.
    pub async fn campaign_update(&self, actor: &Actor, id: Option<CampaignId>, changes: Changes) -> Refused<Campaign> { unimplemented!() }
    pub async fn campaign_activate(&self, actor: &Actor, id: Option<CampaignId>, activation: Activation) -> Refused<Campaign> { unimplemented!() }
    pub async fn campaign_reschedule(&self, actor: &Actor, id: Option<CampaignId>, rescheduling: Rescheduling) -> Refused<Campaign> { unimplemented!() }
    pub async fn campaign_cancel(&self, actor: &Actor, id: Option<CampaignId>, cancellation: Cancellation) -> Refused<Canceled> { unimplemented!() }
    pub async fn campaign_duplicate(&self, actor: &Actor, id: Option<CampaignId>, duplication: Duplication) -> Refused<Campaign> { unimplemented!() }
    /// Removes a draft; `expected_revision` as elsewhere.
    pub async fn campaign_delete(&self, actor: &Actor, id: Option<CampaignId>, expected_revision: Option<i64>) -> Refused<CampaignId> { unimplemented!() }

    pub async fn campaign(&self, actor: &Actor, id: CampaignId) -> Result<Option<Campaign>, Fault> { unimplemented!() }
    pub async fn campaigns(&self, actor: &Actor, site_id: SiteId, filter: &CampaignFilter, order: CampaignOrder, page: &PageRequest) -> Result<Page<Campaign>, Fault> { unimplemented!() }
    pub async fn campaign_count(&self, actor: &Actor, site_id: SiteId, filter: &CampaignFilter) -> Result<i64, Fault> { unimplemented!() }
    pub async fn campaign_steps(&self, campaign: &Campaign) -> Result<Vec<Step>, Fault> { unimplemented!() }
    /// Audiences included and excluded, in the order set.
    pub async fn campaign_audiences(&self, campaign: &Campaign) -> Result<CampaignView, Fault> { unimplemented!() }
    /// None before PROCESSING.
    pub async fn campaign_progress(&self, campaign: &Campaign) -> Result<Option<Progress>, Fault> { unimplemented!() }
    /// None before PROCESSING.
    pub async fn step_counts(&self, campaign_id: CampaignId, step_id: StepId) -> Result<Option<MessageCounts>, Fault> { unimplemented!() }
    /// None when it cannot be canceled.
    pub async fn cancel_preview(&self, campaign: &Campaign) -> Result<Option<CancelPreview>, Fault> { unimplemented!() }
}
