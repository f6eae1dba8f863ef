//! The service in a process of its own, as chaos starts it: the whole one, on a clock that it shares with the
//! harness, with an aggregator and a clock that count its steps.
//!
//! **Invariant:** but for its clock, its spans and its ports it is what `sendoff serve` runs.

use super::{
    Error,
    steps::{SteppedAggregator, SteppedClock, Steps},
};
use crate::{child, client::provide_tls, clock::SharedClock};
use api::{
    aggregators::Generic,
    app::{self, App, Settings, StartError},
    cli::start_logging,
    config::Config,
};
use chrono::{DateTime, Utc};
use std::{io::Write, net::SocketAddr, sync::Arc, time::Duration};

/// How often each reconciler looks unasked: seldom, for every look is a step, and most find nothing.
const PERIOD: Duration = Duration::from_millis(400);
/// How long one hand-over may take.
const SUBMIT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a claim is held.
pub(super) const LEASE: Duration = Duration::from_secs(3);
/// How old a claim may be when its request leaves.
const DISPATCH_GRACE: Duration = Duration::from_millis(500);
/// Connections that read SQLite, and all connections to PostgreSQL.
const CONNECTIONS: u16 = 4;
/// How often a process on PostgreSQL asks for its name, which the session of the one before it holds until the
/// server has seen that it is gone.
const PRESENCE_TRIES_MAX: usize = 40;
/// How long it waits between.
const PRESENCE_PAUSE: Duration = Duration::from_millis(25);
/// What the last line of a process that was asked to end begins with: the steps it passed follow.
pub(super) const STEPS_LINE: &str = "steps ";

/// How the service runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The URL of its database.
    #[arg(long)]
    database: String,
    /// Where it listens.
    #[arg(long)]
    listen: SocketAddr,
    /// Where the aggregator is, whatever a connection says.
    #[arg(long)]
    aggregator: String,
    /// The civil time that the clock showed at its origin.
    #[arg(long)]
    start: DateTime<Utc>,
    /// The clock's origin, in microseconds on the machine's monotonic clock.
    #[arg(long)]
    origin_us: u64,
    /// How many times as fast as time civil time passes.
    #[arg(long)]
    speed: u32,
    /// Hand-overs in flight at once.
    #[arg(long)]
    in_flight: u16,
    /// The step at which the process is killed; 0 for none.
    #[arg(long)]
    die_at: u64,
}

impl Options {
    /// As the words of a command.
    pub(super) fn words(&self) -> Vec<String> {
        let pairs = [
            ("--database", self.database.clone()),
            ("--listen", self.listen.to_string()),
            ("--aggregator", self.aggregator.clone()),
            ("--start", self.start.to_rfc3339()),
            ("--origin-us", self.origin_us.to_string()),
            ("--speed", self.speed.to_string()),
            ("--in-flight", self.in_flight.to_string()),
            ("--die-at", self.die_at.to_string()),
        ];
        pairs.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
    }

    /// For a service on a database, at an address, that hands over to an aggregator.
    pub(super) fn new(
        database: String,
        listen: SocketAddr,
        aggregator: String,
        clock: &SharedClock,
        in_flight: u16,
    ) -> Self {
        let (start, origin_us, speed) = clock.parts();
        Self { database, listen, aggregator, start, origin_us, speed, in_flight, die_at: 0 }
    }

    /// For one that dies at a step.
    pub(super) fn dying_at(self, step: u64) -> Self {
        Self { die_at: step, ..self }
    }

    fn config(&self) -> Config {
        let mut config = Config::default();
        config.server.listen = self.listen;
        config.database.url = Some(self.database.clone().into());
        config.database.reader_connections = CONNECTIONS;
        config.database.max_connections = CONNECTIONS;
        let engine = &mut config.engine;
        engine.max_in_flight = self.in_flight;
        engine.max_in_flight_per_connection = self.in_flight;
        engine.claim_batch_max = self.in_flight;
        engine.period = PERIOD;
        engine.submit_timeout = SUBMIT_TIMEOUT;
        engine.lease = LEASE;
        engine.dispatch_grace = DISPATCH_GRACE;
        "info".clone_into(&mut config.log.filter);
        config
    }
}

/// Runs the service until standard input ends. Its first line on `out` is where it is reached, its last how
/// many steps it passed.
pub(super) async fn serve(options: &Options, out: &mut (impl Write + Send)) -> Result<(), Error> {
    let config = options.config();
    start_logging(&config.log);
    let listener = app::listen(&config).await?;
    let db = app::open_database(&config).await?;
    let steps = Arc::new(Steps::new(options.die_at));
    let clock = SharedClock::new(options.start, options.origin_us, options.speed);
    let clock = Arc::new(SteppedClock { clock, steps: Arc::clone(&steps) });
    provide_tls();
    let aggregator = SteppedAggregator {
        aggregator: Generic::new().map_err(StartError::from)?,
        base_url: options.aggregator.clone(),
        steps: Arc::clone(&steps),
    };
    let url = format!("http://{}", options.listen);
    let mut settings = Settings::new(&config, url.clone());
    settings.limits = settings.limits.without_quotas();
    let presence = presence(&config, &settings).await?;
    let app = App::with_aggregator(db, clock, Arc::new(aggregator), settings)?;
    child::tell_url(&url, out)?;
    app.run(listener, child::input_ended(), presence).await?;
    writeln!(out, "{STEPS_LINE}{}", steps.passed()).map_err(Error::Output)
}

/// The hold on the node's name.
async fn presence(
    config: &Config,
    settings: &Settings,
) -> Result<Option<api::db::Presence>, Error> {
    let node = &settings.engine.node;
    let name = node.rsplit_once('-').map_or(node.as_str(), |(name, _)| name);
    for _ in 1..PRESENCE_TRIES_MAX {
        if let Some(presence) = app::be_present(config, name).await? {
            return Ok(Some(presence));
        }
        tokio::time::sleep(PRESENCE_PAUSE).await;
    }
    Ok(app::be_present(config, name).await?)
}
