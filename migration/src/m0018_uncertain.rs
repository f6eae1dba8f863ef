//! Messages that are sent again although an earlier attempt may have been taken: every claim asks for those of its
//! phones, whatever else was sent to them meanwhile.

use crate::columns::index;
use sea_orm_migration::prelude::*;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UNCERTAIN: &str = "message_uncertain";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let uncertain = index(UNCERTAIN, "message", &["site_id", "phone"])
            .and_where(Expr::col("uncertain_at").is_not_null())
            .to_owned();
        manager.create_index(uncertain).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_index(Index::drop().name(UNCERTAIN).table("message").to_owned()).await
    }
}
