//! The scalars beyond GraphQL's own: what their text looks like, in and out.
//!
//! **Invariant:** every scalar prints in one spelling only, the one its description shows.
//! **Invariant:** a text that is not accepted is refused before anything runs, and the refusal says
//! what is expected; it never repeats the text.

mod date_time;
mod decimal;
mod duration;
mod event_cursor;
mod local;
mod phone_number;
mod time_zone;
mod url;

pub(crate) use self::{
    date_time::DateTime,
    decimal::Decimal,
    duration::Duration,
    event_cursor::EventCursor,
    local::{LocalDate, LocalDateTime, LocalTime},
    phone_number::PhoneNumber,
    time_zone::TimeZone,
    url::Url,
};

use super::error::{self, code};
use async_graphql::{InputType, InputValueError, InputValueResult, Value};

/// A scalar carried as text.
pub(super) trait TextScalar: Sized {
    /// Its name in the schema.
    const NAME: &'static str;
    /// What its text looks like, to follow "expected".
    const EXPECTED: &'static str;

    /// Reads the text, unless it is no such scalar.
    fn read(text: &str) -> Option<Self>;

    /// The one spelling of the value.
    fn write(&self) -> String;
}

fn read<T: TextScalar>(value: &Value) -> Option<T> {
    match value {
        Value::String(text) => T::read(text),
        _ => None,
    }
}

fn parse<T: TextScalar + InputType>(value: &Value) -> InputValueResult<T> {
    read(value).ok_or_else(|| {
        InputValueError::custom(format_args!("expected {}", T::EXPECTED))
            .with_extension(error::CODE, code::BAD_USER_INPUT)
    })
}

/// What the scalar `name` looks like, if it is one of ours or a number.
pub(super) fn expected(name: &str) -> Option<&'static str> {
    const ALL: [(&str, &str); 11] = [
        ("Int", "a whole number of 32 bits, such as 25"),
        (Decimal::NAME, Decimal::EXPECTED),
        (DateTime::NAME, DateTime::EXPECTED),
        (LocalDate::NAME, LocalDate::EXPECTED),
        (LocalTime::NAME, LocalTime::EXPECTED),
        (LocalDateTime::NAME, LocalDateTime::EXPECTED),
        (Duration::NAME, Duration::EXPECTED),
        (TimeZone::NAME, TimeZone::EXPECTED),
        (PhoneNumber::NAME, PhoneNumber::EXPECTED),
        (Url::NAME, Url::EXPECTED),
        (EventCursor::NAME, EventCursor::EXPECTED),
    ];
    ALL.into_iter().find(|(known, _)| *known == name).map(|(_, expected)| expected)
}

/// The four functions of `ScalarType`, told by `TextScalar`.
macro_rules! as_text {
    () => {
        fn parse(value: async_graphql::Value) -> async_graphql::InputValueResult<Self> {
            super::parse(&value)
        }

        fn is_valid(value: &async_graphql::Value) -> bool {
            super::read::<Self>(value).is_some()
        }

        fn to_value(&self) -> async_graphql::Value {
            async_graphql::Value::String(super::TextScalar::write(self))
        }
    };
}
use as_text;

/// The digits of `text`, which must be `count` ASCII digits.
fn digits(text: &str, count: usize) -> Option<&str> {
    (text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}
