//! Pausing and resuming over the API: what is told is exact, nothing leaves meanwhile, and what a pause made
//! late is decided about before it could leave.

use api::ports::Task;
use chrono::TimeDelta;
use entity::{message, message_decision, site};
use harness::world::World;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::common::{
    PAUSE, RESUME, activated, at_each, done, now, patched, post, status, step_until, text, world,
};

/// How often a campaign is asked how it stands before something must have been seen.
const LOOKS_MAX: usize = 2_000;

/// The aggregator takes half a second to answer, or to refuse, two at a time.
const SLOW: &str = "
engine: { max_in_flight: 2 }
defaults: { latency: { fixed: 500ms } }
";

async fn counts(world: &World, id: &str) -> Value {
    let query = "query($id: ID!) { campaign(id: $id) { progress { counts { deferred queued inFlight \
        accepted delivered skipped } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    answer["data"]["campaign"]["progress"]["counts"].clone()
}

/// Asks until two messages are in flight, and pauses the campaign then.
async fn pause_in_flight(world: &World, id: &str) -> Value {
    for _ in 0..LOOKS_MAX {
        if counts(world, id).await["inFlight"] == 2 {
            return done(world.client(), PAUSE, json!({ "id": id })).await;
        }
    }
    panic!("nothing was in flight");
}

fn taken(world: &World) -> u64 {
    world.aggregator().core().with_ledger(harness::aggregator::Ledger::total)
}

/// Goal: what is in flight when a campaign is paused is told as such and lands; nothing more leaves.
/// Method: pause while two requests are on the wire, and let the engine look as often as it likes.
#[tokio::test]
async fn what_is_in_flight_lands_and_nothing_else_leaves() {
    let world = world(SLOW).await;
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let (dispatched, paused) =
        tokio::join!(world.activate(Task::Dispatcher), pause_in_flight(&world, &id));
    dispatched.unwrap();
    let told = json!({ "pendingCount": 3, "handedOverCount": 0, "inFlightCount": 2 });
    assert_eq!(patched(&paused, &told), paused);
    assert_eq!(taken(&world), 2);
    world.run_until_idle().await.unwrap();
    assert_eq!(taken(&world), 2, "nothing left while it was paused");
    assert_eq!(status(&world, &id).await, "SENDING");
    let resumed = done(world.client(), RESUME, json!({ "id": id })).await;
    let told = json!({ "deferredCount": 0, "skippedCount": 0 });
    assert_eq!(patched(&resumed, &told), resumed);
    assert_eq!(resumed["campaign"]["isPaused"], false);
    world.run_until_idle().await.unwrap();
    assert_eq!(status(&world, &id).await, "SENT");
    assert_eq!(taken(&world), 5);
    world.stop().await.unwrap();
}

/// Goal: a message in flight that turns out not to have been taken waits like the rest, however its next
/// try was due meanwhile. Method: the aggregator refuses the two that were in flight for the moment.
#[tokio::test]
async fn what_was_not_taken_waits_for_the_resumption() {
    let yaml =
        format!("{SLOW}rules: [{{ when: {{ attempt: 1 }}, respond: {{ error: RateLimited }} }}]\n");
    let world = world(&yaml).await;
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let (dispatched, paused) =
        tokio::join!(world.activate(Task::Dispatcher), pause_in_flight(&world, &id));
    dispatched.unwrap();
    assert_eq!(paused["inFlightCount"], 2);
    world.advance_by(TimeDelta::hours(1));
    world.run_until_idle().await.unwrap();
    assert_eq!(taken(&world), 0);
    let waiting = json!({ "deferred": 2, "queued": 3, "inFlight": 0 });
    let found = counts(&world, &id).await;
    assert_eq!(patched(&found, &waiting), found);
    done(world.client(), RESUME, json!({ "id": id })).await;
    world.run_until_idle().await.unwrap();
    assert_eq!(taken(&world), 5);
    assert_eq!(status(&world, &id).await, "SENT");
    world.stop().await.unwrap();
}

/// Two in each of three zones, on a trial: the times are eleven there, an hour, two and four from now.
const ZONES: &str = "
site: { plan: { trial: 20 } }
subscribers:
  - { count: 2, area: 212, time_zone: America/New_York }
  - { count: 2, area: 312, time_zone: America/Chicago }
  - { count: 2, area: 415, time_zone: America/Los_Angeles }
