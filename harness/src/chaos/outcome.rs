//! What came of a run, in numbers: counted from what the aggregator took and from the service's ledgers.
//!
//! **Invariant:** what is counted as taken was taken by the aggregator's account, never by the service's.

use super::{plays::Rest, tell};
use crate::{
    aggregator::Ledger,
    world::{Audit, Row},
};
use std::collections::{HashMap, HashSet};

/// The states of messages that are not where they end.
const OPEN: [&str; 3] = ["DEFERRED", "QUEUED", "IN_FLIGHT"];
/// The states of messages that the aggregator took by the service's account.
const TAKEN: [&str; 3] = ["ACCEPTED", "DELIVERED", "UNCONFIRMED"];

/// How many pieces of evidence are shown.
const EVIDENCE_MAX: usize = 5;

/// What came of one run, or of several.
#[derive(Clone, Debug, Default)]
pub(super) struct Outcome {
    /// Messages in the service's ledgers.
    pub(super) messages: u64,
    /// Those that were to leave and did not, and recipients without a message.
    pub(super) lost: u64,
    /// How often a message was taken after its first time.
    pub(super) doubled: u64,
    /// Those whose outcome is not known in the end.
    pub(super) unknown: u64,
    /// Those among them that the aggregator could have told of.
    pub(super) unresolved: u64,
    /// How often an invariant does not hold.
    pub(super) violations: u64,
    /// How often the service was killed.
    pub(super) kills: u64,
    /// Runs.
    pub(super) runs: u64,
    /// The evidence of what does not hold.
    pub(super) evidence: Vec<String>,
}

impl Outcome {
    /// Counts what became of campaigns.
    pub(super) fn count(audits: &[Audit], taken: &Ledger, rest: Rest) -> Self {
        let ids: HashSet<&str> = taken.iter().map(|one| one.id.as_str()).collect();
        let mut outcome = Self { doubled: doubled(taken), runs: 1, ..Self::default() };
        for audit in audits {
            let initial = audit.rows.iter().filter(|row| row.position == 0).count();
            let initial = u64::try_from(initial).unwrap_or(u64::MAX);
            let recipients = audit.recipients.unwrap_or_default();
            outcome.lost = outcome.lost.saturating_add(recipients.saturating_sub(initial));
            outcome.lost = outcome.lost.saturating_add(missing(audit, rest));
            for row in &audit.rows {
                let state = row.status.as_str();
                let is_there = row.aggregator_id.as_deref().is_some_and(|id| ids.contains(id));
                let is_lost = OPEN.contains(&state) || (TAKEN.contains(&state) && !is_there);
                outcome.messages = outcome.messages.saturating_add(1);
                outcome.lost = outcome.lost.saturating_add(is_lost.into());
                let is_unknown = state == "UNKNOWN";
                outcome.unknown = outcome.unknown.saturating_add(is_unknown.into());
            }
        }
        if rest.has_answers {
            outcome.unresolved = outcome.unknown;
        }
        outcome
    }

    /// Adds what came of another run.
    pub(super) fn add(&mut self, other: Self) {
        for (sum, more) in [
            (&mut self.messages, other.messages),
            (&mut self.lost, other.lost),
            (&mut self.doubled, other.doubled),
            (&mut self.unknown, other.unknown),
            (&mut self.unresolved, other.unresolved),
            (&mut self.violations, other.violations),
            (&mut self.kills, other.kills),
            (&mut self.runs, other.runs),
        ] {
            *sum = sum.saturating_add(more);
        }
        self.evidence.extend(other.evidence);
    }

    /// Whether all is well.
    pub(super) const fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.unresolved == 0 && self.violations == 0
    }

    /// Tells what came of it, and the first pieces of evidence.
    pub(super) fn show(&self) {
        tell(&format!(
            "{} messages, {} lost, {} doubled, {} unknown, {} unresolved, {} violations",
            self.messages, self.lost, self.doubled, self.unknown, self.unresolved, self.violations
        ));
        for evidence in self.evidence.iter().take(EVIDENCE_MAX) {
            tell(evidence);
        }
    }
}

/// Follow-ups that are owed to who was reached by the step before, and that no message stands for.
fn missing(audit: &Audit, rest: Rest) -> u64 {
    let reached = audit.rows.iter().filter(|row| TAKEN.contains(&row.status.as_str()));
    let is_owed = |row: &&Row| {
        row.position.saturating_add(1) < audit.steps && rest.stops != Some(row.phone.as_str())
    };
    let owed = reached.filter(is_owed);
    let lacking =
        owed.filter(|row| audit.row(&row.phone, row.position.saturating_add(1)).is_none());
    u64::try_from(lacking.count()).unwrap_or(u64::MAX)
}

/// How often a text was taken for a phone after its first time. Texts of different messages differ.
fn doubled(taken: &Ledger) -> u64 {
    let mut times: HashMap<(&str, &str), u64> = HashMap::new();
    for one in taken.iter() {
        *times.entry((&one.request.to, &one.request.text)).or_default() += 1;
    }
    times.values().map(|count| count.saturating_sub(1)).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(phone: &str, position: u64, status: &str) -> Row {
        Row {
            id: format!("{phone} {position}"),
            step: String::new(),
            position,
            phone: phone.to_owned(),
            status: status.to_owned(),
            reason: None,
            rule: None,
            aggregator_id: Some("agg_1".to_owned()),
            zone: String::new(),
            zones: Vec::new(),
            region: None,
            due_at: None,
            deferred_from: None,
            accepted_at: None,
            delivered_at: None,
            attempts: None,
            segments: None,
        }
    }

    /// Goal: each way to lose a message counts. Method: a ledger that says more than the aggregator, which took
    /// nothing, and lacks two messages.
    #[test]
    fn what_is_missing_is_lost() {
        let rows = vec![
            row("taken", 0, "DELIVERED"),
            row("taken", 1, "SKIPPED"),
            row("owed a follow-up", 0, "ACCEPTED"),
            row("left", 0, "ACCEPTED"),
            row("open", 0, "QUEUED"),
            row("unknown", 0, "UNKNOWN"),
        ];
        let audit = Audit { recipients: Some(6), steps: 2, rows, ..Audit::default() };
        let rest = Rest { has_answers: true, has_receipts: true, stops: Some("left") };
        let outcome = Outcome::count(&[audit], &Ledger::default(), rest);
        // Three that nobody took, one follow-up, one that is open, and one recipient without a message.
        assert_eq!((outcome.messages, outcome.lost, outcome.doubled), (6, 6, 0), "{outcome:?}");
        assert_eq!((outcome.unknown, outcome.unresolved), (1, 1), "{outcome:?}");
        assert!(!outcome.is_clean());
    }
}
