//! The checker, checked: journals of real runs, each with one thing changed, and the invariant that is broken.
//!
//! Goal: every rule can fail, for the right reason, and does not for another. Method: play a few stories,
//! change one fact of a journal, and compare the set of rules that the checker names with the expected one.

mod edits;
mod lives;
mod more;
mod under_way;

use std::collections::{BTreeMap, BTreeSet};

use harness::check::{Rule, check_text};
use harness::{runner, scenario::Scenario};

pub(crate) use edits::Journal;

/// The fewest mutations that must be caught.
const MUTATIONS_MIN: usize = 40;

/// One change: its name, the story it is made to, the rules it breaks, and the change.
pub(crate) struct Mutation {
    pub(crate) name: &'static str,
    pub(crate) story: &'static str,
    pub(crate) breaks: &'static [Rule],
    pub(crate) change: fn(&mut Journal),
}

/// Two steps in quiet hours' country, a STOP between them, somebody gone from before, values of one's own.
const FOLLOW_UPS: &str = r#"
clock: { start: 2026-11-23T15:00:00Z }
site: { quiet_hours: { start: "20:00", end: "09:00" }, rule_packs: [us_federal] }
subscribers:
  - { phones: ["+12125550100"], attributes: { code: canary-a } }
  - { phones: ["+12125550101"], attributes: { code: canary-b } }
  - { phones: ["+12125550102"], attributes: { code: canary-c } }
  - { phones: ["+12125550103"], attributes: { code: canary-d }, unsubscribed: true }
inbound: [{ at: 30m, from: "+12125550102", body: STOP }]
campaign:
  steps: [{ body: "Your code: {{ code }}" }, { body: "Still there, {{ code }}?", delay: 1h }]
"#;

/// A window of four, a pause, a cancel.
const HALTED: &str = "
engine: { max_in_flight: 4 }
subscribers: [{ count: 16, area: 212 }]
steps:
  - create: {}
  - activate: {}
  - when: { accepted: 4 }
  - pause: {}
  - when: { at: 10m }
  - resume: {}
  - when: { accepted: 8 }
  - cancel: { key: press-1 }
  - cancel: { key: press-1 }
  - until: idle
";

/// Smart Sending between two campaigns, and one at a time for subscribers.
const SMART: &str = "
site: { smart_sending: 8h }
subscribers: [{ count: 3, area: 212 }]
campaign: { uses_smart_sending: true }
steps:
  - create: { as: one }
  - activate: { as: one }
  - until: idle
  - create:
      as: other
      campaign:
        uses_smart_sending: true
        steps: [{ body: Something else }]
        schedule: { subscriber_time: { at: 2026-11-25T10:00:00 } }
  - activate: { as: other }
  - until: idle
";

/// Two segments a second, an aggregator that asks to wait, an answer that is lost.
const PACED: &str = r#"
connection: { key_hours: 0, look_up: false }
site: { sender_segments_per_s: 2 }
subscribers: [{ count: 4, area: 212 }]
rules:
  - { when: { to: "+12125550101", attempt: 1 }, respond: { error: RateLimited, headers: { retry-after: "30" } } }
  - { when: { to: "+12125550102" }, transport: close_after_read, accepts: true, receipts: [] }
"#;

/// A trial that is used up by the first of two campaigns.
const TRIAL: &str = "
site: { plan: { trial: 3 } }
subscribers: [{ count: 3, area: 212 }]
steps:
  - create: { as: one }
  - create: { as: other, campaign: { steps: [{ body: Something else }] } }
  - activate: { as: one }
  - activate: { as: other }
  - until: idle
";

const STORIES: [(&str, &str); 5] = [
    ("follow-ups", FOLLOW_UPS),
    ("halted", HALTED),
    ("smart", SMART),
    ("paced", PACED),
    ("trial", TRIAL),
];

async fn journals() -> BTreeMap<&'static str, String> {
    let mut journals = BTreeMap::new();
    for (name, yaml) in STORIES {
        let scenario = Scenario::parse(name, &format!("scenario: 1\n{yaml}")).unwrap();
        let played = runner::play(&scenario).await.unwrap();
        assert_eq!(played.problems, Vec::<String>::new(), "{name}:\n{}", played.timeline);
        journals.insert(name, played.journal);
    }
    journals
}

