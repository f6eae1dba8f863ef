//! What every run of a play begins with: a database of the schema with the scenario's site, people and
//! audiences, set up once and copied.
//!
//! **Invariant:** nothing has happened in it, and nobody has it open when it is copied.

use super::Error;
use crate::{
    clock::SharedClock,
    record::monotonic_us,
    scenario::Scenario,
    store::Store,
    world::{Plan, Site},
};
use api::{
    app::{App, Settings},
    config::Config,
};
use chrono::TimeDelta;
use std::{collections::BTreeMap, sync::Arc};
use tokio::{net::TcpListener, sync::oneshot};

/// How long before the scenario begins everything is set up.
const SET_UP_BEFORE: TimeDelta = TimeDelta::hours(1);

/// A database that was set up.
pub(super) struct Template {
    /// Its name in the store.
    pub(super) name: String,
    /// What it was set up by.
    pub(super) scenario: Scenario,
    /// The site and its key.
    pub(super) site: Site,
    /// The ids of the audiences, by name.
    pub(super) audiences: BTreeMap<String, String>,
}

impl Template {
    /// Sets a database up.
    pub(super) async fn make(store: &Store, name: &str, scenario: Scenario) -> Result<Self, Error> {
        store.create(name).await?;
        let db = store.open(name).await?;
        db.migrate().await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::Listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(Error::Listen)?);
        let clock = SharedClock::new(scenario.start() - SET_UP_BEFORE, monotonic_us(), 1);
        let mut settings = Settings::new(&Config::default(), url.clone());
        settings.limits = settings.limits.without_quotas();
        let app = Arc::new(App::new(db.clone(), Arc::new(clock), settings)?);
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = Arc::clone(&app);
        let server = tokio::spawn(async move {
            let stopped = async {
                // Who set up and failed is gone, and the server stops as well.
                stopped.await.ok();
            };
            serving.serve(listener, stopped).await
        });
        let made = set_up(&app, &url, &scenario).await;
        drop(stop);
        server.await??;
        drop(app);
        db.close().await?;
        let (site, audiences) = made?;
        Ok(Self { name: name.to_owned(), scenario, site, audiences })
    }
}

async fn set_up(
    app: &App,
    url: &str,
    scenario: &Scenario,
) -> Result<(Site, BTreeMap<String, String>), Error> {
    let plan = Plan { app, url };
    let site = plan.site(crate::world::SITE, scenario).await?;
    let audiences = plan.people(&site, scenario).await?;
    Ok((site, audiences))
}
