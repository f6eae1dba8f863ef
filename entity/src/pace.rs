//! Paces of senders and of connections that have a limit.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "pace")]
pub struct Model {
    /// The sender, or the connection.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// When its next segment would arrive if each took its time, in µs.
    pub arrival_us: i64,
}

impl ActiveModelBehavior for ActiveModel {}
