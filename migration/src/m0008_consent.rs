//! The log of consent, which only grows, and the mark of subscribers whose words are to be looked at.

use crate::columns::{id, id_null, index, number, number_null, points_to, text, text_null};
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
        manager
            .alter_table(Table::alter().table("subscriber").add_column(suspected()).to_owned())
            .await?;
        manager
            .create_index(
                index("subscriber_suspected", "subscriber", &["site_id", "id"])
                    .and_where(Expr::col("suspected_opt_out_at").is_not_null())
                    .to_owned(),
            )
            .await?;
        manager.create_table(consent_log()).await?;
        manager
            .create_index(index("consent_log_phone", "consent_log", &["site_id", "phone", "id"]))
            .await?;
        let connection = manager.get_connection();
        let guards: &[&str] = match manager.get_database_backend() {
            DbBackend::Postgres => &POSTGRES_GUARDS,
            _ => &SQLITE_GUARDS,
        };
        for guard in guards {
            connection.execute_unprepared(guard).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("consent_log").to_owned()).await?;
        if manager.get_database_backend() == DbBackend::Postgres {
            manager
                .get_connection()
                .execute_unprepared("DROP FUNCTION consent_log_only_grows")
                .await?;
        }
        manager
            .drop_index(Index::drop().name("subscriber_suspected").table("subscriber").to_owned())
            .await?;
        let name = suspected().get_column_name();
        manager.alter_table(Table::alter().table("subscriber").drop_column(name).to_owned()).await
    }
}

/// What keeps the log from being changed by whoever can write to the database.
const SQLITE_GUARDS: [&str; 2] = [
    "CREATE TRIGGER consent_log_no_update BEFORE UPDATE ON consent_log \
     BEGIN SELECT RAISE(ABORT, 'the log of consent only grows'); END",
    "CREATE TRIGGER consent_log_no_delete BEFORE DELETE ON consent_log \
     BEGIN SELECT RAISE(ABORT, 'the log of consent only grows'); END",
];
const POSTGRES_GUARDS: [&str; 2] = [
    "CREATE FUNCTION consent_log_only_grows() RETURNS trigger LANGUAGE plpgsql AS \
     $$ BEGIN RAISE EXCEPTION 'the log of consent only grows'; END $$",
    "CREATE TRIGGER consent_log_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON consent_log \
     FOR EACH STATEMENT EXECUTE FUNCTION consent_log_only_grows()",
];

fn suspected() -> ColumnDef {
    number_null("suspected_opt_out_at")
}

/// The log is of phones: it holds what was said before a phone had a subscriber, and stays when it has none
/// any more. So only the site is pointed to.
fn consent_log() -> TableCreateStatement {
    Table::create()
        .table("consent_log")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text("phone"))
        .col(id_null("subscriber_id"))
        .col(text("kind"))
        .col(text("source"))
        .col(text_null("word"))
        .col(text_null("actor"))
        .col(number("occurred_at"))
        .col(number("recorded_at"))
        .col(id_null("receipt_id"))
        .foreign_key(&mut points_to("consent_log", "site_id", "site"))
        .to_owned()
}
