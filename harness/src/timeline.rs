//! The timeline: everything that happened in a scenario, in words, the same every time.
//!
//! Entries of one instant, beat and phase have no order of their own: they are sorted by their
//! words. Ids are replaced by names of first appearance (`msg#3`), instants by offsets from the
//! start (`+00:15:00.000`), phones by their last four digits; and many alike in one instant are
//! told as one line with a count.
//!
//! **Invariant:** the text depends on what happened and when by the clock, not on ids or on the
//! order within a beat. For that an id's first line must tell it apart: by a phone beside it, or by
//! an id that has a name already.

mod finale;
mod fold;
mod naming;
mod scan;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

pub use finale::{CampaignEnd, Finale, Repeat, Text};

use naming::Names;

/// Who speaks first within one instant: causes before effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// What a caller does, and what it is answered.
    Call,
    /// What the service decides and tells: status changes, events.
    Event,
    /// What is handed over, and what is answered to it.
    HandOver,
    /// What the aggregator posts.
    Receipt,
    /// What the service tells because of it.
    Effect,
}

/// One thing that happened.
#[derive(Clone, Debug)]
struct Entry {
    at: DateTime<Utc>,
    beat: u32,
    phase: Phase,
    actor: String,
    words: String,
}

/// What happened, entry by entry.
#[derive(Clone, Debug)]
pub struct Timeline {
    start: DateTime<Utc>,
    beat: u32,
    entries: Vec<Entry>,
}

impl Timeline {
    /// An empty timeline of a story that begins at `start`.
    pub fn new(start: DateTime<Utc>) -> Self {
        Self { start, beat: 0, entries: Vec::new() }
    }

    /// What is added from here on comes after what was added before, even at the same instant: a
    /// story calls this between two things that it does one after the other.
    pub fn next_beat(&mut self) {
        self.beat = self.beat.saturating_add(1);
    }

    /// Adds something that happened. `words` may hold ids, phones and instants as they are, and may
    /// begin with an arrow; line ends in it are written as spaces.
    pub fn push(
        &mut self,
        at: DateTime<Utc>,
        phase: Phase,
        actor: impl Into<String>,
        words: impl AsRef<str>,
    ) {
        let words = words.as_ref().split_whitespace().collect::<Vec<_>>().join(" ");
        let beat = self.beat;
        self.entries.push(Entry { at, beat, phase, actor: actor.into(), words });
    }

    /// Adds what the aggregator saw and did.
    pub fn push_journal(&mut self, journal: &[crate::aggregator::Entry]) {
        for entry in journal {
            let phase = if entry.is_outgoing() { Phase::Receipt } else { Phase::HandOver };
            self.push(entry.at, phase, "aggregator", entry.words());
        }
    }

    /// The text: a line an entry, then how it ended.
    pub fn render(&self, finale: &Finale) -> String {
        let mut names = Names::new(self.start);
        let mut lines = Vec::new();
        for ((at, ..), entries) in self.groups() {
            let offset = scan::offset(self.start, at);
            let told = fold::lines(&mut names, &entries);
            lines.extend(told.into_iter().map(|line| format!("{offset} {line}")));
        }
        lines.push(String::new());
        lines.push(finale.render(&mut names));
        lines.join("\n")
    }

    /// The entries by instant, beat and phase.
    fn groups(&self) -> BTreeMap<(DateTime<Utc>, u32, Phase), Vec<&Entry>> {
        let mut groups: BTreeMap<_, Vec<&Entry>> = BTreeMap::new();
        for entry in &self.entries {
            groups.entry((entry.at, entry.beat, entry.phase)).or_default().push(entry);
        }
        groups
    }
}
