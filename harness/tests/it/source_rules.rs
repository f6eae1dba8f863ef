//! Every rule of the source has its proof, and every code its story.
//!
//! Goal: nothing that the service promises goes unshown, and nothing is forgotten in silence. Method:
//! gather the rules that scenarios prove and the codes that their timelines show, and compare both with
//! the rules of the source and with what the service can say. What is missing must be allowed in
//! `harness/scenarios/allowed-gaps.yaml`, with its reason; what is allowed and not missing fails too, so
//! that the list only shrinks.
//!
//! The proofs stand in `docs/source-rules.md`, which this test writes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use api::config::keep_file;
use domain::campaign::TRANSITIONS;
use harness::scenario::Scenario;
use harness::source_rules::RULES;
use serde::Deserialize;

use crate::scenarios::{files, stem};

/// What no scenario shows, by kind and code, each with why.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Gaps {
    rules: BTreeMap<String, String>,
    transitions: BTreeMap<String, String>,
    statuses: BTreeMap<String, String>,
    status_reasons: BTreeMap<String, String>,
    message_reasons: BTreeMap<String, String>,
    delays: BTreeMap<String, String>,
}

fn at_root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn gaps() -> Gaps {
    let text = std::fs::read_to_string(at_root("harness/scenarios/allowed-gaps.yaml")).unwrap();
    serde_yaml_ng::from_str(&text).unwrap()
}

/// The rules with the scenarios that prove them.
fn proofs() -> BTreeMap<String, BTreeSet<String>> {
    let mut proofs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for path in files("scenarios", ".yaml").unwrap() {
        let scenario = Scenario::load(&path).unwrap();
        for rule in &scenario.proves {
            proofs.entry(rule.to_string()).or_default().insert(stem(&path));
        }
    }
    proofs
}

