//! Many schedules, on several threads, and what they came to.
//!
//! **Invariant:** which thread plays a seed changes nothing of what comes out.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::SecondsFormat;
use clap::Args;
use serde::Serialize;

use super::choices::Choices;
use super::coverage::Coverage;
use super::ground::{Ground, GroundError};
use super::play::{Played, Wanted, play};
use super::shrink::shrink;
use super::store::{Store, StoreError};
use crate::clock::{Now as _, WallClock};

/// One of so many schedules is played twice.
const REPLAY_EVERY: u64 = 100;
/// Failing schedules that are shrunk and told; those beyond are counted.
const TOLD_MAX: usize = 5;
/// The longest a run may take that was not told how long.
const MINUTES_MAX: f64 = 24.0 * 60.0;

/// How much is simulated.
#[derive(Args, Clone, Debug)]
pub struct Simulate {
    /// The seed of the first schedule; the next has the next number.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Schedules.
    #[arg(long, default_value_t = 1_000)]
    pub count: u64,
    /// Stop after so many minutes, however many schedules were played by then.
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Play every so manieth schedule alone: `0/2` and `1/2` together are all.
    #[arg(long, default_value = "0/1", value_parser = shard)]
    pub shard: (u64, u64),
    /// Threads, each with a database of its own.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Tell how often what happened to messages in which state.
    #[arg(long)]
    pub coverage: bool,
    /// Tell the story of the first schedule, line by line, also if nothing is wrong with it.
    #[arg(long)]
    pub tell: bool,
    /// Plays that finding the simplest story of one failure may cost.
    #[arg(long, default_value_t = 3_000)]
    pub shrink: usize,
    /// Stop at the first schedule that fails; it is told as it was played, not simplified.
    #[arg(long)]
    pub fail_fast: bool,
    /// Write the story of each failing schedule to this folder.
    #[arg(long)]
    pub write: Option<PathBuf>,
    /// Append the last line to this file.
    #[arg(long)]
    pub ledger: Option<PathBuf>,
    /// The commit that the last line names.
    #[arg(long, default_value = "unknown")]
    pub commit: String,
}

fn shard(text: &str) -> Result<(u64, u64), String> {
    let parts =
        text.split_once('/').and_then(|(own, of)| Some((own.parse().ok()?, of.parse().ok()?)));
    parts.filter(|(own, of)| own < of).ok_or_else(|| "a shard is written 0/2 or 1/2".to_owned())
}

/// Why nothing can be simulated.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ground cannot be made.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// The database in memory broke down.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file or a thread is not to be had.
    #[error("the system did not do what was asked")]
    System(#[from] std::io::Error),
    /// A thread panicked.
    #[error("a schedule panicked: play the seeds beside it one by one")]
    Panicked,
}

/// A schedule that broke an invariant.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// The invariant's code, `FAULT` or `REPLAY`.
    pub code: &'static str,
    /// What was seen.
    pub what: String,
    /// The story of the simplest schedule that breaks the same.
    pub story: Vec<String>,
    /// That story as a scenario file, where a scenario can tell it.
    pub scenario: Option<String>,
}

/// What a run came to, as the last line says it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// When it ended.
    pub date: String,
    /// Of what it ran.
    pub commit: String,
    /// The first seed.
    pub seed: u64,
    /// Schedules played.
    pub schedules: u64,
    /// Things that happened in them before the faults were lifted.
    pub steps: u64,
    /// Faults, and what else was put in the way, by kind.
    pub faults: BTreeMap<&'static str, u64>,
    /// Messages of their ledgers.
    pub messages: u64,
    /// Schedules that broke an invariant.
    pub violations: u64,
    /// Seconds it took.
    pub seconds: f64,
    /// Schedules played twice, with the same hash.
    pub replayed: u64,
}

/// A run.
#[derive(Debug, Default)]
pub struct Run {
    /// What it came to.
    pub summary: Summary,
    /// The schedules that failed; only the first few are told.
    pub failures: Vec<Failure>,
    /// The table that was asked for.
    pub coverage: String,
    /// The story that was asked for.
    pub story: Vec<String>,
    covered: Coverage,
}

/// Simulates.
pub fn simulate(wanted: &Simulate) -> Result<Run, Error> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("ground.db");
    let ground = {
        // Sqlx has threads of its own and waits for them: its time must run.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(Ground::prepare(&file))?
    };
    let begun = Instant::now();
    let limit = Duration::from_secs_f64(
        wanted.minutes.unwrap_or(MINUTES_MAX).clamp(0.0, MINUTES_MAX) * 60.0,
    );
    let shared = Shared { next: AtomicU64::new(0), is_over: AtomicBool::new(false), begun, limit };
    let threads = wanted.threads.max(1);
    let runs: Vec<Result<Run, Error>> = std::thread::scope(|scope| {
        let spawn = |_| scope.spawn(|| thread(wanted, &ground, &file, &shared));
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        threads.into_iter().map(|it| it.join().unwrap_or(Err(Error::Panicked))).collect()
    });
    let mut all = Run::default();
    for run in runs {
        all.join(run?);
    }
    all.failures.sort_by_key(|failure| failure.seed);
    all.summary.seconds = begun.elapsed().as_secs_f64();
    all.summary.seed = wanted.seed;
    all.summary.commit.clone_from(&wanted.commit);
    all.summary.date = WallClock.now().to_rfc3339_opts(SecondsFormat::Secs, true);
    if wanted.coverage {
        write!(all.coverage, "{}", all.covered).map_err(std::io::Error::other)?;
    }
    if let Some(folder) = &wanted.write {
        write_stories(folder, &all.failures)?;
    }
    if let Some(ledger) = &wanted.ledger {
        append(ledger, &all.summary)?;
    }
    Ok(all)
}

