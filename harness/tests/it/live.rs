//! Live updates over a WebSocket: each change once and in order, nothing missed after a pause, and
//! nothing of another site.

use harness::client::{Client, Ended, Subscription};
use harness::scenario::Scenario;
use harness::world::World;
use serde_json::{Value, json};

use crate::common::{
    ACTIVATE, CANCEL, DELETE, UPDATE, activated, at, done, draft, now, post, problems, status,
    text, world,
};

const STATUS: &str = "subscription($id: ID!, $after: EventCursor) { campaignStatusChanged( \
    campaignId: $id, after: $after) { cursor kind event { sequence kind fromStatus toStatus reason { \
    code } } campaign { status } } }";
const CHANGES: &str = "subscription($after: EventCursor) { campaignsChanged(after: $after) { cursor \
    kind event { sequence kind campaignId toStatus } campaign { name } } }";
const PROGRESS: &str = "subscription($id: ID!) { campaignProgress(campaignId: $id, interval: \
    \"PT0.25S\") { status progress { version recipientCount percentComplete counts { total deferred \
    queued inFlight accepted delivered undelivered unconfirmed unknown skipped canceled } } } }";
/// The parts of the counts.
const PARTS: [&str; 10] = [
    "deferred",
    "queued",
    "inFlight",
    "accepted",
    "delivered",
    "undelivered",
    "unconfirmed",
    "unknown",
    "skipped",
    "canceled",
];
/// A window of two among five, so that sending takes several steps.
const SMALL_WINDOW: &str = "engine: { max_in_flight: 2 }\n";

async fn watch(client: &Client, query: &str, variables: Value) -> Subscription {
    client.subscribe(query, variables).await.unwrap()
}

/// The next payload's only field.
async fn next(subscription: &mut Subscription) -> Option<Value> {
    match subscription.next_value().await {
        Some(Ok(payload)) => {
            assert!(payload.get("errors").is_none(), "{payload}");
            payload["data"].as_object().and_then(|data| data.values().next()).cloned()
        }
        Some(Err(Ended::Complete)) => None,
        other => panic!("neither a value nor the end: {other:?}"),
    }
}

/// Every payload until the end.
async fn rest(subscription: &mut Subscription) -> Vec<Value> {
    let mut all = Vec::new();
    while let Some(value) = next(subscription).await {
        all.push(value);
    }
    all
}

/// A status change in words.
fn words(change: &Value) -> String {
    let event = &change["event"];
    let status = |name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let reason = event.pointer("/reason/code").and_then(Value::as_str);
    let reason = reason.map(|code| format!(" ({code})")).unwrap_or_default();
    let (kind, sequence) = (text(&event["kind"]), &event["sequence"]);
    format!("{sequence} {kind} {} -> {}{reason}", status("fromStatus"), status("toStatus"))
}

fn told(changes: &[Value]) -> String {
    changes.iter().map(words).collect::<Vec<_>>().join("\n")
}

