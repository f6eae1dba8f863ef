//! What contradicts an invariant.

use crate::check::Rule;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The invariant; none when the service broke down instead.
    pub rule: Option<Rule>,
    /// What was seen.
    pub what: String,
}

impl Found {
    /// A contradiction of an invariant.
    pub(super) fn against(rule: Rule, what: impl Into<String>) -> Self {
        Self { rule: Some(rule), what: what.into() }
    }

    /// The service did not do what it was asked, though nothing was wrong with its database.
    pub(super) fn fault(what: impl Into<String>) -> Self {
        Self { rule: None, what: what.into() }
    }

    /// The invariant's code, or `FAULT`.
    pub fn code(&self) -> &'static str {
        self.rule.map_or("FAULT", Rule::code)
    }
}
