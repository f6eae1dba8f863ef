//! Where subscribers are taken to be, as callers see and set it: zones, sources, regions, attributes.

use api::db::subscribers::{locate_old, zones_of};
use api::ports::Task;
use chrono::TimeDelta;
use domain::access::Role;
use domain::id::SiteId;
use domain::zone::{TZDB_VERSION, Zone};
use entity::subscriber;
use harness::client::Client;
use harness::world::World;
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, Condition, EntityTrait as _, QueryFilter as _, QueryOrder as _};
use serde_json::{Value, json};

use crate::common::{UPSERT, activated, caller, done, now, post, text, world};

/// The scenario's store is in New York.
const STORE: &str = "America/New_York";

const WHERE: &str = "query($site: ID!, $filter: SubscriberFilterInput) { site(id: $site) { \
    subscribers(first: 50, filter: $filter) { totalCount nodes { phoneNumber timeZone timeZones \
    timeZoneSource timeZoneConfidence region postalCode attributes { name value } } } } }";

/// Adds or changes one subscriber.
async fn upsert(client: &Client, row: Value) {
    done(client, UPSERT, json!({ "input": { "subscribers": [row] } })).await;
}

/// The subscribers that a filter keeps.
async fn kept(world: &World, client: &Client, filter: Value) -> Vec<Value> {
    let variables = json!({ "site": world.site_id(), "filter": filter });
    let answer = post(client, WHERE, variables).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    let found = &answer["data"]["site"]["subscribers"];
    let nodes = found["nodes"].as_array().unwrap().clone();
    assert_eq!(found["totalCount"], nodes.len());
    nodes
}

/// The one subscriber with this number.
async fn one(world: &World, phone: &str) -> Value {
    kept(world, world.client(), json!({ "phoneNumber": phone })).await.pop().unwrap()
}

/// Where somebody is, in a line: principal zone, source, confidence, region.
fn told(one: &Value) -> String {
    let part = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
    ["timeZone", "timeZoneSource", "timeZoneConfidence", "region"].map(part).join(" ")
}

/// Goal: each clue counts in its turn, a field left out stays, and null clears. Method: clues are given one
/// by one, best last, and cleared again, best first.
#[tokio::test]
async fn the_best_clue_decides_and_null_clears() {
    const PHONE: &str = "+12065550142";
    let world = world("subscribers: []\n").await;
    let client = world.client();
    let mut steps = vec![];
    for change in [
        json!({}),
        json!({ "postalCode": "32501" }),
        json!({ "observedTimeZone": "Asia/Tokyo" }),
        json!({ "timeZone": "Europe/Paris" }),
        json!({ "tags": ["vip"] }),
        json!({ "timeZone": null }),
        json!({ "observedTimeZone": null }),
        json!({ "postalCode": null }),
    ] {
        let mut row = change;
        row["phoneNumber"] = json!(PHONE);
        upsert(client, row).await;
        steps.push(told(&one(&world, PHONE).await));
    }
    assert_eq!(
        steps,
        [
            "America/Los_Angeles PHONE_PREFIX MEDIUM US-WA",
            "America/Chicago POSTAL_CODE HIGH US-FL",
            "Asia/Tokyo OBSERVED MEDIUM US-FL",
            "Europe/Paris EXPLICIT HIGH US-FL",
            "Europe/Paris EXPLICIT HIGH US-FL",
            "Asia/Tokyo OBSERVED MEDIUM US-FL",
            "America/Chicago POSTAL_CODE HIGH US-FL",
            "America/Los_Angeles PHONE_PREFIX MEDIUM US-WA",
        ]
    );
    world.stop().await.unwrap();
}

/// People of two zones, of one, of a given one, and of none.
async fn scattered(world: &World) {
    for (phone, more) in [
        ("+18505550101", json!({})),
        ("+14485550102", json!({})),
        ("+13125550103", json!({})),
        ("+12125550104", json!({ "timeZone": "America/Chicago" })),
        ("+14075550105", json!({})),
        ("+18885550106", json!({})),
        ("+13055550107", json!({ "postalCode": "32401" })),
    ] {
        let mut row = more;
        row["phoneNumber"] = json!(phone);
        upsert(world.client(), row).await;
    }
}

/// The last two digits of each number kept.
async fn in_zones(world: &World, zones: &[&str]) -> String {
    let nodes = kept(world, world.client(), json!({ "timeZones": zones })).await;
    let mut ends: Vec<String> =
        nodes.iter().map(|node| text(&node["phoneNumber"])[10..].to_owned()).collect();
    ends.sort();
    ends.join(" ")
}

