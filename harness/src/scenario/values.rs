//! Small values that scenario files are written with.

use std::fmt;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// The longest span a scenario can name: ten years.
const SPAN_MS_MAX: u64 = 10 * 366 * 24 * 60 * 60 * 1000;

/// A length of time: `300ms`, `2s`, `10m`, `26h`, `1d`, or a sum of them as `1h30m`; `0` is none. A
/// `+` may precede it.
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
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let (part, after) = parse_part(rest)?;
            ms = ms.checked_add(part).filter(|ms| *ms <= SPAN_MS_MAX)?;
            rest = after;
        }
        Some(Self { ms })
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
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
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

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_f64(PercentVisitor)
    }
}

struct PercentVisitor;

impl Visitor<'_> for PercentVisitor {
    type Value = Percent;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a percentage from 0 to 100")
    }

    fn visit_f64<E: de::Error>(self, share: f64) -> Result<Percent, E> {
        Percent::try_from(share).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, share: u64) -> Result<Percent, E> {
        // A number past 32 bits is past 100 as well.
        self.visit_f64(f64::from(u32::try_from(share).unwrap_or(u32::MAX)))
    }

    fn visit_i64<E: de::Error>(self, share: i64) -> Result<Percent, E> {
        Err(E::invalid_value(de::Unexpected::Signed(share), &self))
    }
}

/// Reads text with `parse`. What is wrong is found while the text is read, not after, so that the
/// error names the field.
pub(crate) fn text<'de, T, D: Deserializer<'de>>(
    deserializer: D,
    expected: &'static str,
    parse: fn(&str) -> Result<T, String>,
) -> Result<T, D::Error> {
    deserializer.deserialize_str(TextVisitor { expected, parse })
}

struct TextVisitor<T> {
    expected: &'static str,
    parse: fn(&str) -> Result<T, String>,
}

impl<T> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expected)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }
}

/// Reads an instant in RFC 3339.
pub(super) fn instant<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<DateTime<Utc>, D::Error> {
    text(deserializer, "an RFC 3339 instant", |text| {
        DateTime::parse_from_rfc3339(text)
            .map(|instant| instant.to_utc())
            .map_err(|error| format!("`{text}` is not an RFC 3339 instant: {error}"))
    })
}

/// Reads a wall-clock time: a date and a time without a zone.
pub(super) fn wall_time<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<NaiveDateTime, D::Error> {
    text(deserializer, "a time like 2026-11-24T09:30:00", |text| {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S")
            .map_err(|error| format!("`{text}` is not a time like 2026-11-24T09:30:00: {error}"))
    })
}
