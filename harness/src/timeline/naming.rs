//! Names of first appearance.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::scan::{Piece, offset, pieces};
use crate::privacy::mask;

/// What ids are called so far.
#[derive(Debug)]
pub(super) struct Names {
    start: DateTime<Utc>,
    numbers: HashMap<String, u32>,
    next: HashMap<String, u32>,
}

impl Names {
    /// No names yet, in a story that begins at `start`.
    pub(super) fn new(start: DateTime<Utc>) -> Self {
        Self { start, numbers: HashMap::new(), next: HashMap::new() }
    }

    /// What words are sorted by: ids that have a name by their number, others alike; phones whole.
    pub(super) fn key(&self, words: &str) -> String {
        let piece = |piece| match piece {
            Piece::Id { prefix, whole } => match self.numbers.get(whole) {
                // Padded, so that the tenth comes after the second.
                Some(number) => format!("{prefix}#{number:09}"),
                None => format!("{prefix}#?"),
            },
            Piece::Phone(phone) => phone.to_owned(),
            Piece::Instant(at) => offset(self.start, at),
            Piece::Text(text) => text.to_owned(),
        };
        pieces(words).into_iter().map(piece).collect()
    }

    /// The words as they are shown; gives names to ids that have none.
    pub(super) fn show(&mut self, words: &str) -> String {
        let start = self.start;
        let piece = |piece| match piece {
            Piece::Id { prefix, whole } => format!("{prefix}#{}", self.number(prefix, whole)),
            Piece::Phone(phone) => mask(phone),
            Piece::Instant(at) => offset(start, at),
            Piece::Text(text) => text.to_owned(),
        };
        pieces(words).into_iter().map(piece).collect()
    }

    fn number(&mut self, prefix: &str, id: &str) -> u32 {
        if let Some(number) = self.numbers.get(id) {
            return *number;
        }
        let next = self.next.entry(prefix.to_owned()).or_default();
        *next = next.saturating_add(1);
        self.numbers.insert(id.to_owned(), *next);
        *next
    }
}

/// What many lines have in common: ids of recipients' things and phones alike.
pub(super) fn pattern(words: &str) -> String {
    let piece = |piece| match piece {
        Piece::Id { prefix, .. } => format!("{prefix}#*"),
        Piece::Phone(_) => "…".to_owned(),
        Piece::Instant(at) => at.to_rfc3339(),
        Piece::Text(text) => text.to_owned(),
    };
    pieces(words).into_iter().map(piece).collect()
}

/// Whether words name a recipient or something of theirs, so that many alike are many recipients.
pub(super) fn is_about_one(words: &str) -> bool {
    pieces(words).iter().any(|piece| matches!(piece, Piece::Id { .. } | Piece::Phone(_)))
}
