//! The event log of each site, and answers kept for repeated commands.

use crate::columns::{id, id_null, index, json, key, number, part_of, points_to, text, text_null};
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
        manager.create_table(site_log()).await?;
        manager.create_table(event()).await?;
        manager.create_table(idempotency()).await?;
        manager
            .create_index(
                index("event_position", "event", &["site_id", "position"]).unique().to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("event_sequence", "event", &["campaign_id", "sequence"]).unique().to_owned(),
            )
            .await?;
        manager.create_index(index("idempotency_age", "idempotency", &["created_at"])).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("idempotency").to_owned()).await?;
        manager.drop_table(Table::drop().table("event").to_owned()).await?;
        manager.drop_table(Table::drop().table("site_log").to_owned()).await?;
        Ok(())
    }
}

fn site_log() -> TableCreateStatement {
    Table::create()
        .table("site_log")
        .col(id("site_id").primary_key().to_owned())
        .col(number("position"))
        .foreign_key(&mut points_to("site_log", "site_id", "site"))
        .to_owned()
}

fn event() -> TableCreateStatement {
    Table::create()
        .table("event")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(number("position"))
        .col(id("campaign_id"))
        .col(number("sequence"))
        .col(text("kind"))
        .col(number("occurred_at"))
        .col(text("actor_kind"))
        .col(text("actor_name"))
        .col(text_null("from_status"))
        .col(text_null("to_status"))
        .col(text_null("reason"))
        .foreign_key(&mut points_to("event", "site_id", "site"))
        .to_owned()
}

fn idempotency() -> TableCreateStatement {
    Table::create()
        .table("idempotency")
        .col(id("api_key_id"))
        .col(text("operation"))
        .col(text("idempotency_key"))
        .col(id_null("site_id"))
        .col(text("input_digest"))
        .col(json("answer"))
        .col(number("created_at"))
        .primary_key(&mut key(&["api_key_id", "operation", "idempotency_key"]))
        .foreign_key(&mut part_of("idempotency", "api_key_id", "api_key"))
        .to_owned()
}
