//! Why: what a campaign waits for, why one person is reached or not, everything that happened to a message,
//! and what an estimate says before anything is sent.

use std::collections::BTreeMap;

use api::service::admin::SiteSettings;
use domain::access::Role;
use domain::site::SegmentPrice;
use harness::scenario::Scenario;
use harness::world::World;
use serde_json::{Value, json};

use crate::common::{
    ACTIVATE, CANCEL, CREATE, UPSERT, activated, at, caller, done, draft, draft_input, key, now,
    patched, post, problems, sites, status, text, wire, world,
};

/// Three for whom it is early morning when the story begins, and two for whom it is not.
const TWO_COASTS: &str = "
site: { quiet_hours: {} }
subscribers:
  - { count: 3, area: 415 }
  - { count: 2, area: 212 }
";
/// When quiet hours end on the west coast.
const WEST_OPENS: &str = "2026-11-23T17:00:00.000Z";

const WAITING: &str = "query($id: ID!) { campaign(id: $id) { waitingFor sendingDetails { mode summary \
    heldByQuietHoursUntil startedAt nextDueAt completedAt expectedCompletionAt timeZones { timeZone \
    startsAt counts { total deferred } } } delays { code message messageCount clearsAt } } }";
const MESSAGES: &str = "query($id: ID!) { campaign(id: $id) { progress { recipientCount skipped { \
    reason count } } messages(first: 100) { nodes { status dueAt timeZone timeZones segmentCount \
    subscriber { id phoneNumber } reason { code message rule { code message } } blockedBy { at \
    message { id } } events { kind occurredAt recordedAt status reason { code rule { code } } } } } } }";
const EXPLAIN: &str = "query($id: ID!, $phone: PhoneNumber, $who: ID) { campaign(id: $id) { \
    explainRecipient(phoneNumber: $phone, subscriberId: $who) { isRecipient summary subscriber { id } \
    trail { check outcome message until } messages { id status } } } }";
const ESTIMATE: &str = "query($id: ID!, $schedule: CampaignScheduleInput) { campaign(id: $id) { \
    estimate(schedule: $schedule) { asOf recipientCount skipped { reason count } timeline { timeZone \
    dueAt messageCount } segmentCount cost { amount currencyCode } lastChangeAt isComplete warnings } \
    } }";

/// What an operation says of a campaign.
async fn ask(world: &World, query: &str, variables: Value) -> Value {
    let answer = post(world.client(), query, variables).await;
    assert_eq!(problems(&answer), [""; 0], "{answer}");
    answer["data"]["campaign"].clone()
}

/// The messages of a campaign, by phone.
async fn messages(world: &World, id: &str) -> BTreeMap<String, Value> {
    let campaign = ask(world, MESSAGES, json!({ "id": id })).await;
    let nodes = campaign["messages"]["nodes"].as_array().cloned().unwrap();
    nodes.into_iter().map(|node| (text(&node["subscriber"]["phoneNumber"]), node)).collect()
}

/// `KIND STATUS` of each event of a message.
fn kinds(message: &Value) -> Vec<String> {
    let events = message["events"].as_array().cloned().unwrap();
    let word = |event: &Value| format!("{} {}", text(&event["kind"]), text(&event["status"]));
    events.iter().map(word).collect()
}

