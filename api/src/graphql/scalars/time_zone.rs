//! `TimeZone`: an IANA time zone.

use super::{TextScalar, as_text};
use async_graphql::{Scalar, ScalarType};
use domain::zone::Zone;

/// An IANA time zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TimeZone(pub(crate) Zone);

impl TextScalar for TimeZone {
    const NAME: &'static str = "TimeZone";
    const EXPECTED: &'static str = "an IANA time zone name, such as America/New_York";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    fn write(&self) -> String {
        self.0.name().to_owned()
    }
}

/// An IANA time zone name: `America/New_York`.
#[Scalar(specified_by_url = "https://www.iana.org/time-zones")]
impl ScalarType for TimeZone {
    as_text!();
}
