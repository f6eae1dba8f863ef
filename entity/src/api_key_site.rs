//! Which sites a key reaches.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "api_key_site")]
pub struct Model {
    /// Api key id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub api_key_id: Uuid,
    /// The site.
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: Uuid,
    /// The site it belongs to.
    #[sea_orm(belongs_to, from = "site_id", to = "id")]
    pub site: BelongsTo<super::site::Entity>,
    /// The api key it belongs to.
    #[sea_orm(belongs_to, from = "api_key_id", to = "id")]
    pub api_key: BelongsTo<super::api_key::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
