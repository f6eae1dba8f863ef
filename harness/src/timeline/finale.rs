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
    /// Who was texted more than once, by phone.
    pub repeats: Vec<Repeat>,
}

/// Somebody who was texted more than once.
#[derive(Clone, Default)]
pub struct Repeat {
    /// The phone.
    pub phone: String,
    /// With what, in the order of the campaigns and their steps, and how often each: once, unless it is a
    /// double.
    pub texts: Vec<(Text, u64)>,
}

/// What somebody was texted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// A message of a campaign.
    Message {
        /// The campaign's id.
        campaign: String,
        /// Its step's place, the first message being 0.
        position: u64,
    },
    /// A test, or an answer to HELP.
    OfNoCampaign,
}

impl Text {
    fn campaign(&self) -> Option<&str> {
        match self {
            Self::Message { campaign, .. } => Some(campaign),
            Self::OfNoCampaign => None,
        }
    }

    /// In words. Whoever gets a message of a campaign more than once is texted twice; tests and answers to
    /// HELP may come as often as they were asked for.
    fn words(&self, count: u64) -> String {
        let often = if count > 1 { format!("{count} times ") } else { String::new() };
        match self {
            Self::Message { position: 0, .. } => format!("{often}the first message"),
            Self::Message { position, .. } => format!("{often}follow-up {position}"),
            Self::OfNoCampaign => plural(count, "text") + " of no campaign",
        }
    }
}

impl std::fmt::Debug for Repeat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repeat")
            .field("phone", &mask(&self.phone))
            .field("texts", &self.texts)
            .finish()
    }
}

impl Repeat {
    /// In words: `…0100 was texted the first message and follow-up 1 of camp_…`. A double is marked.
    fn words(&self) -> String {
        let mut campaigns: Vec<(Option<&str>, Vec<String>)> = Vec::new();
        for (text, count) in &self.texts {
            let words = text.words(*count);
            match campaigns.last_mut().filter(|(known, _)| *known == text.campaign()) {
                Some((_, texts)) => texts.push(words),
                None => campaigns.push((text.campaign(), vec![words])),
            }
        }
        let told = campaigns.into_iter().map(|(campaign, texts)| {
            let of = campaign.map_or_else(String::new, |id| format!(" of {id}"));
            format!("{}{of}", texts.join(" and "))
        });
        let told: Vec<String> = told.collect();
        let is_double =
            self.texts.iter().any(|(text, count)| *count > 1 && text.campaign().is_some());
        let mark = if is_double { "! " } else { "" };
        format!("  {mark}{} was texted {}", self.phone, told.join(", "))
    }
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
        lines.extend(self.repeats.iter().map(|repeat| names.show(&repeat.words())));
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
