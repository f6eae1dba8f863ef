//! Fields of the API by their paths: the selection that asks for them, and what an answer has there.
//!
//! **Invariant:** a path is names joined by full stops. Through a list it leads to the list of what each
//! of its objects has.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use crate::privacy::mask_all;
use crate::scenario::{Fields, Moment};

/// What a selection of some paths asks for, name by name.
#[derive(Default)]
struct Tree(BTreeMap<String, Tree>);

impl Tree {
    fn add(&mut self, path: &str) {
        let mut tree = self;
        for name in path.split('.') {
            tree = tree.0.entry(name.to_owned()).or_default();
        }
    }

    /// As GraphQL. The depth is that of the longest path.
    fn text(&self) -> String {
        let names = self.0.iter().map(|(name, under)| {
            if under.0.is_empty() { name.clone() } else { format!("{name} {{ {} }}", under.text()) }
        });
        names.collect::<Vec<_>>().join(" ")
    }
}

/// The selection that asks for some paths, without its braces.
pub(super) fn selection<'a>(paths: impl IntoIterator<Item = &'a str>) -> String {
    let mut tree = Tree::default();
    for path in paths {
        tree.add(path);
    }
    tree.text()
}

/// What a value has at a path; null where something on the way is not there.
pub(super) fn at(value: &Value, path: &str) -> Value {
    let mut found = value.clone();
    for name in path.split('.') {
        found = match found {
            Value::Array(values) => values.into_iter().map(|value| member(value, name)).collect(),
            value => member(value, name),
        };
    }
    found
}

fn member(value: Value, name: &str) -> Value {
    match value {
        Value::Object(mut fields) => fields.remove(name).unwrap_or_default(),
        _ => Value::Null,
    }
}

/// What of the fields asked for is otherwise, in words.
pub(super) fn unmet(
    start: DateTime<Utc>,
    of: &str,
    fields: &Fields,
    answer: &Value,
) -> Vec<String> {
    let mut problems = Vec::new();
    for (path, wanted) in fields {
        let found = at(answer, path);
        if !is_met(start, wanted, &found) {
            let (wanted, found) = (shown(start, wanted), shown(start, &found));
            problems.push(format!("expected {of}{path} to be {wanted}, and it is {found}"));
        }
    }
    problems
}

/// Whether a value is what is wanted: instants by the instant, `{ has: … }` by a part of the text, all
/// else by being equal.
fn is_met(start: DateTime<Utc>, wanted: &Value, found: &Value) -> bool {
    if let (Some(wanted), Some(found)) = (moment(start, wanted), instant(found)) {
        return wanted == found;
    }
    if let Some(part) = wanted.as_object().and_then(|object| object.get("has")?.as_str()) {
        return found.as_str().is_some_and(|found| found.contains(part));
    }
    match (wanted, found) {
        (Value::Array(wanted), Value::Array(found)) => {
            let pairs = wanted.iter().zip(found);
            wanted.len() == found.len()
                && pairs.into_iter().all(|(wanted, found)| is_met(start, wanted, found))
        }
        (Value::Number(wanted), Value::Number(found)) => wanted.as_f64() == found.as_f64(),
        _ => wanted == found,
    }
}

/// The instant that a written value stands for, if it is a moment. A phone begins with a plus as well
/// and is none.
fn moment(start: DateTime<Utc>, wanted: &Value) -> Option<DateTime<Utc>> {
    if wanted.as_u64() == Some(0) {
        return Some(start);
    }
    Moment::parse(wanted.as_str()?).map(|moment| moment.instant(start))
}

fn instant(found: &Value) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(found.as_str()?).ok().map(|at| at.to_utc())
}

/// A value as a problem shows it: phones masked, instants as offsets.
fn shown(start: DateTime<Utc>, value: &Value) -> String {
    match moment(start, value).filter(|_| value.is_string()) {
        Some(at) => offset(start, at),
        None => mask_all(&value.to_string()),
    }
}

/// An instant as an offset from the start, with the words of a scenario: `+13h`, `-1h30m`.
pub(super) fn offset(start: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let between = at.signed_duration_since(start);
    let sign = if between < TimeDelta::zero() { '-' } else { '+' };
    let ms = between.num_milliseconds().unsigned_abs();
    let parts =
        [(ms / 3_600_000, "h"), (ms / 60_000 % 60, "m"), (ms / 1000 % 60, "s"), (ms % 1000, "ms")];
    let said: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if said.is_empty() { format!("{sign}0") } else { format!("{sign}{}", said.concat()) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn start() -> DateTime<Utc> {
        "2026-11-23T15:00:00Z".parse().unwrap()
    }

    #[test]
    fn paths_become_one_selection() {
        let paths = ["delays.code", "status", "sendingDetails.mode", "delays.messageCount"];
        assert_eq!(selection(paths), "delays { code messageCount } sendingDetails { mode } status");
        let answer = json!({ "delays": [{ "code": "A" }, { "code": "B" }], "status": "SENT" });
        assert_eq!(at(&answer, "delays.code"), json!(["A", "B"]));
        assert_eq!(at(&answer, "status.code"), Value::Null);
        assert_eq!(at(&answer, "nothing.here"), Value::Null);
    }

    #[test]
    fn what_is_otherwise_is_said_with_both_sides() {
        let answer = json!({
            "at": "2026-11-24T04:00:00.000Z", "text": "Pay first.", "list": [1, 2], "none": null,
            "phone": "+14155550100",
        });
        let met: Fields = serde_json::from_value(json!({
            "at": "+13h", "text": { "has": "Pay" }, "list": [1, 2], "none": null,
            "phone": "+14155550100",
        }))
        .unwrap();
        assert_eq!(unmet(start(), "", &met, &answer), Vec::<String>::new());
        let not_met: Fields = serde_json::from_value(json!({
            "at": "+12h30m", "text": { "has": "pay" }, "list": [1], "none": "x", "phone": "+1",
        }))
        .unwrap();
        let problems = unmet(start(), "its ", &not_met, &answer);
        assert_eq!(problems.len(), 5);
        assert_eq!(problems[0], "expected its at to be +12h30m, and it is +13h");
        assert!(problems[3].ends_with("and it is \"…0100\""), "{problems:?}");
        assert_eq!(offset(start(), start() - TimeDelta::milliseconds(1500)), "-1s500ms");
        assert_eq!(offset(start(), start()), "+0");
    }
}
