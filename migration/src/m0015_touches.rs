//! What each subscriber was sent, by time: caps ask for it at every claim.

use crate::columns::index;
use sea_orm_migration::prelude::*;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const ACCEPTED: &str = "message_accepted";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let accepted = index(ACCEPTED, "message", &["subscriber_id", "accepted_at"])
            .and_where(Expr::col("accepted_at").is_not_null())
            .to_owned();
        manager.create_index(accepted).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(ACCEPTED).table("message").to_owned()).await
    }
}
