//! A service that dies in the middle of handing over, and one that starts on what it left behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use api::app::{App, Settings};
use api::config::Config;
use api::ports::{Clock, Task};
use api::wall_clock::WallClock;
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::AttemptId;
use entity::attempt;
use harness::world::World;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::common::{activated, now, post, status, text, world};
use crate::receipts_hook::{Delivery, event};

/// An aggregator that takes every message and never answers, nor tells of it later.
const SILENT: &str = "
connection: { key_hours: 0, look_up: false }
subscribers: [{ count: 3 }]
rules: [{ accepts: true, transport: { hang: 1m }, receipts: [] }]
";
/// How often one looks for something that is under way.
const LOOKS_MAX: usize = 10_000;
/// How often an engine may look before it is idle.
const ROUNDS_MAX: usize = 50;
/// How long after the death the new process looks at the leases: longer than any is held.
pub(crate) const LATER: TimeDelta = TimeDelta::hours(1);
/// How long a process stands still: longer than a claim may wait for its request.
const STILL_FOR: TimeDelta = TimeDelta::seconds(10);

/// The clock of a process that started later: the story's time, and leases that have run out.
#[derive(Debug)]
pub(crate) struct Later {
    pub(crate) civil: DateTime<Utc>,
    pub(crate) since: TimeDelta,
}

impl Clock for Later {
    fn now(&self) -> DateTime<Utc> {
        self.civil
    }

    fn lease_now(&self) -> DateTime<Utc> {
        WallClock::new().lease_now() + self.since
    }
}

/// A clock by which every look at the leases comes long after the one before: a process that stands still
/// between its claim and its request.
#[derive(Debug)]
struct Standing {
    civil: DateTime<Utc>,
    looks: AtomicI32,
}

impl Clock for Standing {
    fn now(&self) -> DateTime<Utc> {
        self.civil
    }

    fn lease_now(&self) -> DateTime<Utc> {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        WallClock::new().lease_now() + STILL_FOR * looks
    }
}

/// A second process on the same database.
pub(crate) fn process(world: &World, since: TimeDelta) -> App {
    let settings = Settings::new(&Config::default(), world.url().to_owned());
    let clock = Arc::new(Later { civil: world.now(), since });
    App::new(world.db().clone(), clock, settings).unwrap()
}

/// Lets a process work until it has nothing to do.
pub(crate) async fn run(app: &App) {
    for _ in 0..ROUNDS_MAX {
        let mut done = 0;
        for task in Task::ALL {
            done += app.engine().activate(task).await.unwrap().done;
        }
        if done == 0 {
            return;
        }
    }
    panic!("the engine does not settle");
}

/// Lets the service begin to hand over, and kills it when the aggregator has every message.
async fn die_while_sending(world: &World, id: &str, messages: u64) {
    world.activate(Task::Planner).await.unwrap();
    let engine = Arc::clone(world.app().engine());
    let sending = tokio::spawn(async move { engine.activate(Task::Dispatcher).await });
    for _ in 0..LOOKS_MAX {
        if world.aggregator().core().summary().accepted == messages {
            break;
        }
        // Each look is a request, during which the others go on.
        counts(world, id).await;
    }
    assert_eq!(world.aggregator().core().summary().accepted, messages);
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
}

/// The counts of a campaign, those that are not zero.
async fn counts(world: &World, id: &str) -> Value {
    let query = "query($id: ID!) { campaign(id: $id) { progress { counts { queued inFlight accepted \
        delivered unknown } } messages { nodes { reason { code } } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    let counts = answer["data"]["campaign"]["progress"]["counts"].as_object().cloned().unwrap();
    let mut counts: serde_json::Map<String, Value> =
        counts.into_iter().filter(|(_, count)| *count != 0).collect();
    for node in answer["data"]["campaign"]["messages"]["nodes"].as_array().unwrap() {
        if let Some(code) = node.pointer("/reason/code").and_then(Value::as_str) {
            counts.insert("reason".to_owned(), json!(code));
        }
    }
    Value::Object(counts)
}

