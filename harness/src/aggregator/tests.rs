//! The scripted aggregator: its contract without a network here, its fronts and its courier in the
//! modules below.

mod courier;
mod fronts;
mod planning;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::*;
use crate::clock::VirtualClock;
use crate::scenario::Scenario;

const START: &str = "2026-11-23T15:00:00Z";
const TO: &str = "+14155550142";
/// Nothing listens there; receipts that nobody posts may go there.
const NOWHERE: &str = "http://127.0.0.1:9/hooks";

fn start() -> DateTime<Utc> {
    START.parse().unwrap()
}

/// An aggregator that goes by the script of a scenario, and its clock.
fn aggregator(yaml: &str) -> (Aggregator, VirtualClock) {
    let scenario = Scenario::parse("test", yaml).unwrap();
    let clock = VirtualClock::new(start());
    let settings = Settings { token: "t".to_owned(), ..Settings::default() };
    let made = Aggregator::new(settings, scenario.script(), Arc::new(clock.clone())).unwrap();
    (made, clock)
}

fn message(to: &str, callback_url: &str) -> Value {
    json!({
        "to": to, "from": "+18885550100", "text": "20% off today", "media_urls": [],
        "reference": format!("msg_{to}"), "not_after": null, "callback_url": callback_url,
        "extra": 1,
    })
}

fn post(key: &str, body: &Value) -> WireRequest {
    WireRequest {
        method: "POST".to_owned(),
        path: "/messages".to_owned(),
        query: String::new(),
        authorization: Some("Bearer t".to_owned()),
        idempotency_key: Some(key.to_owned()),
        if_none_match: None,
        body: serde_json::to_vec(body).unwrap(),
        number: None,
    }
}

fn get(reference: &str) -> WireRequest {
    WireRequest {
        method: "GET".to_owned(),
        path: "/messages".to_owned(),
        query: format!("reference={}", reference.replace('+', "%2B")),
        authorization: Some("Bearer t".to_owned()),
        ..WireRequest::default()
    }
}

