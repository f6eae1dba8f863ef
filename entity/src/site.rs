//! Sites.

use sea_orm::entity::prelude::*;

/// A row.
#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "site")]
pub struct Model {
    /// The id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// A label for people.
    pub name: String,
    /// An IANA time zone.
    pub time_zone: String,
    /// Subdomain.
    pub subdomain: Option<String>,
    /// A status code.
    pub status: String,
    /// Plan.
    pub plan: String,
    /// Trial limit.
    pub trial_limit: i64,
    /// Trial used.
    pub trial_used: i64,
    /// Trial reserved.
    pub trial_reserved: i64,
    /// Trial ends at, in ms.
    pub trial_ends_at: Option<i64>,
    /// Price amount.
    pub price_amount: Option<String>,
    /// Price currency.
    pub price_currency: Option<String>,
    /// Quiet hours enabled.
    pub quiet_hours_enabled: bool,
    /// Quiet hours start.
    pub quiet_hours_start: String,
    /// Quiet hours end.
    pub quiet_hours_end: String,
    /// Has rule packs.
    pub has_rule_packs: bool,
    /// Smart sending enabled.
    pub smart_sending_enabled: bool,
    /// Smart sending window, in seconds.
    pub smart_sending_window_s: i64,
    /// What stands before every text of the site.
    pub text_prefix: Option<String>,
    /// What stands below every text of the site.
    pub text_footer: Option<String>,
    /// Codes of the rule packs that apply, with spaces between; none where `has_rule_packs` decides.
    pub rule_packs: Option<String>,
    /// Regions served, with spaces between; none where all are.
    pub countries: Option<String>,
    /// The answer to HELP.
    pub help_reply: Option<String>,
    /// When the row was made, in ms.
    pub created_at: i64,
    /// When the row last changed, in ms.
    pub updated_at: i64,
}

impl ActiveModelBehavior for ActiveModel {}
