//! Events of campaigns.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// Position.
    pub position: i64,
    /// The campaign.
    pub campaign_id: Uuid,
    /// Sequence.
    pub sequence: i64,
    /// Kind.
    pub kind: String,
    /// Occurred at, in ms.
    pub occurred_at: i64,
    /// Actor kind.
    pub actor_kind: String,
    /// Actor name.
    pub actor_name: String,
    /// From status.
    pub from_status: Option<String>,
    /// To status.
    pub to_status: Option<String>,
    /// A reason code.
    pub reason: Option<String>,
}

impl ActiveModelBehavior for ActiveModel {}
