//! `LocalDate`, `LocalTime` and `LocalDateTime`: what a wall clock shows, in no zone.

use super::{TextScalar, as_text, digits};
use async_graphql::{Scalar, ScalarType};
use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// A date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalDate(pub(crate) NaiveDate);

impl TextScalar for LocalDate {
    const NAME: &'static str = "LocalDate";
    const EXPECTED: &'static str = "a date, such as 2026-11-27";

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let year = digits(parts.next()?, 4)?.parse().ok()?;
        let month = digits(parts.next()?, 2)?.parse().ok()?;
        let day = digits(parts.next()?, 2)?.parse().ok()?;
        if parts.next().is_some() {
            return None;
        }
        NaiveDate::from_ymd_opt(year, month, day).map(Self)
    }

    fn write(&self) -> String {
        self.0.format("%Y-%m-%d").to_string()
    }
}

/// A date in no time zone: `2026-11-27`.
#[Scalar(specified_by_url = "https://scalars.graphql.org/chillicream/local-date.html")]
impl ScalarType for LocalDate {
    as_text!();
}

/// A wall-clock time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalTime(pub(crate) NaiveTime);

impl TextScalar for LocalTime {
    const NAME: &'static str = "LocalTime";
    const EXPECTED: &'static str = "a wall-clock time with seconds, such as 09:30:00";

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(':').map(|part| digits(part, 2)?.parse().ok());
        let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() {
            return None;
        }
        NaiveTime::from_hms_opt(hour, minute, second).map(Self)
    }

    fn write(&self) -> String {
        self.0.format("%H:%M:%S").to_string()
    }
}

/// A wall-clock time with no time zone: `09:30:00`.
#[Scalar(specified_by_url = "https://scalars.graphql.org/chillicream/local-time.html")]
impl ScalarType for LocalTime {
    as_text!();
}

/// A wall-clock date and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LocalDateTime(pub(crate) NaiveDateTime);

impl TextScalar for LocalDateTime {
    const NAME: &'static str = "LocalDateTime";
    const EXPECTED: &'static str =
        "a wall-clock date and time with no zone or offset, such as 2026-11-27T09:30:00";

    fn read(text: &str) -> Option<Self> {
        let (date, time) = text.split_once('T')?;
        Some(Self(LocalDate::read(date)?.0.and_time(LocalTime::read(time)?.0)))
    }

    fn write(&self) -> String {
        self.0.format("%Y-%m-%dT%H:%M:%S").to_string()
    }
}

/// A wall-clock date and time with no time zone: `2026-11-27T09:30:00`. It becomes an instant only
/// in the zone its field names.
#[Scalar(specified_by_url = "https://scalars.graphql.org/chillicream/local-date-time.html")]
impl ScalarType for LocalDateTime {
    as_text!();
}

#[cfg(test)]
mod tests {
    use super::{LocalDate, LocalDateTime, LocalTime, TextScalar};

    #[test]
    fn a_wall_clock_reads_back_as_it_was_written() {
        for text in ["00:00:00", "09:30:05", "23:59:59"] {
            assert_eq!(LocalTime::read(text).unwrap().write(), text);
        }
        for text in ["2026-11-27", "2028-02-29"] {
            assert_eq!(LocalDate::read(text).unwrap().write(), text);
        }
        for text in ["2026-11-27T09:30:00", "2028-02-29T00:00:00"] {
            assert_eq!(LocalDateTime::read(text).unwrap().write(), text);
        }
    }

    #[test]
    fn another_spelling_is_refused() {
        for bad in ["9:30:00", "09:30", "24:00:00", "09:30:60", "09:30:00.5", "09:30:00Z", ""] {
            assert_eq!(LocalTime::read(bad), None, "{bad}");
        }
        for bad in ["2026-2-01", "2026-02-30", "2026-11-27T", "27.11.2026", "2026-11-27-01", ""] {
            assert_eq!(LocalDate::read(bad), None, "{bad}");
        }
        for bad in [
            "2026-11-27 09:30:00",
            "2026-11-27T09:30",
            "2026-11-27T09:30:00Z",
            "2026-11-27T09:30:00-05:00",
            "2026-02-30T09:30:00",
            "+2026-11-27T09:30:00",
            "26-11-27T09:30:00",
        ] {
            assert_eq!(LocalDateTime::read(bad), None, "{bad}");
        }
    }
}
