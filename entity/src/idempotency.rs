//! Answers kept for repeated commands.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "idempotency")]
pub struct Model {
    /// The caller, as text: a key's id or a token's subject.
    #[sea_orm(primary_key, auto_increment = false)]
    pub caller: String,
    /// Operation.
    #[sea_orm(primary_key, auto_increment = false)]
    pub operation: String,
    /// Idempotency key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub idempotency_key: String,
    /// The site.
    pub site_id: Option<Uuid>,
    /// Input digest.
    pub input_digest: String,
    /// Answer.
    pub answer: Json,
    /// When the row was made, in ms.
    pub created_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
