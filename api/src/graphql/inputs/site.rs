//! What is asked of a site's settings.

use super::change;
use crate::{
    graphql::scalars::{Duration, LocalTime, TimeZone},
    service::{NewQuietHours, PackSwitch, SiteChanges},
};
use async_graphql::{InputObject, MaybeUndefined};
use domain::site::SmartSending;

/// Quiet hours to set.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct QuietHoursInput {
    /// Whether the window is enforced.
    #[graphql(default = true)]
    is_enabled: bool,
    /// When quiet begins.
    start: LocalTime,
    /// When quiet ends. Earlier than `start` for a window that spans midnight; never the same.
    end: LocalTime,
}

impl From<QuietHoursInput> for NewQuietHours {
    fn from(input: QuietHoursInput) -> Self {
        Self { is_enabled: input.is_enabled, start: input.start.0, end: input.end.0 }
    }
}

/// Smart Sending to set.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct SmartSendingInput {
    /// Whether the cap is enforced.
    is_enabled: bool,
    /// How long after one campaign message a subscriber is left alone. From `PT1M` to `P7D`.
    window: Duration,
}

impl From<SmartSendingInput> for SmartSending {
    fn from(input: SmartSendingInput) -> Self {
        Self { is_enabled: input.is_enabled, window_s: input.window.as_seconds() }
    }
}

/// A rule pack to switch on or off.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct RulePackSwitchInput {
    /// The pack's code, such as `us_fl`: see `Site.rulePacks`.
    code: String,
    /// Whether it is to apply.
    is_enabled: bool,
}

/// Changes to a site. A field left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct SiteUpdateInput {
    /// The store's name. Up to 200 characters.
    name: Option<String>,
    /// The store's time zone.
    time_zone: Option<TimeZone>,
    /// The subdomain that short links are served from: small letters, digits and dashes, at most 63
    /// characters, on this service no other site's. Null takes it away, and the site cannot send.
    subdomain: MaybeUndefined<String>,
    /// When subscribers must not be texted.
    quiet_hours: Option<QuietHoursInput>,
    /// How often one subscriber may be texted.
    smart_sending: Option<SmartSendingInput>,
    /// Rule packs to switch on or off. The others stay as they are.
    rule_packs: Option<Vec<RulePackSwitchInput>>,
    /// The countries whose numbers are texted, by their ISO 3166-1 codes, in place of those now set.
    /// An empty list means every one.
    countries: Option<Vec<String>>,
    /// What stands before every text, followed by a colon. Up to 40 characters, without variables.
    /// Null takes it away.
    text_prefix: MaybeUndefined<String>,
    /// What stands below every text, on a line of its own. Up to 160 characters, without variables.
    /// Null takes it away.
    text_footer: MaybeUndefined<String>,
    /// What a text that asks for `HELP` is answered with, in at most 2 segments. Null takes the
    /// site's own words away, and what must be told is answered.
    help_reply: MaybeUndefined<String>,
    /// Makes a retry safe: the same key with the same input within 24 hours changes nothing more.
    idempotency_key: Option<String>,
}

impl From<SiteUpdateInput> for SiteChanges {
    fn from(input: SiteUpdateInput) -> Self {
        let switch =
            |pack: RulePackSwitchInput| PackSwitch { code: pack.code, is_enabled: pack.is_enabled };
        Self {
            name: input.name,
            zone: input.time_zone.map(|zone| zone.0),
            subdomain: change(input.subdomain),
            quiet_hours: input.quiet_hours.map(Into::into),
            smart_sending: input.smart_sending.map(Into::into),
            rule_packs: input.rule_packs.map(|packs| packs.into_iter().map(switch).collect()),
            countries: input.countries,
            text_prefix: change(input.text_prefix),
            text_footer: change(input.text_footer),
            help_reply: change(input.help_reply),
            idempotency_key: input.idempotency_key,
        }
    }
}
