//! Answers are kept for callers of any kind, not for API keys alone: a caller is a text.

use crate::columns::{id, id_null, index, json, key, number, part_of, text};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

/// The table, and where it stands while the other is made.
const TABLE: &str = "idempotency";
const OLD: &str = "idempotency_before";
/// Its index of ages, whose name the table takes along.
const AGE: &str = "idempotency_age";

/// What all rows keep.
const KEPT: &str = "operation, idempotency_key, site_id, input_digest, answer, created_at";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut caller = text("caller");
        let caller_key = key(&["caller", "operation", "idempotency_key"]);
        let as_text = match manager.get_database_backend() {
            DbBackend::Postgres => "'key_' || replace(CAST(api_key_id AS text), '-', '')",
            _ => "'key_' || lower(hex(api_key_id))",
        };
        let fill =
            format!("INSERT INTO {TABLE} (caller, {KEPT}) SELECT {as_text}, {KEPT} FROM {OLD}");
        remake(manager, table(&mut caller, caller_key), &fill).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut api_key_id = id("api_key_id");
        let mut before =
            table(&mut api_key_id, key(&["api_key_id", "operation", "idempotency_key"]));
        before.foreign_key(&mut part_of(TABLE, "api_key_id", "api_key"));
        let as_id = match manager.get_database_backend() {
            DbBackend::Postgres => "CAST(substr(caller, 5) AS uuid)",
            _ => "unhex(substr(caller, 5))",
        };
        // Other callers have no place in the table of before.
        let fill = format!(
            "INSERT INTO {TABLE} (api_key_id, {KEPT}) SELECT {as_id}, {KEPT} FROM {OLD} \
             WHERE caller LIKE 'key!_%' ESCAPE '!'"
        );
        remake(manager, before, &fill).await
    }
}

/// The table with this first column and key.
fn table(first: &mut ColumnDef, mut primary: IndexCreateStatement) -> TableCreateStatement {
    Table::create()
        .table(TABLE)
        .col(first)
        .col(text("operation"))
        .col(text("idempotency_key"))
        .col(id_null("site_id"))
        .col(text("input_digest"))
        .col(json("answer"))
        .col(number("created_at"))
        .primary_key(&mut primary)
        .to_owned()
}

/// Makes the table anew and takes its rows over: SQLite cannot change a primary key.
async fn remake(
    manager: &SchemaManager<'_>,
    table: TableCreateStatement,
    fill: &str,
) -> Result<(), DbErr> {
    let connection = manager.get_connection();
    manager.drop_index(Index::drop().name(AGE).table(TABLE).to_owned()).await?;
    if manager.get_database_backend() == DbBackend::Postgres {
        // The key's name is taken as long as the old table has it.
        let rename = format!("ALTER TABLE {TABLE} RENAME CONSTRAINT {TABLE}_pkey TO {OLD}_pkey");
        connection.execute_unprepared(&rename).await?;
    }
    manager.rename_table(Table::rename().table(TABLE, OLD).to_owned()).await?;
    manager.create_table(table).await?;
    connection.execute_unprepared(fill).await?;
    manager.drop_table(Table::drop().table(OLD).to_owned()).await?;
    manager.create_index(index(AGE, TABLE, &["created_at"])).await
}
