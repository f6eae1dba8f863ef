//! What was found: how often each rule was applied, and what contradicts it.
//!
//! **Invariant:** however much is wrong, a bounded number of violations is kept of each rule.

use std::collections::BTreeMap;

use super::book::Stamp;
use super::rule::Rule;

/// Violations of one rule that are kept with their evidence; more are counted.
const KEPT_MAX: usize = 20;

/// Two facts that cannot both be as they must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule.
    pub rule: Rule,
    /// What is wrong, in words, without a phone.
    pub what: String,
    /// The lines of the two facts, from 1. They are the same where one fact contradicts itself.
    pub lines: [u32; 2],
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    judged: BTreeMap<Rule, u64>,
    counted: BTreeMap<Rule, u64>,
    kept: Vec<Violation>,
}

impl Findings {
    /// Notes that a rule was applied once.
    pub(super) fn judged(&mut self, rule: Rule) {
        let count = self.judged.entry(rule).or_default();
        *count = count.saturating_add(1);
    }

    /// Notes that a rule does not hold: the fact that says what must be, and the one that is otherwise.
    pub(super) fn against(&mut self, rule: Rule, what: impl Into<String>, facts: [Stamp; 2]) {
        let count = self.counted.entry(rule).or_default();
        *count = count.saturating_add(1);
        if self.kept.iter().filter(|kept| kept.rule == rule).count() < KEPT_MAX {
            let lines = facts.map(|stamp| stamp.line);
            self.kept.push(Violation { rule, what: what.into(), lines });
        }
    }

    /// Applies a rule once: `holds` says whether it does.
    pub(super) fn hold(
        &mut self,
        rule: Rule,
        holds: bool,
        facts: [Stamp; 2],
        what: impl FnOnce() -> String,
    ) {
        self.judged(rule);
        if !holds {
            self.against(rule, what(), facts);
        }
    }

    /// How often a rule was applied.
    pub fn times_judged(&self, rule: Rule) -> u64 {
        self.judged.get(&rule).copied().unwrap_or_default()
    }

    /// How often it did not hold.
    pub fn times_broken(&self, rule: Rule) -> u64 {
        self.counted.get(&rule).copied().unwrap_or_default()
    }

    /// The violations, as far as they are kept, by rule and then as they were found.
    pub fn violations(&self) -> Vec<&Violation> {
        let mut violations: Vec<&Violation> = self.kept.iter().collect();
        violations.sort_by_key(|violation| violation.rule);
        violations
    }

    /// Whether every rule holds.
    pub fn is_clean(&self) -> bool {
        self.counted.is_empty()
    }
}
