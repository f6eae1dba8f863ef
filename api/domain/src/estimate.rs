//! Whom a campaign would reach, when, and what it would cost: sums over a plan that is only thought through.
//!
//! **Invariant:** everybody found is either to be sent to or skipped for one reason.
//! **Invariant:** money is counted in decimal digits, exactly.

use crate::{Instant, delay::messages, reason::MessageReason, zone::Zone};
use std::collections::BTreeMap;

/// Milliseconds in an hour.
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Decimals that an amount of money shows at the least.
const DECIMALS_MIN: usize = 2;

/// One part of this many messages that quiet hours move is worth a word.
const MOVED_PART: i64 = 10;

/// Messages that would go out within one hour in one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sending {
    /// The zone.
    pub zone: Zone,
    /// When the first of them is due, quiet hours applied.
    pub due_at: Instant,
    /// How many.
    pub count: i64,
}

/// What was found so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    recipients: i64,
    moved: i64,
    segments: i64,
    skipped: BTreeMap<MessageReason, i64>,
    timeline: BTreeMap<(i64, &'static str), Sending>,
}

impl Tally {
    /// One more who would be skipped.
    pub fn skip(&mut self, reason: MessageReason) {
        self.recipients += 1;
        *self.skipped.entry(reason).or_default() += 1;
    }

    /// One more whose initial message would be due at `due_at`; `segments` are those of all steps, and
    /// `is_moved` says whether quiet hours put it off.
    pub fn send(&mut self, zone: Zone, due_at: Instant, segments: u32, is_moved: bool) {
        self.recipients += 1;
        self.moved += i64::from(is_moved);
        self.segments += i64::from(segments);
        let hour = due_at.timestamp_millis().div_euclid(HOUR_MS);
        let sending = Sending { zone, due_at, count: 0 };
        let sending = self.timeline.entry((hour, zone.name())).or_insert(sending);
        sending.due_at = sending.due_at.min(due_at);
        sending.count += 1;
    }

    /// Subscribers whom the campaign selects.
    pub const fn recipients(&self) -> i64 {
        self.recipients
    }

    /// Billable segments of all steps together.
    pub const fn segments(&self) -> i64 {
        self.segments
    }

    /// Who would be skipped, most frequent reason first, then by name.
    pub fn skipped(&self) -> Vec<(MessageReason, i64)> {
        let mut skipped: Vec<_> = self.skipped.iter().map(|(why, count)| (*why, *count)).collect();
        skipped.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.as_str().cmp(b.as_str())));
        skipped
    }

    /// When initial messages would go out, by hour and zone, in order of time.
    pub fn timeline(&self) -> Vec<Sending> {
        let mut timeline: Vec<Sending> = self.timeline.values().copied().collect();
        timeline.sort_by_key(|sending| sending.due_at);
        timeline
    }

    /// Messages that would go out.
    pub fn to_send(&self) -> i64 {
        self.recipients - self.skipped.values().sum::<i64>()
    }

    /// What to look at before activating, from these sums: sentences.
    pub fn warnings(&self, trial_remaining: Option<i64>) -> Vec<String> {
        let mut warnings = Vec::new();
        let skipped = |reason| self.skipped.get(&reason).copied().unwrap_or_default();
        let to_send = self.to_send();
        if to_send == 0 {
            warnings.push("Nobody would get a message.".to_owned());
        }
        let unfilled = skipped(MessageReason::VariableMissing);
        if unfilled > 0 {
            let people = people(unfilled);
            warnings.push(format!(
                "{people} would be skipped, because a variable of the text has no value for them."
            ));
        }
        let expired = skipped(MessageReason::Expired);
        if expired > 0 {
            let people = people(expired);
            warnings.push(format!(
                "{people} would be skipped, because quiet hours end too late for them to be texted in \
                 time."
            ));
        }
        if self.moved > 0 && self.moved.saturating_mul(MOVED_PART) > to_send {
            let (moved, all) = (self.moved, messages(to_send));
            warnings.push(format!("Quiet hours would put off {moved} of {all}."));
        }
        if let Some(remaining) = trial_remaining.filter(|remaining| *remaining < self.segments) {
            warnings.push(format!(
                "The campaign takes {} segments and the trial has {remaining} left, so it would fail.",
                self.segments
            ));
        }
        warnings
    }
}

