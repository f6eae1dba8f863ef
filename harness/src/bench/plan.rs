//! `harness bench plan`: from the activation of a campaign to the end of its plan, beside raw inserts of the
//! same rows.
//!
//! The service is the whole one, with its HTTP server and every reconciler, in a process of its own. Its
//! civil time starts in the morning before anything may be sent: the campaign is due at 08:30 in each
//! recipient's zone, and quiet hours hold it until nine, so that nothing is handed over while it is planned.
//!
//! **Invariant:** a run in which anything was handed over, or anybody left out, brings no figures.

use super::{
    Error,
    figures::{Figures, float, median, rounded},
    process::{Running, Service},
    raw,
    seed::{self, SUBSCRIBERS_MAX, Seeded},
    tell,
};
use crate::client::Client;
use api::db::{Db, counts};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};
use tempfile::TempDir;

/// Twenty past eight in the earliest zone, ten minutes before the campaign is due there and forty before
/// anything may leave: the plan begins at once, and has the time it takes.
pub(super) const PLANS_AT: &str = "2026-11-27T12:20:00Z";
/// The time chosen, on each recipient's clock: half an hour before quiet hours end.
pub(super) const DUE_AT: &str = "2026-11-27T08:30:00";
/// The file of a service's database.
const FILE: &str = "sendoff.db";
/// How often the benchmark looks whether the plan is complete.
const LOOK_PAUSE: Duration = Duration::from_millis(25);
/// How often it looks at the most: a quarter of an hour.
const LOOKS_MAX: usize = 36_000;
/// How many times fewer subscribers memory is compared with.
const SMALLER: u32 = 10;
/// Bytes of the megabytes that are told.
const MEGABYTE: f64 = 1e6;

const ACTIVATE: &str = "mutation($id: ID!, $input: CampaignActivateInput!) { \
    campaignActivate(id: $id, input: $input) { campaign { status } userErrors { code message } } }";

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Recipients of the campaign.
    #[arg(long, default_value_t = 1_000_000)]
    subscribers: u32,
    /// How often both sides are measured; the figures are medians.
    #[arg(long, default_value_t = 3)]
    repetitions: u8,
    /// Rows of one transaction, on both sides; the service's default if left out.
    #[arg(long)]
    batch: Option<u16>,
    /// Where the databases are made: a directory with some gigabytes to spare, on the disk to measure.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// A database that is seeded, and what is in it.
struct Template {
    file: PathBuf,
    seeded: Seeded,
    count: u32,
}

/// One plan.
struct Planned {
    took: Duration,
    peak_bytes: u64,
}

/// Measures.
pub(super) async fn run(options: &Options) -> Result<Figures, Error> {
    if options.subscribers < SMALLER || options.subscribers > SUBSCRIBERS_MAX {
        return Err(Error::Option("`--subscribers` must be from 10 to 5000000"));
    }
    if options.repetitions == 0 {
        return Err(Error::Option("`--repetitions` must be at least 1"));
    }
    let batch = options.batch.unwrap_or(api::config::Config::default().engine.plan_batch_max);
    let dir = match &options.dir {
        Some(dir) => TempDir::new_in(dir),
        None => TempDir::new(),
    };
    let dir = dir.map_err(Error::Directory)?;
    let measured = measure(options, batch, dir.path()).await;
    // Figures of a run that left its files behind are figures all the same.
    if let Err(error) = dir.close() {
        tell(&format!("the databases are left behind: {error}"));
    }
    measured
}

async fn measure(options: &Options, batch: u16, dir: &Path) -> Result<Figures, Error> {
    let small_count = options.subscribers / SMALLER;
    let small = template(dir, "small", small_count).await?;
    let small = plan(&small, &dir.join("few"), batch).await?;
    let template = template(dir, "seed", options.subscribers).await?;
    let (mut rates, mut raw_rates, mut peak_bytes) = (Vec::new(), Vec::new(), 0);
    for number in 1..=options.repetitions {
        let (planned_dir, raw_dir) = (dir.join("planned"), dir.join("raw"));
        let planned = plan(&template, &planned_dir, batch).await?;
        let rate = float(template.count.into()) / planned.took.as_secs_f64();
        let raw_took = raw(&template, &planned_dir, &raw_dir, batch).await?;
        let raw_rate = float(template.count.into()) / raw_took.as_secs_f64();
        for used in [planned_dir, raw_dir] {
            fs::remove_dir_all(used).map_err(Error::Directory)?;
        }
        tell(&format!(
            "{number}: planned {rate:.0}/s, raw {raw_rate:.0}/s, ratio {:.3}, peak {:.1} MB",
            rate / raw_rate,
            float(planned.peak_bytes) / MEGABYTE,
        ));
        peak_bytes = peak_bytes.max(planned.peak_bytes);
        rates.push(rate);
        raw_rates.push(raw_rate);
    }
    let (rate, raw_rate) = (median(&rates), median(&raw_rates));
    Ok(Figures::of("plan")
        .with("subscribers", options.subscribers)
        .with("repetitions", options.repetitions)
        .with("batch", batch)
        .with("ratio", rounded(rate / raw_rate, 3))
        .with("rate_per_s", rounded(rate, 0))
        .with("raw_rate_per_s", rounded(raw_rate, 0))
        .with("rss_peak_mb", rounded(float(peak_bytes) / MEGABYTE, 1))
        .with("small_subscribers", small_count)
        .with("small_rss_peak_mb", rounded(float(small.peak_bytes) / MEGABYTE, 1)))
}

