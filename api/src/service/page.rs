//! Pages of a list: keyset cursors, forwards and backwards.
//!
//! **Invariant:** a page never has more than [`domain::limits::PAGE_MAX`] entries.

use uuid::Uuid;

/// A position in a list: the sort value of an entry, and its id to break ties.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The sort value: a number (instants are milliseconds) or text, as text.
    pub value: String,
    /// The id.
    pub id: Uuid,
}

/// Which end of the list a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slice {
    /// The first entries after the cursor.
    First(u64),
    /// The last entries before the cursor.
    Last(u64),
}

/// What page is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// How many, and from which end.
    pub slice: Slice,
    /// Return entries after this position.
    pub after: Option<Cursor>,
    /// Return entries before this position.
    pub before: Option<Cursor>,
}

/// A page, in the list's order whichever end it was taken from.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The entries with their positions.
    pub items: Vec<(Cursor, T)>,
    /// Whether entries follow.
    pub has_next: bool,
    /// Whether entries come before.
    pub has_previous: bool,
}
