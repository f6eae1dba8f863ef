//! `PhoneNumber`: a phone number in full.
//!
//! **Invariant:** it goes out only through a field that requires `SUBSCRIBER_PII`.

use super::{TextScalar, as_text};
use async_graphql::{Scalar, ScalarType};

/// A phone number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PhoneNumber(pub(crate) domain::phone::PhoneNumber);

impl TextScalar for PhoneNumber {
    const NAME: &'static str = "PhoneNumber";
    const EXPECTED: &'static str = "a phone number in E.164 form, such as +14155550100";

    fn read(text: &str) -> Option<Self> {
        domain::phone::PhoneNumber::parse(text).ok().map(Self)
    }

    fn write(&self) -> String {
        self.0.as_str().to_owned()
    }
}

/// A phone number in E.164 form: `+14155550100`.
#[Scalar(specified_by_url = "https://www.itu.int/rec/T-REC-E.164")]
impl ScalarType for PhoneNumber {
    as_text!();
}
