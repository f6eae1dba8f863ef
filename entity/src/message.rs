//! The message ledger: one row for each campaign, step and phone.

use sea_orm::entity::prelude::*;
use serde::Deserialize;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel, Deserialize)]
#[sea_orm(table_name = "message")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The campaign.
    pub campaign_id: Uuid,
    /// The step.
    pub step_id: Uuid,
    /// Step position.
    pub step_position: i64,
    /// Subscriber id.
    pub subscriber_id: Uuid,
    /// E.164.
    pub phone: String,
    /// An IANA time zone.
    pub time_zone: String,
    /// A state code.
    pub state: String,
    /// A reason code.
    pub reason: Option<String>,
    /// Aggregator code.
    pub aggregator_code: Option<String>,
    /// Due at, in ms.
    pub due_at: i64,
    /// Deferred from.
    pub deferred_from: Option<i64>,
    /// Send by.
    pub send_by: Option<i64>,
    /// Fence.
    pub fence: i64,
    /// Lease until, in ms.
    pub lease_until: Option<i64>,
    /// Attempt count.
    pub attempt_count: i64,
    /// Segments.
    pub segments: Option<i64>,
    /// The aggregator connection.
    pub connection_id: Option<Uuid>,
    /// Provider id.
    pub provider_id: Option<String>,
    /// Accepted at, in ms.
    pub accepted_at: Option<i64>,
    /// Delivered at, in ms.
    pub delivered_at: Option<i64>,
    /// When the aggregator passed it on, by its receipt, in ms.
    pub passed_on_at: Option<i64>,
    /// When it ended short of the handset, in ms.
    pub stopped_at: Option<i64>,
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The zones the recipient may be in, where they are more than one.
    pub zones: Option<String>,
    /// The recipient's region.
    pub region: Option<String>,
    /// The code of the rule that holds or stopped it.
    pub rule: Option<String>,
    /// The message for whose sake Smart Sending or a cap skipped it.
    pub blocked_by: Option<Uuid>,
    /// When that one was accepted, in ms.
    pub blocked_at: Option<i64>,
    /// The values its text uses, frozen when it was planned.
    pub variables: Option<Json>,
    /// Segments of a trial reserved for it and the steps after it.
    pub reserved: i64,
    /// When it was planned, in ms.
    pub evaluated_at: i64,
    /// The message it follows up.
    pub previous_id: Option<Uuid>,
    /// When its outcome is asked for next, in ms; none unless it is unknown.
    pub resolve_at: Option<i64>,
    /// How often it was asked for.
    pub resolve_tries: Option<i64>,
    /// When somebody chose to send it again although an earlier attempt may have been taken, in ms.
    pub uncertain_at: Option<i64>,
    /// The campaign it belongs to.
    #[sea_orm(belongs_to, from = "campaign_id", to = "id")]
    #[serde(skip)]
    pub campaign: BelongsTo<super::campaign::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
