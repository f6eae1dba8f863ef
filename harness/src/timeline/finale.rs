//! How a story ended: each campaign's status, counts and messages, and what the aggregator's ledger
//! says.

use std::collections::BTreeMap;

use super::naming::Names;
use crate::aggregator::LedgerSummary;
use crate::privacy::mask;
use crate::world::Standing;

/// How it ended.
#[derive(Clone, Debug, Default)]
pub struct Finale {
    /// The campaigns, in the order they were made.
    pub campaigns: Vec<CampaignEnd>,
    /// What the aggregator took.
    pub ledger: LedgerSummary,
}

/// How a campaign ended.
#[derive(Clone, Debug, Default)]
pub struct CampaignEnd {
    /// Its id.
    pub id: String,
    /// Its status.
    pub status: String,
    /// Why, as a code.
    pub reason: Option<String>,
    /// Its counts, in the order they are shown; those of zero are left out.
    pub counts: Vec<(String, u64)>,
    /// How many of its messages stand alike.
    pub messages: BTreeMap<Standing, u64>,
}

impl Finale {
    /// The closing block.
    pub(super) fn render(&self, names: &mut Names) -> String {
        let mut lines = vec!["--- in the end ---".to_owned()];
        for campaign in &self.campaigns {
            lines.extend(campaign.lines(names));
        }
        lines.push(format!(
            "aggregator: took {} for {}",
            plural(self.ledger.accepted, "message"),
            plural(self.ledger.phones, "phone"),
        ));
        let repeated = self.ledger.repeated.iter();
        lines.extend(
            repeated.map(|(phone, count)| format!("  ! {} was texted {count} times", mask(phone))),
        );
        lines.push(String::new());
        lines.join("\n")
    }
}

impl CampaignEnd {
    fn lines(&self, names: &mut Names) -> Vec<String> {
        let reason = self.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
        let mut lines = vec![names.show(&format!("{}: {}{reason}", self.id, self.status))];
        let counts: Vec<String> = self
            .counts
            .iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name} {count}"))
            .collect();
        let counts = if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        lines.push(format!("  counts: {counts}"));
        for (standing, count) in &self.messages {
            lines.push(names.show(&format!("  {count} × {}", standing.words())));
        }
        lines
    }
}

/// `1 phone`, `2 phones`.
fn plural(count: u64, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}
