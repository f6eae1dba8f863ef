//! A database in trouble: cut, locked, full or read-only, in the middle of sending. What the aggregator answered
//! is recorded when the trouble is over, nothing is sent twice, and `/readyz` says what is wrong meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::config::{ServerRole, test_database_url};
use api::engine::{Activity, Fault};
use api::ports::Task;
use entity::message;
use harness::world::World;
use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DbBackend, EntityTrait as _, Statement,
};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::common::{activated, figures, now, page, post, status, text, world};
use crate::nodes::Node;
use crate::receipts_hook::{Delivery, event};
use crate::restart::{LATER, process, run};

/// An aggregator that takes every message and takes its time to say so.
const SLOW: &str = "
subscribers: [{ count: 3 }]
defaults: { latency: { fixed: 3s }, receipts: [] }
";
/// A plan of several batches, with more rows than a few pages hold.
const MANY: &str = "
subscribers:
  - { count: 100, area: 415 }
  - { count: 100, area: 212 }
  - { count: 100, area: 312 }
  - { count: 100, area: 206 }
engine: { plan_batch: 50 }
";
/// How often all connections are cut at the most.
const CUTS_MAX: i64 = 25;
/// How long anything here may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until something is so; each look is a request, during which all others go on.
pub(crate) async fn until<T: Future<Output = bool>>(what: &str, look: impl Fn() -> T) {
    let looking = async {
        while !look().await {
            tokio::task::yield_now().await;
        }
    };
    assert!(timeout(PATIENCE, looking).await.is_ok(), "it never came to this: {what}");
}

/// The state of a world's readiness: the status, and the codes of its causes.
async fn readiness(url: &str) -> (u16, Vec<String>) {
    let (status, body) = page(&format!("{url}/readyz"), None).await;
    let body: Value = serde_json::from_str(&body).unwrap();
    let causes = body["causes"].as_array().unwrap().iter().map(|cause| text(&cause["code"]));
    (status, causes.collect())
}

async fn assert_ready(url: &str) {
    assert_eq!(readiness(url).await, (200, Vec::new()));
}

async fn assert_unready(url: &str, code: &str) {
    assert_eq!(readiness(url).await, (503, vec![code.to_owned()]));
}

/// Sets something of the one connection that writes to a SQLite file.
async fn set(world: &World, pragma: &str) {
    let txn = world.db().begin_write().await.unwrap();
    txn.execute_unprepared(pragma).await.unwrap();
    txn.commit().await.unwrap();
}

/// A dispatcher at work, whose three messages are with the aggregator and not answered yet.
async fn sending(world: &World) -> JoinHandle<Result<Activity, Fault>> {
    world.activate(Task::Planner).await.unwrap();
    let engine = Arc::clone(world.app().engine());
    let sending = tokio::spawn(async move { engine.activate(Task::Dispatcher).await });
    until("all are with the aggregator", async || {
        world.aggregator().core().summary().accepted == 3
    })
    .await;
    sending
}

async fn refused_records(world: &World, code: &str) -> i64 {
    figures(world.url()).await.sum("sendoff_records_refused_total", &[code])
}

/// The states of all messages, counted.
async fn states(world: &World) -> BTreeMap<String, usize> {
    let rows = message::Entity::find().all(world.db().read()).await.unwrap();
    let mut states = BTreeMap::new();
    for row in rows {
        *states.entry(row.state).or_default() += 1;
    }
    states
}

/// What the story must come to: all three taken once and known to be.
async fn assert_all_taken(world: &World, id: &str) {
    world.run_until_idle().await.unwrap();
    assert_eq!(world.aggregator().core().summary().accepted, 3, "nothing is sent twice");
    let figures = figures(world.url()).await;
    assert_eq!(figures.sum("sendoff_handovers_total", &["accepted"]), 3);
    let waits = "sendoff_handover_due_to_accepted_seconds_count";
    assert_eq!(figures.sum(waits, &["paid"]), 3, "each is recorded once");
    assert_eq!(status(world, id).await, "SENT");
    assert_ready(world.url()).await;
}

/// Goal: a file that somebody else has locked costs time and nothing else. Method: lock it while answers are
/// on their way, until records were refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_locked_file_delays_records_and_loses_none() {
    let world = world(SLOW).await;
    if !world.db().is_sqlite() {
        return world.stop().await.unwrap();
    }
    set(&world, "PRAGMA busy_timeout = 50").await;
    let id = activated(&world, now()).await;
    assert_ready(world.url()).await;
    let other = world.another_db().await.unwrap();
    let sending = sending(&world).await;
    let lock = other.begin_write().await.unwrap();
    assert_unready(world.url(), "DATABASE_LOCKED").await;
    until("a record was refused", async || refused_records(&world, "DATABASE_LOCKED").await > 0)
        .await;
    assert!(!sending.is_finished());
    assert_eq!(states(&world).await, BTreeMap::from([("in_flight".to_owned(), 3)]));
    lock.rollback().await.unwrap();
    other.close().await.unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(states(&world).await, BTreeMap::from([("accepted".to_owned(), 3)]));
    assert_all_taken(&world, &id).await;
    world.stop().await.unwrap();
}

