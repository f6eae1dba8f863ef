//! Since when subscribers have their tags, and which they had before: who is a member of an audience is asked as
//! of the instant at which a campaign's processing began.

use crate::columns::{id, index, key, number, part_of, text};
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
        // Tags from before this step were there all along.
        let added_at = number("added_at").default(0).to_owned();
        let alter = Table::alter().table("subscriber_tag").add_column(added_at).to_owned();
        manager.alter_table(alter).await?;
        manager.create_table(subscriber_tag_past()).await?;
        manager
            .create_index(index(
                "subscriber_tag_past_removed",
                "subscriber_tag_past",
                &["site_id", "removed_at"],
            ))
            .await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("subscriber_tag_past").to_owned()).await?;
        let alter = Table::alter().table("subscriber_tag").drop_column("added_at").to_owned();
        manager.alter_table(alter).await
    }
}

fn subscriber_tag_past() -> TableCreateStatement {
    Table::create()
        .table("subscriber_tag_past")
        .col(id("site_id"))
        .col(id("subscriber_id"))
        .col(text("tag"))
        .col(number("added_at"))
        .col(number("removed_at"))
        .primary_key(&mut key(&["subscriber_id", "tag", "removed_at"]))
        .foreign_key(&mut part_of("subscriber_tag_past", "subscriber_id", "subscriber"))
        .to_owned()
}