/// Goal: an area code of two zones has both, and the filter keeps by the zone that is used. A number of
/// nowhere is where the store is.
#[tokio::test]
async fn subscribers_are_found_by_the_zone_used() {
    let world = world("subscribers: []\n").await;
    scattered(&world).await;
    let panhandle = one(&world, "+14485550102").await;
    assert_eq!(panhandle["timeZones"], json!(["America/Chicago", "America/New_York"]));
    assert_eq!(told(&panhandle), "America/Chicago PHONE_PREFIX LOW US-FL");
    assert_eq!(told(&one(&world, "+18885550106").await), format!("{STORE} SITE LOW -"));
    assert_eq!(in_zones(&world, &["America/Chicago"]).await, "01 02 03 04 07");
    assert_eq!(in_zones(&world, &[STORE]).await, "05 06");
    assert_eq!(in_zones(&world, &[STORE, "America/Chicago"]).await, "01 02 03 04 05 06 07");
    assert_eq!(in_zones(&world, &["America/Denver"]).await, "");
    assert_eq!(in_zones(&world, &[]).await, "");
    world.stop().await.unwrap();
}

/// How many of the site's subscribers have each set of zones.
async fn groups(world: &World, site: &str) -> Vec<(String, i64)> {
    let id: SiteId = world.site_id().parse().unwrap();
    let zone: Zone = site.parse().unwrap();
    let found = zones_of(world.db().read(), id, Condition::all(), zone).await.unwrap();
    let mut found: Vec<(String, i64)> =
        found.into_iter().map(|(zones, members)| (zones.to_string(), members)).collect();
    found.sort();
    found
}

/// Goal: the sets of an audience are counted in one statement, and whoever is nowhere moves with the store.
#[tokio::test]
async fn zones_are_counted_by_set() {
    let world = world("subscribers: []\n").await;
    scattered(&world).await;
    let both = "America/Chicago America/New_York".to_owned();
    let count = |zones: &str, members| (zones.to_owned(), members);
    let known = [count("America/Chicago", 2), (both.clone(), 3)];
    let mut at_store = known.to_vec();
    at_store.push(count(STORE, 2));
    assert_eq!(groups(&world, STORE).await, at_store);
    let mut elsewhere = known.to_vec();
    elsewhere.extend([count(STORE, 1), count("Asia/Tokyo", 1)]);
    assert_eq!(groups(&world, "Asia/Tokyo").await, elsewhere);
    let id: SiteId = world.site_id().parse().unwrap();
    let some = Condition::all().add(subscriber::Column::Phone.starts_with("+1850"));
    let found = zones_of(world.db().read(), id, some, STORE.parse().unwrap()).await.unwrap();
    assert_eq!(
        found.iter().map(|(zones, n)| (zones.to_string(), *n)).collect::<Vec<_>>(),
        [(both, 1)]
    );
    world.stop().await.unwrap();
}

/// Every subscriber's row, the oldest first.
async fn rows(world: &World) -> Vec<subscriber::Model> {
    let by_id = subscriber::Entity::find().order_by_asc(subscriber::Column::Id);
    by_id.all(world.db().read()).await.unwrap()
}

/// Goal: rows of a version that kept no place get theirs when the schema is brought to this version, and
/// until then they are read as if they had. Method: the columns are emptied.
#[tokio::test]
async fn rows_of_an_older_version_are_located() {
    let world = world("subscribers: []\n").await;
    scattered(&world).await;
    let before = rows(&world).await;
    let txn = world.db().begin_write().await.unwrap();
    subscriber::Entity::update_many()
        .col_expr(subscriber::Column::Zones, Expr::val(None::<String>))
        .col_expr(subscriber::Column::ZoneSource, Expr::val(None::<String>))
        .col_expr(subscriber::Column::Region, Expr::val(None::<String>))
        .filter(subscriber::Column::Phone.ne("+13125550103"))
        .exec(&txn)
        .await
        .unwrap();
    txn.commit().await.unwrap();
    let panhandle = one(&world, "+14485550102").await;
    assert_eq!(told(&panhandle), "America/Chicago PHONE_PREFIX LOW US-FL");
    locate_old(world.db()).await.unwrap();
    assert_eq!(rows(&world).await, before);
    world.stop().await.unwrap();
}

