//! Subscribers.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "subscriber")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// E.164.
    pub phone: String,
    /// A status code.
    pub status: String,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// Subscribed at, in ms.
    pub subscribed_at: i64,
    /// Unsubscribed at, in ms.
    pub unsubscribed_at: Option<i64>,
    /// Last messaged at, in ms.
    pub last_messaged_at: Option<i64>,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The site it belongs to.
    #[sea_orm(belongs_to, from = "site_id", to = "id")]
    pub site: BelongsTo<super::site::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
