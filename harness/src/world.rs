//! A whole service in one value: its database, its HTTP server, its engine, the scripted aggregator
//! and a caller, on virtual time.
//!
//! Nothing runs by itself: the engine looks when [`World::step_engine`] says so and the clock moves
//! when [`World::advance_to`] does. What is set up is set up through the service's own doors: its
//! set-up functions for what a caller cannot do, its GraphQL API over HTTP for the rest.
//!
//! **Invariant:** between two calls of a world nothing happens in its service.
//! **Invariant:** [`World::stop`] leaves neither a task nor a database behind.

mod audit;
mod civil;
mod database;
mod drive;
mod error;
mod process;
mod setup;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use api::app::{App, Settings};
use api::config::Config;
use api::db::Db;
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ConnectionId, SiteId};

pub use audit::{Audit, Row, Standing, Tried};
pub use drive::{Beat, Driven, Watcher, Work};
pub use error::Error;
pub(crate) use setup::{Plan, SENDER, SITE, Text, agreed, hook};

use civil::CivilClock;
use database::Database;
use process::Process;

use crate::aggregator::Aggregator;
use crate::aggregator::front_wiremock::WiremockFront;
use crate::client::Client;
use crate::clock::VirtualClock;
use crate::scenario::{Scenario, SiteChange};

/// How long a request in flight is given when the world stops.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
/// How old a claim may be when its request leaves. A test machine may be slow, and a claim that was
/// put off would show in the timeline.
const DISPATCH_GRACE: Duration = Duration::from_mins(1);
/// How long one hand-over may take.
const SUBMIT_TIMEOUT: Duration = Duration::from_mins(1);
/// How long a claim is held: longer than both.
const LEASE: Duration = Duration::from_mins(5);

/// The bearer token that opens the metrics of a world's service.
pub const METRICS_TOKEN: &str = "the-harness-reads-metrics";

/// A running service and everything around it.
pub struct World {
    process: Mutex<Process>,
    settings: Settings,
    listener: TcpListener,
    db: Db,
    database: Database,
    clock: VirtualClock,
    aggregator: Aggregator,
    front: WiremockFront,
    url: String,
    site: Site,
    audiences: BTreeMap<String, String>,
}

/// A site and the key that reaches it alone.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) id: SiteId,
    pub(crate) connection_id: ConnectionId,
    pub(crate) key: String,
    client: Client,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("url", &self.url).finish_non_exhaustive()
    }
}

impl World {
    /// Starts a service on a database of its own and sets up the scenario's site, sender, subscribers
    /// and audiences. It is idle then, and no campaign is made.
    pub async fn start(scenario: &Scenario) -> Result<Self, Error> {
        Self::start_with(scenario, |_settings| ()).await
    }

    /// The same with a service that is set otherwise than those of most worlds.
    pub async fn start_with(
        scenario: &Scenario,
        adjust: impl FnOnce(&mut Settings),
    ) -> Result<Self, Error> {
        let clock = VirtualClock::new(scenario.start());
        let database = Database::create().await?;
        let db = database.open().await?;
        let (listener, url) = process::listen()?;
        let civil = CivilClock::new(clock.clone());
        let mut settings = settings(scenario, url.clone());
        adjust(&mut settings);
        let process = Process::start(&db, civil, &settings, &listener)?;
        let app = process.app();
        let plan = setup::Plan { app: &app, url: &url };
        let site = plan.site(setup::SITE, scenario).await?;
        let now = Arc::new(clock.clone());
        let agreed = setup::agreed(&url, site.connection_id);
        let aggregator = Aggregator::new(agreed, scenario.script(), now)?;
        let front = WiremockFront::start(aggregator.clone()).await;
        let base_url = front.base_url();
        let status_page = (!scenario.status_page.is_empty()).then_some(base_url.as_str());
        plan.connection(site.id, &base_url, status_page, scenario.connection).await?;
        let audiences = plan.people(&site, scenario).await?;
        let process = Mutex::new(process);
        let world = Self {
            process,
            settings,
            listener,
            db,
            database,
            clock,
            aggregator,
            front,
            url,
            site,
            audiences,
        };
        world.apply_receipts().await?;
        Ok(world)
    }

    /// A caller with the key of the scenario's site.
    pub fn client(&self) -> &Client {
        &self.site.client
    }

