//! How many texts the law allows one phone in a rolling window.
//!
//! **Invariant:** the window is half-open, `(at - window, at]`: a text accepted exactly one window ago does
//! not count any more.

use crate::{
    Instant,
    place::Region,
    rule_pack::{Cap, RulePack, RulePacks},
};
use chrono::{NaiveTime, TimeDelta};

/// A limit on the texts that one phone may accept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrequencyCap {
    /// Texts allowed; one more is skipped.
    pub messages: u32,
    /// The length of the rolling window.
    pub window: TimeDelta,
    /// The pack that sets the limit.
    pub rule: RulePack,
}

impl FrequencyCap {
    /// The instant after which an accepted text counts at `at`; one accepted at that very instant does not.
    pub fn counts_after(self, at: Instant) -> Instant {
        at - self.window
    }

    /// Whether one more text at `at` would be too many, after texts accepted at `accepted`.
    pub fn is_reached(self, accepted: impl IntoIterator<Item = Instant>, at: Instant) -> bool {
        let after = self.counts_after(at);
        let counted = accepted.into_iter().filter(|accepted| after < *accepted && *accepted <= at);
        u32::try_from(counted.count()).map_or(true, |counted| counted >= self.messages)
    }
}

/// The strictest limit of `packs` on texts to a recipient of `region` at `at`.
///
/// A pack whose day has yet to come binds from that day's first minute in UTC on, hours before it begins in
/// the places that have such packs.
pub fn frequency_cap(
    packs: RulePacks,
    region: Option<Region>,
    at: Instant,
) -> Option<FrequencyCap> {
    let binding = packs.covering(region).filter_map(|rule| {
        let facts = rule.facts();
        let binds = facts.since.is_none_or(|since| since.and_time(NaiveTime::MIN).and_utc() <= at);
        let Cap { messages, window } = facts.cap.filter(|_| binds)?;
        Some(FrequencyCap { messages, window, rule })
    });
    binding.min_by_key(|cap| (cap.messages, -cap.window))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn cap_in(region: &str, at: Instant) -> Option<FrequencyCap> {
        frequency_cap(RulePacks::ALL, Some(region.parse().unwrap()), at)
    }

    #[test]
    fn florida_oklahoma_and_maryland_count_to_three() {
        let now = at("2026-06-10T12:00:00Z");
        for (region, rule) in [
            ("US-FL", RulePack::Florida),
            ("US-OK", RulePack::Oklahoma),
            ("US-MD", RulePack::Maryland),
        ] {
            let cap = FrequencyCap { messages: 3, window: TimeDelta::hours(24), rule };
            assert_eq!(cap_in(region, now), Some(cap));
        }
        assert_eq!(cap_in("US-TX", now), None);
        assert_eq!(cap_in("CA-ON", now), None);
        assert_eq!(frequency_cap(RulePacks::ALL, None, now), None);
        assert_eq!(frequency_cap(RulePacks::NONE, "US-FL".parse().ok(), now), None);
    }

    #[test]
    fn a_cap_binds_from_its_day_on() {
        assert_eq!(cap_in("US-MD", at("2023-12-31T23:59:59.999Z")), None);
        assert!(cap_in("US-MD", at("2024-01-01T00:00:00Z")).is_some());
    }

    /// The golden vectors: three in a rolling day.
    #[test]
    fn the_window_rolls_and_is_half_open() {
        let cap = cap_in("US-FL", at("2026-06-10T10:00:00Z")).unwrap();
        let accepted =
            ["10:00", "12:00", "16:00"].map(|time| at(&format!("2026-06-10T{time}:00Z")));
        assert!(cap.is_reached(accepted, at("2026-06-10T20:00:00Z")));
        assert!(cap.is_reached(accepted, at("2026-06-11T09:59:59.999Z")));
        assert!(!cap.is_reached(accepted, at("2026-06-11T10:00:00Z")));
        assert!(!cap.is_reached(accepted, at("2026-06-10T15:59:59.999Z")), "the third is to come");
        assert!(cap.is_reached(accepted, at("2026-06-10T16:00:00Z")));
        assert!(!cap.is_reached([], at("2026-06-10T16:00:00Z")));
    }
}
