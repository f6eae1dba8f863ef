//! `harness bench beside`: a small campaign is activated while a large one is being handed over, by the same
//! connection of the same site.
//!
//! What is measured begins when the activation is asked for, and ends when the first of its messages, and the last,
//! are accepted in the ledger: so the figures are no smaller than what they stand for.
//!
//! **Invariant:** a run in which the large campaign had come to its end meanwhile brings no figures.

use super::{
    Error,
    figures::{Figures, rounded},
    handover::{self, ACTIVATE, DUE_AT, instant, on_store, wait},
    plan::PLANS_AT,
    process::{Running, Service},
    seed::{self, Seeded},
    sink::Sink,
};
use crate::{client::Client, store::Store};
use api::db::{Db, counts};
use domain::id::CampaignId;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

/// How much of the large campaign is accepted before the small one is activated: one in so many.
const PART_BEFORE: i64 = 10;

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Recipients of the large campaign.
    #[arg(long, default_value_t = 1_000_000)]
    messages: u32,
    /// Recipients of the small one; a few are left out by its rules.
    #[arg(long, default_value_t = 100)]
    small: u32,
    /// How long the aggregator takes to answer, in milliseconds.
    #[arg(long, default_value_t = 0)]
    latency_ms: u64,
    /// A PostgreSQL server on which databases can be made; SQLite if left out.
    #[arg(long)]
    database: Option<String>,
    /// Where the databases are made.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// Measures.
pub(super) async fn run(options: &Options) -> Result<Figures, Error> {
    handover::check_messages(options.messages.saturating_add(options.small))?;
    let (database, dir) = (options.database.as_deref(), options.dir.as_deref());
    on_store(database, dir, async |store| measure(options, store).await).await
}

async fn measure(options: &Options, store: &Store) -> Result<Figures, Error> {
    let seeded = handover::plan(&handover::Options::of(options.messages), store).await?;
    let sink = Sink::start(options.latency_ms)?;
    store.copy("planned", "run").await?;
    let db = store.open("run").await?;
    handover::aim(&db, &sink).await?;
    let who = (options.messages, options.small);
    let small = seed::latecomers(&db, seeded.site, instant(PLANS_AT)?, who).await?;
    let running = Running::new(instant(DUE_AT)?).database(store.url("run"));
    let mut service = Service::start(&running)?;
    let begun = i64::from(options.messages) / PART_BEFORE;
    wait(&mut service, async || Ok(accepted(&db, seeded.campaign).await?.0 >= begun)).await?;
    let measured = beside(&db, &mut service, &seeded, small).await?;
    let (large, is_over) = accepted(&db, seeded.campaign).await?;
    if is_over {
        return Err(Error::Wrong(format!("the large campaign was over after {large} messages")));
    }
    service.kill()?;
    sink.stop()?;
    db.close().await?;
    Ok(figures(options, store, &measured))
}

/// What was measured: until the activation was answered, until the first message, until the last, and how many.
struct Measured {
    answered: Duration,
    first: Duration,
    last: Duration,
    count: i64,
}

async fn beside(
    db: &Db,
    service: &mut Service,
    seeded: &Seeded,
    small: CampaignId,
) -> Result<Measured, Error> {
    let key = Some(seeded.key.expose_secret().to_owned());
    let client = Client::new(format!("{}/graphql", service.url()), key)?;
    let schedule = json!({ "id": small.to_string(), "input": { "schedule": { "now": true } } });
    let began = Instant::now();
    let answer = client.post(ACTIVATE, schedule).await?;
    let answered = began.elapsed();
    let status = answer.pointer("/data/campaignActivate/campaign/status").and_then(Value::as_str);
    if status != Some("PROCESSING") {
        return Err(Error::Wrong(format!("the activation was answered {answer}")));
    }
    wait(service, async || Ok(accepted(db, small).await?.0 > 0)).await?;
    let first = began.elapsed();
    wait(service, async || Ok(accepted(db, small).await?.1)).await?;
    let last = began.elapsed();
    let (count, _) = accepted(db, small).await?;
    Ok(Measured { answered, first, last, count })
}

/// How many messages of a campaign were accepted, and whether it is planned and has none left.
async fn accepted(db: &Db, campaign: CampaignId) -> Result<(i64, bool), Error> {
    let counted = counts::partition(&counts::read(db.read(), campaign, None).await?);
    let run = counts::run(db.read(), campaign).await?;
    let is_planned = run.is_some_and(|run| run.planned_at.is_some());
    Ok((counted.accepted, is_planned && counted.outstanding() == 0))
}

fn figures(options: &Options, store: &Store, measured: &Measured) -> Figures {
    let ms = |span: Duration| rounded(span.as_secs_f64() * 1e3, 0);
    Figures::of("beside")
        .with("database", store.name())
        .with("messages", options.messages)
        .with("small", measured.count)
        .with("latency_ms", options.latency_ms)
        .with("answered_ms", ms(measured.answered))
        .with("first_ms", ms(measured.first))
        .with("last_ms", ms(measured.last))
}
