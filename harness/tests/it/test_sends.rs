//! Tests of a campaign's texts, and answers to HELP: handed over once, outside every count and rule.

use api::db::direct_texts::{self, NewDirectText};
use api::ports::{Ids, Task};
use api::wall_clock::WallClock;
use chrono::TimeDelta;
use domain::direct::DirectKind;
use domain::id::AttemptId;
use domain::phone::PhoneNumber;
use domain::reason::MessageReason;
use entity::{direct_text, receipt, site};
use futures_util::future::join_all;
use harness::scenario::{SiteChange, SmsPlan, Trial};
use harness::world::World;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::bad_input::{Case, all_refused};
use crate::common::{
    CANCEL, CREATE, Rows, SEND_TEST, UPDATE, activated, caller, done, now, payload, post, problems,
    status, text, world,
};
use crate::receipts_hook::{Delivery, event};
use crate::texts::{frame, give};

/// Two numbers: a subscriber's, and one nobody has.
const NUMBERS: [&str; 2] = ["+14155550100", "+12125550199"];

/// Makes a draft of one text; answers its id and its step's.
async fn draft_of(world: &World, body: &str) -> (String, String) {
    let input = json!({
        "name": "Sale",
        "audienceIds": [world.audience("everyone").unwrap()],
        "steps": [{ "body": body, "mediaUrl": "https://example.com/a.png" }],
    });
    let made = done(world.client(), CREATE, json!({ "input": input })).await;
    let id = text(&made["campaign"]["id"]);
    let step = step_of(world, &id).await;
    (id, step)
}

async fn step_of(world: &World, id: &str) -> String {
    let query = "query($id: ID!) { campaign(id: $id) { steps { id } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    text(&answer["data"]["campaign"]["steps"][0]["id"])
}

fn to(id: &str, step: &str, numbers: &[&str]) -> Value {
    json!({ "id": id, "input": { "stepId": step, "phoneNumbers": numbers } })
}

/// What the aggregator took: to whom, and the text.
fn taken(world: &World) -> Vec<(String, String)> {
    world.aggregator().core().with_ledger(|ledger| {
        let requests = ledger.iter().map(|taken| &taken.request);
        requests.map(|request| (request.to.clone(), request.text.clone())).collect()
    })
}

async fn rows(world: &World) -> Vec<direct_text::Model> {
    let mut rows = direct_text::Entity::find().all(world.db().read()).await.unwrap();
    rows.sort_by_key(|row| row.id);
    rows
}

async fn states(world: &World) -> Vec<String> {
    rows(world).await.into_iter().map(|row| row.state).collect()
}

/// Goal: a test is what it says and touches nothing else. Method: a draft of a text with variables, to
/// a subscriber and to a stranger; then compare every row, and let the receipts come.
#[tokio::test]
async fn a_test_goes_to_its_numbers_and_nowhere_else() {
    let world = world("").await;
    frame(&world, "Acme", "Reply STOP").await;
    give(&world, NUMBERS[0], &[("first_name", "{{ nick }}")]).await;
    let (id, step) =
        draft_of(&world, "Hi {{ first_name | you }}, {{ city | there }}{{ nick }}").await;
    let before = Rows::of(&world).await;
    let sent = done(world.client(), SEND_TEST, to(&id, &step, &NUMBERS)).await;
    assert_eq!(sent["acceptedCount"], 2);
    let told = |masked: &str| json!({ "maskedPhoneNumber": masked, "status": "ACCEPTED", "segmentCount": 1, "reason": null });
    assert_eq!(sent["texts"], json!([told("+1••••••••00"), told("+1••••••••99")]));
    assert_eq!(Rows::of(&world).await.differing(&before), ["audit_entry", "direct_text"]);
    let texts = [
        "TEST: Acme: Hi {{ nick }}, therenick\nReply STOP",
        "TEST: Acme: Hi Alex, Springfieldnick\nReply STOP",
    ];
    let mut found = taken(&world);
    found.sort();
    let expected = [(NUMBERS[1], texts[1]), (NUMBERS[0], texts[0])];
    assert_eq!(found, expected.map(|(to, text)| (to.to_owned(), text.to_owned())));
    for row in rows(&world).await {
        assert!(
            row.attempt_id.is_some() && row.request_digest.is_some() && row.provider_id.is_some()
        );
        assert_eq!((row.outcome.as_deref(), row.attempt_count), (Some("accepted"), 1));
        assert_eq!(row.media_url.as_deref(), Some("https://example.com/a.png"));
    }

    world.run_until_idle().await.unwrap();
    assert_eq!(states(&world).await, ["delivered", "delivered"]);
    let receipts = receipt::Entity::find().all(world.db().read()).await.unwrap();
    assert!(receipts.iter().all(|row| row.state == "applied"), "none is parked");
    assert_eq!(
        Rows::of(&world).await.differing(&before),
        ["audit_entry", "direct_text", "receipt"]
    );
    assert_eq!(status(&world, &id).await, "DRAFT");
    world.stop().await.unwrap();
}