/// Goal: the same of a database that takes no writes for a while; receipts are not answered for then, so that
/// they come again, and those who only read are answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_only_file_delays_records_and_loses_none() {
    let world = world(SLOW).await;
    if !world.db().is_sqlite() {
        return world.stop().await.unwrap();
    }
    let id = activated(&world, now()).await;
    let sending = sending(&world).await;
    world.db().refuse_writes(true).await.unwrap();
    assert_unready(world.url(), "DATABASE_READ_ONLY").await;
    let receipt = Delivery::of(&world, "e1", &event("message.delivered", "m1")).await;
    assert_eq!(receipt.post(&world).await, 503);
    let read_only = "DATABASE_READ_ONLY";
    until("a record was refused", async || refused_records(&world, read_only).await > 0).await;
    assert_eq!(status(&world, &id).await, "PROCESSING", "it can still be asked");
    assert!(!sending.is_finished());
    world.db().refuse_writes(false).await.unwrap();
    sending.await.unwrap().unwrap();
    assert_eq!(receipt.post(&world).await, 204);
    let receipts = figures(world.url()).await;
    assert_eq!(receipts.sum("sendoff_receipts_total", &["fault"]), 1);
    assert_eq!(receipts.sum("sendoff_receipts_total", &["stored"]), 1);
    assert_all_taken(&world, &id).await;
    world.stop().await.unwrap();
}

/// Goal: a full disk stops the planner where it is, an operator sees why, and it goes on when there is room.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_full_disk_is_told_and_planning_goes_on_after_it() {
    let world = world(MANY).await;
    if !world.db().is_sqlite() {
        return world.stop().await.unwrap();
    }
    let id = activated(&world, now()).await;
    let fault = async || {
        for _ in 0..20 {
            if let Err(fault) = world.app().engine().activate(Task::Planner).await {
                return Some(fault);
            }
        }
        None
    };
    // Never fewer pages than there are: from here on the file cannot grow.
    set(&world, "PRAGMA max_page_count = 1").await;
    assert!(fault().await.is_some(), "there is no room for a plan");
    assert_unready(world.url(), "DATABASE_FULL").await;
    let query = "{ engine { reconcilers { name lastResult failureCountInRow lastErrorCode } } }";
    let answer = post(world.client(), query, json!({})).await;
    let planner = json!({ "name": "planner", "lastResult": "FAILED", "failureCountInRow": 1,
        "lastErrorCode": "DATABASE_FULL" });
    let all = answer["data"]["engine"]["reconcilers"].as_array().unwrap();
    assert!(all.contains(&planner), "{answer}");
    let failures = figures(world.url()).await;
    let failures = failures.sum("sendoff_reconciler_failures_total", &["planner", "DATABASE_FULL"]);
    assert_eq!(failures, 1);
    set(&world, "PRAGMA max_page_count = 1000000").await;
    assert_ready(world.url()).await;
    world.run_until_idle().await.unwrap();
    assert_eq!(status(&world, &id).await, "SENT");
    assert_eq!(world.aggregator().core().summary().accepted, 400);
    assert_eq!(states(&world).await, BTreeMap::from([("delivered".to_owned(), 400)]));
    world.stop().await.unwrap();
}

/// Goal: an engine that cannot work says so. Method: a driven node whose file takes no writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_driven_engine_that_fails_makes_its_node_unready() {
    let world = world("subscribers: [{ count: 3 }]\ndefaults: { receipts: [] }\n").await;
    let id = activated(&world, now()).await;
    let table = "ALTER TABLE campaign_progress RENAME TO campaign_progress_away";
    set(&world, table).await;
    let node = Node::start(&world, ServerRole::All, Duration::from_millis(100)).await;
    until("the planner is called failing", async || {
        let (status, body) = page(&format!("{}/readyz", node.url), None).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        let wanted = |cause: &Value| {
            cause["code"] == "RECONCILER_FAILING"
                && cause["reconciler"] == "planner"
                && cause["error"] == "DATABASE_REFUSED"
        };
        status == 503 && body["causes"].as_array().unwrap().iter().any(wanted)
    })
    .await;
    set(&world, "ALTER TABLE campaign_progress_away RENAME TO campaign_progress").await;
    until("all is well again", async || readiness(&node.url).await == (200, Vec::new())).await;
    until("the campaign is sent", async || status(&world, &id).await == "SENT").await;
    assert_eq!(world.aggregator().core().summary().accepted, 3);
    node.stop().await;
    world.stop().await.unwrap();
}

