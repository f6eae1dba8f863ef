//! Showing the two facts of a violation.
//!
//! **Invariant:** phones are masked, and texts, values and keys are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead};

use serde_json::Value;

use super::findings::{Findings, Violation};
use crate::privacy::mask_all;

/// The fields that are not shown.
const HIDDEN: [&str; 7] = ["text", "body", "attributes", "prefix", "footer", "postal_code", "name"];
/// The characters of a fact that are shown.
const SHOWN_CHARS: usize = 400;

/// The lines that violations name, as they are shown.
#[derive(Debug)]
pub(super) struct Evidence {
    lines: BTreeMap<u32, String>,
}

impl Evidence {
    /// Reads the lines that are needed, in a second pass.
    pub(super) fn collect(from: impl BufRead, findings: &Findings) -> io::Result<Self> {
        let violations = findings.violations();
        let wanted: BTreeSet<u32> =
            violations.iter().flat_map(|violation| violation.lines).collect();
        let mut lines = BTreeMap::new();
        let Some(last) = wanted.last() else { return Ok(Self { lines }) };
        for (number, line) in (1..=*last).zip(from.split(b'\n')) {
            let line = line?;
            if wanted.contains(&number) {
                lines.insert(number, shown(&line));
            }
        }
        Ok(Self { lines })
    }

    /// A violation in three lines.
    pub(super) fn tell(&self, violation: &Violation) -> String {
        let Violation { rule, what, lines: [first, second] } = violation;
        let line = |number: &u32| self.lines.get(number).map_or("", String::as_str);
        format!("{rule} {what}\n  line {first}: {}\n  line {second}: {}", line(first), line(second))
    }
}

fn shown(line: &[u8]) -> String {
    let Ok(mut value) = serde_json::from_slice::<Value>(line) else { return String::new() };
    let at_ms = value.get("at_ms").and_then(Value::as_i64).unwrap_or_default();
    let at = chrono::DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    let us = value.get("us").cloned().unwrap_or_default();
    let mut fact = value.get_mut("fact").map(Value::take).unwrap_or_default();
    hide(&mut fact);
    let all = format!("{} ({us} us) {fact}", crate::contract::instant_text(at));
    mask_all(&all).chars().take(SHOWN_CHARS).collect()
}

/// Leaves out what is not to be shown. The depth is that of a fact.
fn hide(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields.iter_mut() {
                if HIDDEN.contains(&name.as_str()) {
                    *value = Value::String("…".to_owned());
                } else {
                    hide(value);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(hide),
        _ => {}
    }
}
