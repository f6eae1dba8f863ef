//! Texts outside the ledger (tests, answers to HELP), and what variables a site's subscribers fill.

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
        manager.create_table(direct_text()).await?;
        manager.create_table(site_attribute()).await?;
        manager
            .create_index(
                index("direct_text_due", "direct_text", &["due_at", "id"])
                    .and_where(Expr::col("state").eq("queued"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("direct_text_lease", "direct_text", &["lease_until"])
                    .and_where(Expr::col("state").eq("in_flight"))
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("direct_text_attempt", "direct_text", &["attempt_id"])
                    .unique()
                    .and_where(Expr::col("attempt_id").is_not_null())
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("direct_text_provider", "direct_text", &["connection_id", "provider_id"])
                    .and_where(Expr::col("provider_id").is_not_null())
                    .to_owned(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("site_attribute").to_owned()).await?;
        manager.drop_table(Table::drop().table("direct_text").to_owned()).await?;
        Ok(())
    }
}

/// A draft may be removed, and its steps are replaced when it is edited, while the texts it sent stay: so
/// neither is pointed to by a foreign key.
fn direct_text() -> TableCreateStatement {
    Table::create()
        .table("direct_text")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id_null("campaign_id"))
        .col(id_null("step_id"))
        .col(text("kind"))
        .col(text("phone"))
        .col(text("text"))
        .col(text_null("media_url"))
        .col(number("segments"))
        .col(number("charged"))
        .col(text("state"))
        .col(text_null("reason"))
        .col(text_null("aggregator_code"))
        .col(number("due_at"))
        .col(number("attempt_count"))
        .col(id_null("attempt_id"))
        .col(id_null("connection_id"))
        .col(text_null("node"))
        .col(text_null("request_digest"))
        .col(number_null("lease_until"))
        .col(number_null("started_at"))
        .col(text_null("outcome"))
        .col(text_null("outcome_code"))
        .col(number_null("ended_at"))
        .col(text_null("provider_id"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut points_to("direct_text", "site_id", "site"))
        .to_owned()
}

fn site_attribute() -> TableCreateStatement {
    Table::create()
        .table("site_attribute")
        .col(id("site_id"))
        .col(text("name"))
        .col(number_null("septets_max"))
        .col(number("units_max"))
        .primary_key(&mut key(&["site_id", "name"]))
        .foreign_key(&mut points_to("site_attribute", "site_id", "site"))
        .to_owned()
}
