//! Repeats: of calls under their keys, and of hand-overs under theirs.

use std::collections::HashMap;

use crate::check::book::{Book, Owner, Request};
use crate::check::findings::Findings;
use crate::check::rule::Rule;
use crate::check::symbols::Sym;
use crate::record::{Called, Did};

/// What is refused because a key came before with something else.
const REUSED: &str = "IDEMPOTENCY_KEY_REUSED";
/// The statuses that promise that nothing was taken.
const NOT_TAKEN: [u16; 3] = [425, 429, 503];
/// Statuses below 500 that leave open whether it was.
const OPEN: [u16; 2] = [408, 409];

/// I21.
pub(super) fn keyed_calls(book: &Book, found: &mut Findings) {
    let mut first: HashMap<(&str, &str), &Called> = HashMap::new();
    let mut stamps = HashMap::new();
    for call in &book.calls {
        let Some(key) = call.fact.key.as_deref() else { continue };
        let place = (call.fact.verb.as_str(), key);
        let Some(known) = first.get(&place) else {
            if call.fact.refused.is_empty() {
                first.insert(place, &call.fact);
                stamps.insert(place, call.stamp);
            }
            continue;
        };
        let stamp = stamps.get(&place).copied().unwrap_or(call.stamp);
        let is_right = if known.asked == call.fact.asked {
            known.told == call.fact.told
        } else {
            call.fact.refused.iter().any(|code| code == REUSED)
        };
        found.hold(Rule::I21, is_right, [stamp, call.stamp], || {
            format!("a {} under a key that was used got another answer", call.fact.verb)
        });
    }
}

/// I26: one key, one text of bytes.
pub(super) fn same_bytes(book: &Book, found: &mut Findings) {
    let mut first: HashMap<Sym, &Request> = HashMap::new();
    for request in &book.requests {
        let known = first.entry(request.key).or_insert(request);
        let is_same = known.digest == request.digest && known.reference == request.reference;
        found.hold(Rule::I26, is_same, [known.read, request.read], || {
            "a key came again with other bytes".to_owned()
        });
    }
}

/// I26: who was told to wait does.
pub(super) fn waits(book: &Book, found: &mut Findings) {
    let mut told: HashMap<(Sym, Sym), &Request> = HashMap::new();
    for request in &book.requests {
        let place = (request.to, request.text);
        if let Some(before) = told.remove(&place) {
            let wait_ms = i64::from(before.retry_after_s.unwrap_or_default()).saturating_mul(1_000);
            let first_ms = before.settled().at_ms.saturating_add(wait_ms);
            let facts = [before.settled(), request.read];
            found.hold(Rule::I26, request.read.at_ms >= first_ms, facts, || {
                format!("a hand-over came again sooner than {wait_ms} ms after it was told to wait")
            });
        }
        let is_one = matches!(request.owner, Owner::Row(_)) && request.did == Did::Declined;
        if request.retry_after_s.is_some() && is_one {
            told.insert(place, request);
        }
    }
}

/// Whether the caller cannot know what became of a request by its answer.
fn is_open(request: &Request) -> bool {
    match request.status {
        None => true,
        Some(status) => OPEN.contains(&status) || (status >= 500 && !NOT_TAKEN.contains(&status)),
    }
}

/// I26: what may have been taken is never handed over anew.
pub(super) fn after_unknown(book: &Book, found: &mut Findings) {
    let mut open: HashMap<usize, &Request> = HashMap::new();
    for request in &book.requests {
        let Owner::Row(row) = request.owner else { continue };
        if let Some(before) = open.get(&row).filter(|before| before.key != request.key) {
            let between = before.read.us..request.read.us;
            let was_proven = book.looked_up.iter().any(|look| {
                look.fact.found.is_empty()
                    && look.fact.reference == book.text(before.reference)
                    && between.contains(&look.stamp.us)
            });
            let was_told = book
                .calls
                .iter()
                .any(|call| call.fact.verb == "resend" && between.contains(&call.fact.began_us));
            let facts = [before.settled(), request.read];
            found.hold(Rule::I26, was_proven || was_told, facts, || {
                "a message that may have been taken was handed over under a new key".to_owned()
            });
        }
        if is_open(request) || request.decided.is_none() {
            open.insert(row, request);
        }
    }
}
