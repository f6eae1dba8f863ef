//! `harness check`: proves the invariants of the campaign ledger from a journal, from outside.
//!
//! A journal says what reached the world, what was asked and answered, what was told, and how the ledgers
//! stood in the end; `docs/journal.md` is its format and lists the invariants. Each rule looks for two facts
//! that cannot both be as they must, and shows them.
//!
//! **Invariant:** nothing here calls `domain` or `api`: what counts, shows the time, fills a text or knows a
//! law here was written anew.
//! **Invariant:** no phone and no text stands in what is printed.

mod book;
mod evidence;
mod findings;
mod law;
mod read;
mod rule;
mod rules;
mod segments;
mod symbols;
mod text;
mod zones;

use std::fs::File;
use std::io::{self, BufReader, Seek as _, SeekFrom, Write};
use std::path::Path;

pub use findings::{Findings, Violation};
pub use rule::Rule;

use evidence::Evidence;

/// A journal that cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("the journal cannot be read")]
    Read(#[source] io::Error),
    /// There is nothing in it.
    #[error("the journal is empty")]
    Empty,
    /// A line is too long.
    #[error("line {line} is too long")]
    TooLong {
        /// The line, from 1.
        line: u32,
    },
    /// There are too many lines.
    #[error("there are more than {lines} lines")]
    TooMany {
        /// How many are read.
        lines: u32,
    },
    /// A line is no fact.
    #[error("line {line} is no fact of this format")]
    Parse {
        /// The line, from 1.
        line: u32,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A line is cut off and its writer went on.
    #[error(
        "line {line} is cut off or no fact of this format, and its writer was not killed over it"
    )]
    Torn {
        /// The line, from 1.
        line: u32,
    },
    /// A writer's lines are not all there, or not in their order.
    #[error("line {line}: writer `{by}` should go on with number {expected}, and this is {found}")]
    Gap {
        /// The line, from 1.
        line: u32,
        /// The writer.
        by: String,
        /// The number it should have.
        expected: u64,
        /// The number it has.
        found: u64,
    },
    /// The journal is of another version.
    #[error("line {line}: the journal is of version {found}, which this harness does not read")]
    Version {
        /// The line, from 1.
        line: u32,
        /// Its version.
        found: u32,
    },
    /// The report cannot be written.
    #[error("the report cannot be written")]
    Write(#[source] io::Error),
}

/// What came of a check.
#[derive(Debug)]
pub struct Report {
    findings: Findings,
    evidence: Evidence,
    lines: u64,
    torn: u64,
}

/// Checks the journal in a file.
pub fn check_file(path: &Path) -> Result<Report, Error> {
    let mut file = File::open(path).map_err(Error::Read)?;
    let book = read::read(BufReader::new(&file))?;
    let findings = rules::apply(&book);
    file.seek(SeekFrom::Start(0)).map_err(Error::Read)?;
    let evidence = Evidence::collect(BufReader::new(file), &findings).map_err(Error::Read)?;
    Ok(Report { findings, evidence, lines: book.lines, torn: book.torn })
}

/// Checks a journal that was kept in memory.
pub fn check_text(journal: &str) -> Result<Report, Error> {
    let book = read::read(journal.as_bytes())?;
    let findings = rules::apply(&book);
    let evidence = Evidence::collect(journal.as_bytes(), &findings).map_err(Error::Read)?;
    Ok(Report { findings, evidence, lines: book.lines, torn: book.torn })
}

impl Report {
    /// What was found.
    pub fn findings(&self) -> &Findings {
        &self.findings
    }

    /// Whether every invariant holds.
    pub fn is_clean(&self) -> bool {
        self.findings.is_clean()
    }

    /// Each violation with its evidence, three lines each: the rule, and the two facts.
    pub fn violations(&self) -> Vec<String> {
        let told = |violation: &&Violation| self.evidence.tell(violation);
        self.findings.violations().iter().map(told).collect()
    }

    /// Prints a line a rule, and the evidence of what does not hold.
    pub fn print(&self, out: &mut impl Write) -> Result<(), Error> {
        self.write(out).map_err(Error::Write)
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for rule in Rule::ALL {
            let (judged, broken) =
                (self.findings.times_judged(*rule), self.findings.times_broken(*rule));
            let verdict = match (judged, broken) {
                (_, 1..) => "FAIL",
                (0, 0) => "none",
                _ => "PASS",
            };
            let code = rule.code();
            writeln!(out, "{code:<4} {verdict} {judged:>9}  {}", rule.words())?;
        }
        let torn = if self.torn > 0 { format!(", {} cut off", self.torn) } else { String::new() };
        writeln!(out, "{} lines{torn}", self.lines)?;
        for told in self.violations() {
            writeln!(out, "\n{told}")?;
        }
        writeln!(out, "{}", if self.is_clean() { "PASS" } else { "FAIL" })
    }
}
