//! What was changed of a site, as people read it later: each setting with what it was and what it became.
//!
//! **Invariant:** two sites that differ in a setting read differently in it, so that no change is lost.
//! **Invariant:** what the service counts itself (a trial's use) is no setting.

use crate::{
    Instant,
    event::ActorKind,
    site::{QuietHours, Site, SmartSending},
};
use chrono::TimeDelta;

crate::codes! {
    /// Settings of a site.
    pub enum SiteSetting {
        /// Its name.
        Name = "name",
        /// Its time zone.
        TimeZone = "time_zone",
        /// The subdomain that short links are served from.
        Subdomain = "subdomain",
        /// Whether it may operate.
        Status = "status",
        /// The state of its subscription.
        SmsPlan = "sms_plan",
        /// Segments a trial may send.
        TrialLimit = "trial_limit",
        /// What a segment costs.
        SegmentPrice = "segment_price",
        /// When subscribers must not be texted.
        QuietHours = "quiet_hours",
        /// The packs of legal rules that apply.
        RulePacks = "rule_packs",
        /// How often one subscriber may be texted.
        SmartSending = "smart_sending",
        /// The countries whose numbers are texted.
        Countries = "countries",
        /// What stands before every text.
        TextPrefix = "text_prefix",
        /// What stands below every text.
        TextFooter = "text_footer",
        /// The site's own answer to HELP.
        HelpReply = "help_reply",
    }
}

/// One setting of a site that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingChange {
    /// Which.
    pub setting: SiteSetting,
    /// What it was; none where it was not set.
    pub before: Option<String>,
    /// What it became; none where it was taken away.
    pub after: Option<String>,
}

/// A change as the log of a site's settings keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggedChange {
    /// The change.
    pub change: SettingChange,
    /// The kind of actor.
    pub actor_kind: ActorKind,
    /// Their name.
    pub actor_name: String,
    /// When.
    pub changed_at: Instant,
}

/// Every setting in which `after` differs from `before`, in the order of [`SiteSetting::ALL`].
pub fn changes(before: &Site, after: &Site) -> Vec<SettingChange> {
    let change = |setting: &SiteSetting| {
        let (before, after) = (told(*setting, before), told(*setting, after));
        (before != after).then_some(SettingChange { setting: *setting, before, after })
    };
    SiteSetting::ALL.iter().filter_map(change).collect()
}

/// A setting in words; none where it is not set.
fn told(setting: SiteSetting, site: &Site) -> Option<String> {
    let list = |codes: String| Some(codes).filter(|codes| !codes.is_empty());
    match setting {
        SiteSetting::Name => Some(site.name.clone()),
        SiteSetting::TimeZone => Some(site.zone.name().to_owned()),
        SiteSetting::Subdomain => site.subdomain.clone(),
        SiteSetting::Status => Some(site.status.to_string()),
        SiteSetting::SmsPlan => Some(site.plan.to_string()),
        SiteSetting::TrialLimit => Some(site.trial.limit.to_string()),
        SiteSetting::SegmentPrice => {
            site.price.as_ref().map(|price| format!("{} {}", price.amount, price.currency_code))
        }
        SiteSetting::QuietHours => Some(quiet_hours(site.quiet_hours)),
        SiteSetting::RulePacks => list(site.rule_packs.to_string()),
        SiteSetting::SmartSending => Some(smart_sending(site.smart_sending)),
        SiteSetting::Countries => list(site.countries.to_string()),
        SiteSetting::TextPrefix => site.frame.prefix.clone(),
        SiteSetting::TextFooter => site.frame.footer.clone(),
        SiteSetting::HelpReply => site.help_reply.clone(),
    }
}

fn quiet_hours(hours: QuietHours) -> String {
    let window = format!("{} to {}", hours.start(), hours.end());
    switched(hours.is_enabled(), window)
}

