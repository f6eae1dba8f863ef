//! API keys: bearer tokens, of which only the hash is kept.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A label for people.
    pub name: String,
    /// Prefix.
    pub prefix: String,
    /// Secret hash.
    pub secret_hash: String,
    /// Role.
    pub role: String,
    /// Is development.
    pub is_development: bool,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// Last used at, in ms.
    pub last_used_at: Option<i64>,
    /// Expires at, in ms.
    pub expires_at: Option<i64>,
    /// Revoked at, in ms.
    pub revoked_at: Option<i64>,
}

impl ActiveModelBehavior for ActiveModel {}