";

/// A campaign for eleven in each zone, paused after New York, and resumed after Chicago by so many minutes;
/// answers its id and what the resumption was answered.
async fn resumed(world: &World, input: Value, minutes: i64) -> (String, Value) {
    let id = activated(world, input).await;
    let start = world.now();
    let until = async |minutes: i64| {
        world.drive(Some(start + TimeDelta::minutes(minutes)), &mut ()).await.unwrap();
    };
    until(90).await;
    assert_eq!(taken(world), 2);
    done(world.client(), PAUSE, json!({ "id": id })).await;
    until(120 + minutes).await;
    assert_eq!(taken(world), 2);
    let answer = done(world.client(), RESUME, json!({ "id": id })).await;
    (id, answer)
}

/// How the messages of Chicago stand, by the rows.
async fn of_chicago(world: &World) -> Vec<String> {
    let rows = message::Entity::find().all(world.db().read()).await.unwrap();
    let start = world.now().timestamp_millis();
    let mut told: Vec<String> = rows
        .iter()
        .filter(|row| row.time_zone == "America/Chicago")
        .map(|row| {
            let minutes = |at: i64| (at - start) / 60_000;
            let reason = row.reason.as_deref().unwrap_or("-");
            let from = row.deferred_from.map(minutes);
            format!("{} {reason} {} from {from:?} {}", row.state, minutes(row.due_at), row.reserved)
        })
        .collect();
    told.dedup();
    told
}

async fn decisions(world: &World) -> Vec<String> {
    let rows = message_decision::Entity::find().all(world.db().read()).await.unwrap();
    let start = world.now().timestamp_millis();
    let told = |row: &message_decision::Model| {
        let reason = row.reason.as_deref().unwrap_or("-");
        let (at, due) = ((row.at - start) / 60_000, (row.due_at - start) / 60_000);
        format!("{} {reason} at {at} due {due} by a caller: {}", row.state, row.is_by_caller)
    };
    rows.iter().map(told).collect()
}

async fn reserved(world: &World) -> i64 {
    let id: domain::id::SiteId = world.site_id().parse().unwrap();
    let row = site::Entity::find_by_id(id.0).one(world.db().read()).await.unwrap();
    row.unwrap().trial_reserved
}

/// Goal: with the policy to skip, who is late is skipped in the transaction that resumes: told, counted,
/// explained, and what was reserved for them is given back.
#[tokio::test]
async fn who_is_late_is_skipped_at_once() {
    let world = world(ZONES).await;
    let (id, answer) = resumed(&world, at_each("2026-11-23T11:00:00", "SKIP"), 30).await;
    assert_eq!((&answer["deferredCount"], &answer["skippedCount"]), (&json!(0), &json!(2)));
    assert_eq!(of_chicago(&world).await, ["skipped local_time_passed -30 from None 0"]);
    let told = "skipped local_time_passed at 0 due -30 by a caller: true";
    assert_eq!(decisions(&world).await, [told, told]);
    assert_eq!(counts(&world, &id).await["skipped"], 2);
    assert_eq!(reserved(&world).await, 2, "for those in Los Angeles");
    world.run_until_idle().await.unwrap();
    assert_eq!((taken(&world), reserved(&world).await), (4, 0));
    world.stop().await.unwrap();
}

/// Goal: with the policy for the next day, who is late waits for it, and the first due time is kept.
#[tokio::test]
async fn who_is_late_waits_for_the_next_day() {
    let world = world(ZONES).await;
    let (id, answer) = resumed(&world, at_each("2026-11-23T11:00:00", "NEXT_DAY"), 30).await;
    assert_eq!((&answer["deferredCount"], &answer["skippedCount"]), (&json!(2), &json!(0)));
    let waiting = "deferred waiting_for_local_time 1410 from Some(-30) 1";
    assert_eq!(of_chicago(&world).await, [waiting]);
    let told = "deferred waiting_for_local_time at 0 due 1410 by a caller: true";
    assert_eq!(decisions(&world).await, [told, told]);
    assert_eq!(counts(&world, &id).await["deferred"], 4);
    // A second pause over that time, and over the night, moves them by another day.
    done(world.client(), PAUSE, json!({ "id": id })).await;
    world.advance_by(TimeDelta::hours(30));
    let again = done(world.client(), RESUME, json!({ "id": id })).await;
    assert_eq!(again["deferredCount"], 4, "those in Los Angeles are late by now as well");
    let waiting = "deferred waiting_for_local_time 1050 from Some(-1830) 1";
    assert_eq!(of_chicago(&world).await, [waiting]);
    world.run_until_idle().await.unwrap();
    assert_eq!((taken(&world), status(&world, &id).await), (6, "SENT".to_owned()));
    world.stop().await.unwrap();
}

