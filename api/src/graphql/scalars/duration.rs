//! `Duration`: a length of time that is the same on every day of the year.

use super::{TextScalar, as_text};
use async_graphql::{Scalar, ScalarType};
use std::fmt::Write as _;

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
const WEEK_MS: i64 = 7 * DAY_MS;
/// Digits of one number in a duration: more would not fit the arithmetic.
const DIGITS_MAX: usize = 9;
/// Decimals of the seconds: milliseconds.
const DECIMALS_MAX: usize = 3;

/// A length of time, never negative, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Duration {
    milliseconds: i64,
}

impl Duration {
    /// So many seconds; none, if fewer than that.
    pub(crate) fn of_seconds(seconds: i64) -> Self {
        Self::of_milliseconds(seconds.saturating_mul(SECOND_MS))
    }

    /// So many milliseconds; none, if fewer than that.
    pub(crate) fn of_milliseconds(milliseconds: i64) -> Self {
        Self { milliseconds: milliseconds.max(0) }
    }

    /// Its length in milliseconds.
    pub(crate) fn as_milliseconds(self) -> i64 {
        self.milliseconds
    }

    /// Its length in whole seconds, rounded up: what waits for it never comes early.
    pub(crate) fn as_seconds(self) -> i64 {
        let (whole, rest) = (self.milliseconds / SECOND_MS, self.milliseconds % SECOND_MS);
        whole + i64::from(rest > 0)
    }
}

/// Reads the parts of one half of a duration, each a number and one of `units`, in their order.
fn read_parts(mut text: &str, mut units: &[(char, i64)]) -> Option<i64> {
    let mut total = 0_i64;
    // Every turn takes a unit away, so there are no more turns than units.
    while !text.is_empty() {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, rest) = text.split_at_checked(end)?;
        let letter = rest.chars().next()?;
        let at = units.iter().position(|(unit, _)| *unit == letter)?;
        let ((unit, length), later) = units.get(at..)?.split_first()?;
        total = total.checked_add(read_number(number, *length, *unit == 'S')?)?;
        (text, units) = (rest.get(1..)?, later);
    }
    Some(total)
}

fn read_number(text: &str, length: i64, has_decimals: bool) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let is_plain = decimals.bytes().all(|byte| byte.is_ascii_digit())
        && (1..=DIGITS_MAX).contains(&whole.len())
        && (1..=DECIMALS_MAX).contains(&decimals.len())
        && (has_decimals || !text.contains('.'));
    if !is_plain {
        return None;
    }
    let fraction_ms: i64 = format!("{decimals:0<DECIMALS_MAX$}").parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(length)?.checked_add(fraction_ms)
}

impl TextScalar for Duration {
    const NAME: &'static str = "Duration";
    const EXPECTED: &'static str =
        "an ISO 8601 duration made of weeks to seconds, such as PT30M or P2D";

    fn read(text: &str) -> Option<Self> {
        let text = text.strip_prefix('P')?;
        let (date, time) = match text.split_once('T') {
            Some((date, time)) if !time.is_empty() => (date, time),
            None if !text.is_empty() => (text, ""),
            _ => return None,
        };
        let date = read_parts(date, &[('W', WEEK_MS), ('D', DAY_MS)])?;
        let time = read_parts(time, &[('H', HOUR_MS), ('M', MINUTE_MS), ('S', SECOND_MS)])?;
        date.checked_add(time).map(Self::of_milliseconds)
    }

    fn write(&self) -> String {
        let mut text = "P".to_owned();
        let mut rest = self.milliseconds;
        let mut take = |length: i64| {
            let count = rest / length;
            rest %= length;
            count
        };
        let (days, hours) = (take(DAY_MS), take(HOUR_MS));
        let (minutes, seconds, milliseconds) = (take(MINUTE_MS), take(SECOND_MS), take(1));
        // Writing to a String cannot fail.
        if days > 0 {
            let _ = write!(text, "{days}D");
        }
        if hours + minutes + seconds + milliseconds > 0 || days == 0 {
            text.push('T');
        }
        for (count, unit) in [(hours, 'H'), (minutes, 'M')] {
            if count > 0 {
                let _ = write!(text, "{count}{unit}");
            }
        }
        if milliseconds > 0 {
            let decimals = format!("{milliseconds:0>DECIMALS_MAX$}");
            let _ = write!(text, "{seconds}.{}S", decimals.trim_end_matches('0'));
        } else if seconds > 0 || text == "PT" {
            let _ = write!(text, "{seconds}S");
        }
        text
    }
}

/// An ISO 8601 duration made of weeks to seconds, never months or years: `PT30M`, `P2D`.
#[Scalar(specified_by_url = "https://scalars.graphql.org/chillicream/duration.html")]
impl ScalarType for Duration {
    as_text!();
}

#[cfg(test)]
mod tests {
    use super::{Duration, TextScalar};

    #[test]
    fn one_length_has_one_spelling() {
        let written = |text| Duration::read(text).unwrap().write();
        for text in ["PT30M", "P2D", "PT0S", "PT1S", "PT0.25S", "P1DT12H", "PT1H0.001S"] {
            assert_eq!(written(text), text);
        }
        assert_eq!(written("P1W"), "P7D");
        assert_eq!(written("PT90M"), "PT1H30M");
        assert_eq!(written("PT24H"), "P1D");
        assert_eq!(written("PT0.250S"), "PT0.25S");
        assert_eq!(written("P1W1DT1H1M1.5S"), "P8DT1H1M1.5S");
    }

    #[test]
    fn months_years_and_nonsense_are_refused() {
        for bad in [
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "P1Y",
            "P1M",
            "-PT1S",
            "P-1D",
            "PT1S1M",
            "PT1M1M",
            "PT1.5M",
            "PT1.S",
            "PT.5S",
            "PT1.0005S",
            "PT9999999999S",
            "P1D1H",
            "pt1s",
            "PT1,5S",
            "PT1.2.3S",
            "PT+1S",
            "PTS",
        ] {
            assert_eq!(Duration::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_part_of_a_second_counts_as_a_second() {
        let seconds = |text| Duration::read(text).unwrap().as_seconds();
        assert_eq!([seconds("PT0S"), seconds("PT0.001S"), seconds("PT2S")], [0, 1, 2]);
        assert_eq!(Duration::of_seconds(90).write(), "PT1M30S");
    }
}