fn smart_sending(cap: SmartSending) -> String {
    let window = TimeDelta::seconds(cap.window_s);
    let parts = [
        (window.num_hours(), "h"),
        (window.num_minutes() % 60, "min"),
        (window.num_seconds() % 60, "s"),
    ];
    let said = parts.iter().filter(|(count, _)| *count != 0);
    let said: Vec<String> = said.map(|(count, unit)| format!("{count} {unit}")).collect();
    switched(cap.is_enabled, if said.is_empty() { "0 s".to_owned() } else { said.join(" ") })
}

/// A value that can be switched off keeps its value: switched on again it is the same.
fn switched(is_enabled: bool, value: String) -> String {
    if is_enabled { value } else { format!("off ({value})") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        place::Countries,
        rule_pack::RulePacks,
        site::{SegmentPrice, SiteStatus, SmsPlanStatus, TrialAllowance},
        text::Frame,
        zone::Zone,
    };
    use uuid::Uuid;

    fn site() -> Site {
        Site {
            id: Uuid::nil().into(),
            name: "Acme".to_owned(),
            zone: Zone::UTC,
            subdomain: None,
            status: SiteStatus::Active,
            plan: SmsPlanStatus::Trial,
            trial: TrialAllowance { limit: 10, used: 0, reserved: 0, ends_at: None },
            price: None,
            quiet_hours: QuietHours::DEFAULT,
            rule_packs: RulePacks::NONE,
            smart_sending: SmartSending { is_enabled: true, window_s: 28_800 },
            countries: Countries::default(),
            frame: Frame::default(),
            help_reply: None,
            created_at: Instant::UNIX_EPOCH,
            updated_at: Instant::UNIX_EPOCH,
        }
    }

    /// Goal: no setting changes without a word. Method: one change of each, read back in order.
    #[test]
    fn every_setting_is_told_with_both_sides() {
        let before = site();
        let after = Site {
            name: "Acme & Co".to_owned(),
            zone: "America/New_York".parse().unwrap(),
            subdomain: Some("acme".to_owned()),
            status: SiteStatus::Inactive,
            plan: SmsPlanStatus::Active,
            trial: TrialAllowance { limit: 20, used: 3, reserved: 1, ends_at: None },
            price: Some(SegmentPrice {
                amount: "0.0125".to_owned(),
                currency_code: "USD".to_owned(),
            }),
            quiet_hours: QuietHours::DEFAULT.switched(false),
            rule_packs: "us_tx us_fl".parse().unwrap(),
            smart_sending: SmartSending { is_enabled: false, window_s: 5_401 },
            countries: "US CA".parse().unwrap(),
            frame: Frame {
                prefix: Some("Acme".to_owned()),
                footer: Some("Reply STOP to opt out".to_owned()),
            },
            help_reply: Some("Call us.".to_owned()),
            ..before
        };
        let lines: Vec<String> = changes(&before, &after)
            .into_iter()
            .map(|one| {
                let side = |side: Option<String>| side.unwrap_or_else(|| "-".to_owned());
                format!("{}: {} > {}", one.setting, side(one.before), side(one.after))
            })
            .collect();
        let wanted = [
            "name: Acme > Acme & Co",
            "time_zone: UTC > America/New_York",
            "subdomain: - > acme",
            "status: active > inactive",
            "sms_plan: trial > active",
            "trial_limit: 10 > 20",
            "segment_price: - > 0.0125 USD",
            "quiet_hours: 20:00:00 to 09:00:00 > off (20:00:00 to 09:00:00)",
            "rule_packs: - > us_fl us_tx",
            "smart_sending: 8 h > off (1 h 30 min 1 s)",
            "countries: - > US CA",
            "text_prefix: - > Acme",
            "text_footer: - > Reply STOP to opt out",
            "help_reply: - > Call us.",
        ];
        assert_eq!(lines, wanted);
        assert_eq!(wanted.len(), SiteSetting::ALL.len());
        assert_eq!(changes(&after, &after), []);
    }

    #[test]
    fn what_the_service_counts_is_no_setting() {
        let before = site();
        let mut after = before.clone();
        after.trial.used = 5;
        after.trial.reserved = 2;
        after.updated_at += TimeDelta::seconds(1);
        assert_eq!(changes(&before, &after), []);
    }
}
