//! Audiences.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "audience")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// A label for people.
    pub name: String,
    /// Rules.
    pub rules: Json,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
    /// The site it belongs to.
    #[sea_orm(belongs_to, from = "site_id", to = "id")]
    pub site: BelongsTo<super::site::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
