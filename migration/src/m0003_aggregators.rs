//! Connections to aggregators, and the numbers messages are sent from.

use crate::columns::{flag, id, index, number, points_to, text, text_null};
use sea_orm_migration::prelude::*;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(aggregator_connection()).await?;
        manager.create_table(sender()).await?;
        manager
            .create_index(
                index("aggregator_connection_name", "aggregator_connection", &["site_id", "name"])
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("sender_phone", "sender", &["site_id", "phone"]).unique().to_owned(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("sender").to_owned()).await?;
        manager.drop_table(Table::drop().table("aggregator_connection").to_owned()).await?;
        Ok(())
    }
}

fn aggregator_connection() -> TableCreateStatement {
    Table::create()
        .table("aggregator_connection")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text("name"))
        .col(text("kind"))
        .col(text("base_url"))
        .col(text("token"))
        .col(text("webhook_secret"))
        .col(text_null("webhook_secret_next"))
        .col(number("key_window_s"))
        .col(flag("has_lookup"))
        .col(text_null("status_page_url"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut points_to("aggregator_connection", "site_id", "site"))
        .to_owned()
}

fn sender() -> TableCreateStatement {
    Table::create()
        .table("sender")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id("connection_id"))
        .col(text("phone"))
        .col(number("segments_per_s"))
        .col(flag("is_ready"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut points_to("sender", "site_id", "site"))
        .foreign_key(&mut points_to("sender", "connection_id", "aggregator_connection"))
        .to_owned()
}
