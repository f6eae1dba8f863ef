//! Decisions about messages after they were planned: a hand-over or a resumption that judged anew.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message_decision")]
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
    /// When it was decided, in ms.
    pub at: i64,
    /// The state it led to.
    pub state: String,
    /// A reason code.
    pub reason: Option<String>,
    /// The code of the rule behind the reason.
    pub rule: Option<String>,
    /// When the message was due from then on, in ms.
    pub due_at: i64,
    /// Whether a caller's act led to it, and not the engine's.
    pub is_by_caller: bool,
    /// The message it is about.
    #[sea_orm(belongs_to, from = "message_id", to = "id")]
    pub message: BelongsTo<super::message::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
