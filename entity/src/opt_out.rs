//! Phones that opted out of a site's texts.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "opt_out")]
pub struct Model {
    /// The site.
    #[sea_orm(primary_key, auto_increment = false)]
    pub site_id: Uuid,
    /// E.164.
    #[sea_orm(primary_key, auto_increment = false)]
    pub phone: String,
    /// Source.
    pub source: String,
    /// Opted out at, in ms.
    pub opted_out_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
