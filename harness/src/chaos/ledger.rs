//! The ledger of results: `harness/reliability.jsonl`, a line for each run that was kept, and `RELIABILITY.md`,
//! which is written from it alone.
//!
//! **Invariant:** an entry says what was run, on which commit, and what came of it; nothing is added by hand.

use super::{Error, outcome::Outcome};
use crate::clock::{Now, WallClock};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Write as _, fs::OpenOptions, io::Write as _, path::Path, process::Command, time::Duration,
};

/// The result of one run, and one line of the ledger.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(default)]
pub struct Entry {
    /// The day of the run, in UTC: `2026-11-27`.
    pub date: String,
    /// The commit it was built from, `-dirty` if something was changed since.
    pub commit: String,
    /// What was run: `matrix`, `kills`, `nodes`, `cancels`, `stops`, `resume`.
    pub chaos: String,
    /// The campaign, of a matrix; how much there was, of `resume`.
    pub scenario: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    /// `debug` or `release`.
    pub build: String,
    /// What random moments were drawn from; 0 where there is none.
    pub seed: u64,
    /// How often the service was killed.
    pub kills: u64,
    /// Cancels, or STOP texts, that raced with the dispatch.
    pub races: u64,
    /// Runs that differ in where the service died.
    pub schedules: u64,
    /// Messages in the service's ledgers.
    pub messages: u64,
    /// Those that were to leave and did not.
    pub lost: u64,
    /// How often a message was taken after its first time.
    pub doubled: u64,
    /// Those whose outcome was not known in the end.
    pub unknown: u64,
    /// Those among them that the aggregator could have told of.
    pub unresolved: u64,
    /// How often an invariant did not hold.
    pub violations: u64,
    /// How long it took.
    pub seconds: u64,
}

impl Entry {
    /// What came of a run that took so long.
    pub(super) fn new(chaos: &str, outcome: &Outcome, took: Duration) -> Self {
        Self {
            chaos: chaos.to_owned(),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            kills: outcome.kills,
            messages: outcome.messages,
            lost: outcome.lost,
            doubled: outcome.doubled,
            unknown: outcome.unknown,
            unresolved: outcome.unresolved,
            violations: outcome.violations,
            seconds: took.as_secs(),
            ..Self::default()
        }
    }

    /// Of a scenario, or drawn from a seed.
    pub(super) fn of(self, scenario: &str, seed: u64) -> Self {
        Self { scenario: scenario.to_owned(), seed, ..self }
    }

    /// With so many races and schedules.
    pub(super) fn with_races(self, races: u64, schedules: u64) -> Self {
        Self { races, schedules, ..self }
    }

    /// Of today, of a commit, on a database.
    pub(super) fn dated(self, database: &str, commit: Option<String>) -> Self {
        let date = WallClock.now().format("%Y-%m-%d").to_string();
        let commit = commit.or_else(commit_of).unwrap_or_else(|| "unknown".to_owned());
        Self { date, commit, database: database.to_owned(), ..self }
    }

    /// Whether nothing was lost, doubled, left unresolved or violated.
    pub fn is_clean(&self) -> bool {
        [self.lost, self.doubled, self.unresolved, self.violations].iter().all(|count| *count == 0)
    }

    /// The entry as one line, without its end.
    pub(super) fn line(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Output(error.into()))
    }

    /// Writes it to the end of a ledger.
    pub(super) fn append(&self, ledger: &Path) -> Result<(), Error> {
        let mut file =
            OpenOptions::new().create(true).append(true).open(ledger).map_err(Error::Ledger)?;
        file.write_all(format!("{}\n", self.line()?).as_bytes()).map_err(Error::Ledger)
    }
}

/// What git says of the tree that this was built in.
fn commit_of() -> Option<String> {
    let words = ["describe", "--always", "--dirty", "--abbrev=10"];
    let told =
        Command::new("git").args(words).output().ok().filter(|told| told.status.success())?;
    String::from_utf8(told.stdout).ok().map(|text| text.trim().to_owned())
}

/// Reads a ledger's text.
pub fn read(text: &str) -> Result<Vec<Entry>, Error> {
    let lines = text.lines().enumerate();
    lines
        .map(|(place, line)| {
            serde_json::from_str(line)
                .map_err(|source| Error::Entry { line: place.saturating_add(1), source })
        })
        .collect()
}

const HEADING: &str = "\
# Reliability

What `harness chaos` did to the service, and what came of it. This page is written from
`harness/reliability.jsonl` alone, by a test that fails when it is out of date; nothing is added by hand, and
a run that went badly stays. The section on chaos in docs/journal.md tells how the runs are made and judged.

**Killed** counts deaths by SIGKILL, **races** cancels or STOP texts at a random moment of the dispatch.
**Lost** are messages that were to leave and did not, **doubled** those that the aggregator took twice, by its
own account. **Unknown** are those whose outcome nobody can find out, where the aggregator answers no
questions; what it could have told is **unresolved**. **Violated** counts invariants of docs/journal.md. Of a run of `resume`,
messages are events, each as often as there is a client that was to see it; lost are those that one did not see, doubled
those that one saw again, races connections that clients cut. A run of `simulate` plays schedules
in one process, where nobody is killed for real; docs/simulation.md tells what its violations were, docs/journal.md those
of kills.

";

/// Renders the page of a ledger.
pub fn render(entries: &[Entry]) -> String {
    let mut page = HEADING.to_owned();
    totals(&mut page, entries);
    line(&mut page, "## Every run, newest first\n");
    line(
        &mut page,
        "| date | commit | run | database | build | seed | killed | races | messages | lost | doubled | unknown \
         | unresolved | violated | seconds |",
    );
    line(&mut page, "|---|---|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
    for entry in entries.iter().rev() {
        let run = if entry.scenario.is_empty() {
            entry.chaos.clone()
        } else {
            format!("{} {}", entry.chaos, entry.scenario)
        };
        let numbers = [
            entry.seed,
            entry.kills,
            entry.races,
            entry.messages,
            entry.lost,
            entry.doubled,
            entry.unknown,
            entry.unresolved,
            entry.violations,
            entry.seconds,
        ];
        let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
        line(
            &mut page,
            &format!(
                "| {} | `{}` | {run} | {} | {} | {} |",
                entry.date,
                entry.commit,
                entry.database,
                entry.build,
                numbers.join(" | ")
            ),
        );
    }
    page
}

fn totals(page: &mut String, entries: &[Entry]) {
    line(page, "## In all\n");
    line(page, "| database | killed | races | messages | lost | doubled | unresolved | violated |");
    line(page, "|---|--:|--:|--:|--:|--:|--:|--:|");
    for database in ["sqlite", "postgres"] {
        let sum = |of: &dyn Fn(&Entry) -> u64| {
            let some = entries.iter().filter(|entry| entry.database == database);
            some.map(of).fold(0, u64::saturating_add)
        };
        line(
            page,
            &format!(
                "| {database} | {} | {} | {} | {} | {} | {} | {} |",
                sum(&|it| it.kills),
                sum(&|it| it.races),
                sum(&|it| it.messages),
                sum(&|it| it.lost),
                sum(&|it| it.doubled),
                sum(&|it| it.unresolved),
                sum(&|it| it.violations)
            ),
        );
    }
    line(page, "");
}

fn line(page: &mut String, text: &str) {
    // Writing to a text cannot fail.
    let _ = writeln!(page, "{text}");
}
