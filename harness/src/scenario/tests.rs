//! Scenario files that are read, and those that are refused.

use std::error::Error as _;

use super::*;
use crate::contract::EventType;

fn parse(text: &str) -> Scenario {
    Scenario::parse("test", text).unwrap_or_else(|error| panic!("{error}: {:?}", error.source()))
}

/// The whole chain of messages that a text is refused with.
fn refused(text: &str) -> String {
    let error = Scenario::parse("test", text).unwrap_err();
    format!("{error}: {}", error.source().unwrap())
}

/// Everything the format knows, at once.
const FULL: &str = r#"
scenario: 1
name: everything
about: >
  Every field of the format.
proves: [S7, S14, S19]
seed: 42
clock: { start: "2026-11-23T10:00:00-05:00" }
site: { time_zone: America/Chicago, status: inactive, plan: { trial: 100 }, subdomain: "",
        sender_segments_per_s: 3, quiet_hours: { start: "21:00", end: "08:00" },
        smart_sending: 8h, rule_packs: [us_federal, us_fl], text_prefix: "Demo: ",
        text_footer: " STOP to end", countries: [US], help_reply: "Write to us" }
engine: { max_in_flight: 4 }
subscribers:
  - { count: 2, area: 415, tags: [vip], unsubscribed: false }
  - { count: 1, area: 212, unsubscribed: true, time_zone: America/New_York }
  - { count: 1, area: 415 }
  - { phones: ["+13055550142"], postal_code: "33101", observed_time_zone: America/New_York,
      attributes: { first_name: Ada } }
audiences:
  everyone: { tags_any: [] }
  vips: { tags_any: [vip], tags_all: [], tags_none: [staff] }
campaign:
  name: Sale
  audiences: [everyone]
  excluded: [vips]
  steps:
    - { body: "20% off today", media_url: "http://127.0.0.1/a.png" }
    - { body: "Last call", delay: 1d, condition: no_reply }
  schedule: { store_time: "2026-11-24T09:30:00" }
  send_by: 2026-11-25T00:00:00Z
  max_lateness: 2h
  quiet_hours: { start: "21:00", end: "10:00" }
  uses_smart_sending: true
provider: generic
defaults:
  latency: { fixed: 1ms }
  accept: { status: accepted, segments: 2, price: "0.0158 USD", retry_after_ms: 50 }
  receipts:
    - { after: 300ms, status: sent }
    - { after: 1h30m, status: undelivered, code: Unreachable }
  obeys_not_after: false
rules:
  - { name: landline, when: { to: "+12125550100" }, respond: { error: Landline } }
  - { when: { to_in: ["+14155550100"], nth: 3, percent: 2.5, attempt: 1,
              body_matches: "20*off" },
      limit: 5, accepts: true,
      respond: { status: 502, headers: { content-type: text/html }, body: "<html></html>" } }
  - { transport: close_after_read, accepts: false }
  - { transport: { hang: 30s }, latency: { fixed: 2s }, receipts: [] }
  - { respond: { status: 202, json: { id: agg_1, status: queued } }, accept: { status: x } }
windows:
  - { name: outage, from: 5s, until: 20s, respond: { error: ServiceUnavailable }, receipts: hold }
  - { name: lost, from: 30s, receipts: drop }
receipt_faults:
  duplicate: { percent: 5, copies: 2, gap: 150ms, fresh_ids: true }
  reorder: { percent: 10, within: 3s }
  delay: { percent: 1, by: 26h }
  drop: { percent: 1 }
  forged:
    - { at: 6s, for: random, status: failed, code: SpamFiltered, signature: none }
    - { at: 6s, for: first, status: delivered, signature: wrong_key }
    - { at: 7s, status: delivered, signature: valid_then_tampered_body }
    - { at: 7s, status: delivered, signature: stale }
  unknown_message: [ { at: 9s, id: agg_unknown, status: delivered } ]
  before_response: { percent: 50 }
