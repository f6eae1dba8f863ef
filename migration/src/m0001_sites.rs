//! Sites, and the API keys that reach them.

use crate::columns::{flag, id, key, number, number_null, part_of, points_to, text, text_null};
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
        manager.create_table(site()).await?;
        manager.create_table(api_key()).await?;
        manager.create_table(api_key_site()).await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("api_key_site").to_owned()).await?;
        manager.drop_table(Table::drop().table("api_key").to_owned()).await?;
        manager.drop_table(Table::drop().table("site").to_owned()).await?;
        Ok(())
    }
}

fn site() -> TableCreateStatement {
    Table::create()
        .table("site")
        .col(id("id").primary_key().to_owned())
        .col(text("name"))
        .col(text("time_zone"))
        .col(text_null("subdomain").unique_key().to_owned())
        .col(text("status"))
        .col(text("plan"))
        .col(number("trial_limit"))
        .col(number("trial_used"))
        .col(number("trial_reserved"))
        .col(number_null("trial_ends_at"))
        .col(text_null("price_amount"))
        .col(text_null("price_currency"))
        .col(flag("quiet_hours_enabled"))
        .col(text("quiet_hours_start"))
        .col(text("quiet_hours_end"))
        .col(flag("has_rule_packs"))
        .col(flag("smart_sending_enabled"))
        .col(number("smart_sending_window_s"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .to_owned()
}

fn api_key() -> TableCreateStatement {
    Table::create()
        .table("api_key")
        .col(id("id").primary_key().to_owned())
        .col(text("name"))
        .col(text("prefix"))
        .col(text("secret_hash").unique_key().to_owned())
        .col(text("role"))
        .col(flag("is_development"))
        .col(number("created_at"))
        .col(number_null("last_used_at"))
        .col(number_null("expires_at"))
        .col(number_null("revoked_at"))
        .to_owned()
}

fn api_key_site() -> TableCreateStatement {
    Table::create()
        .table("api_key_site")
        .col(id("api_key_id"))
        .col(id("site_id"))
        .primary_key(&mut key(&["api_key_id", "site_id"]))
        .foreign_key(&mut part_of("api_key_site", "api_key_id", "api_key"))
        .foreign_key(&mut points_to("api_key_site", "site_id", "site"))
        .to_owned()
}
