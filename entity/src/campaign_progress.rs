//! How far the engine is with a campaign.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "campaign_progress")]
pub struct Model {
    /// The campaign.
    #[sea_orm(primary_key, auto_increment = false)]
    pub campaign_id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// Version.
    pub version: i64,
    /// Recipient count.
    pub recipient_count: i64,
    /// Processing at, in ms.
    pub processing_at: i64,
    /// Plan cursor.
    pub plan_cursor: Option<Uuid>,
    /// Planned at, in ms.
    pub planned_at: Option<i64>,
    /// Started at, in ms.
    pub started_at: Option<i64>,
    /// Handed over at, in ms.
    pub handed_over_at: Option<i64>,
    /// When somebody chose to send messages of the sent campaign again, in ms; none when none is left.
    pub resends_at: Option<i64>,
    /// The campaign it belongs to.
    #[sea_orm(belongs_to, from = "campaign_id", to = "id")]
    pub campaign: BelongsTo<super::campaign::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
