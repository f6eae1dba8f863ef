//! `harness bench handover`: from a ledger of messages that are all due to the last one accepted, beside the
//! same requests from the same client without a ledger.
//!
//! The service is the whole one, in a process of its own, and so is the sink that takes the messages. A first
//! service plans the campaign while quiet hours hold all of it, and is stopped; the one that is measured starts
//! at the instant at which everything is due, or at which the first of a steady stream is.
//!
//! **Invariant:** a run in which a message was lost, doubled or left without a certain outcome brings no
//! figures.

use super::{
    Error,
    figures::{Figures, float, median, percentile, rounded},
    plan::{self, PLANS_AT},
    process::{Running, Service},
    seed::{self, SUBSCRIBERS_MAX, Seeded},
    sink::{Counted, Sink},
    tell,
};
use crate::{client::Client, store::Store};
use api::{
    aggregators::Generic,
    db::{Db, counts},
    ports::{Aggregator as _, Connection, Outbound, Submitted},
};
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{AttemptId, ConnectionId, SiteId};
use entity::{aggregator_connection, convert::ms, message};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _,
    Statement,
};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tempfile::TempDir;
use uuid::Uuid;

/// When everything is due: an instant at which it is neither quiet in Honolulu nor in Puerto Rico.
pub(super) const DUE_AT: &str = "2026-11-27T20:00:00Z";
/// How often the benchmark looks whether it is done.
const LOOK_PAUSE: Duration = Duration::from_millis(50);
/// How often it looks at the most: an hour and a quarter.
const LOOKS_MAX: usize = 90_000;
/// How long one raw request may take.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of the megabytes that are told.
const MEGABYTE: f64 = 1e6;
/// The part of all messages whose rate is compared with the first's.
const TENTHS: u64 = 10;

/// Activates a campaign.
pub(super) const ACTIVATE: &str = "mutation($id: ID!, $input: CampaignActivateInput!) { \
    campaignActivate(id: $id, input: $input) { campaign { status } userErrors { code message } } }";
/// A text as long as the campaign's, for the raw client.
const TEXT: &str = "Acme: Hi Alexandra, our autumn sale is on: 20% off everything in store.\n\
    Reply STOP to opt out";

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Recipients of the campaign; a few are left out by its rules.
    #[arg(long, default_value_t = 100_000)]
    messages: u32,
    /// How long the aggregator takes to answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// Hand-overs in flight at once, and requests of the raw client.
    #[arg(long, default_value_t = 64)]
    in_flight: u16,
    /// Messages that become due in a second; all at once if left out.
    #[arg(long)]
    due_per_s: Option<u32>,
    /// A PostgreSQL server on which databases can be made; SQLite if left out.
    #[arg(long)]
    database: Option<String>,
    /// How often both sides are measured; the figures are medians.
    #[arg(long, default_value_t = 3)]
    repetitions: u8,
    /// Where the databases are made, on the disk to measure.
    #[arg(long)]
    dir: Option<PathBuf>,
}

impl Options {
    /// For so many messages, all at once, to an aggregator that answers at once.
    pub(super) const fn of(messages: u32) -> Self {
        Self {
            messages,
            latency_ms: 0,
            in_flight: 64,
            due_per_s: None,
            database: None,
            repetitions: 1,
            dir: None,
        }
    }
}

/// One measured run of the service.
pub(super) struct Run {
    counted: Counted,
    peak_bytes: u64,
    cpu: Duration,
    grown_bytes: u64,
    /// From due to accepted, in milliseconds.
    waits_ms: Vec<f64>,
    /// The rate of the last tenth of all messages to that of the first.
    last_to_first: f64,
    /// From the start of the process to the first request that the sink saw.
    start_to_first: Duration,
}

/// Measures.
pub(super) async fn run(options: &Options) -> Result<Figures, Error> {
    check_messages(options.messages)?;
    if options.repetitions == 0 || options.in_flight == 0 {
        return Err(Error::Option("`--repetitions` and `--in-flight` must be at least 1"));
    }
    let (database, dir) = (options.database.as_deref(), options.dir.as_deref());
    on_store(database, dir, async |store| measure(options, store).await).await
}

/// Holds a benchmark to as many messages as can be seeded.
pub(super) fn check_messages(messages: u32) -> Result<(), Error> {
    let is_fine = (1..=SUBSCRIBERS_MAX).contains(&messages);
    is_fine.then_some(()).ok_or(Error::Option("`--messages` must be from 1 to 5000000"))
}