fn body(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Hands a message over under a key of its own and answers the reply.
fn hand_over(aggregator: &Aggregator, to: &str, key: &str) -> Reply {
    aggregator.core().handle(&post(key, &message(to, NOWHERE)))
}

#[test]
fn a_hand_over_is_taken_once_and_entered_as_it_came() {
    let yaml = "
defaults: { accept: { status: queued, segments: 2, price: '0.0158 USD', retry_after_ms: 5 } }";
    let (aggregator, _) = aggregator(yaml);
    let request = post("k1", &message(TO, NOWHERE));
    let reply = aggregator.core().handle(&request);
    assert_eq!((reply.status, header(&reply, "content-type")), (202, Some("application/json")));
    let accepted = body(&reply);
    let id = accepted["id"].as_str().unwrap();
    let expected = json!({
        "id": id, "status": "queued", "segments": 2, "price": "0.0158 USD", "retry_after_ms": 5,
    });
    assert_eq!(accepted, expected);
    let ledger = aggregator.core().ledger();
    let taken = ledger.find(id).unwrap();
    assert_eq!((taken.request.to.as_str(), taken.key.as_str()), (TO, "k1"));
    assert_eq!((taken.accepted_at, &*taken.body), (start(), request.body.as_slice()));
    assert_eq!(ledger.total(), 1);
}

#[test]
fn ids_depend_on_seed_phone_and_attempt_alone() {
    let ids = |order: &[&str]| {
        let (aggregator, _) = aggregator("{}");
        let mut ids: Vec<String> = order
            .iter()
            .enumerate()
            .map(|(n, to)| body(&hand_over(&aggregator, to, &n.to_string()))["id"].to_string())
            .collect();
        ids.sort();
        ids
    };
    let one = ids(&["+14155550100", "+14155550101", "+14155550100"]);
    assert_eq!(one, ids(&["+14155550101", "+14155550100", "+14155550100"]));
    assert_ne!(one[0], one[1]);
}

#[test]
fn a_repeat_replays_its_answer_and_takes_nothing_anew() {
    let (aggregator, clock) = aggregator("{}");
    let request = post("k1", &message(TO, NOWHERE));
    let first = aggregator.core().handle(&request);
    clock.advance_by(TimeDelta::hours(23));
    let second = aggregator.core().handle(&request);
    assert_eq!((first.status, &first.body), (second.status, &second.body));
    assert_eq!(aggregator.core().ledger().total(), 1);
    // After 24 hours the key is forgotten, and the same request is a new one.
    clock.advance_by(TimeDelta::hours(1));
    let third = aggregator.core().handle(&request);
    assert_eq!(third.status, 202);
    assert_ne!(first.body, third.body);
    assert_eq!(aggregator.core().summary().repeated[TO], 2);
}

#[test]
fn the_same_key_with_other_bytes_is_refused() {
    let (aggregator, _) = aggregator("{}");
    hand_over(&aggregator, TO, "k1");
    let reply = hand_over(&aggregator, "+14155550143", "k1");
    assert_eq!(reply.status, 422);
    assert_eq!(header(&reply, "content-type"), Some("application/problem+json"));
    assert_eq!(body(&reply)["code"], "IdempotencyMismatch");
    assert_eq!(aggregator.core().ledger().total(), 1);
}

#[test]
fn a_key_under_which_nothing_was_taken_can_be_used_again() {
    let (aggregator, _) = aggregator("rules: [ { limit: 1, respond: { error: RateLimited } } ]");
    let first = hand_over(&aggregator, TO, "k1");
    assert_eq!((first.status, header(&first, "retry-after")), (429, Some("1")));
    assert_eq!(body(&first)["scope"], "sender");
    assert_eq!(hand_over(&aggregator, TO, "k1").status, 202);
}

#[test]
fn what_is_against_the_contract_is_refused_with_a_code() {
    let (aggregator, _) = aggregator("{}");
    let good = post("k", &message(TO, NOWHERE));
    let with = |change: &dyn Fn(&mut WireRequest)| {
        let mut request = good.clone();
        change(&mut request);
        let reply = aggregator.core().handle(&request);
        (reply.status, body(&reply)["code"].as_str().unwrap().to_owned())
    };
    let with_field = |field: &str, value: Value| {
        let mut changed = message(TO, NOWHERE);
        changed[field] = value;
        with(&|request| request.body = serde_json::to_vec(&changed).unwrap())
    };
    let refused = |status, code: &str| (status, code.to_owned());
    assert_eq!(with(&|it| it.authorization = None), refused(401, "AuthFailed"));
    assert_eq!(with(&|it| it.authorization = Some("Bearer x".into())), refused(401, "AuthFailed"));
    assert_eq!(with(&|it| it.idempotency_key = None), refused(400, "InvalidRequest"));
    assert_eq!(
        with(&|it| it.idempotency_key = Some("k".repeat(256))),
        refused(400, "InvalidRequest")
    );
    assert_eq!(with(&|it| it.body = b"{".to_vec()), refused(400, "InvalidRequest"));
    assert_eq!(with(&|it| it.body = vec![b' '; 64 * 1024 + 1]), refused(413, "TooLarge"));
    assert_eq!(with(&|it| it.method = "PUT".into()), refused(405, "MethodNotAllowed"));
    assert_eq!(with(&|it| it.path = "/".into()), refused(404, "NotFound"));
    assert_eq!(with_field("to", json!("0142")), refused(422, "InvalidNumber"));
    assert_eq!(with_field("text", json!("")), refused(422, "ContentRejected"));
    assert_eq!(
        with_field("not_after", json!("2026-11-23T14:59:59Z")),
        refused(422, "ExpiredInQueue")
    );
    for url in
        ["http://example.com/hooks", "http://127.0.0.1.example.com/", "ftp://127.0.0.1/", "hooks"]
    {
        assert_eq!(with_field("callback_url", json!(url)), refused(422, "Misconfigured"), "{url}");
    }
    for url in ["http://localhost:1/hooks", "http://[::1]:1/", "https://127.0.0.2/"] {
        let mut changed = message(TO, url);
        changed["reference"] = json!(url);
        assert_eq!(aggregator.core().handle(&post(url, &changed)).status, 202, "{url}");
    }
    assert_eq!(aggregator.core().ledger().total(), 3);
}

#[test]
fn a_look_up_finds_what_was_taken_and_its_state() {
    let (aggregator, clock) =
        aggregator("rules: [ { limit: 1, accepts: true, transport: close_after_read } ]");
    let reply = hand_over(&aggregator, TO, "k1");
    assert_eq!(reply.transport, Some(crate::scenario::Transport::CloseAfterRead));
    let found = body(&aggregator.core().handle(&get(&format!("msg_{TO}"))));
    let id = aggregator.core().ledger().iter().next().unwrap().id.clone();
    let reference = format!("msg_{TO}");
    let view = |status: &str| {
        let message = json!({ "id": id, "status": status, "reference": reference, "to": TO });
        json!({ "messages": [message] })
    };
    assert_eq!(found, view("queued"));
    clock.advance_by(TimeDelta::seconds(2));
    assert_eq!(body(&aggregator.core().handle(&get(&format!("msg_{TO}")))), view("delivered"));
    assert_eq!(body(&aggregator.core().handle(&get("other"))), json!({ "messages": [] }));
    assert_eq!(aggregator.core().handle(&get("")).status, 400);
}

#[test]
fn rules_are_tried_in_order_and_counted() {
    let yaml = r#"
rules:
  - { name: landline, when: { to: "+14155550100" }, respond: { error: Landline } }
  - { name: third, when: { nth: 3 }, respond: { error: ContentRejected } }
  - { name: again, when: { attempt: 2, to_in: ["+14155550101"] }, accepts: true,
      respond: { status: 502, headers: { content-type: text/html }, body: "<html></html>" } }
  - { name: words, when: { body_matches: "20*OFF" }, limit: 1,
      respond: { status: 202, json: { id: own, status: x } } }
"#;
    let (aggregator, _) = aggregator(yaml);
    let landline = hand_over(&aggregator, "+14155550100", "a");
    assert_eq!((landline.status, body(&landline)["code"].as_str()), (422, Some("Landline")));
    assert_eq!(body(&hand_over(&aggregator, "+14155550101", "b"))["id"], "own");
    assert_eq!(body(&hand_over(&aggregator, "+14155550102", "c"))["code"], "ContentRejected");
    let again = hand_over(&aggregator, "+14155550101", "d");
    assert_eq!((again.status, again.body.as_slice()), (502, b"<html></html>".as_slice()));
    assert_eq!(header(&again, "content-type"), Some("text/html"));
    assert_eq!(hand_over(&aggregator, "+14155550103", "e").status, 202);
    let ledger = aggregator.core().ledger();
    let taken: Vec<&str> = ledger.iter().map(|taken| taken.key.as_str()).collect();
    assert_eq!(taken, ["b", "d", "e"]);
    assert!(ledger.find("own").is_some());
}

#[test]
fn texts_are_matched_whatever_the_case_by_pieces_in_order() {
    use super::decide::text_matches;
    assert!(text_matches("free", "Get it FREE now"));
    assert!(text_matches("get*now", "Get it FREE now"));
    assert!(!text_matches("now*get", "Get it FREE now"));
    assert!(text_matches("*", "") && text_matches("", "any"));
}

#[test]
fn a_window_answers_for_its_time_and_to_everything() {
    let yaml = "
windows: [ { name: outage, from: 5s, until: 20s, respond: { error: ServiceUnavailable } } ]";
    let (aggregator, clock) = aggregator(yaml);
    let request = post("k1", &message(TO, NOWHERE));
    assert_eq!(aggregator.core().handle(&request).status, 202);
    clock.advance_by(TimeDelta::seconds(5));
    let reply = aggregator.core().handle(&request);
    assert_eq!((reply.status, header(&reply, "retry-after")), (503, Some("5")));
    assert_eq!(hand_over(&aggregator, "+14155550143", "k2").status, 503);
    assert_eq!(aggregator.core().handle(&get("any")).status, 503);
    clock.advance_by(TimeDelta::seconds(15));
    assert_eq!(aggregator.core().handle(&request).status, 202);
    assert_eq!(aggregator.core().ledger().total(), 1);
}

#[test]
fn the_journal_tells_everything_in_order_and_masks_phones_when_printed() {
    let (aggregator, _) =
        aggregator("rules: [ { name: lost, limit: 1, accepts: true, transport: { hang: 30s } } ]");
    let request = post("key_1", &message(TO, NOWHERE));
    aggregator.core().handle(&request);
    aggregator.core().handle(&request);
    aggregator.core().handle(&get("x"));
    aggregator.core().handle(&WireRequest::default());
    let journal = aggregator.core().journal_since(0);
    let id = aggregator.core().ledger().iter().next().unwrap().id.clone();
    let words: Vec<String> = journal.iter().map(Entry::words).collect();
    let expected = [
        format!(
            "← POST /messages to {TO} reference msg_{TO} key key_1 [lost]: taken as {id}, \
             no answer for 30s"
        ),
        format!("← POST /messages to {TO} key key_1: a repeat of {id}, answered 202"),
        "← GET /messages reference x: found nothing, answered 200".to_owned(),
        "←  : answered 404 NotFound".to_owned(),
    ];
    assert_eq!(words, expected);
    assert_eq!(aggregator.core().journal_since(2).len(), 2);
    let printed = format!("{} {:?}", journal[1], journal[1].seen);
    assert!(printed.contains("…0142") && !printed.contains(TO), "{printed}");
}

#[test]
fn ledger_and_journal_keep_no_more_than_they_may() {
    let clock = VirtualClock::new(start());
    let settings =
        Settings { token: "t".into(), journal_max: 2, ledger_max: 2, ..Settings::default() };
    let script = Script::plain(1, start());
    let aggregator = Aggregator::new(settings, script, Arc::new(clock)).unwrap();
    for n in 0..5 {
        assert_eq!(hand_over(&aggregator, &format!("+1415555010{n}"), &n.to_string()).status, 202);
    }
    let ledger = aggregator.core().ledger();
    assert_eq!((ledger.iter().count(), ledger.total()), (2, 5));
    assert_eq!(body(&aggregator.core().handle(&get("msg_+14155550100")))["messages"], json!([]));
    assert_eq!(ledger.iter().filter(|taken| ledger.find(&taken.id).is_some()).count(), 2);
    let found = body(&aggregator.core().handle(&get("msg_+14155550104")));
    assert_eq!(found["messages"].as_array().unwrap().len(), 1);
    assert_eq!(aggregator.core().journal_since(0).len(), 2);
}

#[test]
fn a_bad_secret_is_told_and_no_setting_is_shown() {
    let settings = Settings { webhook_secret: "secret".to_owned(), ..Settings::default() };
    assert!(!format!("{settings:?}").contains("secret"));
    let clock = Arc::new(VirtualClock::new(start()));
    let error = Aggregator::new(settings, Script::plain(1, start()), clock).unwrap_err();
    assert!(matches!(error, Error::Secret(_)));
}
