//! Which attributes subscribers of a site have or had, and how long their values are at most.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site_attribute")]
pub struct Model {
    /// The site.
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: Uuid,
    /// The attribute's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// Septets of the longest value; none when one is not of GSM 03.38.
    pub septets_max: Option<i64>,
    /// UTF-16 units of the longest value.
    pub units_max: i64,
    /// The site it belongs to.
    #[sea_orm(belongs_to, from = "site_id", to = "id")]
    pub site: BelongsTo<super::site::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