inbound: [ { at: 12s, from: "+14155550100", body: "STOP" } ]
steps:
  - create: { as: sale }
  - activate: { as: sale, schedule: now, send_by: 1h, key: press-1 }
  - when: { accepted: 5 }
  - when: { status: SENDING }
  - when: { at: +10m }
  - cancel: { key: press-2, refused: WRONG_STATUS }
  - duplicate: { as: sale, excludes_reached: true, copy: rest, name: Again }
  - update: { as: rest, name: Changed, audiences: [vips], steps: [ { body: "Hi" } ] }
  - delete: { as: rest }
  - query: { graphql: "{ viewer { id } }", variables: { id: $sale, n: 1 } }
  - when: { as: sale, planned: 5 }
  - skip: 2h
  - site: { status: active, plan: active, subdomain: demo }
  - site: { quiet_hours: off, smart_sending: off, time_zone: UTC, rule_packs: [] }
  - site_update: { name: Demo, subdomain: off, quiet_hours: { start: "21:00" }, rule_packs: { us_fl: true },
                   smart_sending: 8h, text_prefix: Demo, countries: [], key: s-1 }
  - create: { as: other, campaign: { name: Other } }
  - reschedule: { schedule: { subscriber_time: { at: "2026-11-24T09:30:00", if_passed: skip } },
                  send_by: off }
  - pause: { as: other }
  - resume: {}
  - send_test: { step: 0, to: "+14155550199" }
  - estimate: { schedule: { subscriber_time: { at: "2026-11-24T09:30:00" } },
                fields: { recipientCount: 4 } }
  - explain: { phone: "+14155550100" }
  - details: {}
  - unsubscribe: { phone: "+14155550100" }
  - expect: { proves: S14, handed_over: { "+14155550100": never } }
  - until: idle
expect:
  - { as: sale, status: SENT, counts: { total: 5, delivered: 5 } }
  - proves: [S7, S19]
    as: sale
    reason: none
    statuses: [DRAFT, PROCESSING]
    events: [CREATED]
    reasons: { SMART_SENDING: 1 }
    recipients:
      "+14155550100":
        - { state: SKIPPED, reason: SMART_SENDING, due: 13h, deferred_from: none, rule: us_fl }
        - { step: 1, accepted: -1h, delivered: 2026-11-24T00:00:00Z, zone: UTC, attempts: 1,
            segments: 1, fields: { isFinal: true } }
    handed_over: { "+14155550100": [0, 13h], "+14155550101": 1h }
    texts: { "+14155550100": "20% off today" }
    not_before: { "+14155550100": 13h }
    none_before: 1h
    none_after: 2h
    refused: { cancel: WRONG_STATUS, update: [WRONG_STATUS, WRONG_STATUS] }
    cancel: { status: DRAFT, canceled: 0, handed_over: 0, in_flight: 0 }
    fields: { statusReason.remedy: { has: Pay } }
    subscribers: { "+14155550100": { status: SUBSCRIBED } }
    site: { timeZone: UTC }
"#;

