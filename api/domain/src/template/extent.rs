//! How long the values of a variable are, which is all that must be known of them to tell how long a text
//! can become.
//!
//! **Invariant:** joining extents is commutative, associative and idempotent: the order in which values
//! are seen does not matter.

use crate::text::{self, SmsEncoding};

/// How long values are at most, each as a text shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Septets of the longest; none when one of them is not of GSM 03.38.
    pub septets: Option<u32>,
    /// Units of UTF-16 of the longest.
    pub units: u32,
}

/// Of no value at all.
impl Default for Extent {
    fn default() -> Self {
        Self { septets: Some(0), units: 0 }
    }
}

impl Extent {
    /// Of one value.
    pub fn of(value: &str) -> Self {
        let value = text::shown(value);
        let measure = text::measure(&value);
        let units = u32::try_from(value.encode_utf16().count()).unwrap_or(u32::MAX);
        let is_gsm = measure.encoding == SmsEncoding::Gsm7;
        Self { septets: is_gsm.then_some(measure.units), units }
    }

    /// Of all the values of both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        let septets = self.septets.zip(other.septets).map(|(mine, theirs)| mine.max(theirs));
        Self { septets, units: self.units.max(other.units) }
    }
}
