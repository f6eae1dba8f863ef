//! `DateTime`: an instant.

use super::{TextScalar, as_text};
use async_graphql::{Scalar, ScalarType};
use chrono::{DateTime as ChronoDateTime, SecondsFormat, Utc};
use domain::Instant;

/// An instant, cut to milliseconds: what the ledger keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DateTime(pub(crate) Instant);

impl From<Instant> for DateTime {
    fn from(instant: Instant) -> Self {
        Self(instant)
    }
}

impl TextScalar for DateTime {
    const NAME: &'static str = "DateTime";
    const EXPECTED: &'static str =
        "an instant in RFC 3339 with its offset, such as 2026-11-23T14:30:00.000Z";

    fn read(text: &str) -> Option<Self> {
        let parsed = ChronoDateTime::parse_from_rfc3339(text).ok()?;
        // Also turns a leap second, which chrono keeps apart, into the second after it.
        ChronoDateTime::<Utc>::from_timestamp_millis(parsed.timestamp_millis()).map(Self)
    }

    fn write(&self) -> String {
        self.0.to_rfc3339_opts(SecondsFormat::Millis, true)
    }
}

/// An instant, RFC 3339, always sent in UTC with milliseconds: `2026-11-23T14:30:00.000Z`.
#[Scalar(specified_by_url = "https://scalars.graphql.org/chillicream/date-time.html")]
impl ScalarType for DateTime {
    as_text!();
}

#[cfg(test)]
mod tests {
    use super::{DateTime, TextScalar};

    #[test]
    fn any_offset_comes_in_and_utc_with_milliseconds_goes_out() {
        let written = |text| DateTime::read(text).map(|instant| instant.write());
        let utc = Some("2026-11-23T14:30:00.000Z".to_owned());
        assert_eq!(written("2026-11-23T14:30:00Z"), utc);
        assert_eq!(written("2026-11-23T09:30:00-05:00"), utc);
        assert_eq!(written("2026-11-23T14:30:00.0009Z"), utc);
        assert_eq!(written("2026-11-23T14:29:60Z"), utc);
        let milliseconds = Some("2026-11-23T14:30:00.123Z".to_owned());
        assert_eq!(written("2026-11-23T14:30:00.123456Z"), milliseconds);
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for bad in ["", "2026-11-23", "2026-11-23T14:30:00", "2026-02-30T00:00:00Z", "now"] {
            assert_eq!(DateTime::read(bad), None, "{bad}");
        }
    }
}
