//! Direct texts: what is texted to a few numbers outside any campaign's ledger.
//!
//! They count in no statistics and start no Smart Sending window; neither quiet hours nor Smart Sending
//! holds them.
//!
//! **Invariant:** a test says that it is one in its first words.

use crate::template::Rendered;

crate::codes! {
    /// Kinds of direct text.
    pub enum DirectKind {
        /// A step of a campaign, texted to numbers of the caller's own.
        Test = "test",
        /// The answer to a text that asked for help.
        HelpReply = "help_reply",
    }
}

/// What every test begins with.
pub const TEST_MARK: &str = "TEST: ";

/// A rendered message as a test of it goes out: marked, and measured with the mark.
#[must_use]
pub fn marked(rendered: &Rendered) -> Rendered {
    let text = format!("{TEST_MARK}{}", rendered.text);
    Rendered { measure: crate::text::measure(&text), text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::measure;

    /// The mark is counted like all that is sent.
    #[test]
    fn a_mark_is_counted() {
        let text = "a".repeat(155);
        let rendered = Rendered { measure: measure(&text), text };
        let marked = marked(&rendered);
        assert!(marked.text.starts_with("TEST: aaa"));
        assert_eq!((rendered.measure.segments, marked.measure.segments), (1, 2));
    }
}