/// Measures on databases of its own, which are gone afterwards.
pub(super) async fn on_store(
    database: Option<&str>,
    dir: Option<&Path>,
    measure: impl AsyncFnOnce(&Store) -> Result<Figures, Error>,
) -> Result<Figures, Error> {
    let dir = dir.map_or_else(TempDir::new, TempDir::new_in).map_err(Error::Directory)?;
    let store = Store::of(database, dir.path().to_owned(), "bench").await?;
    let measured = measure(&store).await;
    for name in ["planned", "run"] {
        store.drop(name).await?;
    }
    measured
}

async fn measure(options: &Options, store: &Store) -> Result<Figures, Error> {
    let seeded = plan(options, store).await?;
    let sink = Sink::start(options.latency_ms)?;
    let (mut runs, mut rates, mut raw_rates) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=options.repetitions {
        let run = hand_over(options, store, &seeded, &sink).await?;
        let raw = raw(options, &sink, run.counted.count).await?;
        let (rate, raw_rate) = (rate(run.counted), rate(raw));
        tell(&format!(
            "{number}: handed over {rate:.0}/s, raw {raw_rate:.0}/s, ratio {:.3}, peak {:.1} MB",
            rate / raw_rate,
            float(run.peak_bytes) / MEGABYTE,
        ));
        rates.push(rate);
        raw_rates.push(raw_rate);
        runs.push(run);
    }
    sink.stop()?;
    Ok(figures(options, store, &runs, (median(&rates), median(&raw_rates))))
}

fn rate(counted: Counted) -> f64 {
    float(counted.count) / counted.span.as_secs_f64().max(1e-6)
}

fn figures(options: &Options, store: &Store, runs: &[Run], rates: (f64, f64)) -> Figures {
    let (rate, raw_rate) = rates;
    let of = |figure: &dyn Fn(&Run) -> f64| median(&runs.iter().map(figure).collect::<Vec<f64>>());
    let mean = |run: &Run| {
        let count = u64::try_from(run.waits_ms.len()).unwrap_or(u64::MAX);
        run.waits_ms.iter().sum::<f64>() / float(count.max(1))
    };
    let thousands = |run: &Run| float(run.counted.count) / 1_000.0;
    let per_message = |run: &Run| float(run.grown_bytes) / float(run.counted.count.max(1));
    Figures::of("handover")
        .with("database", store.name())
        .with("messages", runs.first().map_or(0, |run| run.counted.count))
        .with("latency_ms", options.latency_ms)
        .with("in_flight", options.in_flight)
        .with("due_per_s", options.due_per_s)
        .with("repetitions", options.repetitions)
        .with("ratio", rounded(rate / raw_rate, 3))
        .with("rate_per_s", rounded(rate, 0))
        .with("raw_rate_per_s", rounded(raw_rate, 0))
        .with("last_tenth_to_first", rounded(of(&|run| run.last_to_first), 2))
        .with("start_to_first_ms", rounded(of(&|run| run.start_to_first.as_secs_f64()) * 1e3, 0))
        .with("mean_ms", rounded(of(&mean), 1))
        .with("p50_ms", rounded(of(&|run| percentile(&run.waits_ms, 50)), 1))
        .with("p99_ms", rounded(of(&|run| percentile(&run.waits_ms, 99)), 1))
        .with("cpu_s_per_1000", rounded(of(&|run| run.cpu.as_secs_f64() / thousands(run)), 3))
        .with("rss_peak_mb", rounded(of(&|run| float(run.peak_bytes)) / MEGABYTE, 1))
        .with("db_bytes_per_message", rounded(of(&per_message), 0))
}

pub(super) fn instant(text: &'static str) -> Result<DateTime<Utc>, Error> {
    text.parse().map_err(|_invalid| Error::Value(text))
}