async fn template(dir: &Path, name: &str, count: u32) -> Result<Template, Error> {
    let file = dir.join(format!("{name}.db"));
    let seeded = seed::seed(&file, starts_at()?, count).await?;
    Ok(Template { file, seeded, count })
}

fn starts_at() -> Result<DateTime<Utc>, Error> {
    PLANS_AT.parse().map_err(|_invalid| Error::Value(PLANS_AT))
}

/// Copies a seeded database into a directory of its own, down to the disk.
fn copy(template: &Template, dir: &Path) -> Result<PathBuf, Error> {
    let copied = || {
        fs::create_dir(dir)?;
        let file = dir.join(FILE);
        fs::copy(&template.file, &file)?;
        // What is still to be written then would be written while the one or the other side is measured.
        File::open(&file)?.sync_all()?;
        Ok(file)
    };
    copied().map_err(Error::Directory)
}

/// Lets a service plan the campaign in a copy of the template, which it leaves in `dir`.
async fn plan(template: &Template, dir: &Path, batch: u16) -> Result<Planned, Error> {
    let file = copy(template, dir)?;
    let running = Running::new(starts_at()?).dir(dir).plan_batch(batch);
    let mut service = Service::start(&running)?;
    let db = seed::open(&file).await?;
    let took = activate_and_wait(template, &mut service, &db).await?;
    let peak_bytes = service.peak_bytes()?;
    service.stop()?;
    db.close().await?;
    Ok(Planned { took, peak_bytes })
}

/// Activates the campaign as a caller does, and answers how long its plan took by the ledger's own account.
async fn activate_and_wait(
    template: &Template,
    service: &mut Service,
    db: &Db,
) -> Result<Duration, Error> {
    let Seeded { campaign, key, .. } = &template.seeded;
    let client =
        Client::new(format!("{}/graphql", service.url()), Some(key.expose_secret().to_owned()))?;
    let schedule = json!({ "atSubscriberLocalTime": { "localDateTime": DUE_AT } });
    let input = json!({ "id": campaign.to_string(), "input": { "schedule": schedule } });
    let answer = client.post(ACTIVATE, input).await?;
    let status = answer.pointer("/data/campaignActivate/campaign/status").and_then(Value::as_str);
    if status != Some("PROCESSING") {
        return Err(Error::Wrong(format!("the activation was answered {answer}")));
    }
    for _ in 0..LOOKS_MAX {
        let run = counts::run(db.read(), *campaign).await?;
        if let Some((run, planned_at)) = run.and_then(|run| Some((run.clone(), run.planned_at?))) {
            check(template, &run)?;
            return (planned_at - run.processing_at).to_std().map_err(|_negative| Error::Late);
        }
        if !service.is_running() {
            return Err(Error::Ended);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Err(Error::Late)
}

/// Holds a plan to be what is to be measured: everybody, and nobody yet.
fn check(template: &Template, run: &counts::Run) -> Result<(), Error> {
    if run.recipient_count != i64::from(template.count) {
        return Err(Error::Wrong(format!("{} recipients were planned", run.recipient_count)));
    }
    if run.started_at.is_some() {
        return Err(Error::Wrong("a hand-over began".to_owned()));
    }
    Ok(())
}

/// Inserts what was planned in `planned_dir` into another copy of the template, in `raw_dir`.
async fn raw(
    template: &Template,
    planned_dir: &Path,
    raw_dir: &Path,
    batch: u16,
) -> Result<Duration, Error> {
    let file = copy(template, raw_dir)?;
    let (from, to) = (seed::open(&planned_dir.join(FILE)).await?, seed::open(&file).await?);
    let (rows, took) = raw::insert(&from, &to, batch).await?;
    from.close().await?;
    to.close().await?;
    if rows == u64::from(template.count) {
        Ok(took)
    } else {
        Err(Error::Wrong(format!(
            "{rows} messages were written for {} subscribers",
            template.count
        )))
    }
}