/// Goal: what cannot be tested is refused by name, and nothing leaves. Method: each bad input.
#[tokio::test]
async fn a_test_that_cannot_be_is_refused_by_name() {
    let world =
        world("subscribers: [{ count: 2 }, { count: 1, area: 617, unsubscribed: true }]\n").await;
    let (id, step) = draft_of(&world, "Hi").await;
    let (other, _) = draft_of(&world, "Ho").await;
    let six: Vec<String> = (0..6).map(|n| format!("+1415555010{n}")).collect();
    let six: Vec<&str> = six.iter().map(String::as_str).collect();
    let fine = &NUMBERS[..1];
    let nobody = "camp_0190a5b20000700080000000000000ff";
    let cases: &[Case<'_>] = &[
        ("nobody's", to(nobody, &step, fine), &["NOT_FOUND id"]),
        ("no number", to(&id, &step, &[]), &["BLANK input.phoneNumbers"]),
        ("six numbers", to(&id, &step, &six), &["TOO_LONG input.phoneNumbers"]),
        (
            "no numbers at all",
            to(&id, &step, &["4155550100", "", NUMBERS[0], "+1"]),
            &[
                "INVALID_PHONE_NUMBER input.phoneNumbers.0",
                "INVALID_PHONE_NUMBER input.phoneNumbers.1",
                "INVALID_PHONE_NUMBER input.phoneNumbers.3",
            ],
        ),
        (
            "one twice",
            to(&id, &step, &[NUMBERS[0], NUMBERS[1], NUMBERS[0]]),
            &["DUPLICATE_PHONE_NUMBER input.phoneNumbers.2"],
        ),
        (
            "one that opted out",
            to(&id, &step, &[NUMBERS[0], "+16175550100"]),
            &["OPTED_OUT input.phoneNumbers.1"],
        ),
        ("another's step", to(&other, &step, fine), &["STEP_NOT_FOUND input.stepId"]),
        ("no step", to(&id, "x", fine), &["STEP_NOT_FOUND input.stepId"]),
        (
            "everything",
            to(&id, "x", &["x"]),
            &["INVALID_PHONE_NUMBER input.phoneNumbers.0", "STEP_NOT_FOUND input.stepId"],
        ),
    ];
    all_refused(&world, world.client(), SEND_TEST, cases).await;
    let (id, step) = draft_of(&world, &"a".repeat(1_530)).await;
    let long =
        ("marked, it is too long", to(&id, &step, fine), &["CONTENT_INVALID input.stepId"][..]);
    all_refused(&world, world.client(), SEND_TEST, &[long]).await;
    let closed = SiteChange {
        status: Some(harness::scenario::SiteStatus::Inactive),
        ..SiteChange::default()
    };
    world.change_site(&closed).await.unwrap();
    let (id, step) = draft_of(&world, "Hi").await;
    let inactive = ("a closed site", to(&id, &step, fine), &["SITE_INACTIVE"][..]);
    all_refused(&world, world.client(), SEND_TEST, &[inactive]).await;
    assert_eq!(taken(&world), []);
    world.stop().await.unwrap();
}

