//! `harness bench query`: a list of campaigns with their counts, beside a bare async-graphql resolver that answers
//! the same JSON from memory, on a small ledger and on a large one.
//!
//! Service and resolver are one process, each with an HTTP server of its own, and the same client asks both in turn.
//! The service authenticates, measures, authorizes and reads its database; the resolver does nothing of the kind.
//!
//! **Invariant:** a run in which the two did not answer the same data brings no figures.

pub(super) mod bare;
mod ledger;

use super::{
    Error,
    figures::{Figures, float, median, percentile, rounded},
    handover::instant,
    plan::PLANS_AT,
    process::{Running, Service},
    seed, tell,
};
use crate::client::{Client, http_builder};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// The file of a service's database.
const FILE: &str = "sendoff.db";
/// Subscribers of the seed: only the ledger is to be large.
const SUBSCRIBERS: u32 = 1_000;
/// The most rows of a ledger that are asked for.
const ROWS_MAX: u32 = 100_000_000;
/// The most clients at once.
const CLIENTS_MAX: u16 = 256;
/// Milliseconds of a second.
const MS: f64 = 1e3;

/// What a dashboard shows of a site's campaigns.
pub(super) const QUERY: &str = "query { site { campaigns(first: 25) { totalCount \
    pageInfo { hasNextPage endCursor } nodes { id name status statusChangedAt createdAt progress { \
    recipientCount percentComplete counts { total deferred queued inFlight accepted delivered \
    undelivered unconfirmed unknown skipped canceled } } } } } }";

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Rows of the small ledger.
    #[arg(long, default_value_t = 10_000)]
    rows: u32,
    /// Rows of the large one.
    #[arg(long, default_value_t = 1_000_000)]
    large_rows: u32,
    /// Campaigns that share them.
    #[arg(long, default_value_t = 100)]
    campaigns: u16,
    /// Clients that ask at once.
    #[arg(long, default_value_t = 32)]
    clients: u16,
    /// Seconds for which one side is asked, each time.
    #[arg(long, default_value_t = 3)]
    seconds: u8,
    /// How often both sides are asked; figures are medians.
    #[arg(long, default_value_t = 3)]
    repetitions: u8,
    /// Where the databases are made.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// What one side came to.
#[derive(Clone, Copy, Debug)]
struct Side {
    per_s: f64,
    mean_ms: f64,
    p99_ms: f64,
    cpu_ms: f64,
}

/// Measures.
pub(super) async fn run(options: &Options) -> Result<Figures, Error> {
    let is_fine = |rows: u32| (u32::from(options.campaigns)..=ROWS_MAX).contains(&rows);
    if options.campaigns == 0 || !is_fine(options.rows) || !is_fine(options.large_rows) {
        return Err(Error::Option("`--rows` must be from `--campaigns` to 100000000"));
    }
    let has_clients = (1..=CLIENTS_MAX).contains(&options.clients);
    if !has_clients || options.seconds == 0 || options.repetitions == 0 {
        return Err(Error::Option(
            "`--clients`, `--seconds` and `--repetitions` must be at least 1",
        ));
    }
    let (small, bare) = on_ledger(options, options.rows).await?;
    let (large, _) = on_ledger(options, options.large_rows).await?;
    let told = Figures::of("query")
        .with("database", "sqlite")
        .with("rows", options.rows)
        .with("large_rows", options.large_rows)
        .with("campaigns", options.campaigns)
        .with("clients", options.clients)
        .with("repetitions", options.repetitions)
        .with("ratio", rounded(small.per_s / bare.per_s, 3))
        .with("rate_per_s", rounded(small.per_s, 0))
        .with("raw_rate_per_s", rounded(bare.per_s, 0))
        .with("large_rate_per_s", rounded(large.per_s, 0))
        .with("large_to_small", rounded(large.mean_ms / small.mean_ms, 2));
    Ok(told
        .with("mean_ms", rounded(small.mean_ms, 2))
        .with("large_mean_ms", rounded(large.mean_ms, 2))
        .with("p99_ms", rounded(small.p99_ms, 2))
        .with("large_p99_ms", rounded(large.p99_ms, 2))
        .with("cpu_ms", rounded(small.cpu_ms, 3))
        .with("raw_cpu_ms", rounded(bare.cpu_ms, 3)))
}

