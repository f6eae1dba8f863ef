//! Documents that were parsed before: clients send the same few again and again.
//!
//! **Invariant:** what is kept is what the parser made of the very same text. All that is checked of a document and of
//! its variables is checked anew each time.
//! **Invariant:** no more than [`KEPT_MAX`] documents are kept, none of more than [`KEPT_BYTES`].
use async_graphql::parser::types::ExecutableDocument;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Documents that are kept. One that is parsed takes some ten times the room of its text.
const KEPT_MAX: usize = 128;
/// Bytes of the text of a document that is kept.
const KEPT_BYTES: usize = 4 * 1024;

/// The documents that were asked for last.
#[derive(Default)]
pub(super) struct Documents(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    documents: HashMap<String, Document>,
    /// Grows with each use.
    uses: u64,
}

struct Document {
    parsed: Arc<ExecutableDocument>,
    used: u64,
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A document may hold what nobody else may read.
        f.debug_struct("Documents").finish_non_exhaustive()
    }
}

impl Documents {
    /// What the parser made of the text, if that is kept.
    pub(super) fn of(&self, text: &str) -> Option<ExecutableDocument> {
        let parsed = {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.uses += 1;
            let used = kept.uses;
            let document = kept.documents.get_mut(text)?;
            document.used = used;
            Arc::clone(&document.parsed)
        };
        Some(ExecutableDocument::clone(&parsed))
    }

    /// Keeps what the parser made of the text, in the place of what was not asked for the longest.
    pub(super) fn keep(&self, text: &str, parsed: &ExecutableDocument) {
        if text.len() > KEPT_BYTES {
            return;
        }
        let parsed = Arc::new(parsed.clone());
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.documents.len() >= KEPT_MAX && !kept.documents.contains_key(text) {
            let oldest = kept.documents.iter().min_by_key(|(_, document)| document.used);
            if let Some(oldest) = oldest.map(|(text, _)| text.clone()) {
                kept.documents.remove(&oldest);
            }
        }
        kept.uses += 1;
        let used = kept.uses;
        kept.documents.insert(text.to_owned(), Document { parsed, used });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::parser::parse_query;

    fn keep(documents: &Documents, text: &str) {
        documents.keep(text, &parse_query(text).unwrap());
    }

    #[test]
    fn a_document_is_told_of_its_own_text_alone() {
        let documents = Documents::default();
        keep(&documents, "{a}");
        keep(&documents, "{a }");
        let told = documents.of("{a}").unwrap();
        assert_eq!(format!("{told:?}"), format!("{:?}", parse_query("{a}").unwrap()));
        assert!(documents.of("{b}").is_none() && documents.of("{a").is_none());
    }

    #[test]
    fn the_last_used_are_kept_and_no_long_ones() {
        let documents = Documents::default();
        let text = |nth: usize| format!("{{a{nth}}}");
        for nth in 0..KEPT_MAX {
            keep(&documents, &text(nth));
        }
        assert!(documents.of(&text(0)).is_some());
        keep(&documents, &text(KEPT_MAX));
        assert!(documents.of(&text(0)).is_some(), "it was used since");
        assert!(documents.of(&text(1)).is_none(), "the oldest gave way");
        assert_eq!(documents.0.lock().unwrap().documents.len(), KEPT_MAX);
        let long = format!("{{a}}#{}", "x".repeat(KEPT_BYTES));
        keep(&documents, &long);
        assert!(documents.of(&long).is_none());
    }
}
