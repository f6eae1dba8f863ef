//! Where a recipient is: the region whose rules apply.
//!
//! **Invariant:** a region is a country and one of its parts, by ISO 3166-2.

use crate::code::UnknownCode;
use std::{fmt, str::FromStr};

/// A part of a country by its ISO 3166-2 code: `US-FL`, `CA-ON`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Region([u8; 5]);

impl Region {
    /// The ISO 3166-2 code.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Region {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        match *text.as_bytes() {
            [a, b, b'-', c, d] if [a, b, c, d].iter().all(u8::is_ascii_uppercase) => {
                Ok(Self([a, b, b'-', c, d]))
            }
            _ => Err(UnknownCode { kind: "Region", text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
