//! The audit: who did what, and to what.
//!
//! **Invariant:** a mutation of the schema without an operation of the audit fails the test.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{SecondsFormat, TimeDelta};
use domain::access::Role;
use domain::audit::AuditOperation;
use harness::client::Client;
use harness::scenario::Scenario;
use harness::world::World;
use serde_json::{Value, json};

use crate::common::{
    ACTIVATE, AUDIENCE, CANCEL, CLEAR, CREATE, DELETE, DUPLICATE, PAUSE, RESCHEDULE, RESOLVE,
    RESUME, Rows, SEND_TEST, SITE_UPDATE, UNSUBSCRIBE, UPDATE, UPSERT, activated, at, caller, done,
    draft_input, now, patched, post, problems, text, world,
};
use crate::consent::say;
use crate::sdl::Sdl;

const ENTRIES: &str = "query($filter: AuditFilterInput, $first: Int, $after: String) { site { \
    auditEntries(first: $first, after: $after, filter: $filter) { nodes { actorId actor { kind name } \
    operation objectId outcome occurredAt } pageInfo { hasNextPage endCursor } } } }";
/// A phone number and words that the mutations below are given.
const PHONE: &str = "+14155550142";
const BODY: &str = "30% off, for friends";

async fn entries(client: &Client, filter: Value) -> Vec<Value> {
    let answer = post(client, ENTRIES, json!({ "filter": filter })).await;
    let nodes = answer.pointer("/data/site/auditEntries/nodes").and_then(Value::as_array);
    nodes.unwrap_or_else(|| panic!("{answer}")).clone()
}

/// What was done, oldest first, each object by its kind.
fn told(entries: &[Value]) -> Vec<String> {
    let line = |entry: &Value| {
        let object = text(&entry["objectId"]);
        let kind = object.split('_').next().unwrap_or_default().to_owned();
        format!("{} {kind} {}", text(&entry["operation"]), text(&entry["outcome"]))
    };
    entries.iter().rev().map(line).collect()
}

