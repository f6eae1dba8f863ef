//! `Decimal`: an exact decimal number.
//!
//! **Invariant:** it is text from the database to the client: no float rounds it on the way.

use super::{TextScalar, as_text};
use async_graphql::{Scalar, ScalarType};

/// A decimal number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal(pub(crate) String);

impl TextScalar for Decimal {
    const NAME: &'static str = "Decimal";
    const EXPECTED: &'static str = "a decimal number as text, such as \"1.25\"";

    fn read(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(whole) && is_number(fraction)).then(|| Self(text.to_owned()))
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

/// An exact decimal number, as text: `1.25`.
#[Scalar]
impl ScalarType for Decimal {
    as_text!();
}
