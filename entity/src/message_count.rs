//! How many messages share a state: kept by the transactions that move them.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "message_count")]
pub struct Model {
    /// The campaign.
    #[sea_orm(primary_key, auto_increment = false)]
    pub campaign_id: Uuid,
    /// The step.
    #[sea_orm(primary_key, auto_increment = false)]
    pub step_id: Uuid,
    /// An IANA time zone.
    #[sea_orm(primary_key, auto_increment = false)]
    pub time_zone: String,
    /// A state code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub state: String,
    /// A reason code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub reason: String,
    /// The site.
    pub site_id: Uuid,
    /// Count.
    pub count: i64,
}

impl ActiveModelBehavior for ActiveModel {}
