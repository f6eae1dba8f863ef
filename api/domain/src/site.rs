//! A site: the owner of subscribers, audiences and campaigns, and what keeps it from sending.

use crate::{
    Instant, consent, id::SiteId, limits::SUBDOMAIN_CHARS_MAX, place::Countries,
    reason::StatusReason, rule_pack::RulePacks, text::Frame, zone::Zone,
};
use chrono::NaiveTime;

crate::codes! {
    /// Whether a site may operate.
    pub enum SiteStatus {
        /// It may operate.
        Active = "active",
        /// It is closed.
        Inactive = "inactive",
    }
}

crate::codes! {
    /// States of an SMS subscription.
    pub enum SmsPlanStatus {
        /// There is none.
        None = "none",
        /// A trial with a sending limit.
        Trial = "trial",
        /// A paid subscription.
        Active = "active",
    }
}

/// The daily window in which nobody is texted, on each subscriber's wall clock. `start` is quiet, `end` is
/// not; a window whose end is earlier than its start spans midnight.
///
/// **Invariant:** `start` and `end` differ. The wild reads a window without width as "never" and as "always";
/// here it is refused, and off is a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    is_enabled: bool,
    start: NaiveTime,
    end: NaiveTime,
}

/// A quiet window that ends when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("quiet hours cannot end when they start; switch them off instead")]
pub struct ZeroWidth;

impl QuietHours {
    /// What a new site gets: 20:00 to 09:00, inside the law's hours of nearly every state.
    pub const DEFAULT: Self =
        match (NaiveTime::from_hms_opt(20, 0, 0), NaiveTime::from_hms_opt(9, 0, 0)) {
            (Some(start), Some(end)) => Self { is_enabled: true, start, end },
            _ => panic!("times of day"),
        };

    /// A window from `start` to `end` that is enforced.
    pub fn new(start: NaiveTime, end: NaiveTime) -> Result<Self, ZeroWidth> {
        if start == end { Err(ZeroWidth) } else { Ok(Self { is_enabled: true, start, end }) }
    }

    /// The same window, enforced or not.
    #[must_use]
    pub const fn switched(self, is_enabled: bool) -> Self {
        Self { is_enabled, ..self }
    }

    /// Whether the window is enforced.
    pub const fn is_enabled(self) -> bool {
        self.is_enabled
    }

    /// When quiet begins.
    pub const fn start(self) -> NaiveTime {
        self.start
    }

    /// When quiet ends.
    pub const fn end(self) -> NaiveTime {
        self.end
    }
}

/// A cap on frequency: whoever accepted a message within the window is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmartSending {
    /// Whether the cap is enforced.
    pub is_enabled: bool,
    /// Seconds a subscriber is left alone after one campaign message.
    pub window_s: i64,
}

impl SmartSending {
    /// What a new site gets: eight hours.
    pub const DEFAULT: Self = Self { is_enabled: true, window_s: 8 * 60 * 60 };
}

/// What keeps a text from being a subdomain, in a sentence: it is one label of the domain name system.
pub fn problem_in_subdomain(text: &str) -> Option<String> {
    let is_plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if text.len() > SUBDOMAIN_CHARS_MAX {
        return Some(format!("The subdomain is longer than {SUBDOMAIN_CHARS_MAX} characters."));
    }
    let is_label = !text.is_empty()
        && text.bytes().all(is_plain)
        && !text.starts_with('-')
        && !text.ends_with('-');
    (!is_label).then(|| {
        "A subdomain is small letters, digits and dashes, with no dash at either end.".to_owned()
    })
}

/// What a trial may send, in segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrialAllowance {
    /// Segments allowed.
    pub limit: i64,
    /// Segments used.
    pub used: i64,
    /// Segments reserved by activated campaigns and not yet used.
    pub reserved: i64,
    /// When the trial ends.
    pub ends_at: Option<Instant>,
}

impl TrialAllowance {
    /// Segments left, never negative.
    pub fn remaining(&self) -> i64 {
        (self.limit - self.used - self.reserved).max(0)
    }
}

/// The price of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentPrice {
    /// The exact amount in the currency's major unit, as decimal digits: `0.0125`.
    pub amount: String,
    /// The ISO 4217 code: `USD`.
    pub currency_code: String,
}

/// A store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The id.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// Its time zone: the one store-time campaigns use.
    pub zone: Zone,
    /// The subdomain that short links are served from.
    pub subdomain: Option<String>,
    /// Whether it may operate.
    pub status: SiteStatus,
    /// The state of its SMS subscription.
    pub plan: SmsPlanStatus,
    /// The trial allowance; meaningful while the plan is a trial.
    pub trial: TrialAllowance,
    /// What a segment costs, if the site has a price.
    pub price: Option<SegmentPrice>,
    /// When subscribers must not be texted.
    pub quiet_hours: QuietHours,
    /// The dated packs of legal rules that apply.
    pub rule_packs: RulePacks,
    /// How often one subscriber may be texted.
    pub smart_sending: SmartSending,
    /// The countries whose numbers are texted.
    pub countries: Countries,
    /// What stands around every text.
    pub frame: Frame,
    /// The site's own answer to HELP.
    pub help_reply: Option<String>,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

impl Site {
    /// What HELP is answered with: the site's own words, or what tells as much as must be told.
    pub fn answer_to_help(&self) -> String {
        let name = self.frame.prefix.as_deref().unwrap_or(&self.name);
        self.help_reply.clone().unwrap_or_else(|| consent::help_reply(name))
    }
}

/// Everything that would make a campaign of `site` fail if it started at `now`, gravest first.
/// `has_ready_sender` says whether a sending number on an aggregator connection is ready.
pub fn sending_blockers(site: &Site, has_ready_sender: bool, now: Instant) -> Vec<StatusReason> {
    let trial_is_used_up = site.plan == SmsPlanStatus::Trial && site.trial.remaining() == 0;
    blockers(site, trial_is_used_up, has_ready_sender, now)
}

/// What stops a campaign of `site` that is under way at `now`, the gravest of several. Its segments are
/// reserved, so a trial that is used up is no obstacle to it; one that has ended is.
pub fn running_blocker(site: &Site, has_ready_sender: bool, now: Instant) -> Option<StatusReason> {
    blockers(site, false, has_ready_sender, now).into_iter().next()
}

fn blockers(
    site: &Site,
    trial_is_used_up: bool,
    has_ready_sender: bool,
    now: Instant,
) -> Vec<StatusReason> {
    let trial_has_ended =
        site.plan == SmsPlanStatus::Trial && site.trial.ends_at.is_some_and(|end| now >= end);
    let trial_is_over = trial_is_used_up || trial_has_ended;
    let checks = [
        (site.status == SiteStatus::Inactive, StatusReason::SiteInactive),
        (site.plan == SmsPlanStatus::None, StatusReason::SmsPlanMissing),
        (trial_is_over, StatusReason::TrialLimitReached),
        (site.subdomain.is_none(), StatusReason::SubdomainMissing),
        (!has_ready_sender, StatusReason::SenderNotReady),
    ];
    checks.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subdomain_is_one_label() {
        for good in ["a", "demo-2", "0", "xn--80ak6aa92e", &"a".repeat(63)] {
            assert_eq!(problem_in_subdomain(good), None, "{good}");
        }
        for bad in
            ["", "-a", "a-", "a.b", "A", "a b", "a_b", "ü", "a\u{200b}", &"a".repeat(64), "a\n"]
        {
            assert!(problem_in_subdomain(bad).unwrap().ends_with('.'), "{bad}");
        }
    }
}
