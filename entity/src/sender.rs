//! Numbers that messages are sent from.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sender")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The aggregator connection.
    pub connection_id: Uuid,
    /// E.164.
    pub phone: String,
    /// Segments per, in seconds.
    pub segments_per_s: i64,
    /// Is ready.
    pub is_ready: bool,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The aggregator connection it belongs to.
    #[sea_orm(belongs_to, from = "connection_id", to = "id")]
    pub aggregator_connection: BelongsTo<super::aggregator_connection::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
