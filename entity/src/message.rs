//! The message ledger: one row for each campaign, step and phone.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
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
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The campaign it belongs to.
    #[sea_orm(belongs_to, from = "campaign_id", to = "id")]
    pub campaign: BelongsTo<super::campaign::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
