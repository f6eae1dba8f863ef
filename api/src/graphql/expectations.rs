//! What is said about an argument that validation refused.
//!
//! **Invariant:** a scalar that cannot be read is refused before anything runs, under
//! `BAD_USER_INPUT`, and the refusal says what is expected.

use super::{
    error::{CODE, code},
    scalars,
};
use async_graphql::{ErrorExtensionValues, ServerError};

/// How validation begins to speak of an argument's value.
pub(super) const INVALID_VALUE: &str = "Invalid value for argument";
/// How it names the type it expected.
pub(super) const EXPECTED_TYPE: &str = "expected type \"";

/// Adds to validation's words on scalars what their text looks like; other errors stay as they are. It is for whoever
/// runs the schema to call: a schema with extensions asks each of them about each field.
pub fn explain(error: &mut ServerError) {
    if !error.path.is_empty() || !error.message.starts_with(INVALID_VALUE) {
        return;
    }
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set(CODE, code::BAD_USER_INPUT);
    let name = error.message.rsplit_once(EXPECTED_TYPE).map(|(_, name)| name.trim_matches('"'));
    if let Some(expected) = name.and_then(scalars::expected) {
        error.message = format!("{}: {expected}", error.message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_says_what_is_expected() {
        let said = |message: &str| {
            let mut error = ServerError::new(message, None);
            explain(&mut error);
            error
        };
        let scalar =
            said("Invalid value for argument \"input.sendBy\", expected type \"TimeZone\"");
        assert_eq!(
            scalar.message,
            "Invalid value for argument \"input.sendBy\", expected type \"TimeZone\": \
             an IANA time zone name, such as America/New_York"
        );
        assert_eq!(
            scalar.extensions.unwrap().get(CODE),
            Some(&async_graphql::Value::from(code::BAD_USER_INPUT))
        );
        let other = said("Unknown field \"helo\" on type \"Query\".");
        assert_eq!(
            (other.message.as_str(), other.extensions),
            ("Unknown field \"helo\" on type \"Query\".", None)
        );
    }
}
