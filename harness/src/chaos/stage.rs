//! One run: a journal, an aggregator, and one process of the service after another on one database, in one seat or
//! in several at once.
//!
//! **Invariant:** the journal and the aggregator outlive every process of the service.
//! **Invariant:** a start is recorded before the process begins, an end once the system says that it is over.

mod asking;
mod launch;

use super::{
    Error, claims,
    outcome::Outcome,
    place::Place,
    plays::Rest,
    service::{self, STEPS_LINE},
    template::Template,
};
use crate::{
    aggregator::{Aggregator, front_hyper},
    check,
    child::{Child, Listener},
    client::Client,
    clock::SharedClock,
    record::{
        Body, ClockKind, Fact, HowStopped, Recorder, Sender, Service, SiteState, Stopped,
        monotonic_us,
    },
    runner::facts,
    world::{self, Audit},
};
use api::db::Db;
use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

pub(super) use asking::{call, post_stop};
pub(super) use launch::{Caller, Launch};

/// The seat of the node that callers ask.
pub(super) const ASKED: usize = 0;

/// How a run is set up.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    /// Where it happens.
    pub(super) place: &'a Place,
    /// What its database begins with.
    pub(super) template: &'a Template,
    /// Where the service listens.
    pub(super) address: SocketAddr,
    /// How many times as fast as time civil time passes.
    pub(super) speed: u32,
}

/// A run.
pub(super) struct Stage<'a> {
    setting: Setting<'a>,
    name: String,
    journal: PathBuf,
    clock: SharedClock,
    /// The journal.
    pub(super) recorder: Recorder,
    /// The aggregator.
    pub(super) aggregator: Aggregator,
    front: Front,
    /// A caller with the key of the site.
    pub(super) client: Client,
    seats: Vec<Seat>,
    listener: Listener,
    /// The steps that the last process passed that was asked to end.
    steps: Arc<AtomicU64>,
    kills: u64,
    starts: u64,
}

/// Where one process of a node follows the other.
pub(super) struct Seat {
    /// The node's name in journals.
    node: String,
    address: SocketAddr,
    service: Option<Child>,
}

impl Seat {
    fn new(number: usize, address: SocketAddr) -> Self {
        Self { node: format!("node-{number}"), address, service: None }
    }

    /// Whether its process runs.
    pub(super) fn is_running(&mut self) -> bool {
        self.service.as_mut().is_some_and(Child::is_running)
    }

    /// The number by which the system knows its process.
    pub(super) fn process(&self) -> Option<u32> {
        self.service.as_ref().map(Child::id)
    }
}

