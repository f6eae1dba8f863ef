//! The process that a world's service runs in, and its death in the middle of a hand-over.
//!
//! **Invariant:** what a process knew and did not write down is gone with it: the next one begins on the
//! database alone.
//! **Invariant:** the port stays the service's while one process follows the other: whoever calls meanwhile
//! waits.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use api::app::{App, Settings};
use api::db::Db;
use api::ports::Task;
use chrono::TimeDelta;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{CivilClock, Error, World};

/// How long the server may take to stop.
const STOP_WAIT: Duration = Duration::from_secs(15);
/// How often a world looks whether a hand-over is under way before it gives up. Each look is a request to the
/// service, during which all others go on.
const LOOKS_MAX: usize = 20_000;
/// How long after a death the next process starts, in lease time: longer than any lease is held.
const RESTART_AFTER: TimeDelta = TimeDelta::hours(1);

/// The harmless question that a look asks.
const LOOK: &str = "{ viewer { scopes } }";

/// A service at work: its parts, and the task that serves HTTP.
pub(super) struct Process {
    app: Arc<App>,
    server: Option<Server>,
}

/// The HTTP server's task.
struct Server {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), api::app::StartError>>,
}

/// A port of the loopback, and the service's URL there.
pub(super) fn listen() -> Result<(TcpListener, String), Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::Listen)?;
    listener.set_nonblocking(true).map_err(Error::Listen)?;
    let address = listener.local_addr().map_err(Error::Listen)?;
    Ok((listener, format!("http://{address}")))
}

impl Process {
    /// Starts a service on a database and serves it on a port that is listened on.
    pub(super) fn start(
        db: &Db,
        clock: CivilClock,
        settings: &Settings,
        listener: &TcpListener,
    ) -> Result<Self, Error> {
        let app = App::new(db.clone(), Arc::new(clock), settings.clone()).map_err(Error::Start)?;
        let app = Arc::new(app);
        let listener = listener.try_clone().map_err(Error::Listen)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(Error::Listen)?;
        let server = Server::start(Arc::clone(&app), listener);
        Ok(Self { app, server: Some(server) })
    }

    /// Its parts.
    pub(super) fn app(&self) -> Arc<App> {
        Arc::clone(&self.app)
    }

    /// Stops serving.
    pub(super) async fn stop(mut self) -> Result<(), Error> {
        match self.server.take() {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }
}

impl Server {
    fn start(app: Arc<App>, listener: tokio::net::TcpListener) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async {
                // A world that is dropped without being stopped stops its server as well.
                stopped.await.ok();
            };
            app.serve(listener, stopped).await
        });
        Self { stop, task }
    }

    async fn stop(self) -> Result<(), Error> {
        self.stop.send(()).ok();
        match tokio::time::timeout(STOP_WAIT, self.task).await {
            Ok(Ok(served)) => served.map_err(Error::Start),
            Ok(Err(panicked)) => Err(Error::Server(panicked)),
            Err(late) => Err(Error::Stuck(late)),
        }
    }
}

impl World {
    /// Lets the service plan, begin to hand over, and die once the aggregator has taken `accepted` messages
    /// more whose answers have not come; then another process starts on what it left, after every lease has
    /// run out.
    pub async fn die_handing_over(&self, accepted: u64) -> Result<(), Error> {
        for task in [Task::Scheduler, Task::Planner] {
            self.exhaust(task).await?;
        }
        let taken = || self.aggregator.core().with_ledger(crate::aggregator::Ledger::total);
        let wanted = taken().saturating_add(accepted);
        let app = self.app();
        let engine = Arc::clone(app.engine());
        let sending = tokio::spawn(async move { engine.activate(Task::Dispatcher).await });
        for _ in 0..LOOKS_MAX {
            if taken() >= wanted || sending.is_finished() {
                break;
            }
            self.client().post(LOOK, serde_json::json!({})).await?;
        }
        let is_under_way = taken() >= wanted && !sending.is_finished();
        sending.abort();
        // An aborted task has ended once it was waited for.
        let is_killed = sending.await.is_err_and(|ended| ended.is_cancelled());
        if !(is_under_way && is_killed) {
            return Err(Error::NotUnderWay(accepted));
        }
        drop(app);
        self.restart().await
    }

    /// Another process in place of the present one.
    async fn restart(&self) -> Result<(), Error> {
        let server = self.process.lock().unwrap_or_else(PoisonError::into_inner).server.take();
        if let Some(server) = server {
            server.stop().await?;
        }
        let clock = CivilClock::later(self.clock.clone(), RESTART_AFTER);
        let next = Process::start(&self.db, clock, &self.settings, &self.listener)?;
        let app = next.app();
        *self.process.lock().unwrap_or_else(PoisonError::into_inner) = next;
        // What a process does first; where other nodes may be at work it waits for their leases.
        let recovered = app.engine().recover(false).await;
        let task = Task::Recovery.name();
        recovered.map_err(|source| Error::Engine { task, source })?;
        self.exhaust(Task::Recovery).await
    }
}
