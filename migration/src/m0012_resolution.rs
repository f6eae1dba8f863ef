//! Settling what is not known: the request of an attempt as it was sent, when its outcome is asked for next,
//! and campaigns whose unknown messages somebody chose to send again.

use crate::columns::{index, number_null, text_null};
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
        for (table, column) in columns() {
            // SQLite takes one column at a time.
            let alter = Table::alter().table(table).add_column(column).to_owned();
            manager.alter_table(alter).await?;
        }
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for name in INDEXES {
            manager.drop_index(Index::drop().name(name).table("message").to_owned()).await?;
        }
        for (table, column) in columns().into_iter().rev() {
            let name = column.get_column_name();
            let alter = Table::alter().table(table).drop_column(name).to_owned();
            manager.alter_table(alter).await?;
        }
        Ok(())
    }
}

const INDEXES: [&str; 2] = ["message_resolve", "message_unknown"];

fn indexes() -> [IndexCreateStatement; 2] {
    [
        // Which outcomes are to be asked for now, over all campaigns.
        index("message_resolve", "message", &["resolve_at", "id"])
            .and_where(Expr::col("resolve_at").is_not_null())
            .to_owned(),
        // The messages of a campaign whose outcome is not known.
        index("message_unknown", "message", &["campaign_id", "id"])
            .and_where(Expr::col("state").eq("unknown"))
            .to_owned(),
    ]
}

fn columns() -> [(&'static str, ColumnDef); 4] {
    [
        ("attempt", text_null("request")),
        ("message", number_null("resolve_at")),
        ("message", number_null("resolve_tries")),
        ("campaign_progress", number_null("resends_at")),
    ]
}
