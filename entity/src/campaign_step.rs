//! Steps of revisions.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "campaign_step")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// Revision id.
    pub revision_id: Uuid,
    /// Position.
    pub position: i64,
    /// Body.
    pub body: String,
    /// Media url.
    pub media_url: Option<String>,
    /// Delay, in seconds.
    pub delay_s: Option<i64>,
    /// A condition code.
    pub condition: String,
    /// The campaign revision it belongs to.
    #[sea_orm(belongs_to, from = "revision_id", to = "id")]
    pub campaign_revision: BelongsTo<super::campaign_revision::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
