//! Stories that go wrong are said to, and why.

use std::io::Write as _;

use super::*;

fn scenario(text: &str) -> Scenario {
    Scenario::parse("test", text).unwrap()
}

#[tokio::test]
async fn what_the_story_expects_and_is_otherwise_is_told() {
    let wrong = scenario(
        "steps:
  - create: { refused: BLANK }
  - cancel: {}
  - activate: {}
  - until: idle
expect: { status: CANCELED, counts: { delivered: 4, total: 5 } }",
    );
    let played = play(&wrong).await.unwrap();
    let expected = [
        "campaignCreate \"Sale\" must be refused with BLANK: it was done",
        "must succeed: WRONG_STATUS",
        "expected CANCELED, and it is SENT",
        "expected delivered 4, and it is 5",
    ];
    assert_eq!(played.problems.len(), expected.len(), "{:?}", played.problems);
    for (problem, expected) in played.problems.iter().zip(expected) {
        assert!(problem.contains(expected), "{problem}");
    }
}

/// A story with `<right|wrong>` in every part that it expects.
const EXPECTING: &str = r#"
proves: [S41, S40]
subscribers: [{ count: 2, time_zone: America/New_York }]
campaign: { schedule: { store_time: "2026-11-23T11:00:00" } }
steps:
  - create: { as: sale }
  - activate: {}
  - cancel: {}
  - cancel: { refused: WRONG_STATUS }
  - expect: { proves: S41, status: <DRAFT|SENT>, reason: <SCHEDULE_CANCELED|none> }
  - activate: {}
  - until: idle
expect:
  - proves: [S40, S41]
    statuses: <[DRAFT, SCHEDULED, DRAFT, SCHEDULED, PROCESSING, SENDING, SENT]|[]>
    events: <[CREATED]|[CREATED, EDITED]>
    reasons: { UNSUBSCRIBED: <0|1> }
    recipients: { "+14155550100": { state: <DELIVERED|SKIPPED>, due: <1h|2026-11-23T15:00:00Z>, deferred_from: none,
      accepted: <1h|none>, zone: <America/New_York|UTC>, attempts: <1|2>, fields: { isFinal: <true|false> } } }
  - as: sale
    handed_over: { "+14155550100": <1h|never> }
    texts: { "+14155550100": "<20% off today|20% off tonight>" }
    not_before: { "+14155550101": <1h|1h1ms> }
    none_before: <1h|1h1ms>
    none_after: <1h1ms|1h>
    refused: { cancel: <WRONG_STATUS|[WRONG_STATUS, WRONG_STATUS]>, update: [] }
    cancel: { status: DRAFT, canceled: <0|2> }
    fields: { schedule.startsAt: <1h|2026-11-23T15:00:00Z>, statusReason.code: null }
    subscribers: { "+14155550100": { status: <SUBSCRIBED|UNSUBSCRIBED> } }
    site: { timeZone: <America/New_York|UTC> }
"#;

/// The story with all that is right, or all that is wrong.
fn expecting(is_right: bool) -> Scenario {
    let mut parts = EXPECTING.split('<');
    let mut text = parts.next().unwrap().to_owned();
    for part in parts {
        let (both, rest) = part.split_once('>').unwrap();
        let (right, wrong) = both.split_once('|').unwrap();
        text.push_str(if is_right { right } else { wrong });
        text.push_str(rest);
    }
    scenario(&text)
}

