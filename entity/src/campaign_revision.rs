//! Revisions of campaigns: a draft's is edited in place, activation freezes it.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "campaign_revision")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// The campaign.
    pub campaign_id: Uuid,
    /// Number.
    pub number: i64,
    /// Uses smart sending.
    pub uses_smart_sending: bool,
    /// Frozen at, in ms.
    pub frozen_at: Option<i64>,
    /// Mode.
    pub mode: Option<String>,
    /// Local date time.
    pub local_date_time: Option<String>,
    /// An IANA time zone.
    pub time_zone: Option<String>,
    /// Starts at, in ms.
    pub starts_at: Option<i64>,
    /// Ends at, in ms.
    pub ends_at: Option<i64>,
    /// Send by.
    pub send_by: Option<i64>,
    /// Quiet hours enabled.
    pub quiet_hours_enabled: bool,
    /// Quiet hours start.
    pub quiet_hours_start: Option<String>,
    /// Quiet hours end.
    pub quiet_hours_end: Option<String>,
    /// Has rule packs.
    pub has_rule_packs: bool,
    /// Smart sending enabled.
    pub smart_sending_enabled: bool,
    /// Smart sending window, in seconds.
    pub smart_sending_window_s: i64,
    /// When its processing begins, in ms.
    pub launches_at: Option<i64>,
    /// The site's IANA time zone at activation.
    pub site_time_zone: Option<String>,
    /// A policy code for zones already past.
    pub if_passed: Option<String>,
    /// How late it may start, in seconds.
    pub max_lateness_s: Option<i64>,
    /// When the campaign's own quiet hours begin.
    pub own_quiet_hours_start: Option<String>,
    /// When they end.
    pub own_quiet_hours_end: Option<String>,
    /// Codes of the rule packs that apply, with spaces between.
    pub rule_packs: Option<String>,
    /// What stands before every text.
    pub text_prefix: Option<String>,
    /// What stands below every text.
    pub text_footer: Option<String>,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// The campaign it belongs to.
    #[sea_orm(belongs_to, from = "campaign_id", to = "id")]
    pub campaign: BelongsTo<super::campaign::Entity>,
}

impl ActiveModelBehavior for ActiveModel {}
