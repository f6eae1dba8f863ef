//! Time zones: which ones there are, and what their clocks show.
//!
//! chrono-tz says which names are zones; its rules are those of tzdata 2025b, an hour wrong in 13 zones
//! since autumn 2026, so every rule comes from the tzdb that jiff bundles.
//!
//! **Invariant:** no other file of the workspace asks chrono-tz or jiff anything.
//! **Invariant:** the system's own zone files are never read: two nodes must not disagree.

use crate::Instant;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike};
use jiff::{
    civil,
    tz::{TimeZone, TimeZoneDatabase},
};
use std::{fmt, str::FromStr, sync::LazyLock};

/// The rules, read once.
static RULES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// An IANA time zone.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(chrono_tz::Tz);

/// Text that is not the name of a time zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an IANA time zone name, such as America/New_York")]
pub struct InvalidZone(pub String);

/// A wall-clock time outside the years the rules cover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the time is outside the years that can be scheduled")]
pub struct OutOfRange;

impl Zone {
    /// Coordinated Universal Time.
    pub const UTC: Self = Self(chrono_tz::Tz::UTC);

    /// The IANA name.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    fn rules(self) -> TimeZone {
        // `from_str` refuses a name that the rules lack, so the fallback is never taken.
        RULES.get(self.name()).unwrap_or(TimeZone::UTC)
    }

    /// The instant at which a schedule's wall-clock time comes in this zone: a time that a clock change
    /// skips moves forward by the gap, one that occurs twice means the first (RFC 5545, section 3.3.5).
    pub fn instant_of(self, local: NaiveDateTime) -> Result<Instant, OutOfRange> {
        let civil = civil_of(local).ok_or(OutOfRange)?;
        let timestamp = self
            .rules()
            .to_ambiguous_timestamp(civil)
            .compatible()
            .map_err(|_out_of_range| OutOfRange)?;
        DateTime::from_timestamp_millis(timestamp.as_millisecond()).ok_or(OutOfRange)
    }

    /// What the wall clock of this zone shows at `instant`.
    pub fn local_of(self, instant: Instant) -> NaiveDateTime {
        let offset_s = jiff::Timestamp::from_millisecond(instant.timestamp_millis())
            .map_or(0, |timestamp| self.rules().to_offset(timestamp).seconds());
        instant.naive_utc() + TimeDelta::seconds(i64::from(offset_s))
    }
}

fn civil_of(local: NaiveDateTime) -> Option<civil::DateTime> {
    let small = |n: u32| i8::try_from(n).ok();
    civil::DateTime::new(
        i16::try_from(local.year()).ok()?,
        small(local.month())?,
        small(local.day())?,
        small(local.hour())?,
        small(local.minute())?,
        small(local.second())?,
        i32::try_from(local.nanosecond() % 1_000_000_000).ok()?,
    )
    .ok()
}

impl FromStr for Zone {
    type Err = InvalidZone;

    fn from_str(text: &str) -> Result<Self, InvalidZone> {
        let invalid = || InvalidZone(text.to_owned());
        let zone = text.parse::<chrono_tz::Tz>().map_err(|_parse| invalid())?;
        RULES.get(zone.name()).map_err(|_missing| invalid())?;
        Ok(Self(zone))
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn instant(zone: &str, local: &str) -> Instant {
        zone.parse::<Zone>().unwrap().instant_of(local.parse().unwrap()).unwrap()
    }

    #[test]
    fn gaps_shift_forward_and_folds_mean_the_first() {
        assert_eq!(instant("America/New_York", "2026-03-08T02:30:00"), at("2026-03-08T07:30:00Z"));
        assert_eq!(instant("America/New_York", "2026-11-01T01:30:00"), at("2026-11-01T05:30:00Z"));
        assert_eq!(
            instant("Australia/Lord_Howe", "2026-10-04T02:15:00"),
            at("2026-10-03T15:45:00Z")
        );
        assert_eq!(instant("America/New_York", "2026-07-01T10:00:00"), at("2026-07-01T14:00:00Z"));
        assert_eq!(instant("Asia/Kolkata", "2026-07-01T10:00:00"), at("2026-07-01T04:30:00Z"));
        assert_eq!(
            instant("Pacific/Kiritimati", "2026-07-01T10:00:00"),
            at("2026-06-30T20:00:00Z")
        );
    }

    /// Vancouver keeps its summer time from autumn 2026: tzdata 2025b does not know, the bundled rules do.
    #[test]
    fn the_rules_are_current() {
        let vancouver: Zone = "America/Vancouver".parse().unwrap();
        let local = vancouver.local_of(at("2026-11-23T18:00:00Z"));
        assert_eq!(local, "2026-11-23T11:00:00".parse().unwrap());
    }

    #[test]
    fn a_name_that_is_no_zone_is_refused() {
        for bad in ["", "Mars/Base", "EST5EDT4", "america/new_york", "GMT+25", "+05:00"] {
            assert!(bad.parse::<Zone>().is_err(), "{bad}");
        }
        for tz in chrono_tz::TZ_VARIANTS {
            assert!(tz.name().parse::<Zone>().is_ok(), "{tz}");
        }
    }
}
