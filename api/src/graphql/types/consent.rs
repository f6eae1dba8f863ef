//! The log of consent.

use crate::graphql::{
    enums::{ConsentEntryKind, ConsentSource},
    scalars::DateTime,
};
use async_graphql::Object;
use domain::consent;

/// Something that was said of a phone and bears on whether it may be texted.
#[derive(Clone)]
pub(crate) struct ConsentEntry(consent::ConsentEntry);

impl From<consent::ConsentEntry> for ConsentEntry {
    fn from(entry: consent::ConsentEntry) -> Self {
        Self(entry)
    }
}

/// Something that was said of a phone and bears on whether it may be texted. Entries are never
/// changed or removed.
#[Object]
impl ConsentEntry {
    /// What was said.
    fn kind(&self) -> ConsentEntryKind {
        self.0.kind.into()
    }

    /// By whom.
    fn source(&self) -> ConsentSource {
        self.0.source.into()
    }

    /// The word that was understood, such as `STOP`, or the aggregator's code, such as `OptedOut`.
    /// Never the text.
    fn word(&self) -> Option<&str> {
        self.0.word.as_deref()
    }

    /// The name of the API key that called. Null unless the source is `API`.
    fn actor_name(&self) -> Option<&str> {
        self.0.actor.as_deref()
    }

    /// When it happened. Of an opt-out and an opt-in by text, the one that happened later counts,
    /// whichever was recorded first.
    fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }

    /// When it was recorded.
    fn recorded_at(&self) -> DateTime {
        self.0.recorded_at.into()
    }
}
