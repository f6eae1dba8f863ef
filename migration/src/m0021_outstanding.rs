//! Messages that are being handed over, or whose outcome is not known, by phone: every claim asks for those of its own,
//! so that a subscriber's row, which is on a page of its own, need not be written for each claim. And when an attempt
//! was last repeated. What a phone was sent lately is found among its subscriber's messages, which are few, without an
//! index that has another page written for each acceptance.
//!
//! It takes columns away in one step because nothing was released before it.

use crate::columns::{id_null, index, number_null};
use sea_orm_migration::prelude::*;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const OUTSTANDING: &str = "message_outstanding";
const ACCEPTED: &str = "message_accepted";
const REPEATED_AT: &str = "repeated_at";
const RESERVED: [&str; 2] = ["reserved_by", "reserved_at"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let outstanding = index(OUTSTANDING, "message", &["site_id", "phone"])
            .and_where(Expr::col("state").is_in(["in_flight", "unknown"]))
            .to_owned();
        manager.create_index(outstanding).await?;
        manager.drop_index(Index::drop().name(ACCEPTED).table("message").to_owned()).await?;
        let repeated =
            Table::alter().table("attempt").add_column(number_null(REPEATED_AT)).to_owned();
        manager.alter_table(repeated).await?;
        for name in RESERVED {
            let gone = Table::alter().table("subscriber").drop_column(name).to_owned();
            manager.alter_table(gone).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        for column in [id_null("reserved_by"), number_null("reserved_at")] {
            manager
                .alter_table(Table::alter().table("subscriber").add_column(column).to_owned())
                .await?;
        }
        let repeated = Table::alter().table("attempt").drop_column(REPEATED_AT).to_owned();
        manager.alter_table(repeated).await?;
        let accepted = index(ACCEPTED, "message", &["subscriber_id", "accepted_at"])
            .and_where(Expr::col("accepted_at").is_not_null())
            .to_owned();
        manager.create_index(accepted).await?;
        manager.drop_index(Index::drop().name(OUTSTANDING).table("message").to_owned()).await
    }
}
