//! `EventCursor`: a position in the event log of one site.
//!
//! **Invariant:** a cursor names its site, so that one of another site is never taken for a
//! position here.

use super::{TextScalar, as_text};
use async_graphql::{Scalar, ScalarType};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::id::SiteId;
use uuid::Uuid;

/// Bytes of a site's id.
const SITE_BYTES: usize = 16;

/// A position in a site's event log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventCursor {
    /// The site whose log it is.
    pub(crate) site_id: SiteId,
    /// The position of the last event handled; 0 before the first.
    pub(crate) position: i64,
}

impl TextScalar for EventCursor {
    const NAME: &'static str = "EventCursor";
    const EXPECTED: &'static str = "a cursor that this API gave";

    fn read(text: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let (site, position) = bytes.split_at_checked(SITE_BYTES)?;
        let site_id = SiteId(Uuid::from_slice(site).ok()?);
        let position = i64::from_be_bytes(position.try_into().ok()?);
        (position >= 0).then_some(Self { site_id, position })
    }

    fn write(&self) -> String {
        let mut bytes = self.site_id.0.as_bytes().to_vec();
        bytes.extend(self.position.to_be_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// An opaque position in a site's campaign event log. Positions only move forward. Store the last
/// one you handled and pass it back as `after`.
#[Scalar]
impl ScalarType for EventCursor {
    as_text!();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_garbage_does_not() {
        let cursor = EventCursor { site_id: SiteId(Uuid::from_u128(7)), position: 42 };
        let text = cursor.write();
        assert_eq!(EventCursor::read(&text), Some(cursor));
        let negative = EventCursor { position: -1, ..cursor }.write();
        for bad in ["", "0", "AAAA", &text[1..], &format!("{text}AA"), &negative, "camp_1"] {
            assert_eq!(EventCursor::read(bad), None, "{bad}");
        }
    }
}
