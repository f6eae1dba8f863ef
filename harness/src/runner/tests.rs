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
    assert!(!run_files(&paths, Printed::Problems, &mut output).await.unwrap());
    let output = String::from_utf8(output).unwrap();
    assert!(output.contains("ok     good\n"), "{output}");
    assert!(output.contains("FAILED bad\n       expected DRAFT, and it is SENT\n"), "{output}");
    assert!(output.contains("FAILED broken\n"), "{output}");
    assert!(output.contains("version 2 is not known"), "{output}");
    assert!(output.ends_with("3 played, 2 failed\n"), "{output}");
    let mut output = Vec::new();
    let good = &paths[..1];
    assert!(run_files(good, Printed::Timeline, &mut output).await.unwrap());
    assert!(String::from_utf8(output).unwrap().contains("--- in the end ---"));
}