/// Goal: attributes are set as a whole, stay when left out, go with null, and are for those alone who may
/// see whole phone numbers.
#[tokio::test]
async fn attributes_are_kept_and_guarded() {
    const PHONE: &str = "+12065550142";
    let world = world("subscribers: []\n").await;
    let client = world.client();
    let named = |pairs: &[(&str, &str)]| -> Value {
        pairs.iter().map(|(name, value)| json!({ "name": name, "value": value })).collect()
    };
    let given = named(&[("last_name", "Ng"), ("first_name", "Zoë 👩‍💻")]);
    upsert(client, json!({ "phoneNumber": PHONE, "attributes": given, "postalCode": "98101" }))
        .await;
    upsert(client, json!({ "phoneNumber": PHONE })).await;
    let sorted = named(&[("first_name", "Zoë 👩‍💻"), ("last_name", "Ng")]);
    assert_eq!(one(&world, PHONE).await["attributes"], sorted);
    assert_eq!(one(&world, PHONE).await["postalCode"], "98101");
    upsert(client, json!({ "phoneNumber": PHONE, "attributes": named(&[("city", "")]) })).await;
    assert_eq!(one(&world, PHONE).await["attributes"], named(&[("city", "")]));
    let viewer = caller(&world, Role::Viewer).await;
    let query = "{ site { subscribers { nodes { maskedPhoneNumber postalCode attributes { name } \
        timeZone region } } } }";
    let answer = post(&viewer, query, json!({})).await;
    let node = &answer["data"]["site"]["subscribers"]["nodes"][0];
    assert_eq!((&node["attributes"], &node["region"]), (&Value::Null, &json!("US-WA")));
    let codes = answer["errors"].as_array().unwrap().iter();
    let codes: Vec<String> = codes.map(|error| text(&error["extensions"]["code"])).collect();
    assert_eq!(codes, ["FORBIDDEN", "FORBIDDEN"]);
    upsert(client, json!({ "phoneNumber": PHONE, "attributes": null })).await;
    assert_eq!(one(&world, PHONE).await["attributes"], json!([]));
    world.stop().await.unwrap();
}

#[tokio::test]
async fn the_rules_of_time_have_a_version() {
    let world = world("subscribers: []\n").await;
    let answer = post(world.client(), "{ viewer { tzdbVersion } }", json!({})).await;
    assert_eq!(answer["data"]["viewer"]["tzdbVersion"], TZDB_VERSION);
    world.stop().await.unwrap();
}

/// Goal: two calls at once that change different fields of the same person lose neither change. Method:
/// pairs over numbers that are new to both, and pairs over those that both know.
#[tokio::test]
async fn calls_at_once_lose_nothing() {
    let world = world("subscribers: []\n").await;
    let client = world.client();
    for number in 0..10 {
        let phone = format!("+120655501{number:02}");
        for round in 0..4 {
            let postal_code = json!(format!("8950{round}"));
            let attributes = json!([{ "name": "round", "value": round.to_string() }]);
            tokio::join!(
                upsert(client, json!({ "phoneNumber": phone, "postalCode": postal_code })),
                upsert(client, json!({ "phoneNumber": phone, "attributes": attributes })),
            );
            let one = one(&world, &phone).await;
            assert_eq!((&one["postalCode"], &one["attributes"]), (&postal_code, &attributes));
        }
    }
    world.stop().await.unwrap();
}

/// Goal: a message planned for one place is held by the hours of the other that its recipient is seen in by the
/// time it leaves. Method: a pause between planning and hand-over, in which a New Yorker is seen in London.
#[tokio::test]
async fn whoever_was_seen_elsewhere_since_is_not_woken() {
    let world = world("site: { quiet_hours: {} }\nsubscribers: [{ count: 2, area: 212 }]\n").await;
    let taken = || world.aggregator().core().with_ledger(harness::aggregator::Ledger::total);
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    // Five in New York, and ten at night in London.
    world.advance_by(TimeDelta::hours(7));
    let row = json!({ "phoneNumber": "+12125550101", "observedTimeZone": "Europe/London" });
    upsert(world.client(), row).await;
    world.run_now().await.unwrap();
    assert_eq!(taken(), 1);
    let query = "query($id: ID!) { campaign(id: $id) { messages(first: 5, filter: { statuses: \
        [DEFERRED] }) { nodes { dueAt reason { code } } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    let held = &answer["data"]["campaign"]["messages"]["nodes"][0];
    assert_eq!(held["reason"]["code"], "QUIET_HOURS", "{answer}");
    // Nine in New York, and two in London: both are open.
    let due: domain::Instant = text(&held["dueAt"]).parse().unwrap();
    assert_eq!(due, "2026-11-24T14:00:00Z".parse::<domain::Instant>().unwrap());
    world.advance_by(TimeDelta::hours(16));
    world.run_until_idle().await.unwrap();
    assert_eq!(taken(), 2);
    world.stop().await.unwrap();
}
