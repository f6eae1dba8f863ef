//! Which rule decides on a hand-over, and what it says.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::wire::Reply;
use crate::contract::SubmitRequest;
use crate::contract::problem::PROBLEM_JSON;
use crate::dice;
use crate::scenario::{
    Accept, Latency, ReceiptStep, Respond, Rule, Script, Transport, When, Window, WindowReceipts,
};

/// What is decided on a hand-over.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    /// The rule or window that decided, by name.
    pub(super) by: Option<String>,
    /// Whether the message is taken.
    pub(super) takes: bool,
    /// What the 202 says.
    pub(super) accept: Accept,
    /// What is answered instead of the 202.
    pub(super) respond: Option<Respond>,
    /// What happens to the connection instead of an answer.
    pub(super) transport: Option<Transport>,
    /// How long the answer takes.
    pub(super) latency: Latency,
    /// What its receipts say.
    pub(super) receipts: Vec<ReceiptStep>,
}

/// Where a hand-over stands among the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// The how-manieth of all it is, from 1.
    pub(super) nth: u32,
    /// The how-manieth to its phone it is, from 1.
    pub(super) attempt: u32,
}

/// How often each rule has applied, by its place in the script.
pub(super) type RuleUses = HashMap<usize, u32>;

/// The window that answers at `now`, if one does.
pub(super) fn answering_window(script: &Script, now: DateTime<Utc>) -> Option<&Window> {
    lasting(script, now).find(|window| window.answers())
}

/// Decides on a hand-over and counts the rule that did.
pub(super) fn decide(
    script: &Script,
    uses: &mut RuleUses,
    request: &SubmitRequest,
    place: Place,
    now: DateTime<Utc>,
) -> Verdict {
    let mut verdict = if let Some(window) = answering_window(script, now) {
        by_window(script, window)
    } else if let Some((index, rule)) = matching_rule(script, uses, request, place) {
        let count = uses.entry(index).or_default();
        *count = count.saturating_add(1);
        by_rule(script, rule)
    } else {
        by_default(script)
    };
    verdict.latency = latency(script, now, verdict.latency);
    verdict
}

/// How long answers take at `now`: as the first window that says so, or else as `otherwise`.
pub(super) fn latency(script: &Script, now: DateTime<Utc>, otherwise: Latency) -> Latency {
    lasting(script, now).find_map(|window| window.latency).unwrap_or(otherwise)
}

/// When a receipt that is due at `due` comes; nothing if it never does.
pub(super) fn passes_windows(script: &Script, due: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut due = due;
    // Holding moves a receipt to a window's end, where another may hold it again: at most once a
    // window.
    for _ in 0..=script.windows.len() {
        let held = lasting(script, due).find(|window| window.receipts != WindowReceipts::Flow);
        match held.map(|window| (window.receipts, window.until)) {
            None => return Some(due),
            Some((WindowReceipts::Hold, Some(until))) => due = script.instant(until),
            Some(_) => return None,
        }
    }
    Some(due)
}

fn lasting(script: &Script, now: DateTime<Utc>) -> impl Iterator<Item = &Window> {
    let offset = now.signed_duration_since(script.start);
    script.windows.iter().filter(move |window| window.lasts_at(offset))
}

fn matching_rule<'a>(
    script: &'a Script,
    uses: &RuleUses,
    request: &SubmitRequest,
    place: Place,
) -> Option<(usize, &'a Rule)> {
    script.rules.iter().enumerate().find(|(index, rule)| {
        let count = uses.get(index).copied().unwrap_or_default();
        rule.limit.is_none_or(|limit| count < limit)
            && matches(&rule.when, script.seed, &rule_name(*index, rule), request, place)
    })
}

/// A rule's name, or its place if it has none.
fn rule_name(index: usize, rule: &Rule) -> String {
    if rule.name.is_empty() { format!("rules[{index}]") } else { rule.name.clone() }
}

fn matches(when: &When, seed: u64, rule: &str, request: &SubmitRequest, place: Place) -> bool {
    when.to.as_ref().is_none_or(|to| *to == request.to)
        && (when.to_in.is_empty() || when.to_in.contains(&request.to))
        && when.nth.is_none_or(|nth| nth == place.nth)
        && when.attempt.is_none_or(|attempt| attempt == place.attempt)
        && when.percent.is_none_or(|percent| dice::chance(seed, &[rule, &request.to], percent))
        && when.body_matches.as_ref().is_none_or(|pattern| text_matches(pattern, &request.text))
}

/// Whether the pieces of `pattern` between its `*` occur in `text` one after the other, whatever
/// the case.
pub(super) fn text_matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.to_lowercase(), text.to_lowercase());
    let mut rest = text.as_str();
    for piece in pattern.split('*') {
        let Some((_, after)) = rest.split_once(piece).or((piece.is_empty()).then_some(("", rest)))
        else {
            return false;
        };
        rest = after;
    }
    true
}

fn by_default(script: &Script) -> Verdict {
    let defaults = &script.defaults;
    Verdict {
        by: None,
        takes: true,
        accept: defaults.accept.clone(),
        respond: None,
        transport: None,
        latency: defaults.latency,
        receipts: defaults.receipts.clone(),
    }
}

fn by_rule(script: &Script, rule: &Rule) -> Verdict {
    let base = by_default(script);
    Verdict {
        by: named(&rule.name),
        takes: takes(rule.accepts, rule.respond.as_ref()),
        accept: rule.accept.clone().unwrap_or(base.accept),
        respond: rule.respond.clone(),
        transport: rule.transport,
        latency: rule.latency.unwrap_or(base.latency),
        receipts: rule.receipts.clone().unwrap_or(base.receipts),
    }
}

fn by_window(script: &Script, window: &Window) -> Verdict {
    let base = by_default(script);
    Verdict {
        by: named(&window.name),
        takes: takes(window.accepts, window.respond.as_ref()),
        respond: window.respond.clone(),
        transport: window.transport,
        ..base
    }
}

fn named(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

/// Whether a message is taken: as said, or unless the answer is an error.
fn takes(said: Option<bool>, respond: Option<&Respond>) -> bool {
    said.unwrap_or_else(|| respond.is_none_or(|respond| respond.http_status() < 400))
}

/// Replaces `reply` by what a script answers instead, and cuts or delays it as the script says.
pub(super) fn dress(
    reply: Reply,
    respond: Option<&Respond>,
    transport: Option<Transport>,
    latency: Latency,
) -> Reply {
    let mut reply = respond.map_or(reply, scripted);
    reply.transport = transport;
    reply.delay = Duration::from_millis(latency.fixed.ms());
    reply
}

/// The answer a script writes out.
fn scripted(respond: &Respond) -> Reply {
    let mut reply = match (respond.error, &respond.json, &respond.body) {
        (Some(code), _, _) => Reply::problem(code.0, "the script says so"),
        (None, Some(json), _) => Reply::json(200, json),
        (None, None, Some(body)) => Reply::new(200, "text/plain", body.clone().into_bytes()),
        (None, None, None) => Reply::new(200, "text/plain", Vec::new()),
    };
    reply.status = respond.http_status();
    if respond.json.is_some() && reply.status >= 400 {
        reply.set_header("content-type", PROBLEM_JSON);
    }
    for (name, value) in &respond.headers {
        reply.set_header(name, value);
    }
    reply
}
