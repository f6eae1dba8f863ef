//! Texts that came in and are not acted on yet: every claim asks for those of its phones. And messages that
//! are sent again although an earlier attempt may have been taken.

use crate::columns::{index, number_null};
use sea_orm_migration::prelude::*;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const UNHEARD: &str = "receipt_unheard";
const UNCERTAIN_AT: &str = "uncertain_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let unheard = index(UNHEARD, "receipt", &["site_id", "phone"])
            .and_where(Expr::col("state").eq("pending"))
            .and_where(Expr::col("kind").eq("received"))
            .to_owned();
        manager.create_index(unheard).await?;
        let uncertain =
            Table::alter().table("message").add_column(number_null(UNCERTAIN_AT)).to_owned();
        manager.alter_table(uncertain).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let certain = Table::alter().table("message").drop_column(UNCERTAIN_AT).to_owned();
        manager.alter_table(certain).await?;
        manager.drop_index(Index::drop().name(UNHEARD).table("receipt").to_owned()).await
    }
}
