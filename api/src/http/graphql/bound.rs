//! The limits that a request can exceed, and how that is told: which one, what it is, what was
//! found.
//!
//! **Invariant:** every limit that a request exceeds is told with `extensions.limit`.
use super::problem::{Outcome, Problem, code, error};
use async_graphql::{ErrorExtensionValues, Name, ServerError, Value, indexmap::IndexMap};

/// A limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// Bytes of a document.
    DocumentBytes,
    /// Words, numbers, strings and signs of a document.
    Tokens,
    /// Brackets inside one another.
    Nesting,
    /// Fields inside one another.
    Depth,
    /// Fields of introspection inside one another.
    IntrospectionDepth,
    /// Lists of the schema inside one another.
    IntrospectionLists,
    /// Fields and fragments, every fragment written out.
    Selections,
    /// One field in one selection.
    Repeats,
    /// Aliases, every fragment written out.
    Aliases,
    /// Directives.
    Directives,
    /// Fields at the root of a mutation.
    MutationFields,
    /// Values inside one another in the variables.
    VariablesDepth,
    /// Points of an operation.
    Cost,
    /// Bytes of a body.
    BodyBytes,
    /// Operations on one socket or stream.
    OperationsOfOne,
    /// Operations of one key.
    OperationsOfKey,
    /// Sockets and streams of one key.
    LiveOfKey,
}

impl Bound {
    /// The name that clients can tell it by.
    fn name(self) -> &'static str {
        match self {
            Self::DocumentBytes => "DOCUMENT_BYTES",
            Self::Tokens => "TOKENS",
            Self::Nesting => "NESTING",
            Self::Depth => "DEPTH",
            Self::IntrospectionDepth => "INTROSPECTION_DEPTH",
            Self::IntrospectionLists => "INTROSPECTION_LISTS",
            Self::Selections => "SELECTIONS",
            Self::Repeats => "REPEATS",
            Self::Aliases => "ALIASES",
            Self::Directives => "DIRECTIVES",
            Self::MutationFields => "MUTATION_FIELDS",
            Self::VariablesDepth => "VARIABLES_DEPTH",
            Self::Cost => "COST",
            Self::BodyBytes => "BODY_BYTES",
            Self::OperationsOfOne => "OPERATIONS_PER_CONNECTION",
            Self::OperationsOfKey => "OPERATIONS_PER_KEY",
            Self::LiveOfKey => "CONNECTIONS_PER_KEY",
        }
    }

    /// What it counts, in words.
    fn what(self) -> &'static str {
        match self {
            Self::DocumentBytes => "bytes of the document",
            Self::Tokens => "tokens in the document",
            Self::Nesting => "brackets inside one another",
            Self::Depth => "levels of fields",
            Self::IntrospectionDepth => "levels of introspection",
            Self::IntrospectionLists => "lists of the schema inside one another",
            Self::Repeats => "repeats of one field in one selection",
            Self::Selections => "fields, with every fragment written out",
            Self::Aliases => "aliases, with every fragment written out",
            Self::Directives => "directives",
            Self::MutationFields => "fields in one mutation",
            Self::VariablesDepth => "levels in the variables",
            Self::Cost => "points of cost",
            Self::BodyBytes => "bytes of the body",
            Self::OperationsOfOne => "operations at once on one socket or stream",
            Self::OperationsOfKey => "operations at once of one key",
            Self::LiveOfKey => "sockets and streams at once of one key",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::DocumentBytes | Self::Tokens | Self::Nesting => code::PARSE_FAILED,
            Self::Cost => code::COST_EXCEEDED,
            Self::BodyBytes => code::BAD_REQUEST,
            Self::VariablesDepth => code::BAD_USER_INPUT,
            Self::OperationsOfOne | Self::OperationsOfKey | Self::LiveOfKey => code::RATE_LIMITED,
            Self::Depth
            | Self::IntrospectionDepth
            | Self::IntrospectionLists
            | Self::Selections
            | Self::Repeats
            | Self::Aliases
            | Self::Directives
            | Self::MutationFields => code::VALIDATION_FAILED,
        }
    }

    fn outcome(self) -> Outcome {
        match self {
            Self::BodyBytes => Outcome::BodyTooLong,
            Self::OperationsOfOne | Self::OperationsOfKey | Self::LiveOfKey => Outcome::TooMany,
            _ => Outcome::Refused,
        }
    }

    /// Passes what is within the limit.
    pub(super) fn check(self, found: usize, maximum: usize) -> Result<(), Problem> {
        if found > maximum { Err(self.problem(Some(found), maximum)) } else { Ok(()) }
    }

    /// What is told of a request in which more was found; how much, if it is known.
    pub(super) fn problem(self, found: Option<usize>, maximum: usize) -> Problem {
        Problem::of(self.outcome(), vec![self.error(found, maximum)])
    }

    /// The error alone.
    pub(super) fn error(self, found: Option<usize>, maximum: usize) -> ServerError {
        let what = self.what();
        let message = match found {
            Some(found) => format!("At most {maximum} {what} are allowed; there are {found}."),
            None => format!("At most {maximum} {what} are allowed; there are more."),
        };
        let mut error = error(self.code(), message);
        let mut limit = vec![("name", Value::from(self.name())), ("maximum", maximum.into())];
        limit.extend(found.map(|found| ("found", found.into())));
        set_limit(&mut error, limit);
        error
    }
}

/// Tells the limit in the error's extensions.
pub(super) fn set_limit(error: &mut ServerError, limit: Vec<(&str, Value)>) {
    let limit: IndexMap<Name, Value> =
        limit.into_iter().map(|(name, value)| (Name::new(name), value)).collect();
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("limit", Value::Object(limit));
}

#[cfg(test)]
mod tests {
    use super::Bound;

    #[test]
    fn an_excess_names_its_limit_and_what_was_found() {
        assert!(Bound::Depth.check(12, 12).is_ok());
        let error = Bound::Depth.check(13, 12).unwrap_err().into_errors().remove(0);
        assert_eq!(error.message, "At most 12 levels of fields are allowed; there are 13.");
        let extensions = serde_json::to_string(&error.extensions).unwrap();
        let limit = r#""limit":{"name":"DEPTH","maximum":12,"found":13}"#;
        assert_eq!(extensions, format!(r#"{{"code":"GRAPHQL_VALIDATION_FAILED",{limit}}}"#));
        let unknown = Bound::BodyBytes.error(None, 5);
        assert_eq!(unknown.message, "At most 5 bytes of the body are allowed; there are more.");
    }
}