/// Goal: each mutation that changes something leaves one entry, and one that changes nothing leaves none.
/// Method: do everything once, again under its key, and once in vain.
#[tokio::test]
async fn each_change_leaves_one_entry() {
    let world = world("subscribers: [{ count: 1 }]\n").await;
    let client = caller(&world, Role::Admin).await;
    let viewer = post(&client, "{ viewer { apiKey { id } } }", json!({})).await;
    let key = text(&viewer["data"]["viewer"]["apiKey"]["id"]);
    let by = || json!({ "actorId": key });
    assert_eq!(entries(&client, by()).await, Vec::<Value>::new());
    everything(&world, &client).await;
    let all = entries(&client, by()).await;
    insta::assert_snapshot!(told(&all).join("\n"), @r"
    CAMPAIGN_CREATE camp DONE
    CAMPAIGN_UPDATE camp DONE
    CAMPAIGN_DUPLICATE camp DONE
    CAMPAIGN_DELETE camp DONE
    CAMPAIGN_ACTIVATE camp DONE
    CAMPAIGN_RESCHEDULE camp DONE
    CAMPAIGN_CANCEL camp DONE
    CAMPAIGN_ACTIVATE camp DONE
    CAMPAIGN_PAUSE camp DONE
    CAMPAIGN_RESUME camp DONE
    CAMPAIGN_SEND_TEST camp DONE
    CAMPAIGN_CANCEL camp DONE
    AUDIENCE_CREATE aud DONE
    SUBSCRIBERS_UPSERT site PARTIAL
    SUBSCRIBERS_UPSERT site DONE
    SUBSCRIBER_UNSUBSCRIBE sub DONE
    SITE_UPDATE site DONE
    ");
    for entry in &all {
        assert_eq!(entry["actor"], json!({ "kind": "API_KEY", "name": "admin" }));
        assert_eq!(entry["actorId"], json!(key));
        let written = entry.to_string();
        assert!(!written.contains(&PHONE[2..]) && !written.contains("friends"), "{written}");
    }
    in_vain(&world, &client).await;
    assert_eq!(entries(&client, by()).await.len(), all.len());
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Every mutation with something to change.
async fn everything(world: &World, client: &Client) {
    let with = |id: &str, input: Value| json!({ "id": id, "input": input });
    let input = json!({ "steps": [{ "body": BODY }], "idempotencyKey": "once" });
    let input = patched(&draft_input(world), &input);
    let made = done(client, CREATE, json!({ "input": input })).await;
    done(client, CREATE, json!({ "input": input })).await;
    let id = text(&made["campaign"]["id"]);
    done(client, UPDATE, with(&id, json!({ "name": "Other" }))).await;
    let copy = done(client, DUPLICATE, with(&id, json!({}))).await;
    let copy = text(&copy["campaign"]["id"]);
    done(client, DELETE, json!({ "id": copy })).await;
    done(client, ACTIVATE, with(&id, at("2027-01-24T10:00:00"))).await;
    done(client, RESCHEDULE, with(&id, at("2027-01-25T10:00:00"))).await;
    done(client, CANCEL, with(&id, json!({}))).await;
    done(client, ACTIVATE, with(&id, now())).await;
    done(client, PAUSE, with(&id, json!({}))).await;
    done(client, RESUME, with(&id, json!({}))).await;
    let steps = "query($id: ID!) { campaign(id: $id) { steps { id } } }";
    let steps = post(client, steps, json!({ "id": id })).await;
    let step = steps["data"]["campaign"]["steps"][0]["id"].clone();
    let test = json!({ "stepId": step, "phoneNumbers": [PHONE] });
    post(client, SEND_TEST, with(&id, test)).await;
    done(client, CANCEL, with(&id, json!({}))).await;
    done(client, AUDIENCE, json!({ "input": { "name": "New", "rules": {} } })).await;
    let rows = json!([{ "phoneNumber": PHONE }, { "phoneNumber": "no number" }]);
    post(client, UPSERT, json!({ "input": { "subscribers": rows } })).await;
    let upserted = json!({ "input": { "subscribers": [{ "phoneNumber": PHONE }] } });
    let upserted = done(client, UPSERT, upserted).await;
    let subscriber = upserted["subscribers"][0]["id"].clone();
    done(client, UNSUBSCRIBE, json!({ "id": subscriber })).await;
    let site = world.site_id();
    done(client, SITE_UPDATE, with(&site, json!({ "textPrefix": "Acme" }))).await;
}

/// Mutations that are refused, or find all as they want it.
async fn in_vain(world: &World, client: &Client) {
    let query = "{ site { campaigns { nodes { id } } subscribers { nodes { id status } } } }";
    let there = post(client, query, json!({})).await;
    let id = there["data"]["site"]["campaigns"]["nodes"][0]["id"].clone();
    let gone = there["data"]["site"]["subscribers"]["nodes"].as_array().unwrap();
    let gone = gone.iter().find(|one| one["status"] == "UNSUBSCRIBED").unwrap()["id"].clone();
    let site = world.site_id();
    let before = Rows::of(world).await;
    done(client, UNSUBSCRIBE, json!({ "id": gone })).await;
    done(client, CLEAR, json!({ "id": gone })).await;
    done(client, SITE_UPDATE, json!({ "id": site, "input": { "textPrefix": "Acme" } })).await;
    for (query, input) in [(ACTIVATE, now()), (PAUSE, json!({})), (CANCEL, json!({}))] {
        let answer = post(client, query, json!({ "id": id, "input": input })).await;
        assert_eq!(problems(&answer).len(), 1, "{answer}");
    }
    assert_eq!(Rows::of(world).await.count("audit_entry"), before.count("audit_entry"));
}

/// Goal: what a person decides about a doubt leaves one entry, and deciding it again leaves none. Method: a
/// message of which nobody knows what became, and words that may be a wish to opt out.
#[tokio::test]
async fn what_is_decided_by_hand_is_told() {
    let yaml = "subscribers: [{ count: 1 }]\nconnection: { key_hours: 0, look_up: false }\n\
        rules: [{ transport: close_after_read, accepts: true, receipts: [] }]\n";
    let world = world(yaml).await;
    let campaign = activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    say(&world, "e1", "+14155550100", "take me off your list", world.now()).await;
    let marked = "{ site { subscribers(filter: { possibleOptOut: true }) { nodes { id } } } }";
    let marked = post(world.client(), marked, json!({})).await;
    let subscriber = text(&marked["data"]["site"]["subscribers"]["nodes"][0]["id"]);
    let client = caller(&world, Role::Admin).await;
    let before = Rows::of(&world).await;
    let write_off = json!({ "id": campaign, "input": { "resolution": "WRITE_OFF" } });
    for resolved in [1, 0] {
        let settled = done(&client, RESOLVE, write_off.clone()).await;
        assert_eq!(settled["resolvedCount"], resolved, "{settled}");
        let cleared = done(&client, CLEAR, json!({ "id": subscriber })).await;
        assert_eq!(cleared["subscriber"]["possibleOptOutAt"], Value::Null);
    }
    assert_eq!(Rows::of(&world).await.count("audit_entry"), before.count("audit_entry") + 2);
    let viewer = post(&client, "{ viewer { apiKey { id } } }", json!({})).await;
    let key = &viewer["data"]["viewer"]["apiKey"]["id"];
    for (operation, object) in
        [("CAMPAIGN_RESOLVE_UNKNOWN", campaign), ("SUBSCRIBER_CLEAR_POSSIBLE_OPT_OUT", subscriber)]
    {
        let entry = json!({
            "actorId": key, "actor": { "kind": "API_KEY", "name": "admin" },
            "operation": operation, "objectId": object, "outcome": "DONE",
            "occurredAt": world.now().to_rfc3339_opts(SecondsFormat::Millis, true),
        });
        assert_eq!(entries(&client, json!({ "operations": [operation] })).await, [entry]);
    }
    world.stop().await.unwrap();
}

/// Goal: the audit is of one site; it is found by caller, object, operation and time, page by page.
#[tokio::test]
async fn the_audit_is_found_by_what_is_asked_and_of_ones_own_site_alone() {
    let world = world("subscribers: []\n").await;
    let theirs = world.other_site_key(&Scenario::default()).await.unwrap();
    let theirs = world.client_with(Some(theirs)).unwrap();
    let start = world.now();
    let mut made = Vec::new();
    for hours in 0..3 {
        world.advance_to(start + TimeDelta::hours(hours));
        let created = done(world.client(), CREATE, json!({ "input": draft_input(&world) })).await;
        made.push(text(&created["campaign"]["id"]));
    }
    let bare = json!({ "input": { "name": "Theirs", "steps": [{ "body": "Hi" }] } });
    let foreign = text(&done(&theirs, CREATE, bare).await["campaign"]["id"]);
    done(world.client(), DELETE, json!({ "id": made[1] })).await;

    let ours = world.client();
    let count = async |filter: Value| entries(ours, filter).await.len();
    assert_eq!(
        told(&entries(ours, json!({ "objectId": made[1] })).await),
        ["CAMPAIGN_CREATE camp DONE", "CAMPAIGN_DELETE camp DONE"]
    );
    assert_eq!(count(json!({ "operations": ["CAMPAIGN_DELETE"] })).await, 1);
    assert_eq!(count(json!({ "operations": [] })).await, 0);
    let span = |from: i64, until: i64| {
        let at = |hours| (start + TimeDelta::hours(hours)).to_rfc3339();
        json!({ "operations": ["CAMPAIGN_CREATE"],
            "occurredWithin": { "from": at(from), "until": at(until) } })
    };
    assert_eq!(count(span(1, 2)).await, 1);
    assert_eq!(count(span(0, 3)).await, 3);
    for nobody in [json!({ "objectId": foreign }), json!({ "actorId": "subject:auth0|7" })] {
        assert_eq!(count(nobody).await, 0);
    }
    assert_eq!(count(json!({ "objectId": "\u{0}" })).await, 0);
    assert_eq!(told(&entries(&theirs, json!({})).await), ["CAMPAIGN_CREATE camp DONE"]);

    let (mut seen, mut after) = (0, Value::Null);
    loop {
        let variables = json!({ "first": 2, "after": after });
        let page = post(ours, ENTRIES, variables).await["data"]["site"]["auditEntries"].clone();
        seen += page["nodes"].as_array().unwrap().len();
        after = page["pageInfo"]["endCursor"].clone();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(seen, count(json!({})).await);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: what is old is neither told nor kept, and nothing else is ever removed or changed.
#[tokio::test]
async fn the_audit_only_grows_but_for_what_is_old() {
    use sea_orm::ConnectionTrait as _;
    let world = world("subscribers: []\n").await;
    let create = async || {
        done(world.client(), CREATE, json!({ "input": draft_input(&world) })).await;
    };
    create().await;
    let before = Rows::of(&world).await;
    for change in ["UPDATE audit_entry SET outcome = 'partial'", "DELETE FROM audit_entry"] {
        let txn = world.db().begin_write().await.unwrap();
        let fault = txn.execute_unprepared(change).await.unwrap_err().to_string();
        assert!(fault.contains("the audit only grows"), "{change}: {fault}");
        txn.rollback().await.unwrap();
    }
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    let first = before.count("audit_entry");
    world.advance_to(world.now() + TimeDelta::days(400));
    assert_eq!(entries(world.client(), json!({})).await.len(), first);
    world.advance_to(world.now() + TimeDelta::milliseconds(1));
    assert_eq!(entries(world.client(), json!({})).await.len(), 0);
    assert_eq!(Rows::of(&world).await.count("audit_entry"), first, "nobody did anything");
    create().await;
    assert_eq!(Rows::of(&world).await.count("audit_entry"), 1);
    assert_eq!(entries(world.client(), json!({})).await.len(), 1);
    world.stop().await.unwrap();
}

/// Goal: no mutation is left out of the audit.
#[test]
fn every_mutation_is_an_operation_of_the_audit() {
    let operations = Sdl::read().operations();
    let mutations: BTreeSet<String> = operations
        .iter()
        .filter_map(|name| name.strip_prefix("Mutation."))
        .map(str::to_lowercase)
        .collect();
    let named: BTreeMap<String, AuditOperation> = AuditOperation::ALL
        .iter()
        .map(|operation| (operation.as_str().replace('_', ""), *operation))
        .collect();
    assert_eq!(named.into_keys().collect::<BTreeSet<_>>(), mutations);
}