fn people(count: i64) -> String {
    if count == 1 { "1 recipient".to_owned() } else { format!("{count} recipients") }
}

/// The price of `segments` at `amount` each, exact; none where `amount` is no decimal number or the product
/// has too many digits. Zeros at the end are left out beyond two decimals.
pub fn cost(amount: &str, segments: i64) -> Option<String> {
    let (whole, fraction) = amount.split_once('.').unwrap_or((amount, ""));
    let is_number = !whole.is_empty()
        && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let digits: u128 = format!("{whole}{fraction}").parse().ok().filter(|_| is_number)?;
    let product = digits.checked_mul(u128::try_from(segments).ok()?)?;
    let decimals = fraction.len();
    let padded = format!("{product:0>width$}", width = decimals + 1);
    let (whole, fraction) = padded.split_at_checked(padded.len() - decimals)?;
    let kept = fraction.trim_end_matches('0').len().max(DECIMALS_MIN.min(decimals));
    let fraction = fraction.get(..kept)?;
    Some(format!("{whole}.{fraction:0<DECIMALS_MIN$}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn prices_are_exact() {
        let cases = [
            ("0.0125", 3, "0.0375"),
            ("0.0125", 100, "1.25"),
            ("0.0079", 0, "0.00"),
            ("0.1", 3, "0.30"),
            ("2", 7, "14.00"),
            ("0.0000001", 123_456_789, "12.3456789"),
            ("99999999.9999", i64::from(i32::MAX), "214748364699785251.6353"),
        ];
        for (amount, segments, wanted) in cases {
            assert_eq!(cost(amount, segments).as_deref(), Some(wanted), "{amount} * {segments}");
        }
        for bad in ["", ".", "-1", "1e3", "0,5", ".5", "1.2.3"] {
            assert_eq!(cost(bad, 1), None, "{bad}");
        }
        assert_eq!(cost(&"9".repeat(38), i64::MAX), None, "too many digits");
    }

    #[test]
    fn everybody_is_counted_once() {
        let start: Instant = "2026-11-27T14:30:00Z".parse().unwrap();
        let zone: Zone = "America/New_York".parse().unwrap();
        let mut tally = Tally::default();
        for minutes in [20, 0, 40] {
            tally.send(zone, start + TimeDelta::minutes(minutes), 2, minutes > 0);
        }
        tally.send(Zone::UTC, start, 2, false);
        tally.skip(MessageReason::VariableMissing);
        tally.skip(MessageReason::Expired);
        tally.skip(MessageReason::Expired);
        assert_eq!((tally.recipients(), tally.to_send(), tally.segments()), (7, 4, 8));
        let timeline = tally.timeline();
        let told: Vec<_> = timeline.iter().map(|s| (s.zone.name(), s.due_at, s.count)).collect();
        let later = start + TimeDelta::minutes(40);
        let wanted =
            [("America/New_York", start, 2), ("UTC", start, 1), ("America/New_York", later, 1)];
        assert_eq!(told, wanted);
        let skipped = [(MessageReason::Expired, 2), (MessageReason::VariableMissing, 1)];
        assert_eq!(tally.skipped(), skipped);
        let warnings = tally.warnings(Some(7)).join("\n");
        let parts = ["1 recipient would", "2 recipients would", "put off 2 of 4", "trial has 7"];
        for part in parts {
            assert!(warnings.contains(part), "{part}: {warnings}");
        }
        assert_eq!(tally.warnings(Some(8)).len(), 3);
        assert_eq!(Tally::default().warnings(None), ["Nobody would get a message."]);
    }
}