/// What the threads of a run share.
struct Shared {
    next: AtomicU64,
    is_over: AtomicBool,
    begun: Instant,
    limit: Duration,
}

/// The next schedules of a thread, one after the other.
fn thread(wanted: &Simulate, ground: &Ground, file: &Path, shared: &Shared) -> Result<Run, Error> {
    // No timer of the machine's: whoever waits for time waits for the schedule.
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
    let store = Store::load(file)?;
    let mut run = Run::default();
    let (own, of) = wanted.shard;
    while !shared.is_over.load(Ordering::Relaxed) {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        let place = number.saturating_mul(of).saturating_add(own);
        if place >= wanted.count || shared.begun.elapsed() > shared.limit {
            break;
        }
        let seed = wanted.seed.wrapping_add(place);
        let is_told = wanted.tell && place == 0;
        let played = runtime.block_on(one(ground, &store, seed, (is_told, wanted.coverage)));
        match played {
            Ok(played) => {
                let tries = if wanted.fail_fast { 0 } else { wanted.shrink };
                runtime.block_on(run.add(ground, &store, (seed, place, tries), played))?;
                if wanted.fail_fast && !run.failures.is_empty() {
                    shared.is_over.store(true, Ordering::Relaxed);
                }
            }
            Err(error) => {
                shared.is_over.store(true, Ordering::Relaxed);
                return Err(error.into());
            }
        }
    }
    Ok(run)
}

async fn one(
    ground: &Ground,
    store: &Arc<Store>,
    seed: u64,
    (is_told, is_covered): (bool, bool),
) -> Result<Played, StoreError> {
    play(ground, store, Choices::seeded(seed), Wanted { is_told, is_covered }).await
}

impl Run {
    /// Adds a schedule: plays it again if it is its turn, and shrinks it if it failed.
    async fn add(
        &mut self,
        ground: &Ground,
        store: &Arc<Store>,
        (seed, place, tries): (u64, u64, usize),
        played: Played,
    ) -> Result<(), StoreError> {
        let summary = &mut self.summary;
        summary.schedules += 1;
        summary.steps += played.steps;
        summary.messages += played.messages;
        for (fault, count) in &played.faults {
            *summary.faults.entry(fault).or_default() += count;
        }
        self.covered.join(&played.coverage);
        if !played.lines.is_empty() {
            self.story.clone_from(&played.lines);
        }
        if place.is_multiple_of(REPLAY_EVERY) {
            let again = one(ground, store, seed, (false, false)).await?;
            if again.hash == played.hash {
                summary.replayed += 1;
            } else {
                summary.violations += 1;
                let what = "two plays of one seed differ".to_owned();
                let (code, lines) = ("REPLAY", Vec::new());
                self.failures.push(Failure { seed, code, what, story: lines, scenario: None });
            }
        }
        let Some(found) = played.found.first() else { return Ok(()) };
        summary.violations += 1;
        let (code, what) = (found.code(), found.what.clone());
        let Played { lines, scenario, .. } = if self.failures.len() < TOLD_MAX {
            shrink(ground, store, &played, tries).await?
        } else {
            Played::default()
        };
        self.failures.push(Failure { seed, code, what, story: lines, scenario });
        Ok(())
    }

    fn join(&mut self, other: Self) {
        let (mine, theirs) = (&mut self.summary, other.summary);
        mine.schedules += theirs.schedules;
        mine.steps += theirs.steps;
        mine.messages += theirs.messages;
        mine.violations += theirs.violations;
        mine.replayed += theirs.replayed;
        for (fault, count) in theirs.faults {
            *mine.faults.entry(fault).or_default() += count;
        }
        self.failures.extend(other.failures);
        self.covered.join(&other.covered);
        if !other.story.is_empty() {
            self.story = other.story;
        }
    }

    /// The run in words, its last line the summary.
    pub fn print(&self, out: &mut impl std::io::Write) -> std::io::Result<()> {
        for line in &self.story {
            writeln!(out, "{line}")?;
        }
        for Failure { seed, code, what, story, .. } in &self.failures {
            writeln!(out, "seed {seed}: {code}: {what}")?;
            for line in story {
                writeln!(out, "    {line}")?;
            }
        }
        write!(out, "{}", self.coverage)?;
        writeln!(out, "{}", line(&self.summary)?)
    }
}

fn line(summary: &Summary) -> std::io::Result<String> {
    serde_json::to_string(summary).map_err(std::io::Error::other)
}

fn append(ledger: &Path, summary: &Summary) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(ledger)?;
    writeln!(file, "{}", line(summary)?)
}

fn write_stories(folder: &Path, failures: &[Failure]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for failure in failures.iter().filter(|failure| !failure.story.is_empty()) {
        let Failure { seed, code, what, story, scenario } = failure;
        let text = format!("seed {seed}: {code}: {what}\n{}\n", story.join("\n"));
        std::fs::write(folder.join(format!("{code}-{seed}.txt")), text)?;
        if let Some(scenario) = scenario {
            std::fs::write(folder.join(format!("{code}-{seed}.yaml")), scenario)?;
        }
    }
    Ok(())
}
