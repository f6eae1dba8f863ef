//! Campaigns.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "campaign")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// A label for people.
    pub name: String,
    /// A status code.
    pub status: String,
    /// Status reason.
    pub status_reason: Option<String>,
    /// Status changed at, in ms.
    pub status_changed_at: i64,
    /// Revision.
    pub revision: i64,
    /// Revision id.
    pub revision_id: Uuid,
    /// Duplicated from.
    pub duplicated_from: Option<Uuid>,
    /// When it is first due, in ms: copied from its revision to sort and to schedule by.
    pub starts_at: Option<i64>,
    /// Excludes reached.
    pub excludes_reached: bool,
    /// Since when it is paused, in ms.
    pub paused_at: Option<i64>,
    /// When its processing begins, in ms.
    pub launches_at: Option<i64>,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The site it belongs to.
    #[sea_orm(belongs_to, from = "site_id", to = "id")]
    pub site: BelongsTo<super::site::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