#[test]
fn every_field_is_read() {
    let scenario = parse(FULL);
    assert_eq!(scenario.start(), "2026-11-23T15:00:00Z".parse::<DateTime<Utc>>().unwrap());
    assert_eq!(scenario.site.plan, SmsPlan::Trial(Trial { limit: 100, used: 0 }));
    assert_eq!(scenario.site.smart_sending, Switch::On(Span::from_ms(28_800_000)));
    assert_eq!(scenario.site.status, SiteStatus::Inactive);
    assert_eq!(scenario.campaign.steps[1].delay, Some(Span::from_ms(86_400_000)));
    let time = "2026-11-24T09:30:00".parse().unwrap();
    assert_eq!(scenario.campaign.schedule, Schedule::StoreTime(time));
    assert_eq!(scenario.defaults.receipts[1].after, Span::from_ms(5_400_000));
    assert_eq!(scenario.rules[0].respond.as_ref().unwrap().http_status(), 422);
    assert_eq!(scenario.rules[2].transport, Some(Transport::CloseAfterRead));
    assert_eq!(scenario.rules[3].transport, Some(Transport::Hang(Span::from_ms(30_000))));
    assert_eq!(scenario.windows[0].receipts, WindowReceipts::Hold);
    let forged = &scenario.receipt_faults.forged;
    assert_eq!(forged[0].target, ForgedFor::Random);
    assert_eq!(EventType::from(forged[0].status), EventType::Failed);
    assert_eq!(forged[3].signature, ForgedSignature::Stale);
    assert_eq!(scenario.steps.len(), 26);
    assert!(matches!(&scenario.steps[1], Step::Activate(step) if step.key.is_some()));
    assert!(matches!(&scenario.steps[10], Step::When(when) if when.planned == Some(5)));
    assert!(matches!(&scenario.steps[11], Step::Skip(span) if *span == Span::from_ms(7_200_000)));
    let Step::Site(change) = &scenario.steps[12] else { panic!("not a change of the site") };
    assert_eq!(change.plan, Some(SmsPlan::Active));
    let after_10m = Some(Moment::Offset(chrono::TimeDelta::minutes(10)));
    assert!(matches!(&scenario.steps[4], Step::When(when) if when.at == after_10m));
    assert!(matches!(&scenario.steps[9], Step::Query(query) if query.variables["id"] == "$sale"));
}

#[test]
fn what_is_expected_is_read() {
    let scenario = parse(FULL);
    let entries: Vec<(String, &Expect)> = scenario.expectations().collect();
    let places: Vec<&str> = entries.iter().map(|(place, _)| place.as_str()).collect();
    assert_eq!(places, ["steps[24].expect", "expect[0]", "expect[1]"]);
    assert_eq!(entries[0].1.handed_over["+14155550100"], HandedOver(Vec::new()));
    assert_eq!(entries[1].1.status, Some(CampaignStatusName::Sent));
    assert_eq!(entries[1].1.counts["delivered"], 5);
    let full = entries[2].1;
    assert_eq!(full.proves.iter().map(ToString::to_string).collect::<Vec<_>>(), ["S7", "S19"]);
    assert_eq!(full.reason, Some(OrNone::None));
    let [first, second] = full.recipients["+14155550100"].0.as_slice() else { panic!("not two") };
    assert_eq!(first.deferred_from, Some(OrNone::None));
    assert_eq!(first.state.as_ref().unwrap().name(), "SKIPPED");
    assert_eq!(second.accepted, Some(OrNone::Some(Moment::Offset(chrono::TimeDelta::hours(-1)))));
    let start = scenario.start();
    let delivered = second.delivered.as_ref().and_then(OrNone::as_option).unwrap();
    assert_eq!(delivered.instant(start), start + chrono::TimeDelta::hours(9));
    assert_eq!(full.handed_over["+14155550100"].0.len(), 2);
    assert_eq!(full.refused["update"].0.len(), 2);
    assert_eq!(parse("expect: { status: SENT }").expectations().count(), 1);
}

#[test]
fn every_field_has_a_default_and_the_name_is_the_files() {
    let scenario = parse("scenario: 1");
    assert_eq!(scenario.name, "test");
    assert_eq!(scenario.steps.len(), 3);
    assert_eq!(scenario.seed_subscribers().len(), 5);
    assert_eq!(scenario.script().defaults.receipts.len(), 2);
    assert_eq!(parse("{}").start(), "2026-11-23T15:00:00Z".parse::<DateTime<Utc>>().unwrap());
}

#[test]
fn phones_count_up_for_each_area_through_all_groups() {
    let subscribers = parse(FULL).seed_subscribers();
    let phones: Vec<&str> = subscribers.iter().map(|one| one.phone.as_str()).collect();
    assert_eq!(
        phones,
        ["+14155550100", "+14155550101", "+12125550100", "+14155550102", "+13055550142"]
    );
    assert_eq!(subscribers[0].tags, ["vip"]);
    assert!(subscribers[2].unsubscribed);
    assert!(!format!("{:?}", subscribers[0]).contains("415555"));
}

