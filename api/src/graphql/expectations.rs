//! What is said about an argument that validation refused.
//!
//! **Invariant:** a scalar that cannot be read is refused before anything runs, under
//! `BAD_USER_INPUT`, and the refusal says what is expected.

use super::{
    error::{CODE, code},
    scalars,
};
use async_graphql::{
    ErrorExtensionValues, ServerError, ValidationResult,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextValidation},
};
use std::sync::Arc;

/// How validation begins to speak of an argument's value.
pub(super) const INVALID_VALUE: &str = "Invalid value for argument";
/// How it names the type it expected.
pub(super) const EXPECTED_TYPE: &str = "expected type \"";

/// The schema extension that adds to validation's words on scalars what their text looks like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expectations;

impl ExtensionFactory for Expectations {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

#[async_trait::async_trait]
impl Extension for Expectations {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(ctx).await.map_err(|errors| errors.into_iter().map(explain).collect())
    }
}

/// The same, with what the type it expected looks like, and the code.
pub(super) fn explain(mut error: ServerError) -> ServerError {
    if !error.message.starts_with(INVALID_VALUE) {
        return error;
    }
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set(CODE, code::BAD_USER_INPUT);
    let name = error.message.rsplit_once(EXPECTED_TYPE).map(|(_, name)| name.trim_matches('"'));
    if let Some(expected) = name.and_then(scalars::expected) {
        error.message = format!("{}: {expected}", error.message);
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scalar_says_what_is_expected() {
        let said = |message: &str| explain(ServerError::new(message, None));
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
