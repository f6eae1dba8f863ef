//! Room for what changes, on PostgreSQL: there a changed row is written anew, and every index of its table with it unless
//! it fits beside the old one and none of its indexed columns changed. So pages keep some room where hand-overs change
//! rows, and messages are found by phone while they are pending alone, which is all that is asked: a claim and a record
//! write an index less each.
//!
//! SQLite changes a row in place, and writes an index only where its columns change: it has nothing to gain.

use crate::columns::index;
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const BY_PHONE: &str = "message_phone";

/// A subscriber's row is changed once a message, an attempt's once in all.
const ROOM: [&str; 2] =
    ["ALTER TABLE subscriber SET (fillfactor = 80)", "ALTER TABLE attempt SET (fillfactor = 60)"];
const NO_ROOM: [&str; 2] =
    ["ALTER TABLE subscriber RESET (fillfactor)", "ALTER TABLE attempt RESET (fillfactor)"];

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        run(manager, ROOM).await?;
        manager.drop_index(Index::drop().name(BY_PHONE).table("message").to_owned()).await?;
        let pending = index(BY_PHONE, "message", &["site_id", "phone"])
            .and_where(Expr::col("state").is_in(["deferred", "queued"]))
            .to_owned();
        manager.create_index(pending).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Postgres {
            return Ok(());
        }
        run(manager, NO_ROOM).await?;
        manager.drop_index(Index::drop().name(BY_PHONE).table("message").to_owned()).await?;
        manager.create_index(index(BY_PHONE, "message", &["site_id", "phone"])).await
    }
}

async fn run(manager: &SchemaManager<'_>, statements: [&str; 2]) -> Result<(), DbErr> {
    for statement in statements {
        manager.get_connection().execute_unprepared(statement).await?;
    }
    Ok(())
}
