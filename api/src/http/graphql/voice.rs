//! In which words a transport tells what an operation answers, and how it ended.
use async_graphql::{Response, ServerError};

/// The words of one transport. Each function is given the id under which the client knows the
/// operation.
#[derive(Debug)]
pub(super) struct Voice {
    /// An answer, after which there may be more.
    pub(super) next: fn(&str, &Response) -> String,
    /// The last word of an operation that was refused or broke.
    pub(super) failed: fn(&str, &[ServerError]) -> String,
    /// The last word of an operation all of whose answers were told.
    pub(super) complete: fn(&str) -> String,
}
