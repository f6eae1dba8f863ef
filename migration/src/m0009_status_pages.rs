//! How aggregators are, what becomes of messages beyond them, and the messages nobody has spoken of.

use crate::columns::{id, index, number_null, points_to, text_null};
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
        manager.create_table(connection_health()).await?;
        for column in message() {
            // SQLite takes one column at a time.
            let alter = Table::alter().table("message").add_column(column).to_owned();
            manager.alter_table(alter).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for (name, table) in INDEXES {
            manager.drop_index(Index::drop().name(name).table(table).to_owned()).await?;
        }
        for column in message().into_iter().rev() {
            let name = column.get_column_name();
            let alter = Table::alter().table("message").drop_column(name).to_owned();
            manager.alter_table(alter).await?;
        }
        manager.drop_table(Table::drop().table("connection_health").to_owned()).await?;
        Ok(())
    }
}

const INDEXES: [(&str, &str); 5] = [
    ("message_unheard", "message"),
    ("message_awaiting", "message"),
    ("message_handed_over", "message"),
    ("campaign_progress_handed_over", "campaign_progress"),
    ("campaign_site_status", "campaign"),
];

fn indexes() -> [IndexCreateStatement; 5] {
    let accepted = || Expr::col("state").eq("accepted");
    [
        // Which messages have waited for a word too long, over all campaigns.
        index("message_unheard", "message", &["accepted_at", "id"])
            .and_where(accepted())
            .to_owned(),
        // The first message of a campaign that waits for a word.
        index("message_awaiting", "message", &["campaign_id", "accepted_at"])
            .and_where(accepted())
            .to_owned(),
        // The messages that a connection took last.
        index("message_handed_over", "message", &["connection_id", "accepted_at"])
            .and_where(Expr::col("accepted_at").is_not_null())
            .to_owned(),
        index("campaign_progress_handed_over", "campaign_progress", &["site_id", "handed_over_at"]),
        // Whether a site has a campaign that is running.
        index("campaign_site_status", "campaign", &["site_id", "status"]),
    ]
}

fn message() -> Vec<ColumnDef> {
    vec![number_null("passed_on_at"), number_null("stopped_at")]
}

fn connection_health() -> TableCreateStatement {
    Table::create()
        .table("connection_health")
        .col(id("connection_id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text_null("indicator"))
        .col(text_null("component"))
        .col(text_null("component_status"))
        .col(text_null("incident"))
        .col(text_null("incident_url"))
        .col(number_null("since"))
        .col(number_null("checked_at"))
        .col(text_null("etag"))
        .col(number_null("failed_at"))
        .col(text_null("hold"))
        .col(number_null("held_since"))
        .col(number_null("held_until"))
        .col(text_null("last_error_code"))
        .col(number_null("unanswered_at"))
        .foreign_key(&mut points_to("connection_health", "connection_id", "aggregator_connection"))
        .to_owned()
}