/// The lines of every kept timeline.
fn lines() -> Vec<String> {
    let kept = files("tests/it/snapshots", ".yaml.snap").unwrap();
    let texts = kept.iter().map(|path| std::fs::read_to_string(path).unwrap());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// The names of an enum of the schema; none, if it has no such enum.
fn names_of(name: &str) -> BTreeSet<String> {
    let sdl = api::graphql::sdl();
    let body = sdl.split(&format!("enum {name} {{")).nth(1);
    let body = body.and_then(|rest| rest.split('}').next()).unwrap_or_default();
    let names = body.lines().map(str::trim).filter(|line| is_code(line));
    names.map(str::to_owned).collect()
}

fn is_code(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// What stands on a line after `before`, up to the next character that is none of a code's.
fn code_after<'a>(line: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(before)?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
    Some(&rest[..end]).filter(|code| is_code(code))
}

/// The codes that lines show where `read` finds them.
fn shown(lines: &[String], read: impl Fn(&str) -> Option<String>) -> BTreeSet<String> {
    lines.iter().filter_map(|line| read(line)).collect()
}

/// `SENDING → SENT` of a line that tells of a move.
fn moved(line: &str) -> Option<String> {
    let (before, after) = line.split_once(" → ")?;
    let from = before.rsplit(' ').next().filter(|word| is_code(word))?;
    let to = after.split(' ').next().filter(|word| is_code(word))?;
    Some(format!("{from} → {to}"))
}

/// The reason of a line that tells of a move, or of how a campaign ended.
fn status_reason(line: &str) -> Option<String> {
    let is_told = moved(line).is_some() || line.starts_with("camp#");
    code_after(line, " (").filter(|_| is_told).map(str::to_owned)
}

/// The reason of a line that counts messages that stand alike.
fn message_reason(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(" × ")?;
    let mut words = rest.split(' ');
    let state = words.next().filter(|word| is_code(word))?;
    words.next().filter(|word| is_code(word) && !state.is_empty()).map(str::to_owned)
}

/// What is wrong between what there is, what is shown and what is allowed not to be.
fn compare(
    kind: &str,
    all: &BTreeSet<String>,
    shown: &BTreeSet<String>,
    allowed: &BTreeMap<String, String>,
) -> Vec<String> {
    let mut problems = Vec::new();
    for code in all.difference(shown).filter(|code| !allowed.contains_key(*code)) {
        problems.push(format!("{kind}: no scenario shows {code}"));
    }
    for (code, why) in allowed {
        if !all.contains(code) {
            problems.push(format!("{kind}: {code} is allowed to be missing, and there is no such"));
        }
        if shown.contains(code) {
            problems.push(format!("{kind}: {code} is shown; take it from the allowed gaps"));
        }
        if why.trim().is_empty() {
            problems.push(format!("{kind}: {code} is allowed to be missing without a reason"));
        }
    }
    problems
}

#[test]
fn every_rule_of_the_source_is_proved() {
    let all = RULES.iter().map(|rule| format!("S{}", rule.number)).collect();
    let proved = proofs().into_keys().collect();
    let problems = compare("rules", &all, &proved, &gaps().rules);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_move_and_every_code_is_shown() {
    let (gaps, lines) = (gaps(), lines());
    let name = |status: domain::campaign::CampaignStatus| status.as_str().to_uppercase();
    let moves: BTreeSet<String> = TRANSITIONS
        .iter()
        .map(|(from, _, to)| format!("{} → {}", name(*from), name(*to)))
        .collect();
    let seen = shown(&lines, moved);
    let statuses = seen.iter().flat_map(|moved| moved.split(" → ")).map(str::to_owned).collect();
    let delays = shown(&lines, |line| code_after(line, "delay ").map(str::to_owned));
    let mut problems = compare("transitions", &moves, &seen, &gaps.transitions);
    problems.extend(seen.difference(&moves).map(|moved| format!("{moved} cannot happen")));
    problems.extend(compare("statuses", &names_of("CampaignStatus"), &statuses, &gaps.statuses));
    let all = names_of("CampaignStatusReasonCode");
    let reasons = shown(&lines, status_reason);
    problems.extend(compare("status_reasons", &all, &reasons, &gaps.status_reasons));
    let all = names_of("MessageReasonCode");
    let reasons = shown(&lines, message_reason);
    problems.extend(compare("message_reasons", &all, &reasons, &gaps.message_reasons));
    let all = names_of("CampaignDelayCode");
    problems.extend(compare("delays", &all, &delays, &gaps.delays));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_page_of_rules_is_what_scenarios_prove() {
    keep_file(&at_root("docs/source-rules.md"), &page(&proofs(), &gaps().rules)).unwrap();
}

fn page(proofs: &BTreeMap<String, BTreeSet<String>>, gaps: &BTreeMap<String, String>) -> String {
    let mut page = String::from(
        "<!-- Written by a test from harness/src/source_rules.rs and harness/scenarios; do not edit. -->\n\
         # The rules of the source, and their proofs\n\n\
         What a campaign does, rule by rule. A proof is a scenario whose `expect` names the rule: it is\n\
         played against the whole service on every test run, and fails if what it expects is otherwise.\n\
         Its timeline, in words, is in `harness/tests/it/snapshots/`.\n",
    );
    let mut topic = "";
    for rule in &RULES {
        if rule.topic != topic {
            topic = rule.topic;
            let _ =
                write!(page, "\n## {topic}\n\n| Rule | What it says | Proofs |\n|---|---|---|\n");
        }
        let code = format!("S{}", rule.number);
        let proofs: Vec<String> =
            proofs.get(&code).into_iter().flatten().map(|name| link(name)).collect();
        let proofs = match gaps.get(&code) {
            Some(why) => format!("none yet: {why}"),
            None => proofs.join(", "),
        };
        let _ = writeln!(page, "| {code} | {} | {proofs} |", rule.sentence);
    }
    page
}

fn link(name: &str) -> String {
    format!("[{name}](../harness/scenarios/{name}.yaml)")
}

#[test]
fn codes_are_read_where_they_stand() {
    let told =
        "+00:00:00.000 service    camp#1 SENDING → CANCELED (CANCELED_BY_CALLER) by the dashboard";
    assert_eq!(moved(told).unwrap(), "SENDING → CANCELED");
    assert_eq!(status_reason(told).unwrap(), "CANCELED_BY_CALLER");
    assert_eq!(status_reason("camp#1: FAILED (SITE_INACTIVE)").unwrap(), "SITE_INACTIVE");
    let refused = "+00:00:00.000 caller     → campaignActivate camp#1 now: refused, SITE_INACTIVE";
    assert_eq!((moved(refused), status_reason(refused)), (None, None));
    assert_eq!(
        message_reason("  2 × DEFERRED QUIET_HOURS (us_fl) until x").unwrap(),
        "QUIET_HOURS"
    );
    assert_eq!(message_reason("  2 × DELIVERED"), None);
    assert_eq!(message_reason("aggregator ← 4 × POST /messages to …"), None);
    assert_eq!(code_after("caller · delay QUIET_HOURS: 2 messages", "delay "), Some("QUIET_HOURS"));
    assert!(names_of("CampaignStatus").contains("DRAFT") && names_of("NoSuchEnum").is_empty());
}

#[test]
fn a_gap_is_allowed_only_while_it_is_one() {
    let set = |codes: &[&str]| codes.iter().map(|code| (*code).to_owned()).collect::<BTreeSet<_>>();
    let gap = |code: &str, why: &str| BTreeMap::from([(code.to_owned(), why.to_owned())]);
    let (all, shown) = (set(&["A", "B"]), set(&["A"]));
    assert_eq!(compare("x", &all, &shown, &gap("B", "not built yet")), Vec::<String>::new());
    assert_eq!(compare("x", &all, &shown, &BTreeMap::new()), ["x: no scenario shows B"]);
    assert!(compare("x", &all, &all, &gap("B", "why"))[0].contains("B is shown"));
    assert!(compare("x", &all, &shown, &gap("B", " "))[0].contains("without a reason"));
    assert!(compare("x", &all, &all, &gap("C", "why"))[0].contains("there is no such"));
}
