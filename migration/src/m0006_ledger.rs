//! The message ledger: messages, their counts, attempts, and the inbox of receipts.

use crate::columns::{id, id_null, index, key, number, number_null, points_to, text, text_null};
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
        manager.create_table(campaign_progress()).await?;
        manager.create_table(message_count()).await?;
        manager.create_table(message()).await?;
        manager.create_table(attempt()).await?;
        manager.create_table(receipt()).await?;
        manager
            .create_index(
                index("message_recipient", "message", &["campaign_id", "step_position", "phone"])
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("message_due", "message", &["campaign_id", "due_at", "id"])
                    .and_where(Expr::col("state").is_in(["deferred", "queued"]))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("message_lease", "message", &["lease_until"])
                    .and_where(Expr::col("state").eq("in_flight"))
                    .to_owned(),
            )
            .await?;
        manager.create_index(index("message_page", "message", &["campaign_id", "id"])).await?;
        manager
            .create_index(index("message_subscriber", "message", &["subscriber_id", "id"]))
            .await?;
        manager.create_index(index("message_phone", "message", &["site_id", "phone"])).await?;
        manager
            .create_index(
                index("message_provider", "message", &["connection_id", "provider_id"])
                    .and_where(Expr::col("provider_id").is_not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("attempt_message", "attempt", &["message_id", "fence"]).unique().to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("receipt_dedupe", "receipt", &["connection_id", "dedupe_key"])
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("receipt_pending", "receipt", &["id"])
                    .and_where(Expr::col("state").eq("pending"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("receipt_parked", "receipt", &["connection_id", "provider_id"])
                    .and_where(Expr::col("state").eq("parked"))
                    .to_owned(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("receipt").to_owned()).await?;
        manager.drop_table(Table::drop().table("attempt").to_owned()).await?;
        manager.drop_table(Table::drop().table("message").to_owned()).await?;
        manager.drop_table(Table::drop().table("message_count").to_owned()).await?;
        manager.drop_table(Table::drop().table("campaign_progress").to_owned()).await?;
        Ok(())
    }
}

fn campaign_progress() -> TableCreateStatement {
    Table::create()
        .table("campaign_progress")
        .col(id("campaign_id").primary_key().to_owned())
        .col(id("site_id"))
        .col(number("version"))
        .col(number("recipient_count"))
        .col(number("processing_at"))
        .col(id_null("plan_cursor"))
        .col(number_null("planned_at"))
        .col(number_null("started_at"))
        .col(number_null("handed_over_at"))
        .foreign_key(&mut points_to("campaign_progress", "campaign_id", "campaign"))
        .to_owned()
}

fn message_count() -> TableCreateStatement {
    Table::create()
        .table("message_count")
        .col(id("campaign_id"))
        .col(id("step_id"))
        .col(text("time_zone"))
        .col(text("state"))
        .col(text("reason"))
        .col(id("site_id"))
        .col(number("count").check(Expr::col("count").gte(0)))
        .primary_key(&mut key(&["campaign_id", "step_id", "time_zone", "state", "reason"]))
        .foreign_key(&mut points_to("message_count", "campaign_id", "campaign"))
        .to_owned()
}

fn message() -> TableCreateStatement {
    Table::create()
        .table("message")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id("campaign_id"))
        .col(id("step_id"))
        .col(number("step_position"))
        .col(id("subscriber_id"))
        .col(text("phone"))
        .col(text("time_zone"))
        .col(text("state"))
        .col(text_null("reason"))
        .col(text_null("aggregator_code"))
        .col(number("due_at"))
        .col(number_null("deferred_from"))
        .col(number_null("send_by"))
        .col(number("fence"))
        .col(number_null("lease_until"))
        .col(number("attempt_count"))
        .col(number_null("segments"))
        .col(id_null("connection_id"))
        .col(text_null("provider_id"))
        .col(number_null("accepted_at"))
        .col(number_null("delivered_at"))
        .col(number("updated_at"))
        .foreign_key(&mut points_to("message", "campaign_id", "campaign"))
        .to_owned()
}

fn attempt() -> TableCreateStatement {
    Table::create()
        .table("attempt")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id("campaign_id"))
        .col(id("message_id"))
        .col(number("fence"))
        .col(id("connection_id"))
        .col(text("node"))
        .col(text("request_digest"))
        .col(number("started_at"))
        .col(text_null("outcome"))
        .col(text_null("outcome_code"))
        .col(number_null("ended_at"))
        .col(text_null("provider_id"))
        .foreign_key(&mut points_to("attempt", "message_id", "message"))
        .to_owned()
}

fn receipt() -> TableCreateStatement {
    Table::create()
        .table("receipt")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id("connection_id"))
        .col(text("dedupe_key"))
        .col(text("kind"))
        .col(text_null("provider_id"))
        .col(text_null("reference"))
        .col(text_null("code"))
        .col(text_null("phone"))
        .col(text_null("text"))
        .col(number("occurred_at"))
        .col(number("received_at"))
        .col(text("state"))
        .col(id_null("message_id"))
        .col(number_null("applied_at"))
        .foreign_key(&mut points_to("receipt", "connection_id", "aggregator_connection"))
        .to_owned()
}