/// Goal: a message that would wait beyond `sendBy` is of no use and is skipped at once, not after a day.
#[tokio::test]
async fn who_would_wait_too_long_is_skipped() {
    let world = world(ZONES).await;
    let until = json!({ "sendBy": "2026-11-24T15:00:00Z" });
    let input = patched(&at_each("2026-11-23T11:00:00", "NEXT_DAY"), &until);
    let (_, answer) = resumed(&world, input, 30).await;
    assert_eq!((&answer["deferredCount"], &answer["skippedCount"]), (&json!(0), &json!(2)));
    assert_eq!(of_chicago(&world).await, ["skipped expired -30 from None 0"]);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: who is due at the very instant of the resumption is not late.
#[tokio::test]
async fn who_is_due_now_is_not_late() {
    let world = world(ZONES).await;
    let (_, answer) = resumed(&world, at_each("2026-11-23T11:00:00", "SKIP"), 0).await;
    assert_eq!((&answer["deferredCount"], &answer["skippedCount"]), (&json!(0), &json!(0)));
    assert_eq!(decisions(&world).await, [""; 0]);
    world.run_until_idle().await.unwrap();
    assert_eq!(taken(&world), 6);
    world.stop().await.unwrap();
}

/// Goal: a pause leaves store time and immediate campaigns as they are: what was due is sent when they go on.
#[tokio::test]
async fn other_schedules_know_no_policy() {
    let world = world("engine: { max_in_flight: 2 }\n").await;
    let id = activated(&world, now()).await;
    step_until(&world, &id, "SENDING").await;
    done(world.client(), PAUSE, json!({ "id": id })).await;
    world.advance_by(TimeDelta::days(40));
    let answer = done(world.client(), RESUME, json!({ "id": id })).await;
    assert_eq!((&answer["deferredCount"], &answer["skippedCount"]), (&json!(0), &json!(0)));
    world.run_until_idle().await.unwrap();
    assert_eq!(taken(&world), 5);
    assert_eq!(decisions(&world).await, [""; 0]);
    world.stop().await.unwrap();
}

/// Goal: a dashboard hears of pauses and of moved times without polling, and each raises the revision.
#[tokio::test]
async fn pauses_and_moved_times_are_events() {
    const NEW_YORK: &str = "subscribers: [{ count: 1, area: 212, time_zone: America/New_York }]\n";
    let world = world(NEW_YORK).await;
    let id = activated(&world, at_each("2026-11-24T11:00:00", "SKIP")).await;
    let moved = json!({ "id": id, "input": at_each("2026-11-24T12:00:00", "SKIP") });
    done(world.client(), crate::common::RESCHEDULE, moved).await;
    // It is planned a quarter of an hour before its time, 26 hours from now.
    let planned = world.now() + TimeDelta::hours(26) - TimeDelta::minutes(10);
    world.drive(Some(planned), &mut ()).await.unwrap();
    done(world.client(), PAUSE, json!({ "id": id })).await;
    done(world.client(), RESUME, json!({ "id": id })).await;
    let query = "query($id: ID!) { campaign(id: $id) { revision events { nodes { kind sequence \
        fromStatus toStatus actor { kind } } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    let nodes = answer["data"]["campaign"]["events"]["nodes"].as_array().cloned().unwrap();
    let told: Vec<String> = nodes
        .iter()
        .map(|node| {
            let status = node["toStatus"].as_str().unwrap_or("-");
            let kind = text(&node["kind"]);
            format!("{} {kind} {status} {}", node["sequence"], text(&node["actor"]["kind"]))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    1 CREATED - API_KEY
    2 STATUS_CHANGED SCHEDULED API_KEY
    3 RESCHEDULED - API_KEY
    4 STATUS_CHANGED PROCESSING ENGINE
    5 PAUSED - API_KEY
    6 RESUMED - API_KEY
    ");
    assert_eq!(answer["data"]["campaign"]["revision"], nodes.len());
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}