/// The aggregator's front and its courier.
struct Front {
    url: String,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl<'a> Stage<'a> {
    /// Copies the database and begins the journal; no service runs yet. `name` is the run's alone.
    pub(super) async fn open(setting: Setting<'a>, name: &str) -> Result<Self, Error> {
        let Setting { place, template, address, speed } = setting;
        place.store.copy(&template.name, name).await?;
        let clock = SharedClock::new(template.scenario.start(), monotonic_us(), speed);
        let journal = place.journal(name);
        let recorder = Recorder::append("chaos", &journal, Arc::new(clock), ClockKind::Real)
            .map_err(Error::Journal)?;
        let url = format!("http://{address}");
        let agreed = world::agreed(&url, template.site.connection_id);
        let aggregator = Aggregator::new(agreed, template.scenario.script(), Arc::new(clock))?;
        aggregator.core().record_to(recorder.clone());
        let front = Front::start(&aggregator).await?;
        let client = Client::new(format!("{url}/graphql"), Some(template.site.key.clone()))?;
        let steps = Arc::new(AtomicU64::new(0));
        let listener = listener(&recorder, &steps);
        let stage = Self {
            setting,
            name: name.to_owned(),
            journal,
            clock,
            recorder,
            aggregator,
            front,
            client,
            seats: vec![Seat::new(ASKED, address)],
            listener,
            steps,
            kills: 0,
            starts: 0,
        };
        stage.cast();
        Ok(stage)
    }

    /// Records who is there.
    fn cast(&self) {
        let (template, site) = (self.setting.template, self.site_id());
        let scenario = &template.scenario;
        self.recorder.record(Fact::Site(SiteState {
            site: site.clone(),
            name: world::SITE.to_owned(),
            zone: scenario.site.time_zone.clone(),
            ..SiteState::default()
        }));
        self.recorder.record(Fact::Sender(Sender {
            phone: world::SENDER.to_owned(),
            segments_per_s: scenario.site.sender_segments_per_s,
        }));
        for one in scenario.seed_subscribers() {
            self.recorder.record(Fact::Person(facts::person(&site, one)));
        }
    }

    /// The site, as the API writes its id.
    pub(super) fn site_id(&self) -> String {
        self.setting.template.site.id.to_string()
    }

    /// Where texts and receipts are posted.
    pub(super) fn hook(&self) -> String {
        let url = format!("http://{}", self.setting.address);
        world::hook(&url, self.setting.template.site.connection_id)
    }

    /// The civil clock of the run.
    pub(super) fn clock(&self) -> SharedClock {
        self.clock
    }

    /// Adds a seat at an address of its own; answers its number.
    pub(super) fn add_seat(&mut self, address: SocketAddr) -> usize {
        let number = self.seats.len();
        self.seats.push(Seat::new(number, address));
        number
    }

    /// One of the seats.
    pub(super) fn seat(&mut self, number: usize) -> Result<&mut Seat, Error> {
        self.seats.get_mut(number).ok_or(Error::Mute)
    }

    /// Starts a process in the seat that callers ask, which dies at a step of its own; 0 for none.
    pub(super) async fn start(&mut self, die_at: u64) -> Result<(), Error> {
        self.start_in(ASKED, die_at).await
    }

    /// Starts a process in a seat.
    pub(super) async fn start_in(&mut self, number: usize, die_at: u64) -> Result<(), Error> {
        let seat = self.seat(number)?;
        let (address, node) = (seat.address, seat.node.clone());
        let in_flight = self.setting.template.scenario.engine.max_in_flight;
        let options = service::Options::new(
            self.setting.place.store.url(&self.name),
            address,
            self.front.url.clone(),
            &self.clock,
            u16::try_from(in_flight).unwrap_or(u16::MAX),
        );
        let words = options.dying_at(die_at).words();
        let max_in_flight = in_flight.into();
        self.recorder.record(Fact::Started(Service { node, max_in_flight }));
        self.starts = self.starts.saturating_add(1);
        let listener = Arc::clone(&self.listener);
        let started = tokio::task::spawn_blocking(move || {
            Child::start_heard(&["chaos", "service"], &words, listener)
        });
        match started.await? {
            Ok(child) => self.seat(number)?.service = Some(child),
            Err(error) => {
                self.ended(number, HowStopped::Killed)?;
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Kills the process that callers ask, wherever it is, or buries it if it is dead.
    pub(super) async fn kill(&mut self) -> Result<(), Error> {
        self.kill_in(ASKED).await
    }

    /// Kills the process in a seat.
    pub(super) async fn kill_in(&mut self, number: usize) -> Result<(), Error> {
        let Some(mut child) = self.seat(number)?.service.take() else { return Ok(()) };
        tokio::task::spawn_blocking(move || child.kill()).await??;
        self.ended(number, HowStopped::Killed)?;
        self.kills = self.kills.saturating_add(1);
        Ok(())
    }

    /// Asks the process to end; answers how many steps it passed.
    pub(super) async fn stop(&mut self) -> Result<u64, Error> {
        self.stop_in(ASKED).await
    }

    /// Asks the process in a seat to end; answers how many steps it passed.
    pub(super) async fn stop_in(&mut self, number: usize) -> Result<u64, Error> {
        let Some(child) = self.seat(number)?.service.take() else { return Ok(0) };
        tokio::task::spawn_blocking(move || child.stop()).await??;
        self.ended(number, HowStopped::Asked)?;
        Ok(self.steps.load(Ordering::Relaxed))
    }

    fn ended(&mut self, number: usize, how: HowStopped) -> Result<(), Error> {
        let node = self.seat(number)?.node.clone();
        self.recorder.record(Fact::Stopped(Stopped { node, how }));
        Ok(())
    }

    /// The database of the run.
    pub(super) async fn database(&self) -> Result<Db, Error> {
        Ok(self.setting.place.store.open(&self.name).await?)
    }

    /// Ends the run without judging its journal; answers how often a process was killed.
    pub(super) async fn leave(mut self) -> Result<u64, Error> {
        for number in 0..self.seats.len() {
            self.stop_in(number).await?;
        }
        self.recorder.problem().map_err(Error::Journal)?;
        self.front.stop().await?;
        std::fs::remove_file(&self.journal).map_err(Error::Directory)?;
        self.setting.place.store.drop(&self.name).await?;
        Ok(self.kills)
    }

    /// Notes that nothing is left to do, reads every ledger, ends the run and judges it.
    pub(super) async fn judge(
        mut self,
        campaigns: &[String],
        rest: Rest,
    ) -> Result<Outcome, Error> {
        let is_idle = self.drained(rest).await?;
        if is_idle {
            self.recorder.record(Fact::Idle {});
        }
        let mut audits = Vec::new();
        for id in campaigns {
            let audit = self.ask(async |client| Ok(Audit::read(client, id).await?)).await?;
            facts::ledger(&self.recorder, &audit);
            audits.push(audit);
        }
        let kills = self.kills;
        // What is left of the last process is no business of the run: nothing is under way.
        for number in 0..self.seats.len() {
            if let Some(mut child) = self.seat(number)?.service.take() {
                tokio::task::spawn_blocking(move || child.kill()).await??;
                self.ended(number, HowStopped::Asked)?;
            }
        }
        let db = self.database().await?;
        claims::record(&db, &self.recorder).await?;
        db.close().await?;
        let taken = self.aggregator.core().ledger();
        self.recorder.problem().map_err(Error::Journal)?;
        self.front.stop().await?;
        let journal = self.journal.clone();
        let report = tokio::task::spawn_blocking(move || check::check_file(&journal)).await??;
        let mut outcome = Outcome::count(&audits, &taken, rest);
        outcome.kills = kills;
        outcome.evidence = report.violations();
        if !is_idle {
            outcome.evidence.push("the service was not done in time".to_owned());
        }
        outcome.violations = u64::try_from(outcome.evidence.len()).unwrap_or(u64::MAX);
        if !outcome.is_clean() {
            self.setting.place.keep(&self.journal)?;
        }
        std::fs::remove_file(&self.journal).map_err(Error::Directory)?;
        self.setting.place.store.drop(&self.name).await?;
        Ok(outcome)
    }
}

/// Records what the service writes, and takes note of the steps it passed.
fn listener(recorder: &Recorder, steps: &Arc<AtomicU64>) -> Listener {
    let (recorder, steps) = (recorder.clone(), Arc::clone(steps));
    Arc::new(move |from, text| {
        let passed = text.strip_prefix(STEPS_LINE).filter(|_| from == "stdout");
        if let Some(passed) = passed.and_then(|text| text.parse().ok()) {
            steps.store(passed, Ordering::Relaxed);
        }
        recorder.record(Fact::Output(Body { from: from.to_owned(), text }));
    })
}

impl Front {
    async fn start(aggregator: &Aggregator) -> Result<Self, Error> {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::Listen)?;
        let url = format!("http://{}", listener.local_addr().map_err(Error::Listen)?);
        let stop = watch::Sender::new(false);
        let stopped = |mut stop: watch::Receiver<bool>| async move {
            // An error says that the run is gone.
            let _ = stop.wait_for(|stop| *stop).await;
        };
        let (front, courier) = (aggregator.clone(), aggregator.clone());
        let (of_front, of_courier) = (stopped(stop.subscribe()), stopped(stop.subscribe()));
        let front = tokio::spawn(front_hyper::serve(listener, front, of_front));
        let courier = tokio::spawn(async move { courier.run_in_real_time(of_courier).await });
        Ok(Self { url, stop, tasks: vec![front, courier] })
    }

    async fn stop(self) -> Result<(), Error> {
        self.stop.send_replace(true);
        for task in self.tasks {
            task.await?;
        }
        Ok(())
    }
}
