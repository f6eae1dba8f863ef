//! Texts that occur again and again, kept once.

use std::collections::HashMap;
use std::sync::Arc;

/// A text that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Sym(u32);

/// The texts.
#[derive(Default)]
pub(super) struct Symbols {
    known: HashMap<Arc<str>, Sym>,
    texts: Vec<Arc<str>>,
}

impl Symbols {
    /// Keeps a text.
    pub(super) fn keep(&mut self, text: &str) -> Sym {
        if let Some(known) = self.known.get(text) {
            return *known;
        }
        let text: Arc<str> = text.into();
        // The lines of a journal are bounded far below what the number holds.
        let sym = Sym(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(Arc::clone(&text));
        self.known.insert(text, sym);
        sym
    }

    /// The symbol of a text that may be kept.
    pub(super) fn find(&self, text: &str) -> Option<Sym> {
        self.known.get(text).copied()
    }

    /// The text.
    pub(super) fn text(&self, sym: Sym) -> &str {
        let place = usize::try_from(sym.0).unwrap_or(usize::MAX);
        self.texts.get(place).map_or("", |text| text)
    }
}
