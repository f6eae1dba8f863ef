//! Durations as people write them in a configuration: `250ms`, `10s`, `60min`, `2h`, `1d`.
//!
//! **Invariant:** what [`render`] writes, [`parse`] reads back as the same duration.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error as _};

/// The units, largest first, with their length in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1)];

/// Reads a whole number followed by a unit, with nothing between or around them; `None` for
/// anything else, a number too large for 64 bits of milliseconds included.
pub(super) fn parse(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().ok()?;
    let (_, unit_ms) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*unit_ms).map(Duration::from_millis)
}

/// Writes a duration in the largest unit that divides it; what is below a millisecond is dropped.
pub(super) fn render(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms == 0 {
        return String::from("0s");
    }
    let fitting = UNITS.iter().find(|(_, unit_ms)| ms.is_multiple_of(u128::from(*unit_ms)));
    let (unit, unit_ms) = fitting.copied().unwrap_or(("ms", 1));
    format!("{}{unit}", ms / u128::from(unit_ms))
}

/// For `#[serde(deserialize_with)]` on an optional duration.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map(Some).ok_or_else(|| D::Error::custom("not a duration"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        let cases = [
            ("250ms", 250),
            ("10s", 10_000),
            ("60min", 3_600_000),
            ("2h", 7_200_000),
            ("1d", 86_400_000),
            ("0s", 0),
            ("007s", 7_000),
        ];
        for (text, ms) in cases {
            assert_eq!(parse(text), Some(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let cases = [
            "",
            "10",
            "s",
            "10 s",
            " 10s",
            "10s ",
            "-1s",
            "+1s",
            "1.5s",
            "10m",
            "10S",
            "1h30min",
            "18446744073709551615s",
            "99999999999999999999ms",
            "१s",
        ];
        for text in cases {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        for ms in [0, 1, 250, 999, 1_000, 1_500, 60_000, 90_000, 3_600_000, 86_400_000, 90_000_000]
        {
            let duration = Duration::from_millis(ms);
            assert_eq!(parse(&render(duration)), Some(duration), "{ms} ms");
        }
        assert_eq!(render(Duration::from_hours(1)), "1h");
        assert_eq!(render(Duration::from_millis(1_500)), "1500ms");
    }
}
