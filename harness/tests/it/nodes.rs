//! Several nodes on one PostgreSQL: one answers, another sends, and words between them save a wait.
//!
//! On SQLite there is one process: these tests have nothing to show there.

use std::sync::Arc;
use std::time::Duration;

use api::app::{App, Settings, StartError};
use api::config::{Config, ServerRole, test_database_url};
use api::db::Db;
use api::ports::{Bells, Clock, Hints, Outlet, Task};
use api::relay::Relay;
use api::vitals::Vitals;
use chrono::TimeDelta;
use harness::client::{Client, Ended};
use harness::clock::RunningClock;
use harness::world::{METRICS_TOKEN, World};
use serde_json::{Value, json};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::common::{ACTIVATE, done, draft, figures, now, page, status, world};
use crate::database_trouble::{terminate, until};
use crate::restart::Later;

/// How long anything here may take; the period of the engine is far longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// The engine's period: without a word from elsewhere it would not look again.
const PERIOD: Duration = Duration::from_hours(1);
/// The period of nodes that nobody rings.
const SHORT_PERIOD: Duration = Duration::from_millis(20);
const STATUS: &str = "subscription($id: ID!) { campaignStatusChanged(campaignId: $id) { event { \
    toStatus } } }";

/// A node at work.
pub(crate) struct Node {
    pub(crate) url: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), StartError>>,
}

impl Node {
    /// Starts one on a world's database.
    pub(crate) async fn start(world: &World, role: ServerRole, period: Duration) -> Self {
        let clock = Arc::new(Later { civil: world.now(), since: TimeDelta::zero() });
        Self::start_by(clock, world, role, period).await
    }

    /// Starts one that goes by a clock of its own.
    async fn start_by(
        clock: Arc<dyn Clock>,
        world: &World,
        role: ServerRole,
        period: Duration,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let mut config = Config::default();
        config.server.role = role;
        config.server.metrics_token = Some(METRICS_TOKEN.into());
        config.engine.period = period;
        let settings = Settings::new(&config, world.url().to_owned());
        let app = App::new(world.another_db().await.unwrap(), clock, settings).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            stopped.await.ok();
        };
        let task = tokio::spawn(async move { app.run(listener, stopped, None).await });
        Self { url, stop, task }
    }

    pub(crate) async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(PATIENCE, self.task).await.unwrap().unwrap().unwrap();
    }

    fn client(&self, world: &World) -> Client {
        Client::new(format!("{}/graphql", self.url), Some(world.key().to_owned())).unwrap()
    }

    /// Looks until a figure is as wanted.
    pub(crate) async fn until(&self, name: &str, words: &[&str], is_wanted: impl Fn(i64) -> bool) {
        let look = async {
            while !is_wanted(figures(&self.url).await.sum(name, words)) {
                tokio::task::yield_now().await;
            }
        };
        let seen = timeout(PATIENCE, look).await;
        assert!(seen.is_ok(), "{name} with {words:?} is not as wanted");
    }
}

/// Activates a draft through a node, and follows it there to its end.
async fn send(world: &World, node: &Node) -> Vec<String> {
    let id = draft(world).await;
    let client = node.client(world);
    let mut statuses = client.subscribe(STATUS, json!({ "id": id })).await.unwrap();
    // The first value tells where the campaign stands: from there on the node misses nothing.
    timeout(PATIENCE, statuses.next_value()).await.unwrap().unwrap().unwrap();
    done(&client, ACTIVATE, json!({ "id": id, "input": now() })).await;
    let mut seen = Vec::new();
    loop {
        match timeout(PATIENCE, statuses.next_value()).await.unwrap() {
            Some(Ok(payload)) => {
                let to = payload.pointer("/data/campaignStatusChanged/event/toStatus");
                seen.extend(to.and_then(Value::as_str).map(ToOwned::to_owned));
            }
            Some(Err(Ended::Complete)) => return seen,
            other => panic!("neither a value nor the end: {other:?}"),
        }
    }
}

/// Goal: what is activated on one node another sends at once, and whoever watches the first sees it. Method:
/// an engine that would look again in an hour; then the connections that listen are cut, and all works again.
#[tokio::test]
async fn an_activation_on_one_node_makes_another_send_at_once() {
    if test_database_url().is_none() {
        return;
    }
    let world = world("subscribers: [{ count: 5 }]\ndefaults: { receipts: [] }\n").await;
    let (api, engine) = (
        Node::start(&world, ServerRole::Api, PERIOD).await,
        Node::start(&world, ServerRole::Engine, PERIOD).await,
    );
    // The engine has looked once by itself, and waits.
    let looked = "sendoff_reconciler_activations_total";
    engine.until(looked, &["planner", "idle"], |count| count >= 1).await;
    engine.until("sendoff_node_listens", &[], |count| count > 0).await;
    api.until("sendoff_node_listens", &[], |count| count > 0).await;
    let seen = send(&world, &api).await;
    assert!(seen.ends_with(&["SENDING".to_owned(), "SENT".to_owned()]), "{seen:?}");
    assert_eq!(world.aggregator().core().summary().accepted, 5);
    api.until("sendoff_node_words_total", &["heard"], |count| count >= 1).await;

    terminate(&world, "application_name = 'sendoff listener'").await;
    for node in [&api, &engine] {
        node.until("sendoff_node_words_total", &["deaf"], |count| count >= 1).await;
        node.until("sendoff_node_listens", &[], |count| count > 0).await;
    }
    let seen = send(&world, &api).await;
    assert!(seen.ends_with(&["SENDING".to_owned(), "SENT".to_owned()]), "{seen:?}");
    assert_eq!(world.aggregator().core().summary().accepted, 10);
    api.stop().await;
    engine.stop().await;
    world.stop().await.unwrap();
}

