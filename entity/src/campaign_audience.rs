//! Audiences of revisions, their rules copied when the revision froze.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "campaign_audience")]
pub struct Model {
    /// The site.
    pub site_id: Uuid,
    /// Revision id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub revision_id: Uuid,
    /// Audience id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub audience_id: Uuid,
    /// Is excluded.
    #[sea_orm(primary_key, auto_increment = false)]
    pub is_excluded: bool,
    /// Position.
    pub position: i64,
    /// Rules.
    pub rules: Option<Json>,
}

impl ActiveModelBehavior for ActiveModel {}