/// Seeds a database and lets a service plan the campaign in it.
pub(super) async fn plan(options: &Options, store: &Store) -> Result<Seeded, Error> {
    store.create("planned").await?;
    let db = store.open("planned").await?;
    let seeded = seed::seed_into(&db, instant(PLANS_AT)?, options.messages).await?;
    let running = Running::new(instant(PLANS_AT)?).database(store.url("planned"));
    let mut service = Service::start(&running)?;
    let key = Some(seeded.key.expose_secret().to_owned());
    let client = Client::new(format!("{}/graphql", service.url()), key)?;
    let schedule = json!({ "atSubscriberLocalTime": { "localDateTime": plan::DUE_AT } });
    let input = json!({ "id": seeded.campaign.to_string(), "input": { "schedule": schedule } });
    let answer = client.post(ACTIVATE, input).await?;
    let status = answer.pointer("/data/campaignActivate/campaign/status").and_then(Value::as_str);
    if !matches!(status, Some("PROCESSING" | "SCHEDULED")) {
        return Err(Error::Wrong(format!("the activation was answered {answer}")));
    }
    wait(&mut service, async || {
        let run = counts::run(db.read(), seeded.campaign).await?;
        Ok(run.is_some_and(|run| run.planned_at.is_some()))
    })
    .await?;
    service.stop()?;
    spread(&db, instant(DUE_AT)?, options.due_per_s).await?;
    db.close().await?;
    Ok(seeded)
}

/// Lets messages become due one after the other, a second after `from`, or all at `from`.
async fn spread(db: &Db, from: DateTime<Utc>, per_s: Option<u32>) -> Result<(), Error> {
    let txn = db.begin_write().await?;
    let sql = match per_s {
        None => format!("UPDATE message SET due_at = {}", ms(from)),
        Some(per_s) => format!(
            "UPDATE message SET due_at = {} + (v.n * 1000) / {per_s} FROM (SELECT id, row_number() \
             OVER (ORDER BY id) AS n FROM message) AS v WHERE v.id = message.id",
            ms(from + TimeDelta::seconds(1)),
        ),
    };
    txn.execute_raw(Statement::from_string(txn.get_database_backend(), sql)).await?;
    Ok(txn.commit().await?)
}

/// Looks until something is so.
pub(super) async fn wait(
    service: &mut Service,
    mut is_so: impl AsyncFnMut() -> Result<bool, Error>,
) -> Result<(), Error> {
    for _ in 0..LOOKS_MAX {
        if is_so().await? {
            return Ok(());
        }
        if !service.is_running() {
            return Err(Error::Ended);
        }
        tokio::time::sleep(LOOK_PAUSE).await;
    }
    Err(Error::Late)
}

/// Has messages handed over to a sink.
pub(super) async fn aim(db: &Db, sink: &Sink) -> Result<(), Error> {
    aggregator_connection::Entity::update_many()
        .col_expr(aggregator_connection::Column::BaseUrl, sink.url().into())
        .exec(db.read())
        .await?;
    Ok(())
}

/// Lets a service hand over what is planned.
pub(super) async fn hand_over(
    options: &Options,
    store: &Store,
    seeded: &Seeded,
    sink: &Sink,
) -> Result<Run, Error> {
    store.drop("run").await?;
    store.copy("planned", "run").await?;
    store.settle("run").await?;
    let db = store.open("run").await?;
    aim(&db, sink).await?;
    let before = store.bytes("run").await?;
    let forgot = sink.counted().await?.told;
    let forgot_at = Instant::now();
    let running =
        Running::new(instant(DUE_AT)?).database(store.url("run")).in_flight(options.in_flight);
    let until_start = forgot_at.elapsed();
    let mut service = Service::start(&running)?;
    wait(&mut service, async || {
        let counted = counts::partition(&counts::read(db.read(), seeded.campaign, None).await?);
        Ok(counted.outstanding() == 0)
    })
    .await?;
    let counted = sink.counted().await?;
    let (peak_bytes, cpu) = (service.peak_bytes()?, service.cpu()?);
    service.stop()?;
    check(&db, seeded, counted).await?;
    let waits = waits(&db).await?;
    db.close().await?;
    let grown_bytes = store.bytes("run").await?.saturating_sub(before);
    let last_to_first = last_to_first(&waits);
    let waits_ms = waits.into_iter().map(|(due, accepted)| millis(accepted - due)).collect();
    let start_to_first = counted.first.saturating_sub(forgot + until_start);
    Ok(Run { counted, peak_bytes, cpu, grown_bytes, waits_ms, last_to_first, start_to_first })
}

fn millis(span_ms: i64) -> f64 {
    float(u64::try_from(span_ms).unwrap_or_default())
}

