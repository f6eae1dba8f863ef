//! Subscribers, their tags, opt-outs by phone, and audiences.

use crate::columns::{
    id, index, json, key, number, number_null, part_of, points_to, text, text_null,
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
        manager.create_table(subscriber()).await?;
        manager.create_table(subscriber_tag()).await?;
        manager.create_table(opt_out()).await?;
        manager.create_table(audience()).await?;
        manager
            .create_index(
                index("subscriber_phone", "subscriber", &["site_id", "phone"]).unique().to_owned(),
            )
            .await?;
        manager.create_index(index("subscriber_page", "subscriber", &["site_id", "id"])).await?;
        manager
            .create_index(index(
                "subscriber_tag_members",
                "subscriber_tag",
                &["site_id", "tag", "subscriber_id"],
            ))
            .await?;
        manager
            .create_index(
                index("audience_name", "audience", &["site_id", "name"]).unique().to_owned(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("audience").to_owned()).await?;
        manager.drop_table(Table::drop().table("opt_out").to_owned()).await?;
        manager.drop_table(Table::drop().table("subscriber_tag").to_owned()).await?;
        manager.drop_table(Table::drop().table("subscriber").to_owned()).await?;
        Ok(())
    }
}

fn subscriber() -> TableCreateStatement {
    Table::create()
        .table("subscriber")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text("phone"))
        .col(text("status"))
        .col(text_null("time_zone"))
        .col(number("subscribed_at"))
        .col(number_null("unsubscribed_at"))
        .col(number_null("last_messaged_at"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut points_to("subscriber", "site_id", "site"))
        .to_owned()
}

fn subscriber_tag() -> TableCreateStatement {
    Table::create()
        .table("subscriber_tag")
        .col(id("site_id"))
        .col(id("subscriber_id"))
        .col(text("tag"))
        .primary_key(&mut key(&["subscriber_id", "tag"]))
        .foreign_key(&mut part_of("subscriber_tag", "subscriber_id", "subscriber"))
        .to_owned()
}

fn opt_out() -> TableCreateStatement {
    Table::create()
        .table("opt_out")
        .col(id("site_id"))
        .col(text("phone"))
        .col(text("source"))
        .col(number("opted_out_at"))
        .primary_key(&mut key(&["site_id", "phone"]))
        .foreign_key(&mut points_to("opt_out", "site_id", "site"))
        .to_owned()
}

fn audience() -> TableCreateStatement {
    Table::create()
        .table("audience")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text("name"))
        .col(json("rules"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut points_to("audience", "site_id", "site"))
        .to_owned()
}
