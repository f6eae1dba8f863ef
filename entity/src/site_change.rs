//! What was changed of sites' settings, by whom. Rows are only added.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site_change")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// A setting's code.
    pub setting: String,
    /// What it was, in words; none where it was not set.
    pub before: Option<String>,
    /// What it became, in words; none where it was taken away.
    pub after: Option<String>,
    /// Actor kind.
    pub actor_kind: String,
    /// Actor name.
    pub actor_name: String,
    /// When, in ms.
    pub changed_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