/// Goal: who watches from the start sees each status once, in order, and the end. Method: a draft is
/// edited, scheduled, called back, sent; then who comes late with a cursor gets what they missed.
#[tokio::test]
async fn a_life_is_told_once_and_in_order_and_again_from_any_point() {
    let world = world(SMALL_WINDOW).await;
    let client = world.client();
    let id = draft(&world).await;
    let mut live = watch(client, STATUS, json!({ "id": id })).await;
    let first = next(&mut live).await.unwrap();
    done(client, UPDATE, json!({ "id": id, "input": { "name": "Other" } })).await;
    done(client, ACTIVATE, json!({ "id": id, "input": at("2026-11-24T10:00:00") })).await;
    done(client, CANCEL, json!({ "id": id })).await;
    done(client, ACTIVATE, json!({ "id": id, "input": now() })).await;
    world.run_until_idle().await.unwrap();
    let mut changes = vec![first];
    changes.extend(rest(&mut live).await);
    insta::assert_snapshot!(told(&changes), @r"
    1 CREATED - -> -
    3 STATUS_CHANGED DRAFT -> SCHEDULED
    4 STATUS_CHANGED SCHEDULED -> DRAFT (SCHEDULE_CANCELED)
    5 STATUS_CHANGED DRAFT -> PROCESSING
    6 STATUS_CHANGED PROCESSING -> SENDING
    7 STATUS_CHANGED SENDING -> SENT
    ");
    assert!(changes.iter().all(|change| change["kind"] == "APPLY"));

    for (at, change) in changes.iter().enumerate() {
        let after = json!({ "id": id, "after": change["cursor"] });
        let again = rest(&mut watch(client, STATUS, after).await).await;
        assert_eq!(told(&again), told(&changes[at + 1..]), "after {}", words(change));
    }
    // Who comes late without a cursor is told the status it ended in.
    let late = rest(&mut watch(client, STATUS, json!({ "id": id })).await).await;
    assert_eq!(told(&late), told(&changes[changes.len() - 1..]));
    assert_eq!(late[0]["campaign"]["status"], "SENT");
    world.stop().await.unwrap();
}

/// Goal: a campaign that is canceled or deleted ends its subscription.
#[tokio::test]
async fn a_subscription_ends_with_its_campaign() {
    let world = world("subscribers: []\n").await;
    let client = world.client();
    let canceled = activated(&world, now()).await;
    let deleted = draft(&world).await;
    let mut of_canceled = watch(client, STATUS, json!({ "id": canceled })).await;
    let mut of_deleted = watch(client, STATUS, json!({ "id": deleted })).await;
    let mut changes =
        vec![next(&mut of_canceled).await.unwrap(), next(&mut of_deleted).await.unwrap()];
    done(client, CANCEL, json!({ "id": canceled })).await;
    done(client, DELETE, json!({ "id": deleted })).await;
    changes.extend(rest(&mut of_canceled).await);
    changes.extend(rest(&mut of_deleted).await);
    insta::assert_snapshot!(told(&changes), @r"
    2 STATUS_CHANGED DRAFT -> PROCESSING
    1 CREATED - -> -
    3 STATUS_CHANGED PROCESSING -> CANCELED (CANCELED_BY_CALLER)
    ");
    world.stop().await.unwrap();
}

/// Goal: a list stays true: every change of every campaign, in order, none twice, numbered without a
/// gap; and the same again from a cursor.
#[tokio::test]
async fn a_sites_changes_come_without_a_gap() {
    let world = world("subscribers: [{ count: 1 }]\n").await;
    let client = world.client();
    let page = "{ site { campaigns { liveCursor } } }";
    let answer = post(client, page, json!({})).await;
    let start = answer["data"]["site"]["campaigns"]["liveCursor"].clone();
    let mut live = watch(client, CHANGES, json!({ "after": start })).await;
    let one = draft(&world).await;
    let two = draft(&world).await;
    done(client, UPDATE, json!({ "id": one, "input": { "name": "Other" } })).await;
    done(client, ACTIVATE, json!({ "id": two, "input": now() })).await;
    world.run_until_idle().await.unwrap();
    done(client, DELETE, json!({ "id": one })).await;

    let mut changes = Vec::new();
    while changes.last().is_none_or(|last: &Value| last["event"]["kind"] != "DELETED") {
        changes.push(next(&mut live).await.unwrap());
    }
    live.close().await.unwrap();
    let name =
        |change: &Value| if change["event"]["campaignId"] == json!(one) { "one" } else { "two" };
    let say = |change: &Value| format!("{} {}", name(change), words(change));
    let lines: Vec<String> = changes.iter().map(say).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    one 1 CREATED - -> -
    two 1 CREATED - -> -
    one 2 EDITED - -> -
    two 2 STATUS_CHANGED - -> PROCESSING
    two 3 STATUS_CHANGED - -> SENDING
    two 4 STATUS_CHANGED - -> SENT
    one 3 DELETED - -> -
    ");
    assert_eq!(changes.last().unwrap()["campaign"], Value::Null);

    for (at, change) in changes.iter().enumerate().take(changes.len() - 1) {
        let mut again = watch(client, CHANGES, json!({ "after": change["cursor"] })).await;
        for (wanted, cursor) in lines[at + 1..].iter().zip(&changes[at + 1..]) {
            let replayed = next(&mut again).await.unwrap();
            assert_eq!((say(&replayed), &replayed["cursor"]), (wanted.clone(), &cursor["cursor"]));
        }
        again.close().await.unwrap();
    }
    world.stop().await.unwrap();
}

/// Goal: progress is where things stand: at once, never backwards, every part counted once, and it
/// ends when all is delivered. Method: one engine step at a time, with a snapshot after most.
#[tokio::test]
async fn progress_only_grows_and_always_adds_up() {
    let world = world(SMALL_WINDOW).await;
    let id = draft(&world).await;
    let mut live = watch(world.client(), PROGRESS, json!({ "id": id })).await;
    let first = next(&mut live).await.unwrap();
    assert_eq!(first, json!({ "status": "DRAFT", "progress": null }));
    done(world.client(), ACTIVATE, json!({ "id": id, "input": now() })).await;
    let mut seen = vec![next(&mut live).await.unwrap()];
    while status(&world, &id).await != "SENT" {
        world.step_engine().await.unwrap();
        seen.push(next(&mut live).await.unwrap());
    }
    world.run_until_idle().await.unwrap();
    seen.extend(rest(&mut live).await);

    let number = |value: &Value| value.as_i64().unwrap();
    let mut version = -1;
    for snapshot in &seen {
        let progress = &snapshot["progress"];
        let parts: i64 = PARTS.iter().map(|part| number(&progress["counts"][part])).sum();
        assert_eq!(parts, number(&progress["counts"]["total"]), "{snapshot}");
        assert!(number(&progress["version"]) >= version, "{snapshot}");
        version = number(&progress["version"]);
    }
    let last = seen.last().unwrap();
    assert_eq!(last["status"], "SENT");
    assert_eq!(last["progress"]["counts"]["delivered"], 5);
    assert_eq!(last["progress"]["percentComplete"], 100.0);
    // A subscription to what is over tells where it stands, and ends.
    let late = rest(&mut watch(world.client(), PROGRESS, json!({ "id": id })).await).await;
    assert_eq!(late, std::slice::from_ref(last));
    world.stop().await.unwrap();
}

/// How a subscription was refused, before anything came of it.
async fn refusal(client: &Client, query: &str, variables: Value) -> Value {
    let mut subscription = watch(client, query, variables).await;
    match subscription.next_value().await {
        Some(Err(Ended::Refused(errors))) => errors,
        other => panic!("not refused: {other:?}"),
    }
}

/// Goal: a foreign campaign is as good as none, and a foreign cursor leads nowhere.
#[tokio::test]
async fn nothing_is_told_of_another_site() {
    let world = world("subscribers: []\n").await;
    let other = world.other_site_key(&Scenario::default()).await.unwrap();
    let other = world.client_with(Some(other)).unwrap();
    let id = draft(&world).await;
    let random = "camp_0190a5b20000700080000000000000ff";
    for query in [STATUS, PROGRESS] {
        let foreign = refusal(&other, query, json!({ "id": id })).await;
        assert_eq!(foreign, refusal(&other, query, json!({ "id": random })).await);
        assert_eq!(problems(&json!({ "errors": foreign })), ["! NOT_FOUND"]);
    }
    let cursor = async |client: &Client| {
        let answer = post(client, "{ site { campaigns { liveCursor } } }", json!({})).await;
        text(&answer["data"]["site"]["campaigns"]["liveCursor"])
    };
    let (ours, theirs) = (cursor(world.client()).await, cursor(&other).await);
    let refused = [
        refusal(world.client(), STATUS, json!({ "id": id, "after": theirs })).await,
        refusal(world.client(), CHANGES, json!({ "after": theirs })).await,
        refusal(&other, CHANGES, json!({ "after": ours })).await,
        refusal(world.client(), CHANGES, json!({ "after": "garbage" })).await,
        refusal(world.client(), PROGRESS, json!({ "id": "garbage" })).await,
    ];
    let codes: Vec<String> =
        refused.iter().flat_map(|errors| problems(&json!({ "errors": errors }))).collect();
    let bad = "! BAD_USER_INPUT";
    assert_eq!(codes, [bad, bad, bad, bad, "! NOT_FOUND"]);
    // What happens at one site is not told at the other.
    let after = cursor(&other).await;
    let mut theirs = watch(&other, CHANGES, json!({ "after": after })).await;
    done(world.client(), UPDATE, json!({ "id": id, "input": { "name": "Ours" } })).await;
    let made = json!({ "input": { "name": "Theirs" } });
    done(&other, crate::common::CREATE, made).await;
    assert_eq!(next(&mut theirs).await.unwrap()["campaign"]["name"], "Theirs");
    theirs.close().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a position ahead of the log, as after a restored backup, is told to be queried again.
#[tokio::test]
async fn a_position_beyond_the_log_resyncs() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let site: domain::id::SiteId = world.site_id().parse().unwrap();
    let ahead = forged(site, 1_000);
    for (query, variables) in
        [(CHANGES, json!({ "after": ahead })), (STATUS, json!({ "id": id, "after": ahead }))]
    {
        let mut live = watch(world.client(), query, variables).await;
        let first = next(&mut live).await.unwrap();
        assert_eq!((&first["kind"], &first["event"]), (&json!("RESYNC"), &Value::Null));
        let end = first["cursor"].clone();
        live.close().await.unwrap();
        done(world.client(), UPDATE, json!({ "id": id, "input": { "name": "Other" } })).await;
        let mut on = watch(world.client(), CHANGES, json!({ "after": end })).await;
        assert_eq!(next(&mut on).await.unwrap()["event"]["kind"], "EDITED");
        on.close().await.unwrap();
    }
    world.stop().await.unwrap();
}

/// A cursor of the site's log at that position.
fn forged(site: domain::id::SiteId, position: i64) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let bytes = [site.0.as_bytes().as_slice(), &position.to_be_bytes()].concat();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Goal: whoever shows no valid key is not listened to.
#[tokio::test]
async fn a_socket_without_a_key_is_closed() {
    let world: World = world("subscribers: []\n").await;
    for token in [None, Some("sk_unknown".to_owned())] {
        let client = world.client_with(token).unwrap();
        let ended = client.subscribe(CHANGES, json!({})).await.unwrap_err();
        assert!(matches!(ended, Ended::Closed { code: 4401 | 4403, .. }), "{ended:?}");
    }
    world.stop().await.unwrap();
}
