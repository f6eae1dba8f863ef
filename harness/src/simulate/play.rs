//! One schedule, from its choices to its end.
//!
//! **Invariant:** whatever is decided is decided by the choices, and in one order: the same choices tell the same
//! story.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use api::app::{self, Assembled, Outside, Settings};
use api::engine::Engine;
use api::ports::{Clock as _, Ids, RawReceipt, Task};
use api::service::Service;
use api::vitals::Vitals;
use chrono::TimeDelta;
use domain::id::CampaignId;

use super::choices::Choices;
use super::clock::{NodeClock, Sky};
use super::coverage::Coverage;
use super::crew::{Came, Crew, What};
use super::findings::Found;
use super::ground::{Ground, Plot};
use super::people::{self, Act, Call};
use super::plan::Plan;
use super::port::{Hub, NoPages, Port, write};
use super::store::{Store, StoreError};
use super::trace::Trace;
use super::turnstile::{Hand, Turnstile};
use super::world::{Owed, World};

/// Lease clocks of nodes differ by no more than this, in ms: they are kept by the database's time.
const LEASE_SKEW_MS: u32 = 1_000;
/// Incarnations of one node that have ids of their own.
const INCARNATIONS: u64 = 1_000;

/// A simulated node.
pub(super) struct Node {
    pub(super) number: u32,
    pub(super) clock: Arc<NodeClock>,
    pub(super) lease_skew_ms: i64,
    pub(super) service: Service,
    pub(super) engine: Arc<Engine>,
    pub(super) incarnation: u32,
    pub(super) is_up: bool,
    pub(super) is_still: bool,
}

/// A campaign of a schedule.
pub(super) struct Campaign {
    pub(super) id: CampaignId,
    pub(super) is_activated: bool,
    pub(super) was_resent: bool,
    pub(super) was_canceled: Option<people::Answer>,
    /// The status last seen.
    pub(super) status: String,
}

/// What a schedule came to.
#[derive(Debug, Default)]
pub(super) struct Played {
    pub(super) hash: u64,
    pub(super) steps: u64,
    pub(super) messages: u64,
    pub(super) faults: BTreeMap<&'static str, u64>,
    pub(super) found: Vec<Found>,
    pub(super) choices: Vec<u32>,
    pub(super) lines: Vec<String>,
    /// The story as a scenario file, if it is told and a scenario can tell it.
    pub(super) scenario: Option<String>,
    pub(super) coverage: Coverage,
    /// Things the reconcilers did.
    pub(super) done: u64,
    /// When the reconciler that looked last has something to do.
    pub(super) next_at: Option<domain::Instant>,
}

/// What is wanted of a schedule beside its findings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    /// Its story, line by line.
    pub(super) is_told: bool,
    /// How often what happened in which state.
    pub(super) is_covered: bool,
}

/// A schedule that is played.
pub(super) struct Play {
    pub(super) plan: Plan,
    pub(super) plot: Arc<Plot>,
    settings: Settings,
    vitals: Vitals,
    pub(super) hub: Arc<Hub>,
    pub(super) crew: Crew,
    pub(super) nodes: Vec<Node>,
    pub(super) campaigns: Vec<Campaign>,
    pub(super) stopped: BTreeSet<u32>,
    pub(super) is_covered: bool,
    pub(super) played: Played,
}

/// Plays one schedule on the ground. The database is left as it was.
pub(super) async fn play(
    ground: &Ground,
    store: &Arc<Store>,
    choices: Choices,
    wanted: Wanted,
) -> Result<Played, StoreError> {
    store.mark()?;
    let mut play = Play::new(ground, store, choices, wanted);
    play.set_up();
    play.go().await;
    play.drain().await;
    play.judge()?;
    if wanted.is_told {
        play.played.scenario = play.tale();
    }
    let Play { hub, mut played, crew, nodes, .. } = play;
    drop(crew);
    drop(nodes);
    store.undo()?;
    played.hash = hub.trace().hash();
    played.lines = hub.trace().lines().to_vec();
    played.choices = hub.turnstile.choose(|choices| choices.made().to_vec());
    played.found = std::mem::take(&mut hub.world().found);
    Ok(played)
}

