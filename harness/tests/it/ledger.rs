//! The ledger, read: every row once whichever way the pages go, counts that are always those of the
//! rows, and numbers that only those see who may.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use domain::access::Role;
use harness::client::Client;
use harness::world::{Beat, Error, Watcher, World};
use serde_json::{Value, json};

use crate::common::{
    CANCEL, activated, at, caller, done, now, post, problems, status, text, world,
};

/// Twelve in three zones, of whom one has opted out, one is refused, one is not delivered and one has
/// an answer that is lost.
const MIXED: &str = "
connection: { key_hours: 0, look_up: false }
engine: { max_in_flight: 4 }
subscribers:
  - { count: 6, area: 415 }
  - { count: 4, area: 212, time_zone: America/Chicago }
  - { count: 1, area: 305, time_zone: Pacific/Honolulu }
  - { count: 1, area: 617, unsubscribed: true }
rules:
  - when: { to: '+14155550100' }
    respond: { error: UnknownSubscriber }
  - when: { to: '+14155550101' }
    receipts: [{ after: 1s, status: undelivered, code: Unreachable }]
  - when: { to: '+14155550102' }
    accepts: false
    transport: close_after_read
";
/// The parts of the counts, with the state that each counts.
const PARTS: [(&str, &str); 10] = [
    ("deferred", "DEFERRED"),
    ("queued", "QUEUED"),
    ("inFlight", "IN_FLIGHT"),
    ("accepted", "ACCEPTED"),
    ("delivered", "DELIVERED"),
    ("undelivered", "UNDELIVERED"),
    ("unconfirmed", "UNCONFIRMED"),
    ("unknown", "UNKNOWN"),
    ("skipped", "SKIPPED"),
    ("canceled", "CANCELED"),
];
const COUNTS: &str = "total deferred queued inFlight accepted delivered undelivered unconfirmed \
    unknown skipped canceled";
/// How many pages of a list are read at most.
const PAGES_MAX: usize = 100;

/// A page of a campaign's messages.
async fn page(client: &Client, id: &str, args: &Value) -> Value {
    let query = "query($id: ID!, $first: Int, $after: String, $last: Int, $before: String, $filter: \
        MessageFilterInput) { campaign(id: $id) { messages(first: $first, after: $after, last: \
        $last, before: $before, filter: $filter) { edges { cursor node { id } } nodes { id status \
        reason { code } timeZone subscriber { id } step { id } } totalCount pageInfo { hasNextPage \
        hasPreviousPage startCursor endCursor } } } }";
    let mut variables = args.clone();
    variables["id"] = json!(id);
    let answer = post(client, query, variables).await;
    assert_eq!(problems(&answer), [""; 0], "{answer}");
    answer["data"]["campaign"]["messages"].clone()
}

/// Every message that a filter keeps, read `size` at a time from the start or from the end, in the
/// order of the list.
async fn read(world: &World, id: &str, filter: &Value, size: i32, forwards: bool) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    let mut cursor = Value::Null;
    for at in 0..PAGES_MAX {
        let args = if forwards {
            json!({ "first": size, "after": cursor, "filter": filter })
        } else {
            json!({ "last": size, "before": cursor, "filter": filter })
        };
        let page = page(world.client(), id, &args).await;
        let nodes = page["nodes"].as_array().unwrap();
        let edges = page["edges"].as_array().unwrap();
        let of_edges: Vec<&Value> = edges.iter().map(|edge| &edge["node"]["id"]).collect();
        assert_eq!(of_edges, nodes.iter().map(|node| &node["id"]).collect::<Vec<_>>());
        let info = &page["pageInfo"];
        let ends = (edges.first(), edges.last());
        let cursor_of = |edge: Option<&Value>| edge.map_or(Value::Null, |it| it["cursor"].clone());
        assert_eq!(info["startCursor"], cursor_of(ends.0));
        assert_eq!(info["endCursor"], cursor_of(ends.1));
        let (came_from, goes_on) = if forwards {
            all.extend(nodes.iter().cloned());
            cursor = info["endCursor"].clone();
            ("hasPreviousPage", "hasNextPage")
        } else {
            all.splice(0..0, nodes.iter().cloned());
            cursor = info["startCursor"].clone();
            ("hasNextPage", "hasPreviousPage")
        };
        assert_eq!(info[came_from], json!(at > 0));
        if info[goes_on] == json!(false) {
            return all;
        }
    }
    panic!("the pages do not end");
}

fn ids(nodes: &[Value]) -> Vec<String> {
    nodes.iter().map(|node| text(&node["id"])).collect()
}

/// Filters, each with the test of a row that it stands for.
type Filtered = (Value, Box<dyn Fn(&Value) -> bool>);

