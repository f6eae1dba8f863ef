//! Campaigns, their revisions, steps and audiences.

use crate::columns::{
    flag, id, id_null, index, json_null, key, number, number_null, part_of, points_to, text,
    text_null,
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
        manager.create_table(campaign()).await?;
        manager.create_table(campaign_revision()).await?;
        manager.create_table(campaign_step()).await?;
        manager.create_table(campaign_audience()).await?;
        manager.create_index(index("campaign_page", "campaign", &["site_id", "id"])).await?;
        manager
            .create_index(index("campaign_status", "campaign", &["status", "starts_at", "id"]))
            .await?;
        manager
            .create_index(
                index("campaign_revision_number", "campaign_revision", &["campaign_id", "number"])
                    .unique()
                    .to_owned(),
            )
            .await?;
        manager
            .create_index(
                index("campaign_step_position", "campaign_step", &["revision_id", "position"])
                    .unique()
                    .to_owned(),
            )
            .await?;
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table("campaign_audience").to_owned()).await?;
        manager.drop_table(Table::drop().table("campaign_step").to_owned()).await?;
        manager.drop_table(Table::drop().table("campaign_revision").to_owned()).await?;
        manager.drop_table(Table::drop().table("campaign").to_owned()).await?;
        Ok(())
    }
}

fn campaign() -> TableCreateStatement {
    Table::create()
        .table("campaign")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(text("name"))
        .col(text("status"))
        .col(text_null("status_reason"))
        .col(number("status_changed_at"))
        .col(number("revision"))
        .col(id("revision_id"))
        .col(id_null("duplicated_from"))
        .col(number_null("starts_at"))
        .col(flag("excludes_reached"))
        .col(number("created_at"))
        .col(number("updated_at"))
        .foreign_key(&mut points_to("campaign", "site_id", "site"))
        .to_owned()
}

fn campaign_revision() -> TableCreateStatement {
    Table::create()
        .table("campaign_revision")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id("campaign_id"))
        .col(number("number"))
        .col(flag("uses_smart_sending"))
        .col(number_null("frozen_at"))
        .col(text_null("mode"))
        .col(text_null("local_date_time"))
        .col(text_null("time_zone"))
        .col(number_null("starts_at"))
        .col(number_null("ends_at"))
        .col(number_null("send_by"))
        .col(flag("quiet_hours_enabled"))
        .col(text_null("quiet_hours_start"))
        .col(text_null("quiet_hours_end"))
        .col(flag("has_rule_packs"))
        .col(flag("smart_sending_enabled"))
        .col(number("smart_sending_window_s"))
        .col(number("created_at"))
        .foreign_key(&mut part_of("campaign_revision", "campaign_id", "campaign"))
        .to_owned()
}

fn campaign_step() -> TableCreateStatement {
    Table::create()
        .table("campaign_step")
        .col(id("id").primary_key().to_owned())
        .col(id("site_id"))
        .col(id("revision_id"))
        .col(number("position"))
        .col(text("body"))
        .col(text_null("media_url"))
        .col(number_null("delay_s"))
        .foreign_key(&mut part_of("campaign_step", "revision_id", "campaign_revision"))
        .to_owned()
}

fn campaign_audience() -> TableCreateStatement {
    Table::create()
        .table("campaign_audience")
        .col(id("site_id"))
        .col(id("revision_id"))
        .col(id("audience_id"))
        .col(flag("is_excluded"))
        .col(number("position"))
        .col(json_null("rules"))
        .primary_key(&mut key(&["revision_id", "audience_id", "is_excluded"]))
        .foreign_key(&mut part_of("campaign_audience", "revision_id", "campaign_revision"))
        .foreign_key(&mut points_to("campaign_audience", "audience_id", "audience"))
        .to_owned()
}