/// Goal: two nodes together keep a sender's pace. Method: fifty segments a second and forty messages, which take
/// seven tenths of a second after the first burst, and half of that where each node kept a pace of its own.
#[tokio::test]
async fn nodes_share_a_pace() {
    if test_database_url().is_none() {
        return;
    }
    let story = "site: { sender_segments_per_s: 50 }\nsubscribers: [{ count: 40 }]\n\
                 defaults: { receipts: [] }\n";
    let world = world(story).await;
    let clock: Arc<dyn Clock> = Arc::new(RunningClock::new(world.now()));
    let node = || Node::start_by(Arc::clone(&clock), &world, ServerRole::Engine, SHORT_PERIOD);
    let nodes = [node().await, node().await];
    let id = draft(&world).await;
    let began = std::time::Instant::now();
    done(world.client(), ACTIVATE, json!({ "id": id, "input": now() })).await;
    let all = async {
        while world.aggregator().core().summary().accepted < 40 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, all).await.unwrap();
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(690), "{took:?}");
    until("the campaign is sent", async || status(&world, &id).await == "SENT").await;
    for node in nodes {
        node.stop().await;
    }
    world.stop().await.unwrap();
}

/// Goal: each role opens what it is for, and says so.
#[tokio::test]
async fn a_role_opens_what_it_is_for() {
    let world = world("subscribers: []\n").await;
    let hook = format!("/hooks/generic/{}", crate::common::connection(&world).await);
    for (role, graphql, receipts, engine) in [
        (ServerRole::All, 401, 405, "running"),
        (ServerRole::Api, 401, 405, "none"),
        (ServerRole::Engine, 404, 404, "running"),
    ] {
        let node = Node::start(&world, role, PERIOD).await;
        let at = async |path: &str| page(&format!("{}{path}", node.url), None).await;
        assert_eq!(at(&hook).await.0, receipts, "{role:?}");
        let asked = post_graphql(&format!("{}/graphql", node.url)).await;
        assert_eq!(asked, graphql, "{role:?}");
        assert_eq!(at("/healthz").await.0, 200, "{role:?}");
        let (status, body) = at("/readyz").await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["engine"]), (200, &json!(engine)), "{role:?}: {body}");
        figures(&node.url).await;
        node.stop().await;
    }
    world.stop().await.unwrap();
}

async fn post_graphql(url: &str) -> u16 {
    let request = harness::client::http_builder().build().unwrap().post(url);
    let request = request.header("content-type", "application/json");
    let asked = request.body(r#"{"query":"{ viewer { scopes } }"}"#).send().await;
    asked.unwrap().status().as_u16()
}

/// One end of the relay, with nothing behind it.
struct End {
    bells: Bells,
    hints: Hints,
    outlet: Outlet,
}

impl End {
    fn start(db: Db, node: &str, stop: &watch::Sender<bool>) -> (Self, tokio::task::JoinSet<()>) {
        let end =
            Self { bells: Bells::default(), hints: Hints::default(), outlet: Outlet::default() };
        let relay = Relay {
            db,
            outlet: end.outlet.clone(),
            bells: end.bells.clone(),
            hints: end.hints.clone(),
            node: node.to_owned(),
            vitals: Vitals::new().unwrap(),
        };
        let tasks = relay.start(&stop.subscribe());
        (end, tasks)
    }

    /// Waits until it listens: then every bell is rung.
    async fn listens(&self) {
        for task in Task::ALL {
            timeout(PATIENCE, self.bells.heard(task)).await.unwrap();
        }
    }
}

/// Goal: a bell and a hint are heard by the other node, each once, and by nobody on SQLite.
#[tokio::test]
async fn bells_and_hints_reach_the_other_node() {
    let world = world("subscribers: []\n").await;
    let stop = watch::Sender::new(false);
    let (one, mut ones) = End::start(world.another_db().await.unwrap(), "one-1", &stop);
    let (two, mut twos) = End::start(world.another_db().await.unwrap(), "two|2", &stop);
    if test_database_url().is_some() {
        one.listens().await;
        two.listens().await;
        let mut hints = two.hints.watch();
        let mut own = one.hints.watch();
        own.mark_unchanged();
        one.bells.shared(&one.outlet).ring(Task::Resolver);
        one.hints.shared(&one.outlet).give();
        own.mark_unchanged();
        timeout(PATIENCE, two.bells.heard(Task::Resolver)).await.unwrap();
        timeout(PATIENCE, hints.changed()).await.unwrap().unwrap();
        // And back, by a node whose name has the separator in it.
        two.bells.shared(&two.outlet).ring(Task::Silence);
        timeout(PATIENCE, one.bells.heard(Task::Silence)).await.unwrap();
        assert!(!own.has_changed().unwrap(), "what one said itself is no news to it");
    }
    stop.send_replace(true);
    for tasks in [&mut ones, &mut twos] {
        while let Some(ended) = timeout(PATIENCE, tasks.join_next()).await.unwrap() {
            ended.unwrap();
        }
    }
    world.stop().await.unwrap();
}
