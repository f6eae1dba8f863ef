//! `harness bench takeover`: two nodes hand a campaign over together, one of them is killed, and the other settles
//! what the dead one had in flight.
//!
//! The kill comes when most messages are accepted, so that the other has sent the
//! rest long before the dead one's leases run out: what is measured is the takeover alone.

use super::{
    Error,
    figures::{Figures, rounded},
    handover::{self, DUE_AT, instant, on_store, wait},
    process::{Running, Service},
    sink::Sink,
};
use crate::store::Store;
use api::db::counts;
use std::time::Instant;

/// How many in ten messages are accepted when the node is killed.
const TENTHS_BEFORE: i64 = 8;

/// The shortest lease there may be: a request, and the grace before it, must fit.
const LEASE_MIN_S: i64 = 6;

/// How to measure.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Recipients of the campaign.
    #[arg(long, default_value_t = 20_000)]
    messages: u32,
    /// How long the aggregator takes to answer, in milliseconds.
    #[arg(long, default_value_t = 20)]
    latency_ms: u64,
    /// How long a claim holds, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(LEASE_MIN_S..))]
    lease_s: u16,
    /// The PostgreSQL server on which databases are made.
    #[arg(long)]
    database: String,
}

/// Measures.
pub(super) async fn run(options: &Options) -> Result<Figures, Error> {
    handover::check_messages(options.messages)?;
    let database = Some(options.database.as_str());
    on_store(database, None, async |store| measure(options, store).await).await
}

async fn measure(options: &Options, store: &Store) -> Result<Figures, Error> {
    let seeded = handover::plan(&handover::Options::of(options.messages), store).await?;
    let sink = Sink::start(options.latency_ms)?;
    store.copy("planned", "run").await?;
    let db = store.open("run").await?;
    handover::aim(&db, &sink).await?;
    let running = Running::new(instant(DUE_AT)?).database(store.url("run"));
    let running = running.lease_s(options.lease_s);
    let node = || Service::start(&running);
    let (mut dying, mut other) = (node()?, node()?);
    let partition = async || {
        Ok::<_, Error>(counts::partition(&counts::read(db.read(), seeded.campaign, None).await?))
    };
    let total = partition().await?;
    let total = total.accepted.saturating_add(total.outstanding());
    wait(&mut dying, async || {
        Ok(partition().await?.accepted.saturating_mul(10) >= total.saturating_mul(TENTHS_BEFORE))
    })
    .await?;
    dying.kill()?;
    let killed = Instant::now();
    wait(&mut other, async || {
        let counts = partition().await?;
        Ok(counts.outstanding() == 0 && counts.unknown == 0)
    })
    .await?;
    let took = killed.elapsed();
    let counts = partition().await?;
    other.stop()?;
    sink.stop()?;
    db.close().await?;
    if counts.accepted != total {
        return Err(Error::Wrong(format!("{total} messages came to {counts:?}")));
    }
    Ok(Figures::of("takeover")
        .with("messages", total)
        .with("lease_s", options.lease_s)
        .with("takeover_ms", rounded(took.as_secs_f64() * 1e3, 0)))
}
