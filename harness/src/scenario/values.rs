//! Small values that scenario files are written with.

use std::fmt;

use chrono::TimeDelta;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// The longest span a scenario can name: ten years.
const SPAN_MS_MAX: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// A length of time: `300ms`, `2s`, `10m`, `26h`, `1d`, or a sum of them as `1h30m`; `0` is none. A `+` may precede it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    ms: u64,
}

impl Span {
    /// A span of so many milliseconds.
    pub const fn from_ms(ms: u64) -> Self {
        Self { ms }
    }

    /// Its length in milliseconds.
    pub const fn ms(self) -> u64 {
        self.ms
    }

    /// As a difference of instants.
    pub fn delta(self) -> TimeDelta {
        i64::try_from(self.ms).map_or(TimeDelta::MAX, TimeDelta::milliseconds)
    }

    /// As a duration.
    pub const fn duration(self) -> std::time::Duration {
        std::time::Duration::from_millis(self.ms)
    }

    /// Reads a span, or says nothing if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let mut rest = text.strip_prefix('+').unwrap_or(text);
        if rest == "0" {
            return Some(Self::default());
        }
        let mut ms: u64 = 0;
        while !rest.is_empty() {
            let (part, after) = parse_part(rest)?;
            ms = ms.checked_add(part).filter(|ms| *ms <= SPAN_MS_MAX)?;
            rest = after;
        }
        (!text.is_empty()).then_some(Self { ms })
    }
}

/// Reads one number with its unit; answers its milliseconds and what follows.
fn parse_part(text: &str) -> Option<(u64, &str)> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, rest) = text.split_at_checked(unit_at)?;
    let rest_at = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at_checked(rest_at)?;
    let unit_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "d" => 24 * 60 * 60 * 1000,
        _ => return None,
    };
    let number: u64 = number.parse().ok()?;
    Some((number.checked_mul(unit_ms)?, after))
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ms.is_multiple_of(1000) {
            write!(f, "{}s", self.ms / 1000)
        } else {
            write!(f, "{}ms", self.ms)
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SpanVisitor)
    }
}

struct SpanVisitor;

impl Visitor<'_> for SpanVisitor {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a span such as 300ms, 2s, 10m, 26h, 1d or 1h30m, at most ten years")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
        Span::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Span, E> {
        // A bare number has no unit, so only none at all is clear.
        if number == 0 {
            return Ok(Span::default());
        }
        Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }
}

/// A share of a hundred, from 0 to 100.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, PartialOrd)]
#[serde(try_from = "f64")]
pub struct Percent(f64);

impl Percent {
    /// The share, from 0 to 100.
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Percent {
    type Error = String;

    fn try_from(share: f64) -> Result<Self, String> {
        if (0.0..=100.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(format!("a percentage is from 0 to 100, not {share}"))
        }
    }
}

/// Reads and writes instants in RFC 3339.
pub(super) mod instant {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        let text = String::deserialize(deserializer)?;
        DateTime::parse_from_rfc3339(&text).map(|instant| instant.to_utc()).map_err(|error| {
            serde::de::Error::custom(format!("`{text}` is not an RFC 3339 instant: {error}"))
        })
    }
}

/// Reads wall-clock times: a date and a time without a zone.
pub(super) mod wall_time {
    use chrono::NaiveDateTime;
    use serde::{Deserialize, Deserializer};

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<NaiveDateTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        NaiveDateTime::parse_from_str(&text, "%Y-%m-%dT%H:%M:%S").map_err(|error| {
            serde::de::Error::custom(format!(
                "`{text}` is not a time like 2026-11-24T09:30:00: {error}"
            ))
        })
    }
}
