//! Who did what. Rows are only added, and removed when they are old.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audit_entry")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The caller, as text: a key's id or a token's subject.
    pub actor: String,
    /// What the caller was called.
    pub actor_name: String,
    /// An operation's code.
    pub operation: String,
    /// The object's id, as text.
    pub object_id: String,
    /// An outcome's code.
    pub outcome: String,
    /// When, in ms.
    pub occurred_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
