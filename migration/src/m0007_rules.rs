//! What the rules of a campaign need to know: places of subscribers, windows and packs, follow-ups, pauses,
//! reservations, and why each message stands as it does.

use crate::columns::{
    flag, id, id_null, index, json_null, number, number_null, part_of, text, text_null,
};
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
            manager.alter_table(Table::alter().table(table).add_column(column).to_owned()).await?;
        }
        // A campaign scheduled by an older version launches when it starts.
        let connection = manager.get_connection();
        connection.execute_unprepared("UPDATE campaign SET launches_at = starts_at").await?;
        manager
            .create_index(index("campaign_launch", "campaign", &["status", "launches_at", "id"]))
            .await?;
        manager.create_table(message_decision()).await?;
        manager
            .create_index(index(
                "message_decision_message",
                "message_decision",
                &["message_id", "id"],
            ))
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("message_decision").to_owned()).await?;
        manager
            .drop_index(Index::drop().name("campaign_launch").table("campaign").to_owned())
            .await?;
        for (table, column) in columns().into_iter().rev() {
            let name = column.get_column_name();
            manager.alter_table(Table::alter().table(table).drop_column(name).to_owned()).await?;
        }
        Ok(())
    }
}

fn columns() -> Vec<(&'static str, ColumnDef)> {
    let of = |table: &'static str, columns: Vec<ColumnDef>| {
        columns.into_iter().map(move |column| (table, column))
    };
    [of("site", site()), of("subscriber", subscriber()), of("campaign", campaign())]
        .into_iter()
        .flatten()
        .chain(of("campaign_revision", revision()))
        .chain(of("campaign_step", vec![text("condition").default("always").to_owned()]))
        .chain(of("message", message()))
        .collect()
}

fn site() -> Vec<ColumnDef> {
    vec![
        text_null("text_prefix"),
        text_null("text_footer"),
        text_null("rule_packs"),
        text_null("countries"),
        text_null("help_reply"),
    ]
}

fn subscriber() -> Vec<ColumnDef> {
    vec![
        text_null("postal_code"),
        text_null("observed_time_zone"),
        json_null("attributes"),
        text_null("zones"),
        text_null("zone_source"),
        text_null("region"),
        id_null("last_message_id"),
        id_null("reserved_by"),
        number_null("reserved_at"),
        number_null("last_inbound_at"),
    ]
}

fn campaign() -> Vec<ColumnDef> {
    vec![number_null("paused_at"), number_null("launches_at")]
}

fn revision() -> Vec<ColumnDef> {
    vec![
        number_null("launches_at"),
        text_null("site_time_zone"),
        text_null("if_passed"),
        number_null("max_lateness_s"),
        text_null("own_quiet_hours_start"),
        text_null("own_quiet_hours_end"),
        text_null("rule_packs"),
        text_null("text_prefix"),
        text_null("text_footer"),
    ]
}

fn message() -> Vec<ColumnDef> {
    vec![
        text_null("zones"),
        text_null("region"),
        text_null("rule"),
        id_null("blocked_by"),
        number_null("blocked_at"),
        json_null("variables"),
        number("reserved").default(0).to_owned(),
        number("evaluated_at").default(0).to_owned(),
        id_null("previous_id"),
    ]
}

fn message_decision() -> TableCreateStatement {
    Table::create()
        .table("message_decision")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id("campaign_id"))
        .col(id("message_id"))
        .col(number("at"))
        .col(text("state"))
        .col(text_null("reason"))
        .col(text_null("rule"))
        .col(number("due_at"))
        .col(flag("is_by_caller").default(false).to_owned())
        .foreign_key(&mut part_of("message_decision", "message_id", "message"))
        .to_owned()
}