#[tokio::test]
async fn a_campaign_held_by_quiet_hours_says_so_and_until_when() {
    let world = world(TWO_COASTS).await;
    let id = activated(&world, now()).await;
    world.run_now().await.unwrap();
    let held = ask(&world, WAITING, json!({ "id": id })).await;
    let delays = held["delays"].as_array().unwrap();
    let [delay] = delays.as_slice() else { panic!("{held}") };
    assert_eq!(delay["code"], "QUIET_HOURS");
    assert_eq!((&delay["messageCount"], &delay["clearsAt"]), (&json!(3), &json!(WEST_OPENS)));
    let sentence = text(&delay["message"]);
    assert!(sentence.contains("the last until 2026-11-23 17:00 UTC"), "{sentence}");
    let waiting = text(&held["waitingFor"]);
    assert!(waiting.starts_with(&sentence) && waiting.ends_with("17:00 UTC."), "{waiting}");
    let details = &held["sendingDetails"];
    for until in ["heldByQuietHoursUntil", "nextDueAt", "expectedCompletionAt"] {
        assert_eq!(details[until], WEST_OPENS, "{until}");
    }
    assert_eq!(details["mode"], "IMMEDIATE");
    assert!(text(&details["summary"]).contains("Quiet hours hold 3 messages back"), "{details}");
    let zones = details["timeZones"].as_array().unwrap();
    assert_eq!(zones.len(), 1, "{details}");
    assert_eq!(zones[0]["counts"], json!({ "total": 5, "deferred": 3 }));
    assert!(details["startedAt"].is_string() && details["completedAt"].is_null());
    world.run_until_idle().await.unwrap();
    let over = ask(&world, WAITING, json!({ "id": id })).await;
    assert_eq!((&over["waitingFor"], &over["delays"]), (&Value::Null, &json!([])));
    let details = &over["sendingDetails"];
    assert!(details["completedAt"].is_string() && details["nextDueAt"].is_null(), "{details}");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_campaign_in_subscribers_time_tells_its_zones() {
    let world = world("subscribers: [{ count: 3, area: 415 }, { count: 2, area: 212 }]").await;
    let id = draft(&world).await;
    assert_eq!(ask(&world, WAITING, json!({ "id": id })).await["sendingDetails"], Value::Null);
    let local = json!({ "localDateTime": "2026-11-23T12:00:00" });
    let input = json!({ "schedule": { "atSubscriberLocalTime": local } });
    done(world.client(), ACTIVATE, json!({ "id": id, "input": input })).await;
    let scheduled = ask(&world, WAITING, json!({ "id": id })).await;
    assert_eq!(scheduled["waitingFor"], "It waits for its start at 2026-11-23 17:00 UTC.");
    let noon = "2026-11-23T17:00:00Z".parse().unwrap();
    world.drive(Some(noon), &mut ()).await.unwrap();
    let sending = ask(&world, WAITING, json!({ "id": id })).await;
    let details = &sending["sendingDetails"];
    assert_eq!(
        details["summary"],
        "Sending at 12:00 on 2026-11-23 in each subscriber's time zone. 1 of 2 time zones done; the \
         last starts at 2026-11-23 20:00 UTC."
    );
    let zone = |name: &str, starts_at: &str, total: i32, deferred: i32| {
        let counts = json!({ "total": total, "deferred": deferred });
        json!({ "timeZone": name, "startsAt": starts_at, "counts": counts })
    };
    let wanted = json!([
        zone("America/New_York", "2026-11-23T17:00:00.000Z", 2, 0),
        zone("America/Los_Angeles", "2026-11-23T20:00:00.000Z", 3, 3),
    ]);
    assert_eq!(details["timeZones"], wanted);
    assert_eq!(sending["delays"][0]["code"], "WAITING_FOR_TIME_ZONES");
    world.run_until_idle().await.unwrap();
    assert_eq!(status(&world, &id).await, "SENT");
    world.stop().await.unwrap();
}

/// Goal: a message tells its whole story, and why. Method: one that is tried again, one that is held and
/// then stopped, and one that Smart Sending skips.
#[tokio::test]
async fn a_message_tells_what_happened_to_it_and_why() {
    let yaml = "
site: { quiet_hours: {}, smart_sending: 16h }
subscribers: [{ count: 1, area: 415 }, { count: 2, area: 212 }]
rules:
  - when: { to: '+12125550100', attempt: 1 }
    respond: { error: RateLimited }
";
    let world = world(yaml).await;
    let id = activated(&world, now()).await;
    let later = "2026-11-23T15:30:00Z".parse().unwrap();
    world.drive(Some(later), &mut ()).await.unwrap();
    done(world.client(), CANCEL, json!({ "id": id })).await;
    let found = messages(&world, &id).await;
    let retried = kinds(&found["+12125550100"]);
    let wanted = [
        "EVALUATED QUEUED",
        "HANDOVER_STARTED IN_FLIGHT",
        "RETRY_SCHEDULED DEFERRED",
        "HANDOVER_STARTED IN_FLIGHT",
        "ACCEPTED ACCEPTED",
    ];
    assert_eq!(retried[..5], wanted);
    assert_eq!(retried.last().unwrap(), "RECEIPT DELIVERED");
    let held = &found["+14155550100"];
    assert_eq!(kinds(held), ["EVALUATED DEFERRED", "CANCELED CANCELED"]);
    let planned = &held["events"][0]["reason"];
    assert_eq!(planned, &json!({ "code": "QUIET_HOURS", "rule": { "code": "site_quiet_hours" } }));
    assert_eq!(held["timeZones"], json!(["America/Los_Angeles"]));
    let again = activated(&world, now()).await;
    world.run_now().await.unwrap();
    let found = messages(&world, &again).await;
    let skipped = &found["+12125550101"];
    assert_eq!(skipped["reason"]["code"], "SMART_SENDING");
    assert_eq!(kinds(skipped), ["EVALUATED SKIPPED"]);
    assert!(skipped["blockedBy"]["message"]["id"].is_string(), "{skipped}");
    assert_eq!(skipped["blockedBy"]["at"], "2026-11-23T15:00:00.000Z");
    let held = &found["+14155550100"];
    assert_eq!(held["reason"]["rule"]["code"], "site_quiet_hours");
    assert_eq!(held["blockedBy"], Value::Null);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// What is said of one subscriber, and the check that is not `PASSED` or `NOT_REACHED`.
async fn explain(world: &World, id: &str, phone: &str) -> (Value, Vec<String>) {
    let campaign = ask(world, EXPLAIN, json!({ "id": id, "phone": phone })).await;
    let explained = campaign["explainRecipient"].clone();
    let trail = explained["trail"].as_array().cloned().unwrap();
    let is_telling = |report: &&Value| {
        !["PASSED", "NOT_REACHED"].contains(&report["outcome"].as_str().unwrap_or_default())
    };
    let word = |report: &Value| format!("{} {}", text(&report["check"]), text(&report["outcome"]));
    let telling = trail.iter().filter(is_telling).map(word).collect();
    (explained, telling)
}

#[tokio::test]
async fn one_recipient_is_explained_before_and_after() {
    let yaml = "
site: { quiet_hours: {} }
subscribers:
  - { count: 1, area: 415 }
  - { count: 1, area: 212, unsubscribed: true }
  - { count: 1, area: 305, tags: [vip] }
audiences:
  everyone: { tags_none: [vip] }
";
    let world = world(yaml).await;
    let id = draft(&world).await;
    let (early, telling) = explain(&world, &id, "+14155550100").await;
    assert_eq!(telling, ["QUIET_HOURS HELD"], "{early}");
    let summary = text(&early["summary"]);
    let opens = "at 2026-11-23 09:00 (America/Los_Angeles)";
    assert!(summary.contains("would get the message") && summary.contains(opens), "{summary}");
    assert_eq!((&early["isRecipient"], &early["messages"]), (&json!(true), &json!([])));
    let by_id = json!({ "id": id, "who": early["subscriber"]["id"] });
    assert_eq!(ask(&world, EXPLAIN, by_id).await["explainRecipient"], early);
    let (gone, telling) = explain(&world, &id, "+12125550100").await;
    assert_eq!(telling, ["CONSENT STOPPED"], "{gone}");
    let (other, telling) = explain(&world, &id, "+13055550100").await;
    assert_eq!((telling, &other["isRecipient"]), (vec!["AUDIENCE STOPPED".into()], &json!(false)));
    done(world.client(), ACTIVATE, json!({ "id": id, "input": now() })).await;
    world.run_now().await.unwrap();
    let (held, telling) = explain(&world, &id, "+14155550100").await;
    assert_eq!(telling, ["QUIET_HOURS HELD"], "{held}");
    assert!(text(&held["summary"]).starts_with("The message waits until 2026-11-23 09:00"));
    let (gone, telling) = explain(&world, &id, "+12125550100").await;
    assert_eq!(telling, ["CONSENT STOPPED"]);
    assert_eq!(gone["messages"][0]["status"], "SKIPPED");
    let (other, _) = explain(&world, &id, "+13055550100").await;
    assert!(text(&other["summary"]).contains("selected the subscriber when"), "{other}");
    world.run_until_idle().await.unwrap();
    let (sent, _) = explain(&world, &id, "+14155550100").await;
    assert!(text(&sent["summary"]).starts_with("The message was delivered at"), "{sent}");
    world.stop().await.unwrap();
}

/// Goal: whoever asks learns nothing of other sites. Method: a subscriber of another site, a random id, an
/// unknown number, a text that is no id: all answer alike, byte for byte.
#[tokio::test]
async fn a_foreign_subscriber_is_nobody() {
    let world = world("subscribers: [{ count: 1 }]").await;
    let id = draft(&world).await;
    let scenario = Scenario::parse("it", "scenario: 1\n").unwrap();
    let other = world.other_site_key(&scenario).await.unwrap();
    let stranger = world.client_with(Some(other.clone())).unwrap();
    let phone = "+16175550100";
    let input = json!({ "subscribers": [{ "phoneNumber": phone }] });
    let added = done(&stranger, UPSERT, json!({ "input": input })).await;
    let foreign = text(&added["subscribers"][0]["id"]);
    let answer = async |variables: Value| {
        let variables = patched(&json!({ "id": id }), &variables);
        wire(&world, world.key(), EXPLAIN, &variables).await
    };
    let nobody = answer(json!({ "who": foreign })).await;
    assert!(nobody.contains("{\"explainRecipient\":null}"), "{nobody}");
    let random = domain::id::SubscriberId(uuid::Uuid::max()).to_string();
    for variables in [json!({ "who": random }), json!({ "who": id }), json!({ "phone": phone })] {
        assert_eq!(answer(variables).await, nobody);
    }
    // Nor is one of another site that the caller reaches too.
    let both = [world.site_id().parse().unwrap(), sites(&stranger).await[0]];
    let wide = key(&world, Role::Admin, &both).await;
    let variables = json!({ "id": id, "who": foreign });
    assert_eq!(wire(&world, &wide, EXPLAIN, &variables).await, nobody);
    for wrong in [json!({}), json!({ "who": foreign, "phone": phone })] {
        let variables = patched(&json!({ "id": id }), &wrong);
        let refused = post(world.client(), EXPLAIN, variables).await;
        assert_eq!(problems(&refused), ["! BAD_USER_INPUT"]);
    }
    let ours = "query($id: ID!) { campaign(id: $id) { waitingFor estimate { recipientCount } } }";
    let answer = post(&stranger, ours, json!({ "id": id })).await;
    assert_eq!(answer["data"]["campaign"], Value::Null);
    let viewer = caller(&world, Role::Viewer).await;
    let answer = post(&viewer, ours, json!({ "id": id })).await;
    assert_eq!(answer["data"]["campaign"]["estimate"]["recipientCount"], 1, "{answer}");
    world.stop().await.unwrap();
}

/// Recipients of every kind: texted lately, opted out, left out, without a value, and asleep.
const EVERY_KIND: &str = "
site: { quiet_hours: {}, smart_sending: 16h }
subscribers:
  - { count: 3, area: 415 }
  - { count: 2, area: 212, tags: [east] }
  - { count: 1, area: 305 }
  - { count: 1, area: 617, unsubscribed: true }
  - { count: 2, area: 312, tags: [staff] }
audiences:
  everyone: {}
  east: { tags_any: [east] }
  staff: { tags_any: [staff] }
";

/// Those of them who have a name.
const NAMED: [&str; 8] = [
    "+14155550100",
    "+14155550101",
    "+14155550102",
    "+12125550100",
    "+12125550101",
    "+16175550100",
    "+13125550100",
    "+13125550101",
];

/// Saves a draft that greets everyone but the staff by name, after the east was texted.
async fn greeting(world: &World) -> String {
    let attributes = json!([{ "name": "first_name", "value": "Ann" }]);
    let named = NAMED.map(|phone| json!({ "phoneNumber": phone, "attributes": attributes }));
    done(world.client(), UPSERT, json!({ "input": { "subscribers": named } })).await;
    let audiences = |name: &str| json!([world.audience(name).unwrap()]);
    let first = patched(&draft_input(world), &json!({ "audienceIds": audiences("east") }));
    let made = done(world.client(), CREATE, json!({ "input": first })).await;
    let input = json!({ "id": made["campaign"]["id"], "input": now() });
    done(world.client(), ACTIVATE, input).await;
    world.run_now().await.unwrap();
    let patch = json!({
        "excludedAudienceIds": audiences("staff"),
        "steps": [{ "body": "Hi {{ first_name }}, 20% off today" }],
    });
    let input = json!({ "input": patched(&draft_input(world), &patch) });
    text(&done(world.client(), CREATE, input).await["campaign"]["id"])
}

/// What a plan made: recipients, who was skipped and why, what is due when and where, segments.
async fn made(world: &World, id: &str) -> Value {
    let campaign = ask(world, MESSAGES, json!({ "id": id })).await;
    let mut timeline: BTreeMap<(String, String), i64> = BTreeMap::new();
    let mut segments = 0;
    for node in campaign["messages"]["nodes"].as_array().unwrap() {
        if node["status"] != "SKIPPED" {
            segments += node["segmentCount"].as_i64().unwrap();
            *timeline.entry((text(&node["dueAt"]), text(&node["timeZone"]))).or_default() += 1;
        }
    }
    let timeline: Vec<Value> =
        timeline.into_iter().map(|(key, count)| json!([key, count])).collect();
    let progress = &campaign["progress"];
    json!([progress["recipientCount"], progress["skipped"], timeline, segments])
}

/// The same of what an estimate says.
fn estimated(estimate: &Value) -> Value {
    let timeline = estimate["timeline"].as_array().unwrap().iter().map(|sending| {
        let key = (text(&sending["dueAt"]), text(&sending["timeZone"]));
        (key, sending["messageCount"].clone())
    });
    let timeline: BTreeMap<(String, String), Value> = timeline.collect();
    let timeline: Vec<Value> =
        timeline.into_iter().map(|(key, count)| json!([key, count])).collect();
    json!([estimate["recipientCount"], estimate["skipped"], timeline, estimate["segmentCount"]])
}

/// Goal: what an estimate says is what a plan then does, whatever the schedule.
#[tokio::test]
async fn an_estimate_is_what_the_plan_then_does() {
    let local = json!({ "localDateTime": "2026-11-24T08:30:00" });
    let schedules = [
        now(),
        at("2026-11-24T09:30:00"),
        json!({ "schedule": { "atSubscriberLocalTime": local } }),
    ];
    for input in schedules {
        let world = world(EVERY_KIND).await;
        let id = greeting(&world).await;
        let asked = json!({ "id": id, "schedule": input["schedule"] });
        let estimate = ask(&world, ESTIMATE, asked.clone()).await["estimate"].clone();
        assert_eq!(estimate["isComplete"], true);
        assert_eq!(estimate["recipientCount"], 9, "{input}");
        done(world.client(), ACTIVATE, json!({ "id": id, "input": input })).await;
        let again = ask(&world, ESTIMATE, asked).await;
        assert_eq!(again["estimate"], Value::Null, "it is activated");
        let launch = text(&estimate["lastChangeAt"]).parse().unwrap();
        world.drive(Some(launch), &mut ()).await.unwrap();
        assert_eq!(made(&world, &id).await, estimated(&estimate), "{input}");
        world.run_until_idle().await.unwrap();
        world.stop().await.unwrap();
    }
}

#[tokio::test]
async fn an_estimate_names_prices_and_what_to_look_at() {
    let world = world(EVERY_KIND).await;
    let price = SegmentPrice { amount: "0.0125".to_owned(), currency_code: "USD".to_owned() };
    let settings = SiteSettings { price: Some(price), ..SiteSettings::default() };
    let site = world.site_id().parse().unwrap();
    world.app().service().admin_site_set(site, settings).await.unwrap();
    let id = greeting(&world).await;
    let estimate = ask(&world, ESTIMATE, json!({ "id": id })).await["estimate"].clone();
    let skipped = json!([
        { "reason": "EXCLUDED", "count": 2 },
        { "reason": "SMART_SENDING", "count": 2 },
        { "reason": "UNSUBSCRIBED", "count": 1 },
        { "reason": "VARIABLE_MISSING", "count": 1 },
    ]);
    assert_eq!(estimate["skipped"], skipped);
    assert_eq!(estimate["cost"], json!({ "amount": "0.0375", "currencyCode": "USD" }));
    let warnings: Vec<String> = estimate["warnings"].as_array().unwrap().iter().map(text).collect();
    let wanted = [
        "1 recipient would be skipped, because a variable of the text has no value for them.",
        "Quiet hours would put off 3 of 3 messages.",
    ];
    assert_eq!(warnings, wanted);
    let nobody = patched(
        &draft_input(&world),
        &json!({ "audienceIds": null, "steps": [
        { "body": "Hi {{ nick_name }}" }
    ] }),
    );
    let made = done(world.client(), CREATE, json!({ "input": nobody })).await;
    let asked = json!({ "id": made["campaign"]["id"] });
    let estimate = ask(&world, ESTIMATE, asked).await["estimate"].clone();
    assert_eq!(
        estimate["warnings"],
        json!([
            "The campaign has no audience.",
            "No subscriber of the site has a value for `nick_name`.",
            "Nobody would get a message.",
        ])
    );
    let past = json!({ "atStoreTime": { "localDateTime": "2026-11-23T09:00:00" } });
    let refused = post(world.client(), ESTIMATE, json!({ "id": id, "schedule": past })).await;
    assert_eq!(problems(&refused), ["! BAD_USER_INPUT"]);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}
