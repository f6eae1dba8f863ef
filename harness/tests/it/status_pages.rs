//! Status pages and the health of aggregators: who asks, when, what is believed, and what is told.

use std::sync::Arc;

use api::app::{App, Settings};
use api::config::Config;
use api::db::status_pages;
use api::ports::{Clock, Fetched, PageFailure, StatusPages as _, Task};
use api::service::admin::ConnectionSettings;
use api::status_pages::Statuspage;
use api::wall_clock::WallClock;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::health::{ComponentStatus, PageIndicator};
use domain::reason::COMPLIANCE_PAGE;
use harness::world::World;
use serde_json::{Value, json};
use wiremock::matchers::{any, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::common::{activated, key, now, post, world};

/// Where a page's summary is.
const SUMMARY: &str = "/api/v2/summary.json";
/// The URL of no page: the discard port.
const NOBODY: &str = "http://127.0.0.1:9";
/// More than a page may have.
const TOO_LONG: usize = 3 * 1024 * 1024;

fn summary() -> Value {
    json!({
        "status": { "indicator": "minor" },
        "components": [{ "id": "c1", "name": "SMS", "status": "degraded_performance" }],
        "incidents": [],
    })
}

async fn page(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(path(SUMMARY)).respond_with(answer).mount(&server).await;
    server
}

async fn fetch(url: &str, etag: Option<&str>) -> Fetched {
    Statuspage::new().unwrap().fetch(url, etag).await
}

#[tokio::test]
async fn a_page_is_read_and_recognized() {
    let server = MockServer::start().await;
    let known =
        Mock::given(header("if-none-match", "\"7\"")).respond_with(ResponseTemplate::new(304));
    known.with_priority(1).mount(&server).await;
    let answer = ResponseTemplate::new(200).set_body_json(summary()).insert_header("etag", "\"7\"");
    Mock::given(path(SUMMARY)).respond_with(answer).mount(&server).await;
    let Fetched::Page { report, etag } = fetch(&server.uri(), None).await else {
        panic!("no page")
    };
    assert_eq!(report.indicator, PageIndicator::Minor);
    assert_eq!(report.component.unwrap().status, ComponentStatus::DegradedPerformance);
    assert_eq!(etag.as_deref(), Some("\"7\""));
    assert_eq!(fetch(&server.uri(), Some("\"7\"")).await, Fetched::Unchanged);
    assert!(matches!(fetch(&server.uri(), Some("\"6\"")).await, Fetched::Page { .. }));
}

/// Goal: whatever a page does, it is a failure with a name. Method: each thing that a page can do wrong.
#[tokio::test]
async fn what_is_no_page_has_a_name() {
    let answers = [
        (ResponseTemplate::new(500), PageFailure::Status(500)),
        (ResponseTemplate::new(304), PageFailure::Status(304)),
        (ResponseTemplate::new(200).set_body_string("<html>"), PageFailure::Unreadable),
        (ResponseTemplate::new(200).set_body_bytes(vec![b' '; TOO_LONG]), PageFailure::TooLong),
    ];
    for (answer, failure) in answers {
        let server = page(answer).await;
        assert_eq!(fetch(&server.uri(), None).await, Fetched::Failed(failure));
    }
    assert_eq!(fetch(NOBODY, None).await, Fetched::Failed(PageFailure::Unreachable));
    assert_eq!(fetch("file:///etc", None).await, Fetched::Failed(PageFailure::Address));
}

/// Goal: a redirect never leads to another host, which may lie within a network that only the service
/// reaches. Method: one that stays, one that goes, one without end.
#[tokio::test]
async fn a_redirect_stays_where_it_began() {
    let elsewhere = page(ResponseTemplate::new(200).set_body_json(summary())).await;
    let server = MockServer::start().await;
    let to = |target: &str| ResponseTemplate::new(302).insert_header("location", target);
    Mock::given(path(SUMMARY)).respond_with(to("/moved")).mount(&server).await;
    Mock::given(path("/moved"))
        .respond_with(ResponseTemplate::new(200).set_body_json(summary()))
        .mount(&server)
        .await;
    assert!(matches!(fetch(&server.uri(), None).await, Fetched::Page { .. }));
    let gone = Fetched::Failed(PageFailure::Status(302));
    let away = page(to(&format!("{}{SUMMARY}", elsewhere.uri()))).await;
    assert_eq!(fetch(&away.uri(), None).await, gone);
    assert_eq!(elsewhere.received_requests().await.unwrap().len(), 0);
    let circle = page(to(SUMMARY)).await;
    assert_eq!(fetch(&circle.uri(), None).await, gone);
}

/// Points the connection of the scenario's site at a status page.
async fn watch(world: &World, url: &str) {
    let settings = ConnectionSettings {
        site_id: world.site_id().parse().unwrap(),
        name: "aggregator".to_owned(),
        base_url: None,
        token: None,
        webhook_secret: None,
        webhook_secret_next: None,
        key_window_s: None,
        has_lookup: None,
        status_page_url: Some(url.to_owned()),
        segments_per_s: None,
    };
    world.app().service().admin_connection(settings).await.unwrap();
}

/// How often a page was asked.
async fn asked(page: &MockServer) -> usize {
    page.received_requests().await.unwrap().len()
}

async fn look(world: &World) -> u64 {
    world.activate(Task::StatusPages).await.unwrap().done
}

/// The aggregator's health, and what stands behind it.
async fn health(world: &World) -> (String, String) {
    let query = "{ site { aggregator { health healthDetails { message } } } }";
    let answer = post(world.client(), query, json!({})).await;
    let aggregator = &answer["data"]["site"]["aggregator"];
    let text = |path: &str| aggregator.pointer(path).and_then(Value::as_str).unwrap().to_owned();
    (text("/health"), text("/healthDetails/message"))
}

/// Goal: a page is asked once a minute, and only while somebody could want to know. Method: before the
/// campaign, while it runs, while receipts are outstanding, and a day after.
#[tokio::test]
async fn a_page_is_asked_while_messages_are_under_way() {
    let world = world("defaults: { receipts: [{ after: 48h, status: delivered }] }\n").await;
    let page = page(ResponseTemplate::new(200).set_body_json(summary())).await;
    watch(&world, &page.uri()).await;
    assert_eq!((look(&world).await, asked(&page).await), (0, 0), "nothing runs");
    activated(&world, now()).await;
    assert_eq!((look(&world).await, look(&world).await), (1, 0), "once a period");
    assert_eq!(health(&world).await.0, "DEGRADED");
    world.run_now().await.unwrap();
    let next_at = world.activate(Task::StatusPages).await.unwrap().next_at.unwrap();
    assert_eq!(next_at - world.now(), TimeDelta::minutes(1));
    world.advance_by(TimeDelta::seconds(59));
    assert_eq!(look(&world).await, 0);
    world.advance_by(TimeDelta::seconds(1));
    assert_eq!((look(&world).await, asked(&page).await), (1, 2), "receipts are outstanding");
    world.advance_by(TimeDelta::hours(24));
    assert_eq!((look(&world).await, asked(&page).await), (0, 2), "too long ago");
    assert_eq!(health(&world).await.0, "HEALTHY", "what a page said a day ago is no news");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_page_is_left_alone_when_every_receipt_is_there() {
    let world = world("").await;
    let page = page(ResponseTemplate::new(200).set_body_json(summary())).await;
    watch(&world, &page.uri()).await;
    activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    assert_eq!(asked(&page).await, 1);
    world.advance_by(TimeDelta::minutes(5));
    assert_eq!(look(&world).await, 0);
    world.stop().await.unwrap();
}

/// The clock of a second process.
#[derive(Debug)]
struct Same(DateTime<Utc>);

impl Clock for Same {
    fn now(&self) -> DateTime<Utc> {
        self.0
    }

    fn lease_now(&self) -> DateTime<Utc> {
        WallClock::new().lease_now()
    }
}

/// A second process on the same database.
fn process(world: &World) -> App {
    let settings = Settings::new(&Config::default(), world.url().to_owned());
    App::new(world.db().clone(), Arc::new(Same(world.now())), settings).unwrap()
}

/// Goal: nodes share the asking. Method: two that saw the page due at the same moment; and one that looks
/// after the other asked.
#[tokio::test]
async fn one_process_asks_for_all() {
    let world = world("").await;
    let page = page(ResponseTemplate::new(200).set_body_json(summary())).await;
    watch(&world, &page.uri()).await;
    activated(&world, now()).await;
    let since = world.now() - TimeDelta::days(1);
    let due = status_pages::watched(world.db().read(), since, 10).await.unwrap();
    let mut claimed = Vec::new();
    for _ in 0..2 {
        let txn = world.db().begin_write().await.unwrap();
        claimed.push(status_pages::claim(&txn, &due[0], world.now()).await.unwrap());
        txn.commit().await.unwrap();
    }
    assert_eq!(claimed, [true, false]);
    world.advance_by(TimeDelta::minutes(1));
    assert_eq!(look(&world).await, 1);
    let other = process(&world);
    assert_eq!(other.engine().activate(Task::StatusPages).await.unwrap().done, 0);
    assert_eq!(asked(&page).await, 1);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a page that fails changes nothing but that it is known to fail, and one that is replaced is
/// forgotten. Method: a page in trouble, then the same page broken, then another page.
#[tokio::test]
async fn a_page_that_fails_is_asked_again_and_a_former_one_forgotten() {
    let world = world("defaults: { receipts: [] }\n").await;
    let page = page(ResponseTemplate::new(200).set_body_json(summary())).await;
    watch(&world, &page.uri()).await;
    activated(&world, now()).await;
    world.run_now().await.unwrap();
    let told = health(&world).await;
    assert_eq!(told.1, "Its status page says that “SMS” is slow.");
    page.reset().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(500)).mount(&page).await;
    world.advance_by(TimeDelta::minutes(1));
    assert_eq!((look(&world).await, health(&world).await), (1, told), "it may be a hiccup");
    for _ in 0..11 {
        world.advance_by(TimeDelta::minutes(1));
        assert_eq!(look(&world).await, 1);
    }
    assert_eq!(health(&world).await.0, "HEALTHY", "nobody knows what it says now");
    page.reset().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(200).set_body_json(summary()))
        .mount(&page)
        .await;
    world.advance_by(TimeDelta::minutes(1));
    assert_eq!((look(&world).await, health(&world).await.0), (1, "DEGRADED".to_owned()));
    watch(&world, NOBODY).await;
    assert_eq!(health(&world).await.0, "HEALTHY", "that was another page");
    assert_eq!((look(&world).await, health(&world).await.0), (1, "HEALTHY".to_owned()));
    world.stop().await.unwrap();
}

async fn delays(world: &World, id: &str) -> Value {
    let query =
        "query($id: ID!) { campaign(id: $id) { delays { code messageCount clearsAt url } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    answer["data"]["campaign"]["delays"].clone()
}

#[tokio::test]
async fn a_throttled_aggregator_is_degraded_until_it_takes_a_message() {
    let yaml = "windows: [{ from: 0, until: 20s, respond: { status: 429, headers: { retry-after: '30' } } }]\n";
    let world = world(yaml).await;
    let id = activated(&world, now()).await;
    world.run_now().await.unwrap();
    assert_eq!(health(&world).await.0, "DEGRADED");
    let clears_at = "2026-11-23T15:00:30.000Z";
    let told = json!([{ "code": "AGGREGATOR_THROTTLED", "messageCount": 5, "clearsAt": clears_at, "url": null }]);
    assert_eq!(delays(&world, &id).await, told);
    world.run_until_idle().await.unwrap();
    assert_eq!(health(&world).await.0, "HEALTHY");
    assert_eq!(delays(&world, &id).await, json!([]));
    world.stop().await.unwrap();
}

/// Goal: a hold that a process left behind ends when another process gets a message taken.
#[tokio::test]
async fn a_hold_outlives_its_process_and_ends_with_a_message() {
    let yaml = "windows: [{ from: 0, until: 1s, respond: { status: 503, body: '' } }]\n";
    let world = world(yaml).await;
    activated(&world, now()).await;
    world.run_now().await.unwrap();
    assert_eq!(health(&world).await.0, "UNAVAILABLE");
    world.advance_by(TimeDelta::minutes(2));
    let other = process(&world);
    other.engine().activate(Task::Dispatcher).await.unwrap();
    assert_eq!(health(&world).await.0, "HEALTHY");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

#[tokio::test]
async fn lost_answers_degrade_for_a_while() {
    let yaml = "rules: [{ accepts: true, transport: close_after_read }]\n";
    let world = world(yaml).await;
    activated(&world, now()).await;
    world.run_now().await.unwrap();
    let (health_now, message) = health(&world).await;
    assert_eq!(health_now, "DEGRADED");
    assert!(message.contains("without a certain answer"), "{message}");
    world.run_until_idle().await.unwrap();
    world.advance_by(TimeDelta::minutes(5));
    assert_eq!(health(&world).await.0, "HEALTHY");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_site_without_a_connection_has_no_aggregator() {
    let world = world("").await;
    let app = world.app();
    let service = app.service();
    let site =
        service.admin_site("bare", api::service::admin::SiteSettings::default()).await.unwrap();
    let client = world.client_with(Some(key(&world, Role::Viewer, &[site]).await)).unwrap();
    let query = "{ site { aggregator { name } } }";
    assert_eq!(
        post(&client, query, json!({})).await["data"],
        json!({ "site": { "aggregator": null } })
    );
    let query =
        "{ site { aggregator { name statusPageUrl handoffLatency { mean p50 p95 p99 } } } }";
    let nothing = json!({ "mean": null, "p50": null, "p95": null, "p99": null });
    let aggregator =
        json!({ "name": "aggregator", "statusPageUrl": null, "handoffLatency": nothing });
    let answer = post(world.client(), query, json!({})).await;
    assert_eq!(answer["data"], json!({ "site": { "aggregator": aggregator } }));
    world.stop().await.unwrap();
}

/// The page that reasons point people to is there.
#[test]
fn the_compliance_page_is_there() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(COMPLIANCE_PAGE);
    let text = std::fs::read_to_string(path).unwrap();
    for part in ["spam filter", "STOP", "regist"] {
        assert!(text.contains(part), "{part}");
    }
}