/// Every filter of one state, of one reason and of one zone, and some of several.
fn filters(all: &[Value]) -> Vec<Filtered> {
    let values = |path: &'static str| -> BTreeSet<String> {
        all.iter().filter_map(|node| Some(node.pointer(path)?.as_str()?.to_owned())).collect()
    };
    let one = |member: &'static str, path: &'static str| {
        values(path).into_iter().map(move |value| -> Filtered {
            let filter = json!({ member: [value] });
            (filter, Box::new(move |node| node.pointer(path) == Some(&json!(value))))
        })
    };
    let mut filters: Vec<Filtered> = vec![(json!({}), Box::new(|_| true))];
    filters.extend(one("statuses", "/status"));
    filters.extend(one("reasons", "/reason/code"));
    filters.extend(one("timeZones", "/timeZone"));
    let both = json!({ "statuses": ["DELIVERED", "SKIPPED"], "timeZones": ["America/Chicago"] });
    filters.push((
        both,
        Box::new(|node| {
            ["DELIVERED", "SKIPPED"].map(Value::from).contains(&node["status"])
                && node["timeZone"] == "America/Chicago"
        }),
    ));
    filters.push((json!({ "statuses": [] }), Box::new(|_| false)));
    let subscriber = all[0]["subscriber"]["id"].clone();
    let mine = json!({ "subscriberId": subscriber });
    filters.push((mine, Box::new(move |node| node["subscriber"]["id"] == subscriber)));
    let step = all[0]["step"]["id"].clone();
    let of_step = json!({ "stepId": step, "statuses": ["DELIVERED"] });
    filters.push((of_step, Box::new(|node| node["status"] == "DELIVERED")));
    filters
}

/// Goal: a list holds every row that matches, once, whichever way it is read, and says how many.
/// Method: a campaign in which everything happens, read by every filter, forwards and backwards, in
/// pages of several sizes.
#[tokio::test]
async fn pages_hold_every_row_once_and_totals_are_those_of_the_rows() {
    let world = world(MIXED).await;
    let id = activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    let all = read(&world, &id, &Value::Null, 100, true).await;
    assert_eq!(all.len(), 12);
    assert_eq!(ids(&all).into_iter().collect::<BTreeSet<_>>().len(), 12);
    for (filter, keeps) in filters(&all) {
        let kept: Vec<Value> = all.iter().filter(|node| keeps(node)).cloned().collect();
        for (size, forwards) in [(1, true), (5, true), (100, true), (1, false), (5, false)] {
            let found = read(&world, &id, &filter, size, forwards).await;
            assert_eq!(ids(&found), ids(&kept), "{filter} by {size}, forwards {forwards}");
        }
        let total = page(world.client(), &id, &json!({ "first": 1, "filter": filter })).await;
        assert_eq!(total["totalCount"], kept.len(), "{filter}");
    }
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for node in &all {
        let reason = node.pointer("/reason/code").and_then(Value::as_str).unwrap_or("-");
        *told.entry(format!("{} {reason}", text(&node["status"]))).or_default() += 1;
    }
    let told: Vec<String> = told.iter().map(|(what, count)| format!("{count} {what}")).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    8 DELIVERED -
    1 SKIPPED UNSUBSCRIBED
    1 UNDELIVERED HANDSET_UNREACHABLE
    1 UNDELIVERED INVALID_DESTINATION
    1 UNKNOWN ANSWER_LOST
    ");
    world.stop().await.unwrap();
}

/// The counts of a campaign, of its one step, and of its rows by state, in one document.
async fn counts(world: &World, id: &str) -> (Value, Value, BTreeMap<String, i64>) {
    let query = format!(
        "query($id: ID!) {{ campaign(id: $id) {{ progress {{ recipientCount counts {{ {COUNTS} }} }} \
         steps {{ counts {{ {COUNTS} }} }} messages(first: 100) {{ nodes {{ status }} }} }} }}"
    );
    let answer = post(world.client(), &query, json!({ "id": id })).await;
    let campaign = &answer["data"]["campaign"];
    let mut rows = BTreeMap::new();
    for node in campaign["messages"]["nodes"].as_array().unwrap() {
        *rows.entry(text(&node["status"])).or_default() += 1;
    }
    (campaign["progress"].clone(), campaign["steps"][0]["counts"].clone(), rows)
}

/// Holds a campaign's counts against its rows whenever something was done.
struct Auditor {
    id: String,
    looks: usize,
}

impl Watcher for Auditor {
    type Error = Error;

    async fn saw(&mut self, world: &World, _: Beat) -> Result<ControlFlow<()>, Error> {
        assert_partition(world, &self.id).await;
        self.looks += 1;
        Ok(ControlFlow::Continue(()))
    }
}

/// Goal: at every moment each message is counted once, and the counts are those of the rows. Method:
/// look at all three whenever a reconciler did something or a receipt was posted, through a whole run.
#[tokio::test]
async fn counts_partition_the_rows_after_every_step() {
    let world = world(MIXED).await;
    let id = activated(&world, now()).await;
    let mut auditor = Auditor { id: id.clone(), looks: 0 };
    world.drive(None, &mut auditor).await.unwrap();
    assert_eq!(status(&world, &id).await, "SENT");
    assert!(auditor.looks > 10, "{}", auditor.looks);
    world.stop().await.unwrap();
}

