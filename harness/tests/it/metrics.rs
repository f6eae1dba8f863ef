//! What those who run the service see: figures over HTTP, readiness, and how the reconcilers do.

use api::ports::Task;
use domain::access::Role;
use harness::world::METRICS_TOKEN;
use serde_json::{Value, json};

use crate::common::{activated, caller, figures, now, page, post, problems, status, world};

/// Two are taken, one is refused, and of one the answer is lost.
const MIXED: &str = "
subscribers: [{ count: 4 }]
connection: { key_hours: 0, look_up: false }
rules:
  - { when: { to: \"+14155550101\" }, respond: { error: UnknownSubscriber } }
  - { when: { to: \"+14155550102\" }, accepts: true, transport: close_after_read }
";

/// Goal: the figures are those of what happened. Method: scrape before the first hand-over, and when all is
/// over, and compare with what the story must come to.
#[tokio::test]
async fn the_figures_are_those_of_the_campaign() {
    let world = world(MIXED).await;
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let before = figures(world.url()).await;
    assert_eq!(before.sum("sendoff_messages", &["due"]), 4);
    assert_eq!(before.sum("sendoff_handovers_total", &[]), 0);
    assert_eq!(before.sum("sendoff_database_up", &[]), 1);
    world.run_until_idle().await.unwrap();
    assert_eq!(status(&world, &id).await, "SENT");

    let after = figures(world.url()).await;
    let handed_over = |told| after.sum("sendoff_handovers_total", &["generic", "paid", told]);
    let told = ["accepted", "rejected", "unknown", "unavailable", "withdrawn"].map(handed_over);
    assert_eq!(told, [2, 1, 1, 0, 0]);
    assert_eq!(after.sum("sendoff_handovers_total", &["trial"]), 0);
    let waits = "sendoff_handover_due_to_accepted_seconds";
    assert_eq!(after.sum(&format!("{waits}_count"), &["paid"]), 2);
    assert_eq!(after.sum(&format!("{waits}_bucket"), &["paid", "0.05"]), 2, "no time passed");
    assert_eq!(after.sum("sendoff_claimed_messages_total", &[]), 4);
    assert!(after.sum("sendoff_claim_seconds_count", &[]) >= 1);
    for state in ["due", "in_flight", "unknown"] {
        assert_eq!(after.sum("sendoff_messages", &[state]), 0, "{state}");
    }
    // Three were taken, and each brings two receipts.
    assert_eq!(after.sum("sendoff_receipts_total", &["stored"]), 6);
    assert_eq!(after.sum("sendoff_receipts_settled_total", &["applied"]), 6);
    assert_eq!(after.sum("sendoff_receipts_settled_total", &["parked"]), 0);
    let planner = |result| after.sum("sendoff_reconciler_activations_total", &["planner", result]);
    assert!(planner("worked") >= 1 && planner("idle") >= 1 && planner("failed") == 0);
    for secret in ["415555", "20% off", world.key(), id.as_str(), &world.site_id()] {
        assert!(!after.0.contains(secret), "{secret} is in the metrics");
    }
    world.stop().await.unwrap();
}

/// Goal: an aggregator that turns messages away shows. Method: a site on trial, and a window in which the
/// aggregator asks for a slower pace.
#[tokio::test]
async fn holds_and_trials_are_told_apart() {
    let yaml = "
subscribers: [{ count: 2 }]
site: { plan: { trial: 100 } }
windows: [{ name: busy, from: 0, until: 30s, respond: { error: RateLimited, headers: { retry-after: \"45\" } } }]
";
    let world = world(yaml).await;
    activated(&world, now()).await;
    world.run_now().await.unwrap();
    let held = figures(world.url()).await;
    let throttled = held.sum("sendoff_handovers_total", &["trial", "throttled"]);
    assert!(throttled >= 1, "{throttled}");
    assert_eq!(held.sum("sendoff_connection_holds_total", &["throttled"]), 1);
    assert_eq!(held.sum("sendoff_connections_held", &["throttled"]), 1);
    assert_eq!(held.sum("sendoff_connections_held", &["unavailable"]), 0);
    world.run_until_idle().await.unwrap();
    let after = figures(world.url()).await;
    assert_eq!(after.sum("sendoff_connections_held", &["throttled"]), 0);
    let waits = "sendoff_handover_due_to_accepted_seconds";
    assert_eq!(after.sum(&format!("{waits}_count"), &["trial"]), 2);
    // What had to wait counts from its first try, not from the last.
    assert_eq!(after.sum(&format!("{waits}_bucket"), &["trial", "30"]), 0);
    assert_eq!(after.sum(&format!("{waits}_bucket"), &["trial", "60"]), 2);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn only_the_token_opens_the_metrics() {
    let world = world("subscribers: []\n").await;
    let url = format!("{}/metrics", world.url());
    for token in [None, Some(world.key()), Some(""), Some(&METRICS_TOKEN[1..])] {
        let (status, body) = page(&url, token).await;
        assert_eq!((status, body.as_str()), (401, ""), "{token:?}");
    }
    assert_eq!(page(&url, Some(METRICS_TOKEN)).await.0, 200);
    world.stop().await.unwrap();
}

/// Goal: an operator sees what each reconciler did, and nobody else does.
#[tokio::test]
async fn an_operator_sees_what_the_reconcilers_did() {
    let world = world("subscribers: [{ count: 3 }]\n").await;
    let query = "{ engine { isRunning reconcilers { name activationCount lastActivatedAt lastDuration \
        lastResult lastDoneCount failureCountInRow lastFailedAt lastErrorCode } } }";
    activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let answer = post(world.client(), query, json!({})).await;
    let engine = &answer["data"]["engine"];
    assert_eq!(engine["isRunning"], false, "the story drives it");
    let all = engine["reconcilers"].as_array().unwrap();
    let names: Vec<&str> = all.iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!(names, Task::ALL.map(Task::name));
    let planner = all.iter().find(|one| one["name"] == "planner").unwrap();
    assert_eq!(planner["lastResult"], "WORKED", "{planner}");
    assert_eq!(planner["lastDoneCount"], 1, "one batch: {planner}");
    assert_eq!(planner["lastActivatedAt"], "2026-11-23T15:00:00.000Z", "{planner}");
    assert_eq!(
        (&planner["failureCountInRow"], &planner["lastErrorCode"]),
        (&json!(0), &Value::Null)
    );
    for role in [Role::Viewer, Role::Editor, Role::Sender] {
        let answer = post(&caller(&world, role).await, query, json!({})).await;
        assert_eq!(problems(&answer), ["! FORBIDDEN"], "{role}");
    }
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}