impl Play {
    fn new(ground: &Ground, store: &Arc<Store>, mut choices: Choices, wanted: Wanted) -> Self {
        let plan = Plan::draw(&mut choices);
        let plot = ground.plot(plan.profile.site);
        let turnstile = Turnstile::new(choices);
        let sky = Sky::new(ground.start);
        let delays_ms = plan.campaigns.iter().map(|it| it.delay.num_milliseconds()).collect();
        let parts = (Arc::clone(&turnstile), Arc::clone(store), sky);
        let hub = Hub::new(parts, World::new(plan.profile), Trace::new(wanted.is_told), delays_ms);
        hub.trace().tell(1, u64::from(plan.nodes), || plan_words(&plan));
        let crew = Crew::new(turnstile);
        let mut made = Self {
            plan,
            plot,
            settings: ground.settings.clone(),
            vitals: ground.vitals.clone(),
            hub,
            crew,
            nodes: Vec::new(),
            campaigns: Vec::new(),
            stopped: BTreeSet::new(),
            is_covered: wanted.is_covered,
            played: Played::default(),
        };
        for number in 0..made.plan.nodes {
            let skew = made.choose(|choices| choices.below(2 * LEASE_SKEW_MS + 1));
            let skew_ms = i64::from(skew) - i64::from(LEASE_SKEW_MS);
            // No skew, in the simplest story.
            let skew_ms = if skew == 0 { 0 } else { skew_ms };
            let node = made.node(number, 0, skew_ms);
            made.nodes.push(node);
        }
        made
    }

    /// Makes a choice.
    pub(super) fn choose<T>(&self, choose: impl FnOnce(&mut Choices) -> T) -> T {
        self.hub.turnstile.choose(choose)
    }

    /// Notes that a fault, or what counts as one, happened.
    pub(super) fn note(&mut self, what: &'static str) {
        *self.played.faults.entry(what).or_default() += 1;
    }

    /// A node's incarnation: a process with nothing but the database to begin on.
    pub(super) fn node(&self, number: u32, incarnation: u32, lease_skew_ms: i64) -> Node {
        let hub = &self.hub;
        let clock = NodeClock::new(&hub.sky, lease_skew_ms);
        let ids = u64::from(number) * INCARNATIONS + u64::from(incarnation) + 1;
        let ids = Arc::new(Ids::counted(clock.clone(), ids));
        let turns = Arc::new(Hand(Arc::clone(&hub.turnstile)));
        let db = api::db::Db::over(hub.store.connect(), hub.store.connect(), turns);
        let port = Arc::new(Port { hub: Arc::clone(hub), clock: clock.clone(), node: number });
        let (status_pages, vitals) = (Arc::new(NoPages), self.vitals.clone());
        let outside = Outside { aggregator: port, status_pages, vitals };
        let mut settings = self.settings.clone();
        settings.engine.max_in_flight = self.plan.window;
        settings.engine.max_in_flight_per_connection = self.plan.window;
        settings.engine.claim_batch_max = self.plan.window;
        settings.engine.plan_batch_max = self.plan.batch;
        settings.engine.node = format!("node-{number}-{incarnation}");
        let Assembled { service, engine, .. } =
            app::assemble(db, clock.clone(), ids, outside, &settings);
        let (is_up, is_still) = (true, false);
        Node { number, clock, lease_skew_ms, service, engine, incarnation, is_up, is_still }
    }

    /// Makes the drafts, and activates the first.
    fn set_up(&mut self) {
        let Some(node) = self.nodes.first() else { return };
        let service = node.service.clone();
        for (place, campaign) in self.plan.campaigns.clone().into_iter().enumerate() {
            let place = u32::try_from(place).unwrap_or_default();
            let making = people::create(service.clone(), Arc::clone(&self.plot), place, campaign);
            let work = async move { Came::Made(making.await) };
            self.crew.put(0, What::Draft, Box::pin(work));
            self.run();
        }
        self.hub.turnstile.stop_some();
        if !self.campaigns.is_empty() {
            self.call(0, Call { act: Act::Activate, campaign: 0 });
        }
    }

    /// Notes that the service broke down.
    pub(super) fn fault(&self, what: impl Into<String>) {
        let found = Found::fault(what);
        self.hub.trace().tell(98, 0, || format!("!! {}: {}", found.code(), found.what));
        self.hub.world().found.push(found);
    }

    /// Lets whoever can go on, and takes in what is over.
    pub(super) fn run(&mut self) {
        for _ in 0..RUNS_MAX {
            let still: BTreeSet<u32> =
                self.nodes.iter().filter(|it| it.is_still).map(|it| it.number).collect();
            let over = self.crew.run(|node| still.contains(&node));
            if over.is_empty() {
                return;
            }
            for done in over {
                self.take_in(done.node, &done.what, done.came);
            }
        }
        self.fault("what is under way never stops");
    }

