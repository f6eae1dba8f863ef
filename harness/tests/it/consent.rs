//! Consent: what the log keeps, what follows from what is said, and what never does.

use api::ports::Task;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::consent as words;
use entity::{consent_log, subscriber};
use harness::client::Client;
use harness::world::World;
use sea_orm::{ConnectionTrait as _, EntityTrait as _};
use serde_json::{Value, json};

use crate::common::{
    CLEAR, Rows, UNSUBSCRIBE, UPSERT, activated, caller, done, now, post, problems, text, world,
};
use crate::receipts_hook::Delivery;

const ONE: &str = "+14155550100";
const TWO: &str = "+14155550101";
const STRANGER: &str = "+14155550177";
/// Two subscribers, and nothing that comes by itself.
const SILENT: &str = "subscribers: [{ count: 2 }]\ndefaults: { receipts: [] }\n";

/// Lets a phone text, and the service act on it.
pub(crate) async fn say(world: &World, id: &str, from: &str, words: &str, at: DateTime<Utc>) {
    let event = json!({
        "type": "message.received",
        "timestamp": at.to_rfc3339(),
        "data": { "id": id, "to": "+18885550100", "from": from, "text": words },
    });
    assert_eq!(Delivery::of(world, id, &event).await.post(world).await, 204);
    world.activate(Task::Receipts).await.unwrap();
}

/// A subscriber as the API tells.
async fn told(client: &Client, phone: &str) -> Value {
    let query = "query($phone: PhoneNumber) { site { subscribers(filter: { phoneNumber: $phone }) { \
        nodes { id status subscribedAt unsubscribedAt possibleOptOutAt consentLog { nodes { kind \
        source word actorName occurredAt } } } } } }";
    let answer = post(client, query, json!({ "phone": phone })).await;
    answer["data"]["site"]["subscribers"]["nodes"][0].clone()
}

/// The log of a subscriber, newest first, a line each.
fn log(subscriber: &Value) -> Vec<String> {
    let nodes = subscriber["consentLog"]["nodes"].as_array().unwrap();
    let word = |node: &Value, name: &str| node[name].as_str().unwrap_or("-").to_owned();
    let line = |node: &Value| ["kind", "source", "word"].map(|name| word(node, name)).join(" ");
    nodes.iter().map(line).collect()
}

/// Goal: what was said stays said. Method: whoever can write to the database tries to change an entry and
/// to remove it.
#[tokio::test]
async fn the_log_only_grows() {
    let world = world(SILENT).await;
    say(&world, "e1", ONE, "STOP", world.now()).await;
    let before = Rows::of(&world).await;
    assert_eq!(before.count("consent_log"), 3, "two were added, one opted out");
    for sql in ["UPDATE consent_log SET kind = 'opted_in'", "DELETE FROM consent_log"] {
        let txn = world.db().begin_write().await.unwrap();
        assert!(txn.execute_unprepared(sql).await.is_err(), "{sql}");
        drop(txn);
    }
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    world.stop().await.unwrap();
}

