//! Forms that values of a scenario file come in: one or many, something or none, off or so, a code
//! of the service, a moment.
//!
//! **Invariant:** what is wrong is found while the file is read, so that the error has a line.

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer};
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::values::{Span, text};

/// One value, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> OneOrMany<T> {
    /// The values, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a, T> IntoIterator for &'a OneOrMany<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor(PhantomData))
    }
}

struct OneOrManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrManyVisitor<T> {
    type Value = OneOrMany<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one, or a list")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
        T::deserialize(StrDeserializer::new(text)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
        T::deserialize(de::value::U64Deserializer::new(number)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|one| OneOrMany(vec![one]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMany)
    }
}

/// Something, or `none` said as such: there must be nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrNone<T> {
    /// There must be none.
    None,
    /// It must be this.
    Some(T),
}

impl<T> OrNone<T> {
    /// As an option.
    pub const fn as_option(&self) -> Option<&T> {
        match self {
            Self::None => None,
            Self::Some(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OrNone<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word_or(deserializer, "none", Self::None, Self::Some)
    }
}

/// A setting that is `off`, or on with its value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch<T> {
    /// It is off.
    #[default]
    Off,
    /// It is on.
    On(T),
}

impl<T> Switch<T> {
    /// As an option.
    pub const fn as_option(&self) -> Option<&T> {
        match self {
            Self::Off => None,
            Self::On(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word_or(deserializer, "off", Self::Off, Self::On)
    }
}

/// Something, or `never`.
pub(super) struct Never<T>(pub(super) Option<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Never<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        word_or(deserializer, "never", Self(None), |value| Self(Some(value)))
    }
}

/// Reads `word` as `plain`, and all else as a `T` made into the whole by `with`.
fn word_or<'de, T: Deserialize<'de>, W, D: Deserializer<'de>>(
    deserializer: D,
    word: &'static str,
    plain: W,
    with: fn(T) -> W,
) -> Result<W, D::Error> {
    deserializer.deserialize_any(WordOr { word, plain, with })
}

struct WordOr<T, W> {
    word: &'static str,
    plain: W,
    with: fn(T) -> W,
}

impl<'de, T: Deserialize<'de>, W> Visitor<'de> for WordOr<T, W> {
    type Value = W;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, or a value", self.word)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<W, E> {
        if text == self.word {
            return Ok(self.plain);
        }
        T::deserialize(StrDeserializer::new(text)).map(self.with)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<W, E> {
        // Some readers of YAML take a bare `off` for a truth value.
        if !value && self.word == "off" {
            return Ok(self.plain);
        }
        Err(E::invalid_type(de::Unexpected::Bool(value), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<W, E> {
        T::deserialize(de::value::U64Deserializer::new(number)).map(self.with)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<W, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(self.with)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<W, A::Error> {
        T::deserialize(SeqAccessDeserializer::new(seq)).map(self.with)
    }
}

/// A code of the service, written as the API writes it: `SMART_SENDING`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Code<T>(pub T);

impl<T: fmt::Display> Code<T> {
    /// As the API writes it.
    pub fn name(&self) -> String {
        self.0.to_string().to_uppercase()
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Code<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a code such as SMART_SENDING", |text| {
            if text.bytes().any(|byte| byte.is_ascii_lowercase()) {
                return Err(format!("`{text}` is not written in capitals, as the API does"));
            }
            text.to_lowercase().parse().map(Self).map_err(|error: T::Err| error.to_string())
        })
    }
}

/// A rule of the source document: `S14`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleCode(u8);

impl RuleCode {
    /// The rule of that number, if there is one.
    pub fn new(number: u8) -> Option<Self> {
        let known = crate::source_rules::RULES.iter().any(|rule| rule.number == number);
        known.then_some(Self(number))
    }
}

impl fmt::Display for RuleCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}", self.0)
    }
}

impl FromStr for RuleCode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_prefix('S').and_then(|number| number.parse().ok());
        let rule = number.and_then(Self::new).filter(|rule| rule.to_string() == text);
        rule.ok_or_else(|| format!("`{text}` is not a rule of the source"))
    }
}

impl<'de> Deserialize<'de> for RuleCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text(deserializer, "a rule of the source such as S14", str::parse)
    }
}

/// An instant of a story: `13h` or `+13h` after its start, `-1h` before it, or one of its own as
/// `2026-11-24T09:00:00-05:00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// So far from the start.
    Offset(TimeDelta),
    /// This instant.
    At(DateTime<Utc>),
}

impl Moment {
    /// The instant in a story that begins at `start`.
    pub fn instant(self, start: DateTime<Utc>) -> DateTime<Utc> {
        match self {
            Self::Offset(offset) => start.checked_add_signed(offset).unwrap_or(start),
            Self::At(at) => at,
        }
    }

    /// Reads a moment, or says nothing if `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(span) = text.strip_prefix('-').and_then(Span::parse) {
            return Some(Self::Offset(-span.delta()));
        }
        if let Some(span) = Span::parse(text) {
            return Some(Self::Offset(span.delta()));
        }
        DateTime::parse_from_rfc3339(text).ok().map(|at| Self::At(at.to_utc()))
    }
}

impl<'de> Deserialize<'de> for Moment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(MomentVisitor)
    }
}

struct MomentVisitor;

impl Visitor<'_> for MomentVisitor {
    type Value = Moment;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment such as 13h, -1h or 2026-11-24T09:00:00-05:00")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Moment, E> {
        Moment::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Moment, E> {
        // A bare number has no unit, so only the start itself is clear.
        if number == 0 {
            return Ok(Moment::Offset(TimeDelta::zero()));
        }
        Err(E::invalid_value(de::Unexpected::Unsigned(number), &self))
    }
}
