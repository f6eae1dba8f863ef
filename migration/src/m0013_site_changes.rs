//! The log of changes of sites' settings, which only grows.

use crate::columns::{id, index, number, points_to, text, text_null};
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
        manager.create_table(site_change()).await?;
        manager.create_index(index("site_change_site", "site_change", &["site_id", "id"])).await?;
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
        manager.drop_table(Table::drop().table("site_change").to_owned()).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            manager
                .get_connection()
                .execute_unprepared("DROP FUNCTION site_change_only_grows")
                .await?;
        }
        Ok(())
    }
}

/// What keeps the log from being changed by whoever can write to the database.
const SQLITE_GUARDS: [&str; 2] = [
    "CREATE TRIGGER site_change_no_update BEFORE UPDATE ON site_change \
     BEGIN SELECT RAISE(ABORT, 'the log of settings only grows'); END",
    "CREATE TRIGGER site_change_no_delete BEFORE DELETE ON site_change \
     BEGIN SELECT RAISE(ABORT, 'the log of settings only grows'); END",
];
const POSTGRES_GUARDS: [&str; 2] = [
    "CREATE FUNCTION site_change_only_grows() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN RAISE EXCEPTION 'the log of settings only grows'; END $$",
    "CREATE TRIGGER site_change_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON site_change \
     FOR EACH STATEMENT EXECUTE FUNCTION site_change_only_grows()",
];

fn site_change() -> TableCreateStatement {
    Table::create()
        .table("site_change")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text("setting"))
        .col(text_null("before"))
        .col(text_null("after"))
        .col(text("actor_kind"))
        .col(text("actor_name"))
        .col(number("changed_at"))
        .foreign_key(&mut points_to("site_change", "site_id", "site"))
        .to_owned()
}