async fn assert_partition(world: &World, id: &str) {
    let (progress, of_step, rows) = counts(world, id).await;
    let counts = &progress["counts"];
    assert_eq!(*counts, of_step, "one step has all there is");
    let mut sum = 0;
    for (part, state) in PARTS {
        let count = counts[part].as_i64().unwrap();
        assert_eq!(count, rows.get(state).copied().unwrap_or_default(), "{part}: {counts}");
        sum += count;
    }
    assert_eq!(counts["total"], sum);
    assert_eq!(progress["recipientCount"], sum, "a recipient has one message");
}

/// Goal: a campaign that was never processed has no counts, and one that was called back neither.
#[tokio::test]
async fn there_are_no_counts_before_processing() {
    let world = world("").await;
    let id = activated(&world, at("2026-11-24T10:00:00")).await;
    let none = (Value::Null, Value::Null, BTreeMap::new());
    assert_eq!(counts(&world, &id).await, none);
    done(world.client(), CANCEL, json!({ "id": id })).await;
    assert_eq!(counts(&world, &id).await, none);
    world.stop().await.unwrap();
}

/// Goal: a number is whole only for those who may see it. Method: the same subscriber and the same
/// message for a caller of each role.
#[tokio::test]
async fn a_number_is_masked_unless_the_caller_may_see_it() {
    let world = world("subscribers: [{ count: 1 }]\n").await;
    let id = activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    let query = "query($id: ID!) { campaign(id: $id) { messages { nodes { subscriber { \
        maskedPhoneNumber } } } } }";
    let whole = "query($id: ID!) { campaign(id: $id) { messages { nodes { subscriber { phoneNumber \
        maskedPhoneNumber } } } } }";
    for role in Role::ALL {
        let client = caller(&world, *role).await;
        let masked = post(&client, query, json!({ "id": id })).await;
        let subscriber = &masked["data"]["campaign"]["messages"]["nodes"][0]["subscriber"];
        assert_eq!(*subscriber, json!({ "maskedPhoneNumber": "+1••••••••00" }), "{role}");
        assert_eq!(problems(&masked), [""; 0]);
        let answer = post(&client, whole, json!({ "id": id })).await;
        let subscriber = &answer["data"]["campaign"]["messages"]["nodes"][0]["subscriber"];
        assert_eq!(subscriber["maskedPhoneNumber"], "+1••••••••00");
        if *role == Role::Admin {
            assert_eq!(subscriber["phoneNumber"], "+14155550100");
        } else {
            assert_eq!(subscriber["phoneNumber"], Value::Null, "{role}");
            assert_eq!(problems(&answer), ["! FORBIDDEN"], "{role}");
            assert!(!answer.to_string().contains("4155550100"), "{role}: {answer}");
        }
    }
    world.stop().await.unwrap();
}

/// Goal: a subscriber's messages are all campaigns' and newest first, and any row can be fetched by
/// its id.
#[tokio::test]
async fn a_subscribers_messages_are_those_of_every_campaign() {
    let world = world("subscribers: [{ count: 2 }]\n").await;
    let mut campaigns = Vec::new();
    for _ in 0..3 {
        campaigns.push(activated(&world, now()).await);
        world.run_until_idle().await.unwrap();
        world.advance_by(chrono::TimeDelta::minutes(1));
    }
    campaigns.reverse();
    let query = "{ site { subscribers { nodes { id lastMessagedAt messages(first: 2) { totalCount \
        nodes { id campaign { id } } pageInfo { endCursor } } } } } }";
    let answer = post(world.client(), query, json!({})).await;
    for subscriber in answer["data"]["site"]["subscribers"]["nodes"].as_array().unwrap() {
        assert_eq!(subscriber["messages"]["totalCount"], 3);
        assert!(subscriber["lastMessagedAt"].is_string());
        let rest = "query($id: ID!, $after: String) { node(id: $id) { ... on Subscriber { \
            messages(first: 2, after: $after) { nodes { id campaign { id } } } } } }";
        let after = &subscriber["messages"]["pageInfo"]["endCursor"];
        let rest =
            post(world.client(), rest, json!({ "id": subscriber["id"], "after": after })).await;
        let first = subscriber["messages"]["nodes"].as_array().unwrap();
        let rest = rest["data"]["node"]["messages"]["nodes"].as_array().unwrap();
        let nodes: Vec<&Value> = first.iter().chain(rest).collect();
        let of: Vec<&Value> = nodes.iter().map(|node| &node["campaign"]["id"]).collect();
        assert_eq!(json!(of), json!(campaigns));
        for node in nodes {
            let query = "query($id: ID!) { node(id: $id) { id ... on Message { campaign { id } \
                subscriber { id } status isFinal attemptCount segmentCount } } }";
            let found = post(world.client(), query, json!({ "id": node["id"] })).await;
            let wanted = json!({
                "id": node["id"], "campaign": node["campaign"],
                "subscriber": { "id": subscriber["id"] },
                "status": "DELIVERED", "isFinal": true, "attemptCount": 1, "segmentCount": 1,
            });
            assert_eq!(found["data"]["node"], wanted);
        }
    }
    world.stop().await.unwrap();
}
