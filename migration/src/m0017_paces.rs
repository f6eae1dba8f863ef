//! The pace of senders and of accounts, kept by all nodes together.

use crate::columns::{id, number};
use sea_orm_migration::prelude::*;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const SEGMENTS_PER_S: &str = "segments_per_s";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let pace = Table::create()
            .table("pace")
            .col(id("id").primary_key().to_owned())
            .col(number("arrival_us"))
            .to_owned();
        manager.create_table(pace).await?;
        let limited = Table::alter()
            .table("aggregator_connection")
            .add_column(number(SEGMENTS_PER_S).default(0).to_owned())
            .to_owned();
        manager.alter_table(limited).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let unlimited =
            Table::alter().table("aggregator_connection").drop_column(SEGMENTS_PER_S).to_owned();
        manager.alter_table(unlimited).await?;
        manager.drop_table(Table::drop().table("pace").to_owned()).await
    }
}
