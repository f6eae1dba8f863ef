//! A site: the owner of subscribers, audiences and campaigns, and what keeps it from sending.

use crate::{Instant, id::SiteId, reason::StatusReason, text::Frame, zone::Zone};
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
/// not; the window may span midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Whether the window is enforced.
    pub is_enabled: bool,
    /// When quiet begins.
    pub start: NaiveTime,
    /// When quiet ends.
    pub end: NaiveTime,
}

/// A cap on frequency: whoever accepted a message within the window is skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SmartSending {
    /// Whether the cap is enforced.
    pub is_enabled: bool,
    /// Seconds a subscriber is left alone after one campaign message.
    pub window_s: i64,
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
    /// Whether the dated packs of legal rules apply.
    pub has_rule_packs: bool,
    /// How often one subscriber may be texted.
    pub smart_sending: SmartSending,
    /// What stands around every text.
    pub frame: Frame,
    /// When it was made.
    pub created_at: Instant,
    /// When it last changed.
    pub updated_at: Instant,
}

/// Everything that would make a campaign of `site` fail if it started at `now`, gravest first.
/// `has_ready_sender` says whether a sending number on an aggregator connection is ready.
pub fn sending_blockers(site: &Site, has_ready_sender: bool, now: Instant) -> Vec<StatusReason> {
    let trial_is_over = site.plan == SmsPlanStatus::Trial
        && (site.trial.remaining() == 0 || site.trial.ends_at.is_some_and(|end| now >= end));
    let checks = [
        (site.status == SiteStatus::Inactive, StatusReason::SiteInactive),
        (site.plan == SmsPlanStatus::None, StatusReason::SmsPlanMissing),
        (trial_is_over, StatusReason::TrialLimitReached),
        (site.subdomain.is_none(), StatusReason::SubdomainMissing),
        (!has_ready_sender, StatusReason::SenderNotReady),
    ];
    checks.into_iter().filter(|(holds, _)| *holds).map(|(_, reason)| reason).collect()
}