/// Goal: what was in flight when the process died is unknown, is never sent again, and is settled by
/// a receipt that comes after all. Method: stop in the middle of a window; on SQLite the next process
/// knows at its start that nobody else can hold what is in flight, on PostgreSQL when leases run out.
#[tokio::test]
async fn what_was_in_flight_is_unknown_and_never_sent_again() {
    let world = world(SILENT).await;
    let id = activated(&world, now()).await;
    die_while_sending(&world, &id, 3).await;
    assert_eq!(counts(&world, &id).await, json!({ "inFlight": 3 }));

    let soon = process(&world, TimeDelta::zero());
    let recovered = soon.engine().recover(false).await.unwrap();
    let leases = soon.engine().activate(Task::Recovery).await.unwrap();
    assert_eq!(leases.done, 0, "no lease has run out yet");
    assert_eq!(recovered, if world.db().is_sqlite() { 3 } else { 0 });
    let later = process(&world, LATER);
    run(&later).await;
    let unknown = json!({ "unknown": 3, "reason": "ENGINE_STOPPED" });
    assert_eq!(counts(&world, &id).await, unknown);
    assert_eq!(status(&world, &id).await, "SENT");
    assert_eq!(world.aggregator().core().summary().accepted, 3, "nothing was sent again");
    assert_eq!(later.engine().recover(false).await.unwrap(), 0, "nothing is left to recover");

    // The aggregator's receipts name the attempts that went out.
    for attempt in attempt::Entity::find().all(world.db().read()).await.unwrap() {
        let reference = AttemptId(attempt.id).to_string();
        let mut receipt = event("message.delivered", &format!("m-{reference}"));
        receipt["data"]["reference"] = json!(reference);
        let delivery = Delivery::of(&world, &reference, &receipt).await;
        assert_eq!(delivery.post(&world).await, 204);
    }
    run(&later).await;
    assert_eq!(counts(&world, &id).await, json!({ "delivered": 3 }));
    let query = "query($id: ID!) { campaign(id: $id) { status messages { nodes { \
        aggregatorMessageId attemptCount deliveredAt } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    for node in answer["data"]["campaign"]["messages"]["nodes"].as_array().unwrap() {
        assert_eq!(node["attemptCount"], 1);
        assert!(text(&node["aggregatorMessageId"]).starts_with("m-att_"));
    }
    assert_eq!(answer["data"]["campaign"]["status"], "SENT", "SENT stays SENT");
    world.stop().await.unwrap();
}

/// Goal: what was in flight when the process died is found out by the next one, without a second text.
/// Method: as above, with an aggregator that keeps keys, and with one that can be asked; it answers again.
#[tokio::test]
async fn what_was_in_flight_is_found_out() {
    for agreement in ["{ key_hours: 24, look_up: false }", "{ key_hours: 0, look_up: true }"] {
        let hangs =
            "{ when: { attempt: 1 }, accepts: true, transport: { hang: 1m }, receipts: [] }";
        let story =
            format!("connection: {agreement}\nsubscribers: [{{ count: 3 }}]\nrules: [{hangs}]\n");
        let world = world(&story).await;
        let id = activated(&world, now()).await;
        die_while_sending(&world, &id, 3).await;
        let next = process(&world, LATER);
        next.engine().recover(false).await.unwrap();
        run(&next).await;
        assert_eq!(counts(&world, &id).await, json!({ "accepted": 3 }), "{agreement}");
        assert_eq!(status(&world, &id).await, "SENT");
        assert_eq!(world.aggregator().core().summary().accepted, 3, "nobody is texted twice");
        world.stop().await.unwrap();
    }
}

/// Goal: a claim that grew too old is not sent, and nobody is blamed: the message is in the queue again, no
/// connection is held, and the aggregator is as healthy as before. Method: a process that stands still between
/// its claim and its request, twice; then one that does not.
#[tokio::test]
async fn a_claim_that_grew_old_is_made_anew_and_blames_nobody() {
    let world = world("subscribers: [{ count: 3 }]").await;
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let settings = Settings::new(&Config::default(), world.url().to_owned());
    let clock = Arc::new(Standing { civil: world.now(), looks: AtomicI32::new(0) });
    let still = App::new(world.db().clone(), clock, settings).unwrap();
    for _ in 0..2 {
        let looked = still.engine().activate(Task::Dispatcher).await.unwrap();
        assert_eq!(looked.done, 3, "no connection is held");
        assert_eq!(counts(&world, &id).await, json!({ "queued": 3 }), "and none has a reason");
        assert!(world.aggregator().core().journal_since(0).is_empty(), "nothing left");
    }
    let query =
        "query($id: ID!) { campaign(id: $id) { delays { code } site { aggregator { health } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    assert_eq!(answer["data"]["campaign"]["delays"], json!([]));
    assert_eq!(answer["data"]["campaign"]["site"]["aggregator"]["health"], "HEALTHY");
    world.run_now().await.unwrap();
    assert_eq!(counts(&world, &id).await, json!({ "accepted": 3 }), "at once, in the next process");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a process that stopped between two steps goes on where it was. Method: stop after planning,
/// with nothing in flight.
#[tokio::test]
async fn what_was_only_planned_is_sent_by_the_next() {
    let world = world("").await;
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let next = process(&world, TimeDelta::zero());
    assert_eq!(next.engine().recover(false).await.unwrap(), 0);
    run(&next).await;
    assert_eq!(status(&world, &id).await, "SENT");
    assert_eq!(world.aggregator().core().summary().accepted, 5);
    world.run_until_idle().await.unwrap();
    assert_eq!(counts(&world, &id).await, json!({ "delivered": 5 }));
    world.stop().await.unwrap();
}