/// Runs a statement in the server's own database; answers the number it selects, if it is one.
async fn on_server(statement: &str) -> Option<i64> {
    let mut options = ConnectOptions::new(test_database_url().unwrap());
    options.max_connections(1).sqlx_logging(false);
    let server = Database::connect(options).await.unwrap();
    let statement = Statement::from_string(DbBackend::Postgres, statement);
    let row = server.query_one_raw(statement).await.unwrap();
    server.close().await.unwrap();
    row.and_then(|row| row.try_get_by_index(0).ok())
}

/// The name of a world's database.
async fn database_name(world: &World) -> String {
    let sql = Statement::from_string(DbBackend::Postgres, "SELECT current_database()::text");
    let row = world.db().read().query_one_raw(sql).await.unwrap().unwrap();
    row.try_get_by_index(0).unwrap()
}

async fn terminate_of(database: &str, which: &str) -> i64 {
    let sql = format!(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{database}' \
         AND {which}"
    );
    on_server(&sql).await.unwrap_or_default()
}

/// Cuts the connections to a world's database that `which` selects.
pub(crate) async fn terminate(world: &World, which: &str) {
    let database = database_name(world).await;
    assert!(terminate_of(&database, which).await > 0, "there is nothing to cut");
}

/// Goal: connections that are cut between a request and its record lose no answer. Method: cut every
/// connection while three answers are on their way.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_cut_before_the_record_lose_no_answer() {
    if test_database_url().is_none() {
        return;
    }
    let world = world(SLOW).await;
    let id = activated(&world, now()).await;
    let database = database_name(&world).await;
    let sending = sending(&world).await;
    on_server(&format!("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS false")).await;
    assert!(terminate_of(&database, "true").await > 0);
    assert_unready(world.url(), "DATABASE_UNREACHABLE").await;
    until("a record was refused", async || {
        // Without the database nothing that waits can be told; the rest is.
        refused_records(&world, "DATABASE_UNREACHABLE").await > 0
    })
    .await;
    assert_eq!(figures(world.url()).await.sum("sendoff_database_up", &[]), 0);
    on_server(&format!("ALTER DATABASE {database} WITH ALLOW_CONNECTIONS true")).await;
    sending.await.unwrap().unwrap();
    assert_all_taken(&world, &id).await;

    on_server(&format!("ALTER DATABASE {database} SET default_transaction_read_only = on")).await;
    assert!(terminate_of(&database, "true").await > 0);
    assert_unready(world.url(), "DATABASE_READ_ONLY").await;
    on_server(&format!("ALTER DATABASE {database} RESET default_transaction_read_only")).await;
    assert!(terminate_of(&database, "true").await > 0);
    assert_ready(world.url()).await;
    world.stop().await.unwrap();
}

/// Goal: whenever connections are cut, no message is lost and none is taken twice. Method: cut them again and
/// again while forty messages leave; what was claimed and never sent is asked for by the next process.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_cut_at_any_moment_lose_and_double_nothing() {
    if test_database_url().is_none() {
        return;
    }
    let yaml = "
subscribers: [{ count: 40 }]
engine: { max_in_flight: 4 }
defaults: { latency: { fixed: 20ms } }
";
    let world = world(yaml).await;
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let database = database_name(&world).await;
    let app = world.app();
    let engine = Arc::clone(app.engine());
    let sending = tokio::spawn(async move {
        let mut faults = 0;
        for _ in 0..400 {
            match engine.activate(Task::Dispatcher).await {
                Ok(activity) if activity.done == 0 => break,
                Ok(_) => {}
                Err(_) => faults += 1,
            }
        }
        faults
    });
    let mut cuts = 0;
    // An end to it: nothing is ever recorded while connections are cut faster than they are made.
    while !sending.is_finished() && cuts < CUTS_MAX {
        cuts += i64::from(terminate_of(&database, "true").await > 0);
    }
    let faults = sending.await.unwrap();
    let taken = world.aggregator().core().summary().accepted;
    println!("{cuts} cuts, {faults} faults; {taken} taken, {:?}", states(&world).await);
    assert!(cuts >= 3 && taken > 0, "{cuts} cuts, {taken} taken");
    // What a claim whose commit was not heard of left in flight is asked for under its key.
    let next = process(&world, LATER);
    run(&next).await;
    let soon = world.now() + chrono::TimeDelta::minutes(5);
    world.advance_to(soon);
    let later = process(&world, LATER);
    run(&later).await;
    world.run_until_idle().await.unwrap();
    assert_eq!(states(&world).await, BTreeMap::from([("delivered".to_owned(), 40)]));
    assert_eq!(world.aggregator().core().summary().accepted, 40, "each is taken once");
    assert_eq!(status(&world, &id).await, "SENT");
    world.stop().await.unwrap();
}