/// Goal: whatever is expected and otherwise is told with both sides, under the rules it was to prove,
/// and what is as expected is not told. Method: one story, each part once right and once wrong.
#[tokio::test]
async fn every_part_of_what_is_expected_is_held_to() {
    let right = play(&expecting(true)).await.unwrap();
    assert_eq!(right.problems, Vec::<String>::new());
    let wrong = play(&expecting(false)).await.unwrap();
    let expected = [
        "S41 at steps[4]: expected SENT, and it is DRAFT",
        "S41 at steps[4]: expected its reason to be none, and it is SCHEDULE_CANCELED",
        "S40, S41 at expect[0]: expected UNSUBSCRIBED 1, and it is 0",
        "S40, S41 at expect[0]: expected the statuses , and it is DRAFT, SCHEDULED, DRAFT",
        "S40, S41 at expect[0]: expected the events CREATED, EDITED, and it is CREATED",
        "expected …0100 to be SKIPPED, and it is DELIVERED",
        "expected …0100's zone UTC, and it is America/New_York",
        "expected …0100's attempts 2, and it is 1",
        "expected …0100's due +0, and it is +1h",
        "expected …0100's accepted none, and it is +1h",
        "expected …0100's isFinal to be false, and it is true",
        "expect[1]: expected schedule.startsAt to be +0, and it is +1h",
        "expected texts for …0100 to be taken at never, and it is +1h",
        "expected a text of 15 characters for …0100, and one of 13 differs from character 11 on",
        "expected nothing for …0101 before +1h1ms, and it was at +1h",
        "expected no hand-over before +1h1ms, and one was at +1h",
        "expected no hand-over from +1h on, and one was at +1h",
        "expected cancel to be refused with WRONG_STATUS, WRONG_STATUS, and it is WRONG_STATUS",
        "expected the cancel to say canceled 2, and it is 0",
        "expected …0100's status to be \"UNSUBSCRIBED\", and it is \"SUBSCRIBED\"",
        "expected the site's timeZone to be \"UTC\", and it is \"America/New_York\"",
    ];
    for (problem, expected) in wrong.problems.iter().zip(expected) {
        assert!(problem.contains(expected), "{problem} in {:#?}", wrong.problems);
    }
    assert_eq!(wrong.problems.len(), expected.len(), "{:#?}", wrong.problems);
}

#[tokio::test]
async fn waiting_for_what_never_comes_is_an_error_and_not_a_hang() {
    let text = "steps: [{ create: {} }, { activate: {} }, { when: { accepted: 6 } }]";
    let error = play(&scenario(text)).await.unwrap_err();
    let expected =
        "steps[2] waits for the aggregator to have taken 6 messages, and nothing is left to do";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_message_taken_behind_the_ledger_s_back_is_told() {
    // Both are taken under the id of the first, so one message of the ledger is nowhere to be found.
    let text = r#"
subscribers: [{ count: 2 }]
rules:
  - when: { to: "+14155550101" }
    respond: { status: 202, json: { id: agg_1 } }
    receipts: []
  - respond: { status: 202, json: { id: agg_1 } }
    receipts: []
"#;
    let played = play(&scenario(text)).await.unwrap();
    assert!(!played.problems.is_empty(), "{}", played.timeline);
}

#[tokio::test]
async fn files_are_played_one_by_one_and_each_gets_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let paths: Vec<std::path::PathBuf> =
        ["good", "bad", "broken"].map(|name| folder.path().join(format!("{name}.yaml"))).into();
    let texts = ["scenario: 1", "expect: { status: DRAFT }", "scenario: 2"];
    for (path, text) in paths.iter().zip(texts) {
        std::fs::File::create(path).unwrap().write_all(text.as_bytes()).unwrap();
    }
    let mut output = Vec::new();
    assert!(!run_files(&paths, Printed::Problems, None, &mut output).await.unwrap());
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains("ok     good\n"), "{output}");
    assert!(output.contains("FAILED bad\n       expected DRAFT, and it is SENT\n"), "{output}");
    assert!(output.contains("FAILED broken\n"), "{output}");
    assert!(output.contains("version 2 is not known"), "{output}");
    assert!(output.ends_with("3 played, 2 failed\n"), "{output}");
    let mut output = Vec::new();
    let good = &paths[..1];
    assert!(run_files(good, Printed::Timeline, None, &mut output).await.unwrap());
    assert!(String::from_utf8(output).unwrap().contains("--- in the end ---"));
}