    /// Somebody begins to call.
    pub(super) fn call(&mut self, node: u32, call: Call) {
        let place = index(call.campaign);
        let (Some(at), Some(campaign)) = (self.nodes.get(index(node)), self.campaigns.get(place))
        else {
            return;
        };
        let launch = self.plan.campaigns.get(place).map(|it| it.launch);
        let Some(launch) = launch else { return };
        let facts = (campaign.id, launch, at.clock.now());
        let calling = people::call(at.service.clone(), Arc::clone(&self.plot), call, facts);
        self.tell(20, call.campaign, || format!("a person asks node {node} to {}", call.words()));
        // From the call on it may go on. A campaign that was sent while it was paused is sent again as it is.
        let is_sent = campaign.status == "sent";
        if call.act == Act::Resume || (call.act == Act::Resend && is_sent) {
            let mut world = self.hub.world();
            world.halts.retain(|halt| halt.is_for_good || halt.campaign != Some(call.campaign));
        }
        self.cover_campaign(call);
        if let Some(campaign) = self.campaigns.get_mut(place) {
            // Also if whoever asked never hears the answer.
            campaign.was_resent |= call.act == Act::Resend;
        }
        self.crew.put(node, What::Call(call), Box::pin(async move { Came::Called(calling.await) }));
    }

    /// The aggregator begins to post.
    pub(super) fn post(&mut self, node: u32, owed: Owed) {
        let Some(at) = self.nodes.get(index(node)) else { return };
        let (service, connection) = (at.service.clone(), self.plot.connection);
        let body = write(&owed);
        let headers =
            if owed.is_forged { vec![("forged".to_owned(), "1".to_owned())] } else { Vec::new() };
        self.tell(21, 0, || {
            let about = owed.provider_id.as_deref().or(owed.text).unwrap_or("nothing");
            let forged = if owed.is_forged { "forged " } else { "" };
            let from = owed.from.map_or_else(String::new, |from| format!(" of phone {from}"));
            format!("node {node} is posted a {forged}{}{from} ({about})", owed.kind)
        });
        let work = async move {
            let raw = RawReceipt { headers: &headers, body: &body };
            Came::Hooked(service.receipt_take(Some(connection), &raw).await)
        };
        self.crew.put(node, What::Hook(Box::new(owed)), Box::pin(work));
    }

    /// A reconciler of a node begins to look.
    pub(super) fn look(&mut self, node: u32, task: Task) {
        let Some(at) = self.nodes.get(index(node)) else { return };
        let engine = Arc::clone(&at.engine);
        self.tell(22, node, || format!("node {node}: the {} looks", task.name()));
        let work = async move { Came::Looked(engine.activate(task).await) };
        self.crew.put(node, What::Look(task), Box::pin(work));
    }

    /// The streaming dispatcher of a node begins to look.
    pub(super) fn launch(&mut self, node: u32) {
        let Some(at) = self.nodes.get(index(node)) else { return };
        let engine = Arc::clone(&at.engine);
        self.tell(23, node, || format!("node {node}: the dispatcher streams"));
        let work = async move {
            let (carriers, activity) = engine.launch().await;
            Came::Launched(carriers, activity)
        };
        self.crew.put(node, What::Launch, Box::pin(work));
    }

    /// Tells what happens.
    pub(super) fn tell(&self, kind: u8, number: u32, words: impl FnOnce() -> String) {
        self.hub.trace().tell(kind, u64::from(number), || {
            let at = self.hub.sky.passed_ms();
            format!("{:>9}.{:03} {}", at / 1_000, at % 1_000, words())
        });
    }

    /// Time moves on for the world, and for whoever waits for it.
    pub(super) async fn pass(&mut self, span: TimeDelta) {
        self.hub.sky.pass(span);
        tokio::time::advance(span.to_std().unwrap_or_default()).await;
    }
}

/// Rounds of letting everybody go on.
const RUNS_MAX: usize = 100_000;

/// A place in a list.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// An error with what led to it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    words
}

fn plan_words(plan: &Plan) -> String {
    let profile = plan.profile;
    let campaigns = plan.campaigns.iter().map(|it| {
        format!(
            "{} recipients, {} steps{}{}",
            it.recipients,
            it.steps,
            if it.uses_smart_sending { ", Smart Sending" } else { "" },
            match it.launch {
                super::plan::Launch::Now => String::new(),
                super::plan::Launch::Later(minutes) => format!(", in {minutes} minutes"),
            }
        )
    });
    format!(
        "{} nodes of window {}, plan batch {}; keys for {} s, look-up {}, receipts echo {}; {}",
        plan.nodes,
        plan.window,
        plan.batch,
        profile.key_window_s,
        profile.has_lookup,
        profile.echoes,
        campaigns.collect::<Vec<_>>().join("; ")
    )
}
