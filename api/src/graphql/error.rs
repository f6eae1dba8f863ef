//! Top-level errors: defects, authorisation, and arguments that a form cannot get wrong. What a
//! person can put right is a user error of a payload instead.
//!
//! **Invariant:** every error carries `extensions.code`.
//! **Invariant:** a fault is logged once, with its causes and the id the caller was given, and of
//! what went wrong the caller is told nothing.

use crate::causes;
use async_graphql::{Error, ErrorExtensions as _};
use std::{error::Error as StdError, fmt::Display};

/// The extension that carries the code.
pub(super) const CODE: &str = "code";
/// The extension that carries the id to quote to support.
const REQUEST_ID: &str = "requestId";

/// Declares codes, and the list of them all.
macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $($(#[$doc])* pub(crate) const $name: &str = $text;)+
        /// Every code that a top-level error may carry, whichever transport tells it.
        pub const ALL: &[&str] = &[$($name),+];
    };
}

/// The stable codes of top-level errors: those of resolvers, and those of the transports around them. Each has
/// its page in docs/errors.
pub mod code {
    codes! {
        /// The request is not one that is served: no JSON, no method, no media type of ours.
        BAD_REQUEST = "BAD_REQUEST";
        /// The document is not GraphQL.
        PARSE_FAILED = "GRAPHQL_PARSE_FAILED";
        /// The document asks for what the schema does not have.
        VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED";
        /// The service runs known documents only, and this is none.
        NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED";
        /// The request names its document, and the service keeps none. Apollo's clients know it.
        NO_DOCUMENTS = "PERSISTED_QUERY_NOT_SUPPORTED";
        /// An argument is not acceptable.
        BAD_USER_INPUT = "BAD_USER_INPUT";
        /// It is not clear which operation is to run.
        NO_OPERATION = "OPERATION_RESOLUTION_FAILURE";
        /// No valid API key.
        UNAUTHENTICATED = "UNAUTHENTICATED";
        /// The caller's role does not grant the scope.
        FORBIDDEN = "FORBIDDEN";
        /// There is no such object, or none the caller may see.
        NOT_FOUND = "NOT_FOUND";
        /// What was asked for is in use.
        CONFLICT = "CONFLICT";
        /// The operation may cost more than one may.
        COST_EXCEEDED = "COST_EXCEEDED";
        /// The answer was not there in time.
        TIMEOUT = "TIMEOUT";
        /// Too much is asked for at this moment; later it can be had.
        RATE_LIMITED = "RATE_LIMITED";
        /// Nothing can be had at this moment.
        UNAVAILABLE = "UNAVAILABLE";
        /// A defect of ours.
        INTERNAL = "INTERNAL";
    }
}

/// An error with its code.
pub(super) fn coded(code: &'static str, message: impl Into<String>) -> Error {
    Error::new(message).extend_with(|_, extensions| extensions.set(CODE, code))
}

/// The argument `name` is not acceptable: it `must` something.
pub(super) fn bad_argument(name: &str, must: impl Display) -> Error {
    coded(code::BAD_USER_INPUT, format!("The argument `{name}` must {must}."))
}

/// There is no such object, or none the caller may see: the two are told alike.
pub(super) fn not_found(kind: &str) -> Error {
    coded(code::NOT_FOUND, format!("There is no such {kind}."))
}

/// Logs `fault` under `request_id` and makes what the caller is told of it.
pub(super) fn internal(request_id: &str, fault: &dyn StdError) -> Error {
    tracing::error!(request_id, error = causes::line(fault), "a request failed");
    coded(code::INTERNAL, "Something went wrong on our side.")
        .extend_with(|_, extensions| extensions.set(REQUEST_ID, request_id))
}

/// Rows that contradict each other: something the schema promises is not there.
#[derive(Debug, thiserror::Error)]
#[error("the {0} that another row names is missing")]
pub(super) struct Missing(pub(super) &'static str);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_tells_its_id_and_nothing_else() {
        let error = internal("r-1", &Missing("site"));
        assert_eq!(error.message, "Something went wrong on our side.");
        let extensions = serde_json::to_string(&error.extensions).unwrap();
        assert_eq!(extensions, r#"{"code":"INTERNAL","requestId":"r-1"}"#);
    }
}