/// The rules that a journal breaks.
fn broken(journal: &str) -> (BTreeSet<Rule>, String) {
    let report = check_text(journal).unwrap();
    let violations = report.findings().violations();
    let rules = violations.iter().map(|violation| violation.rule).collect();
    (rules, report.violations().join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_mutation_is_caught_by_its_invariant() {
    let journals = journals().await;
    let mutations: Vec<Mutation> =
        lives::mutations().into_iter().chain(more::mutations()).collect();
    assert!(mutations.len() >= MUTATIONS_MIN, "{} mutations", mutations.len());
    let mut wrong = Vec::new();
    let mut caught: BTreeSet<Rule> = BTreeSet::new();
    for mutation in &mutations {
        let mut journal = Journal::read(&journals[mutation.story]);
        let untouched = broken(&journal.text());
        assert!(untouched.0.is_empty(), "{}: {}", mutation.story, untouched.1);
        (mutation.change)(&mut journal);
        let (found, told) = broken(&journal.text());
        let expected: BTreeSet<Rule> = mutation.breaks.iter().copied().collect();
        if found != expected {
            wrong.push(format!("{}: {found:?}, not {expected:?}\n{told}", mutation.name));
        }
        assert!(!told.contains("555010"), "{}: a phone is shown:\n{told}", mutation.name);
        caught.extend(mutation.breaks);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let missing: Vec<&Rule> = Rule::ALL.iter().filter(|rule| !caught.contains(rule)).collect();
    assert!(missing.is_empty(), "no mutation breaks {missing:?}");
}

/// Goal: a receipt that a process died over counts if that process had stored it, and need not. Method: take the
/// answers of one message's receipts away; it may be DELIVERED, or ACCEPTED, but nothing that no receipt says.
#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_that_nobody_answered_may_count() {
    let journal = journals().await.remove("follow-ups").unwrap();
    let breaks = |state: &str| {
        let mut journal = Journal::read(&journal);
        let row = journal.row("+12125550100", 0);
        let id = journal.lines[row]["fact"]["row"]["id"].clone();
        for at in journal.with("receipt", "id", &id) {
            journal.set(at, "answered", &serde_json::Value::Null);
        }
        journal.set(row, "state", &serde_json::json!(state));
        broken(&journal.text()).0.contains(&Rule::I15)
    };
    assert_eq!(["DELIVERED", "ACCEPTED", "UNDELIVERED"].map(breaks), [false, false, true]);
}

/// Goal: a journal that is not whole is no proof. Method: take a line out, break one, reverse two.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_with_a_hole_is_refused() {
    let scenario = Scenario::parse("smart", &format!("scenario: 1\n{SMART}")).unwrap();
    let journal = runner::play(&scenario).await.unwrap().journal;
    let lines: Vec<&str> = journal.lines().collect();
    let without = |gone: usize| {
        let kept = lines.iter().enumerate().filter(|(index, _)| *index != gone);
        kept.flat_map(|(_, line)| [*line, "\n"]).collect::<String>()
    };
    let refused = |journal: &str| check_text(journal).unwrap_err().to_string();
    assert!(refused(&without(5)).starts_with("line 6: writer `runner` should go on with number 5"));
    let cut = lines[5].get(..20).unwrap();
    assert!(refused(&journal.replace(lines[5], cut)).starts_with("line 6 is cut off"));
    assert_eq!(refused(""), "the journal is empty");
    let newer = journal.replacen("\"version\":1", "\"version\":2", 1);
    assert!(refused(&newer).contains("version 2"));
    // The last line may be cut off: its writer was killed over it.
    assert!(check_text(journal.get(..journal.len() - 9).unwrap()).is_ok());
}

/// Goal: whoever runs the command can tell the three outcomes apart. Method: the built binary, on a journal
/// that holds, on one that does not, and on none.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_says_how_it_went() {
    let scenario = Scenario::parse("smart", &format!("scenario: 1\n{SMART}")).unwrap();
    let journal = runner::play(&scenario).await.unwrap().journal;
    let folder = tempfile::tempdir().unwrap();
    let check = |text: &str| {
        let path = folder.path().join("journal.jsonl");
        std::fs::write(&path, text).unwrap();
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_harness"))
            .arg("check")
            .arg(&path)
            .output()
            .unwrap();
        (ran.status.code(), String::from_utf8(ran.stdout).unwrap())
    };
    let (code, told) = check(&journal);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.lines().any(|line| line.starts_with("I13  PASS         6")), "{told}");
    assert!(told.ends_with("lines\nPASS\n"), "{told}");
    let (code, told) =
        check(&journal.replacen("\"state\":\"DELIVERED\"", "\"state\":\"ACCEPTED\"", 1));
    assert_eq!(code, Some(1), "{told}");
    assert!(
        told.contains("\nI15 a message is ACCEPTED, and it must be DELIVERED\n  line "),
        "{told}"
    );
    assert_eq!(check("{}\n{}\n").0, Some(2));
}
