//! The service as a process of its own, and what the system tells of it.
//!
//! **Invariant:** what is told of its memory and its time is the service's alone.

use super::{Error, query::bare};
use crate::{
    child::{self, Child},
    clock::RunningClock,
};
use api::{
    app::{self, App, Settings},
    cli::start_logging,
    config::Config,
};
use chrono::{DateTime, Utc};
use std::{
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

/// The line of a process's status that tells the most memory it ever had at once.
const PEAK_FIELD: &str = "VmHWM:";
/// The most messages claimed in one transaction.
const CLAIM_BATCH_MAX: u16 = 1_000;
/// The line that tells how much it has.
const NOW_FIELD: &str = "VmRSS:";
/// Clock ticks of a second, in which Linux counts a process's time.
const TICKS_PER_S: u64 = 100;
/// Where the time in user space stands in a process's line, counted from after its name; that in the kernel
/// comes next.
const TICKS_AT: usize = 11;
/// Bytes of what that line counts in.
const PEAK_UNIT_BYTES: u64 = 1_024;

/// How the service runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The directory of its database.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// The URL of its database, in place of the directory.
    #[arg(long)]
    database: Option<String>,
    /// The civil time at which it starts; time runs on from there as it does.
    #[arg(long)]
    at: DateTime<Utc>,
    /// Subscribers planned in one transaction.
    #[arg(long)]
    plan_batch: Option<u16>,
    /// Hand-overs in flight at once, over all connections and over one.
    #[arg(long)]
    in_flight: Option<u16>,
    /// How long a claim holds.
    #[arg(long)]
    lease_s: Option<u16>,
    /// Whether bare resolvers are served beside it; then the first line has their URL, too.
    #[arg(long)]
    bare: bool,
}

/// Runs the service until standard input ends. Its first line on `out` is where it is reached.
pub(super) async fn serve(options: &Options, out: &mut (impl Write + Send)) -> Result<(), Error> {
    let mut config = Config::default();
    if let Some(dir) = &options.dir {
        config.database.data_dir.clone_from(dir);
    }
    config.database.url = options.database.clone().map(Into::into);
    config.engine.plan_batch_max = options.plan_batch.unwrap_or(config.engine.plan_batch_max);
    if let Some(in_flight) = options.in_flight {
        config.engine.max_in_flight = in_flight;
        config.engine.max_in_flight_per_connection = in_flight;
        config.engine.claim_batch_max = in_flight.min(CLAIM_BATCH_MAX);
    }
    if let Some(lease_s) = options.lease_s {
        config.engine.lease = Duration::from_secs(lease_s.into());
        // A request and the grace before it must fit.
        config.engine.submit_timeout = config.engine.submit_timeout.min(config.engine.lease / 2);
    }
    "warn".clone_into(&mut config.log.filter);
    start_logging(&config.log);
    let db = app::open_database(&config).await?;
    let (listener, url) = child::listen().await?;
    let clock = Arc::new(RunningClock::new(options.at));
    let mut settings = Settings::new(&config, url.clone());
    settings.limits = settings.limits.without_quotas();
    let app = App::new(db, clock, settings)?;
    let told = if options.bare { format!("{url} {}", bare::start().await?) } else { url };
    child::tell_url(&told, out)?;
    Ok(app.run(listener, child::input_ended(), None).await?)
}

/// How to start a service.
pub(super) struct Running(Vec<String>);

impl Running {
    /// At a civil time of its own.
    pub(super) fn new(at: DateTime<Utc>) -> Self {
        Self(vec!["--at".to_owned(), at.to_rfc3339()])
    }

    fn with(mut self, option: &str, value: String) -> Self {
        self.0.extend([option.to_owned(), value]);
        self
    }

    /// On the database in a directory.
    pub(super) fn dir(self, dir: &Path) -> Self {
        self.with("--dir", dir.display().to_string())
    }

    /// On the database of a URL.
    pub(super) fn database(self, url: String) -> Self {
        self.with("--database", url)
    }

    /// Planning so many subscribers in one transaction.
    pub(super) fn plan_batch(self, batch: u16) -> Self {
        self.with("--plan-batch", batch.to_string())
    }

    /// With bare resolvers beside it.
    pub(super) fn bare(mut self) -> Self {
        self.0.push("--bare".to_owned());
        self
    }

    /// With claims that hold so long.
    pub(super) fn lease_s(self, seconds: u16) -> Self {
        self.with("--lease-s", seconds.to_string())
    }

    /// With so many hand-overs in flight at once.
    pub(super) fn in_flight(self, count: u16) -> Self {
        self.with("--in-flight", count.to_string())
    }
}

/// A service that runs.
pub(super) struct Service(Child);

impl Service {
    /// Starts a service.
    pub(super) fn start(running: &Running) -> Result<Self, Error> {
        Ok(Self(Child::start(&["bench", "service"], &running.0)?))
    }

    /// Where it is reached, without a path.
    pub(super) fn url(&self) -> &str {
        self.0.url.split_whitespace().next().unwrap_or_default()
    }

    /// Where the bare resolvers beside it are reached.
    pub(super) fn bare_url(&self) -> Result<&str, Error> {
        self.0.url.split_whitespace().nth(1).ok_or(Error::Ended)
    }

    /// The most memory that it ever had at once, in bytes.
    pub(super) fn peak_bytes(&self) -> Result<u64, Error> {
        self.status_bytes(PEAK_FIELD)
    }

    /// The memory that it has, in bytes.
    pub(super) fn rss_bytes(&self) -> Result<u64, Error> {
        self.status_bytes(NOW_FIELD)
    }

    fn status_bytes(&self, field: &str) -> Result<u64, Error> {
        let path = format!("/proc/{}/status", self.0.id());
        let status = std::fs::read_to_string(path).map_err(Error::Memory)?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let number = line.and_then(|line| line.split_whitespace().next()).ok_or(Error::NoMemory)?;
        Ok(number.parse::<u64>().map_err(Error::BadMemory)? * PEAK_UNIT_BYTES)
    }

    /// How long it kept a core busy, in user space and in the kernel.
    pub(super) fn cpu(&self) -> Result<Duration, Error> {
        let path = format!("/proc/{}/stat", self.0.id());
        let line = std::fs::read_to_string(path).map_err(Error::Memory)?;
        // A name may have spaces in it, and ends with the last parenthesis.
        let (_, rest) = line.rsplit_once(')').ok_or(Error::NoMemory)?;
        let ticks = rest.split_whitespace().skip(TICKS_AT).take(2);
        let ticks: Vec<u64> =
            ticks.map(str::parse).collect::<Result<_, _>>().map_err(Error::BadMemory)?;
        let ms = ticks.iter().sum::<u64>() * 1_000 / TICKS_PER_S;
        Ok(Duration::from_millis(ms))
    }

    /// Whether it still runs.
    pub(super) fn is_running(&mut self) -> bool {
        self.0.is_running()
    }

    /// Kills it.
    pub(super) fn kill(&mut self) -> Result<(), Error> {
        Ok(self.0.kill()?)
    }

    /// Asks it to end, and waits until it has.
    pub(super) fn stop(self) -> Result<(), Error> {
        Ok(self.0.stop()?)
    }
}