/// Holds a run to have lost and doubled nothing.
async fn check(db: &Db, seeded: &Seeded, counted: Counted) -> Result<(), Error> {
    let counts = counts::partition(&counts::read(db.read(), seeded.campaign, None).await?);
    let accepted = u64::try_from(counts.accepted).unwrap_or_default();
    let is_even = accepted == counted.count && counted.doubled == 0;
    if !is_even || counts.unknown > 0 || counts.undelivered > 0 {
        return Err(Error::Wrong(format!(
            "the sink took {} messages, {} of them twice, and the ledger says {counts:?}",
            counted.count, counted.doubled
        )));
    }
    Ok(())
}

/// When each accepted message was due and when it was accepted, in ms, by acceptance.
async fn waits(db: &Db) -> Result<Vec<(i64, i64)>, Error> {
    let rows: Vec<(i64, Option<i64>)> = message::Entity::find()
        .select_only()
        .columns([message::Column::DueAt, message::Column::AcceptedAt])
        .filter(message::Column::AcceptedAt.is_not_null())
        .into_tuple()
        .all(db.read())
        .await?;
    let mut waits: Vec<(i64, i64)> =
        rows.into_iter().filter_map(|(due, accepted)| Some((due, accepted?))).collect();
    waits.sort_unstable_by_key(|(_, accepted)| *accepted);
    Ok(waits)
}

/// The rate of the last tenth to that of the first.
fn last_to_first(waits: &[(i64, i64)]) -> f64 {
    let tenth = waits.len() / usize::try_from(TENTHS).unwrap_or(1);
    let span = |part: &[(i64, i64)]| {
        let ends = part.first().zip(part.last());
        ends.map_or(1.0, |((_, first), (_, last))| millis((last - first).max(1)))
    };
    let (first, last) = (waits.get(..tenth), waits.get(waits.len() - tenth..));
    first.zip(last).map_or(0.0, |(first, last)| span(first) / span(last))
}

/// Sends `count` requests as the service does, without a database.
async fn raw(options: &Options, sink: &Sink, count: u64) -> Result<Counted, Error> {
    let client = Arc::new(Generic::new().map_err(api::app::StartError::from)?);
    let connection = Arc::new(connection(sink.url()));
    sink.counted().await?;
    let next = Arc::new(AtomicU64::new(0));
    let mut senders = tokio::task::JoinSet::new();
    for _ in 0..options.in_flight {
        let (client, connection) = (Arc::clone(&client), Arc::clone(&connection));
        let next = Arc::clone(&next);
        senders.spawn(async move { send(&client, &connection, &next, count).await });
    }
    let began = Instant::now();
    while let Some(sent) = senders.join_next().await {
        sent.map_err(|_panic| Error::Ended)??;
    }
    let counted = sink.counted().await?;
    if counted.count != count {
        return Err(Error::Wrong(format!("the raw client sent {} of {count}", counted.count)));
    }
    tell(&format!("   raw: {count} in {:.2} s", began.elapsed().as_secs_f64()));
    Ok(counted)
}

async fn send(
    client: &Generic,
    connection: &Connection,
    next: &AtomicU64,
    count: u64,
) -> Result<(), Error> {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= count {
            return Ok(());
        }
        let attempt_id = AttemptId(Uuid::from_u128(number.into()));
        let request = client.render(&Outbound {
            attempt_id,
            to: "+12125550142",
            from: "+18885550100",
            text: TEXT,
            media_url: None,
            not_after: Some(instant(DUE_AT)? + TimeDelta::hours(4)),
            callback_url: "http://127.0.0.1:8080/hooks/generic/conn_0193585c1f7e7c3a9d0b5f2e8a6c4d10",
        });
        let submitted = client.submit(connection, attempt_id, request, SUBMIT_TIMEOUT).await;
        if !matches!(submitted, Submitted::Accepted { .. }) {
            return Err(Error::Wrong(format!("a raw request came to {submitted:?}")));
        }
    }
}

fn connection(url: &str) -> Connection {
    Connection {
        id: ConnectionId(Uuid::nil()),
        site_id: SiteId(Uuid::nil()),
        name: "sink".to_owned(),
        kind: "generic".to_owned(),
        base_url: url.to_owned(),
        token: "bench".to_owned().into(),
        webhook_secret: "whsec_YmVuY2gtYmVuY2gtYmVuY2gtYmVuY2g=".to_owned().into(),
        webhook_secret_next: None,
        key_window_s: 0,
        has_lookup: false,
        status_page_url: None,
        segments_per_s: 0,
    }
}