/// Measures both sides on a ledger of so many rows.
async fn on_ledger(options: &Options, rows: u32) -> Result<(Side, Side), Error> {
    let dir = options.dir.as_deref();
    let dir = dir.map_or_else(TempDir::new, TempDir::new_in).map_err(Error::Directory)?;
    let key = seeded(options, dir.path(), rows).await?;
    let service = Service::start(&Running::new(instant(PLANS_AT)?).dir(dir.path()).bare())?;
    let answer = asked(&service, &key).await?;
    teach(&service, &answer).await?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for number in 1..=options.repetitions {
        let (of_service, of_bare) = (
            side(options, &service, &format!("{}/graphql", service.url()), &key).await?,
            side(options, &service, service.bare_url()?, &key).await?,
        );
        tell(&format!(
            "{rows} rows, {number}: {:.0}/s, raw {:.0}/s, mean {:.2} ms",
            of_service.per_s, of_bare.per_s, of_service.mean_ms
        ));
        ours.push(of_service);
        bare.push(of_bare);
    }
    service.stop()?;
    Ok((middle(&ours), middle(&bare)))
}

fn middle(sides: &[Side]) -> Side {
    let of = |figure: fn(&Side) -> f64| median(&sides.iter().map(figure).collect::<Vec<f64>>());
    Side {
        per_s: of(|side| side.per_s),
        mean_ms: of(|side| side.mean_ms),
        p99_ms: of(|side| side.p99_ms),
        cpu_ms: of(|side| side.cpu_ms),
    }
}

/// Makes the database; answers a key that reads it.
async fn seeded(options: &Options, dir: &Path, rows: u32) -> Result<String, Error> {
    let file = dir.join(FILE);
    let seeded = seed::seed(&file, instant(PLANS_AT)?, SUBSCRIBERS).await?;
    tell(&format!("seeding {rows} rows"));
    let began = Instant::now();
    ledger::fill(&file, options.campaigns.into(), rows.into()).map_err(Error::File)?;
    tell(&format!("seeded in {:.0} s", began.elapsed().as_secs_f64()));
    // What was written is on the disk before anything is measured.
    fs::File::open(&file).and_then(|file| file.sync_all()).map_err(Error::Directory)?;
    Ok(seeded.key.expose_secret().to_owned())
}

/// The service's own answer.
async fn asked(service: &Service, key: &str) -> Result<Value, Error> {
    let client = Client::new(format!("{}/graphql", service.url()), Some(key.to_owned()))?;
    let answer = client.post(QUERY, json!({})).await?;
    let nodes = answer.pointer("/data/site/campaigns/nodes").and_then(Value::as_array);
    let is_whole = nodes.is_some_and(|nodes| {
        !nodes.is_empty() && nodes.iter().all(|node| node.pointer("/progress/counts").is_some())
    });
    if !is_whole || answer.get("errors").is_some() {
        return Err(Error::Wrong(format!("the service answered {answer}")));
    }
    Ok(answer)
}

/// Has the bare resolver answer as the service does, and sees that it does.
async fn teach(service: &Service, answer: &Value) -> Result<(), Error> {
    let data = answer.get("data").cloned().unwrap_or_default();
    let (client, url) = (http_builder().build().map_err(Error::Http)?, service.bare_url()?);
    let taught = client.put(url).body(data.to_string()).send().await;
    taught.and_then(reqwest::Response::error_for_status).map_err(Error::Http)?;
    let told = Client::new(url, None)?.post(QUERY, json!({})).await?;
    if told.get("data") == Some(&data) {
        return Ok(());
    }
    Err(Error::Wrong(format!("the bare resolver answered {told}, and not {answer}")))
}

/// Asks one side for a while.
async fn side(options: &Options, service: &Service, url: &str, key: &str) -> Result<Side, Error> {
    let (cpu, began) = (service.cpu()?, Instant::now());
    let until = began + Duration::from_secs(options.seconds.into());
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..options.clients {
        clients.spawn(ask(url.to_owned(), key.to_owned(), until));
    }
    let mut waits = Vec::new();
    while let Some(asked) = clients.join_next().await {
        waits.extend(asked.map_err(|_panic| Error::Ended)??);
    }
    let (span, cpu) = (began.elapsed(), service.cpu()?.saturating_sub(cpu));
    let count = float(u64::try_from(waits.len()).unwrap_or(u64::MAX).max(1));
    Ok(Side {
        per_s: count / span.as_secs_f64(),
        mean_ms: waits.iter().sum::<f64>() / count,
        p99_ms: percentile(&waits, 99),
        cpu_ms: cpu.as_secs_f64() * MS / count,
    })
}

/// One client: asks again as soon as it was answered; how long each took, in milliseconds.
async fn ask(url: String, key: String, until: Instant) -> Result<Vec<f64>, Error> {
    let client = http_builder().build().map_err(Error::Http)?;
    let body = json!({ "query": QUERY }).to_string();
    let mut waits = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        let request =
            client.post(&url).bearer_auth(&key).header("content-type", "application/json");
        let answer = request.body(body.clone()).send().await;
        let answer = answer.and_then(reqwest::Response::error_for_status).map_err(Error::Http)?;
        answer.bytes().await.map_err(Error::Http)?;
        waits.push(began.elapsed().as_secs_f64() * MS);
    }
    Ok(waits)
}
