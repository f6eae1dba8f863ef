//! Who did what: a log that only grows, but for what is old.

use crate::columns::{id, index, number, points_to, text};
use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::DbBackend;

/// Stores this step's name in the database.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_table(audit_entry()).await?;
        for (name, columns) in INDEXES {
            manager.create_index(index(name, TABLE, columns)).await?;
        }
        let guards: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => &POSTGRES_GUARDS,
            _ => &SQLITE_GUARDS,
        };
        for guard in guards {
            manager.get_connection().execute_unprepared(guard).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(TABLE).to_owned()).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            let connection = manager.get_connection();
            for function in ["audit_entry_only_grows", "audit_entry_keeps_the_young"] {
                connection.execute_unprepared(&format!("DROP FUNCTION {function}")).await?;
            }
        }
        Ok(())
    }
}

const TABLE: &str = "audit_entry";
const INDEXES: [(&str, &[&str]); 4] = [
    ("audit_entry_site", &["site_id", "id"]),
    ("audit_entry_object", &["site_id", "object_id", "id"]),
    ("audit_entry_actor", &["site_id", "actor", "id"]),
    ("audit_entry_age", &["occurred_at"]),
];

/// What keeps the log from being changed by whoever can write to the database. Nothing is removed that is not
/// thirty days older than the newest.
const SQLITE_GUARDS: [&str; 2] = [
    "CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry \
     BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END",
    "CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry \
     WHEN OLD.occurred_at > (SELECT MAX(occurred_at) FROM audit_entry) - 2592000000 \
     BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END",
];
const POSTGRES_GUARDS: [&str; 4] = [
    "CREATE FUNCTION audit_entry_only_grows() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN RAISE EXCEPTION 'the audit only grows'; END $$",
    "CREATE TRIGGER audit_entry_no_change BEFORE UPDATE OR TRUNCATE ON audit_entry \
     FOR EACH STATEMENT EXECUTE FUNCTION audit_entry_only_grows()",
    "CREATE FUNCTION audit_entry_keeps_the_young() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN \
     IF OLD.occurred_at > (SELECT MAX(occurred_at) FROM audit_entry) - 2592000000 THEN \
     RAISE EXCEPTION 'the audit only grows'; END IF; RETURN OLD; END $$",
    "CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry \
     FOR EACH ROW EXECUTE FUNCTION audit_entry_keeps_the_young()",
];

fn audit_entry() -> TableCreateStatement {
    Table::create()
        .table(TABLE)
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text("actor"))
        .col(text("actor_name"))
        .col(text("operation"))
        .col(text("object_id"))
        .col(text("outcome"))
        .col(number("occurred_at"))
        .foreign_key(&mut points_to(TABLE, "site_id", "site"))
        .to_owned()
}