/// Goal: a test can be sent at any moment of a campaign's life, at night too.
#[tokio::test]
async fn a_test_can_be_sent_in_any_status() {
    let world = world("site: { quiet_hours: { start: '00:00', end: '23:59' } }\n").await;
    let sent = activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    let canceled = activated(&world, now()).await;
    done(world.client(), CANCEL, json!({ "id": canceled })).await;
    for id in [&sent, &canceled] {
        let step = step_of(&world, id).await;
        let answer = done(world.client(), SEND_TEST, to(id, &step, &NUMBERS)).await;
        assert_eq!(answer["acceptedCount"], 2);
    }
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a retry is safe. Method: the same call again, with other input, and eight at once.
#[tokio::test]
async fn a_repeated_test_is_sent_once() {
    let world = world("").await;
    let (id, step) = draft_of(&world, "Hi").await;
    let keyed = |key: &str, numbers: &[&str]| {
        let mut call = to(&id, &step, numbers);
        call["input"]["idempotencyKey"] = json!(key);
        call
    };
    let first = done(world.client(), SEND_TEST, keyed("a", &NUMBERS)).await;
    let again = done(world.client(), SEND_TEST, keyed("a", &NUMBERS)).await;
    assert_eq!(again, first);
    let other = post(world.client(), SEND_TEST, keyed("a", &NUMBERS[..1])).await;
    assert_eq!(problems(&other), ["IDEMPOTENCY_KEY_REUSED input.idempotencyKey"]);
    assert_eq!(taken(&world).len(), 2);

    let calls = (0..8).map(|_| post(world.client(), SEND_TEST, keyed("b", &NUMBERS)));
    let told: Vec<Vec<String>> = join_all(calls).await.iter().map(problems).collect();
    let busy = ["IDEMPOTENCY_KEY_IN_USE input.idempotencyKey"];
    assert!(told.iter().all(|told| told.is_empty() || *told == busy), "{told:?}");
    assert_eq!(taken(&world).len(), 4);
    let settled = done(world.client(), SEND_TEST, keyed("b", &NUMBERS)).await;
    assert_eq!(settled["acceptedCount"], 2);
    assert_eq!(taken(&world).len(), 4);

    let colleague = caller(&world, domain::access::Role::Sender).await;
    let theirs = post(&colleague, SEND_TEST, keyed("a", &NUMBERS)).await;
    assert_eq!(problems(&theirs), [""; 0], "a key is its caller's own");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

async fn trial(world: &World) -> (i64, i64) {
    let row = site::Entity::find().one(world.db().read()).await.unwrap().unwrap();
    (row.trial_used, row.trial_reserved)
}

/// Goal: a trial pays for tests and is never exceeded; what was certainly not taken costs nothing.
/// Method: an aggregator that refuses one number and is away for another.
#[tokio::test]
async fn a_trial_pays_for_tests() {
    let world = world(
        "rules:\n\
         - { when: { to: '+12125550101' }, respond: { error: UnknownSubscriber } }\n\
         - { when: { to: '+12125550102' }, respond: { error: ServiceUnavailable } }\n\
         - { when: { to: '+12125550103' }, accepts: true, transport: close_after_read }\n",
    )
    .await;
    let limited = SiteChange {
        plan: Some(SmsPlan::Trial(Trial { limit: 5, used: 0 })),
        ..SiteChange::default()
    };
    world.change_site(&limited).await.unwrap();
    let (id, step) = draft_of(&world, &"a".repeat(160)).await;
    let three = to(&id, &step, &["+12125550100", "+12125550101", "+12125550102"]);
    let before = Rows::of(&world).await;
    let too_many = post(world.client(), SEND_TEST, three).await;
    assert_eq!(problems(&too_many), ["TRIAL_LIMIT_REACHED"], "six segments of five");
    assert_eq!(Rows::of(&world).await, before);

    let refused = done(world.client(), SEND_TEST, to(&id, &step, &["+12125550101"])).await;
    assert_eq!(refused["acceptedCount"], 0);
    let reason = json!({ "code": "INVALID_DESTINATION", "aggregatorCode": "UnknownSubscriber" });
    assert_eq!(refused["texts"][0]["reason"], reason);
    let away = done(world.client(), SEND_TEST, to(&id, &step, &["+12125550102"])).await;
    assert_eq!(away["texts"][0]["status"], "UNDELIVERED");
    assert_eq!(away["texts"][0]["reason"]["code"], "AGGREGATOR_UNAVAILABLE");
    assert_eq!(trial(&world).await, (0, 0), "what was not taken is not paid for");

    let lost = done(world.client(), SEND_TEST, to(&id, &step, &["+12125550103"])).await;
    assert_eq!(
        (&lost["acceptedCount"], &lost["texts"][0]["status"]),
        (&json!(0), &json!("UNKNOWN"))
    );
    done(world.client(), SEND_TEST, to(&id, &step, &["+12125550100"])).await;
    assert_eq!(trial(&world).await, (4, 0), "what may have been taken is");
    let over = post(world.client(), SEND_TEST, to(&id, &step, &["+12125550100"])).await;
    assert_eq!(problems(&over), ["TRIAL_LIMIT_REACHED"]);
    world.run_until_idle().await.unwrap();
    assert_eq!(states(&world).await, ["undelivered", "undelivered", "delivered", "delivered"]);
    world.stop().await.unwrap();
}

/// Goal: a step that was replaced is gone, and a draft that was tested can be removed.
#[tokio::test]
async fn tests_do_not_hold_a_draft() {
    let world = world("subscribers: []\n").await;
    let (id, step) = draft_of(&world, "Hi").await;
    done(world.client(), SEND_TEST, to(&id, &step, &NUMBERS)).await;
    let changed = json!({ "id": id, "input": { "steps": [{ "body": "Ho" }] } });
    done(world.client(), UPDATE, changed).await;
    let old = post(world.client(), SEND_TEST, to(&id, &step, &NUMBERS)).await;
    assert_eq!(problems(&old), ["STEP_NOT_FOUND input.stepId"]);
    assert!(payload(&old)["acceptedCount"].is_null());
    done(world.client(), crate::common::DELETE, json!({ "id": id })).await;
    world.run_until_idle().await.unwrap();
    assert_eq!(states(&world).await, ["delivered", "delivered"]);
    world.stop().await.unwrap();
}

/// Queues an answer to HELP.
async fn queue_help(world: &World, phone: &str) {
    let ids = Ids::new(Arc::new(WallClock::new()));
    let new = NewDirectText {
        site_id: world.site_id().parse().unwrap(),
        kind: DirectKind::HelpReply,
        of: None,
        phone: PhoneNumber::parse(phone).unwrap(),
        text: "Acme: call 555-0100".to_owned(),
        media_url: None,
        charged: 0,
    };
    let txn = world.db().begin_write().await.unwrap();
    direct_texts::queue(&txn, &ids, new, world.now()).await.unwrap();
    txn.commit().await.unwrap();
}

/// Goal: an answer to HELP outlives an aggregator that is away, and is sent once. Method: an outage of
/// half a minute; then one that does not end.
#[tokio::test]
async fn an_answer_to_help_waits_for_the_aggregator() {
    let world = world(
        "windows: [{ name: away, from: 0, until: 30s, respond: { status: 503, body: '' } }]\n\
         rules: [{ when: { to: '+12125550102' }, respond: { error: ServiceUnavailable } }]\n",
    )
    .await;
    let start = world.now();
    queue_help(&world, NUMBERS[0]).await;
    queue_help(&world, "+12125550102").await;
    world.run_until_idle().await.unwrap();
    assert_eq!(taken(&world), [(NUMBERS[0].to_owned(), "Acme: call 555-0100".to_owned())]);
    let rows = rows(&world).await;
    let delivered = rows.iter().find(|row| row.phone == NUMBERS[0]).unwrap();
    assert_eq!((delivered.state.as_str(), delivered.attempt_count), ("delivered", 5));
    let given_up = rows.iter().find(|row| row.phone != NUMBERS[0]).unwrap();
    let unavailable = MessageReason::AggregatorUnavailable.as_str();
    assert_eq!((given_up.reason.as_deref(), given_up.attempt_count), (Some(unavailable), 8));
    assert!(world.now() - start < TimeDelta::hours(1));
    world.stop().await.unwrap();
}

/// An aggregator that takes every message and never answers, nor tells of it later.
const SILENT: &str = "rules: [{ accepts: true, transport: { hang: 1m }, receipts: [] }]\n";
/// How often one looks for something that is under way.
const LOOKS_MAX: usize = 10_000;

/// Goal: a crash in the middle leaves a text unknown, never sent again; a receipt that names its attempt
/// settles it. Method: stop the engine when the aggregator has the text, and start over.
#[tokio::test]
async fn what_a_crash_leaves_is_unknown_and_never_repeated() {
    let world = world(SILENT).await;
    queue_help(&world, NUMBERS[0]).await;
    let engine = Arc::clone(world.app().engine());
    let sending = tokio::spawn(async move { engine.activate(Task::DirectTexts).await });
    for _ in 0..LOOKS_MAX {
        if world.aggregator().core().summary().accepted == 1 {
            break;
        }
        // Each look is a request, during which the others go on.
        post(world.client(), "{ viewer { scopes } }", json!({})).await;
    }
    sending.abort();
    assert!(sending.await.unwrap_err().is_cancelled());
    assert_eq!(states(&world).await, ["in_flight"]);
    if world.db().is_sqlite() {
        assert_eq!(world.app().engine().recover(false).await.unwrap(), 1);
    } else {
        let later = WallClock::new();
        let lease_now = api::ports::Clock::lease_now(&later) + TimeDelta::hours(1);
        let txn = world.db().begin_write().await.unwrap();
        let expired = direct_texts::expire(&txn, Some(lease_now), 10, world.now()).await.unwrap();
        txn.commit().await.unwrap();
        assert_eq!(expired, 1);
    }
    assert_eq!(states(&world).await, ["unknown"]);
    world.run_until_idle().await.unwrap();
    assert_eq!(world.aggregator().core().summary().accepted, 1, "nothing was sent again");

    let attempt = rows(&world).await[0].attempt_id.unwrap();
    let mut receipt = event("message.delivered", "m1");
    receipt["data"]["reference"] = json!(AttemptId(attempt).to_string());
    assert_eq!(Delivery::of(&world, "e1", &receipt).await.post(&world).await, 204);
    world.run_until_idle().await.unwrap();
    let row = rows(&world).await.remove(0);
    assert_eq!((row.state.as_str(), row.provider_id.as_deref()), ("delivered", Some("m1")));
    // A later receipt names the aggregator's id alone, and changes nothing that is final.
    let late = Delivery::of(&world, "e2", &event("message.failed", "m1")).await;
    assert_eq!(late.post(&world).await, 204);
    world.run_until_idle().await.unwrap();
    assert_eq!(states(&world).await, ["delivered"]);
    let receipts = receipt::Entity::find().all(world.db().read()).await.unwrap();
    assert!(receipts.iter().all(|row| row.state == "applied"));
    world.stop().await.unwrap();
}
