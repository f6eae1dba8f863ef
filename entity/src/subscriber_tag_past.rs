//! Tags that subscribers had, kept as long as a plan may ask for them.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriber_tag_past")]
pub struct Model {
    /// The site.
    pub site_id: Uuid,
    /// Subscriber id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subscriber_id: Uuid,
    /// Tag.
    #[sea_orm(primary_key, auto_increment = false)]
    pub tag: String,
    /// Since when, in ms.
    pub added_at: i64,
    /// Until when, in ms.
    #[sea_orm(primary_key, auto_increment = false)]
    pub removed_at: i64,
    /// The subscriber it belonged to.
    #[sea_orm(belongs_to, from = "subscriber_id", to = "id")]
    pub subscriber: BelongsTo<super::subscriber::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
