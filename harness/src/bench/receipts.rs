//! `harness bench receipts`: signed receipts for messages that were all handed over, as fast as many connections can
//! post them, to the last one applied.
//!
//! The service is the whole one, in a process of its own, with the ledger that a measured hand-over left behind.
//! Stored is when every receipt was answered, applied when every message is DELIVERED.
//!
//! **Invariant:** a run in which a receipt was refused, or a message is not delivered, brings no figures.

use super::{
    Error,
    figures::{Figures, float, rounded},
    handover::{self, DUE_AT, instant, on_store, wait},
    process::{Running, Service},
    sink::Sink,
    tell,
};
use crate::{
    client::http_builder,
    contract::signing::{WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, WebhookSecret, sign},
    store::Store,
};
use api::db::{Db, counts};
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::AttemptId;
use entity::{aggregator_connection, attempt};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QuerySelect as _};
use serde_json::json;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use uuid::Uuid;

/// How long after the messages were due their receipts come.
const LATER: TimeDelta = TimeDelta::hours(1);

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Recipients of the campaign that was handed over; each that was texted gets a receipt.
    #[arg(long, default_value_t = 100_000)]
    messages: u32,
    /// Connections that post at once.
    #[arg(long, default_value_t = 64)]
    connections: u16,
    /// A PostgreSQL server on which databases can be made; SQLite if left out.
    #[arg(long)]
    database: Option<String>,
    /// Where the databases are made, on the disk to measure.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Measures.
pub(super) async fn run(options: &Options) -> Result<Figures, Error> {
    handover::check_messages(options.messages)?;
    if options.connections == 0 {
        return Err(Error::Option("`--connections` must be at least 1"));
    }
    let (database, dir) = (options.database.as_deref(), options.dir.as_deref());
    on_store(database, dir, async |store| measure(options, store).await).await
}

async fn measure(options: &Options, store: &Store) -> Result<Figures, Error> {
    let handed = handover::Options::of(options.messages);
    let seeded = handover::plan(&handed, store).await?;
    let sink = Sink::start(0)?;
    handover::hand_over(&handed, store, &seeded, &sink).await?;
    sink.stop()?;
    let db = store.open("run").await?;
    let at = instant(DUE_AT)? + LATER;
    let receipts = Arc::new(receipts(&db, at).await?);
    let count = receipts.all.len();
    tell(&format!("{count} receipts"));
    let mut service = Service::start(&Running::new(at).database(store.url("run")))?;
    let began = Instant::now();
    post_all(&service, &receipts, options.connections).await?;
    let stored = began.elapsed();
    wait(&mut service, async || {
        let counted = counts::partition(&counts::read(db.read(), seeded.campaign, None).await?);
        Ok(usize::try_from(counted.delivered).is_ok_and(|delivered| delivered == count))
    })
    .await?;
    let applied = began.elapsed();
    let (peak_bytes, cpu) = (service.peak_bytes()?, service.cpu()?);
    service.stop()?;
    db.close().await?;
    let all = float(u64::try_from(count).unwrap_or(u64::MAX));
    let rate = |span: Duration| all / span.as_secs_f64().max(1e-6);
    Ok(Figures::of("receipts")
        .with("database", store.name())
        .with("receipts", count)
        .with("connections", options.connections)
        .with("stored_per_s", rounded(rate(stored), 0))
        .with("applied_per_s", rounded(rate(applied), 0))
        .with("cpu_s_per_1000", rounded(cpu.as_secs_f64() * 1e3 / all, 3))
        .with("rss_peak_mb", rounded(float(peak_bytes) / 1e6, 1)))
}

/// What is posted, and how it is signed.
struct Receipts {
    path: String,
    secret: WebhookSecret,
    at: DateTime<Utc>,
    /// The attempt and the aggregator's id of each.
    all: Vec<(Uuid, String)>,
    next: AtomicUsize,
}

/// A receipt for every message that was taken.
async fn receipts(db: &Db, at: DateTime<Utc>) -> Result<Receipts, Error> {
    let connection = aggregator_connection::Entity::find().one(db.read()).await?;
    let connection = connection.ok_or_else(|| Error::Wrong("no connection".to_owned()))?;
    let secret = WebhookSecret::parse(&connection.webhook_secret.0)
        .map_err(|wrong| Error::Wrong(wrong.to_string()))?;
    let id = domain::id::ConnectionId(connection.id);
    let all: Vec<(Uuid, Option<String>)> = attempt::Entity::find()
        .select_only()
        .columns([attempt::Column::Id, attempt::Column::ProviderId])
        .filter(attempt::Column::ProviderId.is_not_null())
        .into_tuple()
        .all(db.read())
        .await?;
    let all = all.into_iter().filter_map(|(id, provider)| Some((id, provider?))).collect();
    let path = format!("/hooks/generic/{id}");
    Ok(Receipts { path, secret, at, all, next: AtomicUsize::new(0) })
}

async fn post_all(
    service: &Service,
    receipts: &Arc<Receipts>,
    connections: u16,
) -> Result<(), Error> {
    let client = http_builder().build().map_err(Error::Http)?;
    let url = format!("{}{}", service.url(), receipts.path);
    let mut posters = tokio::task::JoinSet::new();
    for _ in 0..connections {
        let (client, url, receipts) = (client.clone(), url.clone(), Arc::clone(receipts));
        posters.spawn(async move { post(&client, &url, &receipts).await });
    }
    while let Some(posted) = posters.join_next().await {
        posted.map_err(|_panic| Error::Ended)??;
    }
    Ok(())
}

/// Posts one after the other while there are any.
async fn post(client: &reqwest::Client, url: &str, receipts: &Receipts) -> Result<(), Error> {
    loop {
        let number = receipts.next.fetch_add(1, Ordering::Relaxed);
        let Some((attempt, provider_id)) = receipts.all.get(number) else { return Ok(()) };
        let body = json!({
            "type": "message.delivered",
            "timestamp": receipts.at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
            "data": {
                "id": provider_id,
                "reference": AttemptId(*attempt).to_string(),
                "to": "+12125550142",
                "from": "+18885550100",
            },
        });
        let (body, id) = (body.to_string().into_bytes(), format!("evt_{number}"));
        let timestamp = receipts.at.timestamp();
        let signature = sign(&receipts.secret, &id, timestamp, &body);
        let request = client
            .post(url)
            .header(WEBHOOK_ID, id)
            .header(WEBHOOK_TIMESTAMP, timestamp.to_string())
            .header(WEBHOOK_SIGNATURE, signature);
        let answer = request.body(body).send().await.map_err(Error::Http)?;
        if !answer.status().is_success() {
            return Err(Error::Wrong(format!("a receipt was answered {}", answer.status())));
        }
    }
}