/// Goal: the aggregator's word about a number holds for every campaign at once. Method: two campaigns are
/// planned for one phone, one message is handed over and refused, and nothing else of the engine runs.
#[tokio::test]
async fn a_block_takes_back_what_other_campaigns_have_pending() {
    let yaml = "subscribers: [{ count: 1 }]\nengine: { max_in_flight: 1 }\n\
        rules: [{ respond: { error: OptedOut } }]\n";
    let world = world(yaml).await;
    let ids = [activated(&world, now()).await, activated(&world, now()).await];
    while world.activate(Task::Planner).await.unwrap().done > 0 {}
    world.activate(Task::Dispatcher).await.unwrap();
    let mut standings = Vec::new();
    for id in &ids {
        let query = "query($id: ID!) { campaign(id: $id) { messages { nodes { status reason { code \
            } } } } }";
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let message = &answer["data"]["campaign"]["messages"]["nodes"][0];
        standings.push(format!("{} {}", text(&message["status"]), message["reason"]["code"]));
    }
    standings.sort();
    let wanted = ["SKIPPED \"UNSUBSCRIBED\"", "UNDELIVERED \"BLOCKED_BY_RECIPIENT\""];
    assert_eq!(standings, wanted);
    let blocked = told(world.client(), ONE).await;
    assert_eq!(blocked["status"], "UNSUBSCRIBED");
    assert_eq!(log(&blocked), ["OPTED_OUT AGGREGATOR OptedOut", "OPTED_IN API -"]);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: consent that a caller gives account of is logged once, an opted-out number is not subscribed by
/// being added, and words from before a number was added still count.
#[tokio::test]
async fn adding_a_number_asks_what_it_said_before() {
    let world = world(SILENT).await;
    let client = world.client();
    say(&world, "e1", STRANGER, "please stop texting me", world.now()).await;
    say(&world, "e2", ONE, "STOP", world.now()).await;
    let dated = "2026-11-01T12:00:00Z";
    let rows = json!([
        { "phoneNumber": ONE, "subscribedAt": dated },
        { "phoneNumber": TWO, "subscribedAt": dated },
        { "phoneNumber": STRANGER },
    ]);
    for _ in 0..2 {
        done(client, UPSERT, json!({ "input": { "subscribers": rows } })).await;
    }
    let out = told(client, ONE).await;
    assert_eq!(out["status"], "UNSUBSCRIBED");
    assert_eq!(log(&out), ["OPTED_OUT INBOUND_TEXT STOP", "OPTED_IN API -"]);
    let redated = told(client, TWO).await;
    assert_eq!(log(&redated), ["OPTED_IN API -", "OPTED_IN API -"], "dated anew, once");
    assert_eq!(redated["consentLog"]["nodes"][0]["occurredAt"], "2026-11-01T12:00:00.000Z");
    let added = told(client, STRANGER).await;
    assert_eq!(added["status"], "SUBSCRIBED");
    assert!(added["possibleOptOutAt"].is_string(), "{added}");
    assert_eq!(log(&added), ["OPTED_IN API -", "SUSPECTED INBOUND_TEXT STOP"]);
    world.stop().await.unwrap();
}

/// Goal: those whose words are to be looked at can be found, and a caller's act is logged once however often
/// it is repeated. Method: the filter, and each mutation twice.
#[tokio::test]
async fn callers_look_and_decide() {
    let world = world(SILENT).await;
    say(&world, "e1", ONE, "take me off your list", world.now()).await;
    let client = caller(&world, Role::Editor).await;
    let found = async |marked: bool| {
        let query = "query($marked: Boolean) { site { subscribers(filter: { possibleOptOut: $marked \
            }) { totalCount nodes { maskedPhoneNumber } } } }";
        let answer = post(&client, query, json!({ "marked": marked })).await;
        answer["data"]["site"]["subscribers"].clone()
    };
    let one = json!({ "totalCount": 1, "nodes": [{ "maskedPhoneNumber": "+1••••••••00" }] });
    assert_eq!(found(true).await, one);
    assert_eq!(found(false).await["totalCount"], 1);
    let id = text(&told(world.client(), ONE).await["id"]);
    for _ in 0..2 {
        let cleared = done(&client, CLEAR, json!({ "id": id })).await;
        assert_eq!(cleared["subscriber"]["possibleOptOutAt"], Value::Null);
    }
    assert_eq!(found(true).await["totalCount"], 0);
    for _ in 0..2 {
        let gone = done(&client, UNSUBSCRIBE, json!({ "id": id })).await;
        assert_eq!(gone["subscriber"]["status"], "UNSUBSCRIBED");
    }
    let wanted = [
        "OPTED_OUT API -",
        "CLEARED API -",
        "SUSPECTED INBOUND_TEXT TAKE ME OFF",
        "OPTED_IN API -",
    ];
    assert_eq!(log(&told(world.client(), ONE).await), wanted);
    let nobody = json!({ "id": "sub_0190a5b20000700080000000000000ff" });
    for mutation in [CLEAR, UNSUBSCRIBE] {
        assert_eq!(problems(&post(&client, mutation, nobody.clone()).await), ["NOT_FOUND id"]);
    }
    let query = "query($id: ID!) { node(id: $id) { ... on Subscriber { consentLog(first: 1, after: \
        null) { nodes { kind } pageInfo { hasNextPage endCursor } } } } }";
    let page = post(&client, query, json!({ "id": id })).await;
    assert_eq!(page["data"]["node"]["consentLog"]["nodes"][0]["kind"], "OPTED_OUT");
    assert_eq!(page["data"]["node"]["consentLog"]["pageInfo"]["hasNextPage"], true);
    world.stop().await.unwrap();
}

/// Goal: no clock that runs ahead lets a START outlive a later STOP. Method: a START that says it was sent
/// four minutes from now, and a STOP a minute later.
#[tokio::test]
async fn a_text_from_the_future_was_sent_now() {
    let world = world(SILENT).await;
    say(&world, "e1", ONE, "STOP", world.now() - TimeDelta::minutes(1)).await;
    say(&world, "e2", ONE, "START", world.now() + TimeDelta::minutes(4)).await;
    let back = told(world.client(), ONE).await;
    assert_eq!((&back["status"], &back["subscribedAt"]), (&json!("SUBSCRIBED"), &iso(world.now())));
    world.advance_by(TimeDelta::minutes(1));
    say(&world, "e3", ONE, "STOP", world.now()).await;
    let gone = told(world.client(), ONE).await;
    assert_eq!(gone["status"], "UNSUBSCRIBED");
    assert_eq!(gone["unsubscribedAt"], iso(world.now()));
    world.stop().await.unwrap();
}

fn iso(at: DateTime<Utc>) -> Value {
    json!(at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
}

/// Goal: any text is noted as the person's last, at the time it was sent, and a plain one is not logged.
#[tokio::test]
async fn a_reply_is_noted_and_nothing_else() {
    let world = world(SILENT).await;
    let start = world.now();
    say(&world, "e1", ONE, "thanks!", start - TimeDelta::seconds(30)).await;
    say(&world, "e2", ONE, "YES", start - TimeDelta::seconds(60)).await;
    let rows = subscriber::Entity::find().all(world.db().read()).await.unwrap();
    let one = rows.iter().find(|row| row.phone == ONE).unwrap();
    assert_eq!(one.last_inbound_at, Some((start - TimeDelta::seconds(30)).timestamp_millis()));
    assert_eq!(one.status, "subscribed");
    let logged = consent_log::Entity::find().all(world.db().read()).await.unwrap();
    assert!(logged.iter().all(|row| row.source == "api"), "{logged:?}");
    world.stop().await.unwrap();
}

/// Goal: nothing of what people write is kept in the log. Method: a long text, and every column.
#[tokio::test]
async fn the_log_has_words_and_no_texts() {
    let world = world(SILENT).await;
    say(&world, "e1", ONE, "stop it, my address is 5 Elm Street", world.now()).await;
    let rows = consent_log::Entity::find().all(world.db().read()).await.unwrap();
    let told = format!("{rows:?}");
    assert!(told.contains("\"STOP\"") && !told.contains("Elm"), "{told}");
    world.stop().await.unwrap();
}

/// Goal: the page of words is the table of words. Method: every word in its rows is heard as the row says,
/// and none of the tables is missing.
#[test]
fn the_page_names_every_word() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/consent.md");
    let page = std::fs::read_to_string(path).unwrap();
    let row = |ending: &str| -> Vec<String> {
        let line = page.lines().find(|line| line.ends_with(&format!("| {ending} |"))).unwrap();
        line.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    let mut out: Vec<&str> = words::OPT_OUT.to_vec();
    out.push(words::OPT_OUT_ALONE);
    assert_eq!(row("opts out"), out);
    assert_eq!(row("opts in"), words::OPT_IN);
    assert_eq!(row("is answered"), words::HELP);
    for wish in row("may be meant to opt out").iter().filter(|wish| *wish != "TD") {
        assert!(matches!(words::hear(wish), words::Heard::PossibleOptOut(_)), "{wish}");
    }
}
