//! Attempts to hand messages over, written ahead of the request.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attempt")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The campaign.
    pub campaign_id: Uuid,
    /// The message.
    pub message_id: Uuid,
    /// Fence.
    pub fence: i64,
    /// The aggregator connection.
    pub connection_id: Uuid,
    /// Node.
    pub node: String,
    /// Request digest.
    pub request_digest: String,
    /// Started at, in ms.
    pub started_at: i64,
    /// When its request was last repeated for the answer's sake, in ms.
    pub repeated_at: Option<i64>,
    /// Outcome.
    pub outcome: Option<String>,
    /// Outcome code.
    pub outcome_code: Option<String>,
    /// Ended at, in ms.
    pub ended_at: Option<i64>,
    /// Provider id.
    pub provider_id: Option<String>,
    /// The request as it was sent, kept while the outcome is not known.
    pub request: Option<String>,
    /// The message it belongs to.
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
