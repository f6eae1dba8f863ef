//! `harness chaos nodes`: several nodes on one PostgreSQL, and what befalls them: one is killed, stands still for
//! longer than every lease and wakes, is asked to end and started again, or all are cut off from the database.
//!
//! **Invariant:** who is befallen, by what and when is drawn from the seed; what the nodes do then is their own.

use super::{
    Error,
    kills::{REST, SPEED, campaigns_through, story},
    ledger::Entry,
    place::{self, Place},
    service::LEASE,
    stage::{Setting, Stage},
    template::Template,
};
use crate::dice;
use rustix::process::{Pid, Signal, kill_process};
use sea_orm::{ConnectionTrait as _, DbBackend, Statement};
use std::time::{Duration, Instant};

/// Nodes at work at once.
const NODES: usize = 2;
/// The shortest while between two blows, in microseconds.
const WHILE_MIN_US: u64 = 20_000;
/// What may come to it.
const WHILE_MORE_US: u64 = 500_000;
/// For how many leases a node stands still.
const LEASES_STILL: u32 = 3;
/// How often all are cut off in one blow.
const CUTS: u32 = 10;
/// How long between: less than it takes to connect again and do much.
const CUT_PAUSE: Duration = Duration::from_millis(50);
/// The most blows and recipients of one run.
const COUNT_MAX: u64 = 100_000;

/// What to run, and where.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// How many blows.
    #[arg(long)]
    count: u64,
    /// What they are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The recipients of each campaign.
    #[arg(long, default_value_t = 2_000)]
    messages: u32,
    #[command(flatten)]
    place: place::Whereabouts,
}

/// What befalls nodes.
#[derive(Clone, Copy, Debug)]
enum Blow {
    /// One is killed, and another process takes its seat.
    Kill,
    /// One stands still for longer than its claims are leased to it, and goes on.
    Freeze,
    /// One is asked to end, and another takes its seat: what an update does to each in turn.
    Replace,
    /// All lose their connections to the database, again and again.
    Cut,
}

const BLOWS: [Blow; 4] = [Blow::Kill, Blow::Freeze, Blow::Replace, Blow::Cut];

/// Lets blows befall nodes.
pub(super) async fn run(options: &Options) -> Result<Entry, Error> {
    let is_count = |count: u64| (1..=COUNT_MAX).contains(&count);
    if !is_count(options.count) || !is_count(options.messages.into()) {
        return Err(Error::Option("`--count` and `--messages` must be from 1 to 100000"));
    }
    let began = Instant::now();
    let place = Place::open(&options.place).await?;
    if place.store.name() != "postgres" {
        return Err(Error::Option("several nodes need `--database` with PostgreSQL"));
    }
    let story = story("nodes", options.seed, options.messages);
    let template = Template::make(&place.store, "set_up", story).await?;
    let setting =
        Setting { place: &place, template: &template, address: place::address()?, speed: SPEED };
    let mut stage = Stage::open(setting, "run").await?;
    stage.start(0).await?;
    for _ in 1..NODES {
        let seat = stage.add_seat(place::address()?);
        stage.start_in(seat, 0).await?;
    }
    let campaigns =
        campaigns_through(&mut stage, &template, options.count, async |stage, number| {
            let name = number.to_string();
            let pause = dice::below(options.seed, &["while", &name], WHILE_MORE_US);
            tokio::time::sleep(Duration::from_micros(WHILE_MIN_US + pause)).await;
            befall(stage, options.seed, &name).await
        })
        .await?;
    let outcome = stage.judge(&campaigns, REST).await?;
    outcome.show();
    place.store.drop("set_up").await?;
    let entry = Entry::new("nodes", &outcome, began.elapsed())
        .of("", options.seed)
        .with_races(0, options.count);
    place.close(entry)
}

async fn befall(stage: &mut Stage<'_>, seed: u64, name: &str) -> Result<(), Error> {
    let draw = |what: &str, below: usize| {
        let drawn = dice::below(seed, &[what, name], u64::try_from(below).unwrap_or(1));
        usize::try_from(drawn).unwrap_or_default()
    };
    let seat = draw("seat", NODES);
    match BLOWS.get(draw("blow", BLOWS.len())).copied().unwrap_or(Blow::Kill) {
        Blow::Kill => {
            stage.kill_in(seat).await?;
            stage.start_in(seat, 0).await
        }
        Blow::Replace => {
            stage.stop_in(seat).await?;
            stage.start_in(seat, 0).await
        }
        Blow::Freeze => freeze(stage, seat).await,
        Blow::Cut => cut(stage).await,
    }
}

/// Lets a node stand still; whatever becomes of this run, it goes on in the end.
async fn freeze(stage: &mut Stage<'_>, seat: usize) -> Result<(), Error> {
    let process = stage.seat(seat)?.process().and_then(|id| i32::try_from(id).ok());
    let Some(process) = process.and_then(Pid::from_raw) else { return Ok(()) };
    kill_process(process, Signal::STOP).map_err(|no| Error::Signal(no.into()))?;
    tokio::time::sleep(LEASE * LEASES_STILL).await;
    kill_process(process, Signal::CONT).map_err(|no| Error::Signal(no.into()))
}

/// Ends every session on the run's database but this one, again and again.
async fn cut(stage: &mut Stage<'_>) -> Result<(), Error> {
    let db = stage.database().await?;
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..CUTS {
        let cut = Statement::from_string(DbBackend::Postgres, sql);
        db.read().execute_raw(cut).await.map_err(api::db::Error::from)?;
        tokio::time::sleep(CUT_PAUSE).await;
    }
    Ok(db.close().await?)
}