    /// The scenario's site, as the API writes its id.
    pub fn site_id(&self) -> String {
        self.site.id.to_string()
    }

    /// An ADMIN key that reaches the scenario's site and no other.
    pub fn key(&self) -> &str {
        &self.site.key
    }

    /// The service's URL, without a path: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The id of the scenario's audience of that name.
    pub fn audience(&self, name: &str) -> Result<&str, Error> {
        self.audiences.get(name).map(String::as_str).ok_or_else(|| Error::NoAudience(name.into()))
    }

    /// Makes a second site, set up like the scenario's but without subscribers, and answers with an
    /// ADMIN key that reaches it and no other.
    pub async fn other_site_key(&self, scenario: &Scenario) -> Result<String, Error> {
        let app = self.app();
        let plan = setup::Plan { app: &app, url: &self.url };
        let site = plan.site(setup::OTHER_SITE, scenario).await?;
        let base_url = self.front.base_url();
        plan.connection(site.id, &base_url, None, scenario.connection).await?;
        Ok(site.key)
    }

    /// Changes the scenario's site, as an operator can.
    pub async fn change_site(&self, change: &SiteChange) -> Result<(), Error> {
        let settings = setup::changed(change)?;
        let app = self.app();
        app.service().admin_site_set(self.site.id, settings).await.map(drop).map_err(Error::Setup)
    }

    /// A caller of this service with any token, or with none.
    pub fn client_with(&self, token: Option<String>) -> Result<Client, Error> {
        setup::client(&self.url, token)
    }

    /// The scripted aggregator.
    pub fn aggregator(&self) -> &Aggregator {
        &self.aggregator
    }

    /// The service's process, for what has no other door.
    pub fn app(&self) -> Arc<App> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).app()
    }

    /// The service's database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The same database, opened once more with connections of its own: as another process has it.
    pub async fn another_db(&self) -> Result<Db, Error> {
        self.database.another().await
    }

    /// The clock of the story.
    pub(crate) fn clock(&self) -> VirtualClock {
        self.clock.clone()
    }

    /// The present instant of the story.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Moves time on to `instant`, and lets nobody act on it yet.
    pub fn advance_to(&self, instant: DateTime<Utc>) -> DateTime<Utc> {
        self.clock.advance_to(instant)
    }

    /// Moves time on by `span`, and lets nobody act on it yet.
    pub fn advance_by(&self, span: TimeDelta) -> DateTime<Utc> {
        self.clock.advance_by(span)
    }

    /// Stops everything, after holding the service to account: nothing is due now, nothing is in
    /// flight, and every campaign's counts are those of its messages.
    pub async fn stop(self) -> Result<(), Error> {
        let settled = self.assert_settled().await;
        let process = self.process.into_inner().unwrap_or_else(PoisonError::into_inner);
        let stopped = process.stop().await;
        drop(self.front);
        let closed = self.db.close().await.map_err(Error::Database);
        let dropped = self.database.drop().await;
        settled.and(stopped).and(closed).and(dropped)
    }

    async fn assert_settled(&self) -> Result<(), Error> {
        let work = self.run_now().await?;
        if work.done > 0 {
            return Err(Error::NotIdle(work.words()));
        }
        for id in self.campaigns().await? {
            let audit = self.audit(&id).await?;
            audit.balances()?;
        }
        Ok(())
    }
}

/// The service's defaults, with the scenario's window and spans that suit a slow machine.
fn settings(scenario: &Scenario, url: String) -> Settings {
    let mut settings = Settings::new(&Config::default(), url);
    let window = u64::from(scenario.engine.max_in_flight);
    settings.engine.max_in_flight = window;
    settings.engine.max_in_flight_per_connection = window;
    settings.engine.claim_batch_max = settings.engine.claim_batch_max.min(window);
    if let Some(batch) = scenario.engine.plan_batch {
        settings.engine.plan_batch_max = batch.into();
    }
    settings.engine.dispatch_grace = DISPATCH_GRACE;
    settings.engine.submit_timeout = SUBMIT_TIMEOUT;
    settings.engine.lease = LEASE;
    "node".clone_into(&mut settings.engine.node);
    settings.shutdown_grace = SHUTDOWN_GRACE;
    settings.limits = settings.limits.without_quotas();
    settings.metrics_token = Some(METRICS_TOKEN.into());
    settings
}
