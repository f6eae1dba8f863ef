//! The inbox of receipts and inbound texts.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "receipt")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The aggregator connection.
    pub connection_id: Uuid,
    /// Dedupe key.
    pub dedupe_key: String,
    /// Kind.
    pub kind: String,
    /// Provider id.
    pub provider_id: Option<String>,
    /// Reference.
    pub reference: Option<String>,
    /// Code.
    pub code: Option<String>,
    /// E.164.
    pub phone: Option<String>,
    /// Text.
    pub text: Option<String>,
    /// Occurred at, in ms.
    pub occurred_at: i64,
    /// Received at, in ms.
    pub received_at: i64,
    /// A state code.
    pub state: String,
    /// The message.
    pub message_id: Option<Uuid>,
    /// Applied at, in ms.
    pub applied_at: Option<i64>,
    /// The aggregator connection it belongs to.
    #[sea_orm(belongs_to, from = "connection_id", to = "id")]
    pub aggregator_connection: BelongsTo<super::aggregator_connection::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