#[test]
fn what_is_not_known_is_refused_with_its_place() {
    let check = |text: &str, parts: &[&str]| {
        let message = refused(text);
        for part in parts {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    };
    check("name: a\ncolour: red", &["unknown field `colour`", "line 2"]);
    check("site:\n  statu: active", &["site", "unknown field `statu`", "line 2"]);
    check("rules:\n  - { when: { too: 1 } }", &["rules[0].when", "unknown field `too`", "line 2"]);
    check("seed: many", &["seed", "line 1"]);
    check("steps: [ { jump: {} } ]", &["steps[0]", "unknown variant `jump`"]);
    check("steps: [ { create: { name: a } } ]", &["steps[0]", "unknown field `name`"]);
    check("receipt_faults: { lost: 1 }", &["receipt_faults", "unknown field `lost`"]);
    check("rules: [ { respond: { error: Nope } } ]", &["respond.error", "unknown code `Nope`"]);
    check("defaults: { latency: { fixed: 3 } }", &["latency.fixed", "a span such as 300ms"]);
    check("defaults: { latency: { fixed: 3y } }", &["latency.fixed", "a span such as 300ms"]);
    check("receipt_faults: { drop: { percent: 101 } }", &["drop.percent", "from 0 to 100"]);
    check("clock: { start: yesterday }", &["clock.start", "not an RFC 3339 instant"]);
    check("campaign: { schedule: { store_time: noon } }", &["schedule", "not a time like"]);
    check("expect: { status: DONE }", &["expect.status", "unknown variant `DONE`"]);
    check("expect: { state: SENT }", &["expect", "unknown field `state`", "line 1"]);
    check("expect:\n  - status: SENT\n  - proves: S52", &["`S52` is not a rule", "line 3"]);
    check("proves: [S7, 14]", &["proves[1]", "`14` is not a rule of the source"]);
    let recipients = |row: &str| format!("expect:\n  recipients:\n    '+14155550100': {row}");
    check(&recipients("{ stat: SENT }"), &["unknown field `stat`", "line 3"]);
    check(&recipients("{ state: SENT }"), &["`sent` is not a MessageState", "line 3"]);
    check(&recipients("{ reason: smart_sending }"), &["not written in capitals", "line 3"]);
    check(&recipients("{ due: noon }"), &["a moment such as 13h", "line 3"]);
    check("site: { quiet_hours: never }", &["quiet_hours", "line 1"]);
    check("provider: twilio", &["provider", "unknown variant `twilio`"]);
}

#[test]
fn what_needs_the_fault_gate_is_refused() {
    let written = [
        "refuse",
        "reset_before_read",
        "reset_after_read",
        "{ truncate_after: 40 }",
        "{ slow_body: 64 B/s }",
        "{ raw: HTTP/1.1 20 }",
    ];
    for transport in written {
        let message = refused(&format!("rules: [ {{ transport: {transport} }} ]"));
        assert!(message.contains("rules[0]") && message.contains("transport `"), "{message}");
        assert!(message.contains("needs the fault gate, not in this version"), "{message}");
        let message = refused(&format!("windows: [ {{ transport: {transport} }} ]"));
        assert!(message.contains("windows[0]") && message.contains("line 1"), "{message}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field() {
    let check = |text: &str, field: &str| {
        let message = refused(text);
        assert!(message.contains(&format!(": {field}: ")), "`{field}` is not in: {message}");
    };
    check("scenario: 2", "scenario");
    check("engine: { max_in_flight: 0 }", "engine.max_in_flight");
    check("subscribers: [ { area: 99 } ]", "subscribers[0].area");
    check("subscribers: [ { count: 60 }, { count: 60 } ]", "subscribers[1].count");
    check("campaign: { audiences: [nobody] }", "campaign.audiences");
    check("campaign: { excluded: [nobody] }", "campaign.excluded");
    check("rules: [ { when: { to: 0142 } } ]", "rules[0].when.to");
    check("rules: [ { when: { nth: 0 } } ]", "rules[0].when.nth");
    check("rules: [ { accepts: false } ]", "rules[0].accepts");
    check(
        "rules: [ { accepts: false, transport: close_after_read, receipts: [] } ]",
        "rules[0].receipts",
    );
    check("rules: [ { respond: {} } ]", "rules[0].respond");
    check("rules: [ { respond: { status: 100 } } ]", "rules[0].respond.status");
    check("rules: [ { respond: { json: {}, body: a } } ]", "rules[0].respond");
    check(
        "rules: [ { respond: { status: 500, headers: { 'a b': c } } } ]",
        "rules[0].respond.headers.a b",
    );
    check(
        "rules: [ { respond: { status: 500 }, transport: close_after_read } ]",
        "rules[0].transport",
    );
    check("rules: [ { transport: { hang: 2m } } ]", "rules[0].transport.hang");
    check("windows: [ { from: 2s, until: 1s } ]", "windows[0].until");
    check("windows: [ { receipts: hold } ]", "windows[0].receipts");
    check("windows: [ { accepts: false } ]", "windows[0].accepts");
    check("inbound: [ { from: me } ]", "inbound[0].from");
    check("receipt_faults: { unknown_message: [ {} ] }", "receipt_faults.unknown_message[0].id");
    check("steps: [ { activate: {} } ]", "steps[0].activate");
    check("steps: [ { create: { as: a } }, { cancel: { as: b } } ]", "steps[1].cancel.as");
    check("steps: [ { create: {} }, { when: {} } ]", "steps[1].when");
    check("steps: [ { query: {} } ]", "steps[0].query.graphql");
    check("expect: { counts: { sent: 1 } }", "expect.counts.sent");
    check("expect: [ {}, { counts: { sent: 1 } } ]", "expect[1].counts.sent");
    check("expect: { as: other, status: SENT }", "expect.as");
    check("expect: { recipients: { '+14155550105': {} } }", "expect.recipients");
    check("expect: { handed_over: { me: never } }", "expect.handed_over");
    check("{ proves: [S14], expect: { proves: [S14] } }", "expect.proves");
    check("{ proves: [S14], expect: { status: SENT } }", "proves");
    check("expect: { proves: S14, status: SENT }", "proves");
    check("steps: [ { expect: { status: SENT } } ]", "steps[0].expect");
    check("steps: [ { create: {} }, { explain: { phone: me } } ]", "steps[1].explain.phone");
    check(
        "steps: [ { create: { campaign: { audiences: [x] } } } ]",
        "steps[0].create.campaign.audiences",
    );
    check("subscribers: [ { phones: [me] } ]", "subscribers[0].phones");
}

#[test]
fn a_file_that_is_too_long_or_not_there_is_refused() {
    let long = "#".repeat(FILE_BYTES_MAX + 1);
    assert!(matches!(Scenario::parse("test", &long), Err(Error::TooLong { .. })));
    let missing = Scenario::load(Path::new("no/such/file.yaml"));
    assert!(matches!(missing, Err(Error::Read { .. })));
}

#[test]
fn spans_are_sums_with_units() {
    let ms = |text| Span::parse(text).map(Span::ms);
    assert_eq!(ms("300ms"), Some(300));
    assert_eq!(ms("+1h30m"), Some(5_400_000));
    assert_eq!(ms("2d"), Some(172_800_000));
    assert_eq!(ms("0"), Some(0));
    for wrong in ["", "+", "5", "s", "1x", "1.5s", "-1s", "1 s", "99999999999999999999s", "11000d"]
    {
        assert_eq!(ms(wrong), None, "{wrong}");
    }
}

#[test]
fn names_in_variables_become_ids() {
    let variables =
        serde_json::json!({ "id": "$sale", "in": [{ "x": "$sale" }, "$other", "sale", 1] });
    let query = Query { variables: variables.as_object().unwrap().clone(), ..Query::default() };
    let ids = BTreeMap::from([("sale".to_owned(), "camp_1".to_owned())]);
    let expected =
        serde_json::json!({ "id": "camp_1", "in": [{ "x": "camp_1" }, "$other", "sale", 1] });
    assert_eq!(query.variables_with(&ids), expected);
}
