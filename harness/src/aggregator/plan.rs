//! Which receipts a message will have, and when: planned the moment it is taken.
//!
//! **Invariant:** a plan depends on the script, the message and the instant it was taken; not on
//! other messages.

use chrono::{DateTime, TimeDelta, Utc};

use super::decide::passes_windows;
use super::event::{Content, Outgoing};
use super::ledger::Taken;
use crate::contract::EventType;
use crate::dice;
use crate::scenario::{Percent, ReceiptStep, Script};

/// One thing that happens to a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Happening {
    /// When.
    pub(super) at: DateTime<Utc>,
    /// What.
    pub(super) kind: EventType,
    /// Why it was not delivered.
    pub(super) code: Option<String>,
}

/// The receipts of a message: those that come before its 202, and those that come later.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// To post before answering.
    pub(super) before: Vec<Outgoing>,
    /// To post when due.
    pub(super) later: Vec<Outgoing>,
}

/// What happens to a message taken at `accepted_at`. Nothing is sent or delivered after
/// `not_after`: it expires.
pub(super) fn happenings(
    script: &Script,
    steps: &[ReceiptStep],
    accepted_at: DateTime<Utc>,
    not_after: Option<DateTime<Utc>>,
) -> Vec<Happening> {
    let limit = not_after.filter(|_| script.defaults.obeys_not_after);
    let mut planned = Vec::new();
    for step in steps {
        let at = later(accepted_at, step.after.delta());
        let kind = EventType::from(step.status);
        let good = matches!(kind, EventType::Sent | EventType::Delivered);
        if let Some(limit) = limit.filter(|limit| good && at > *limit) {
            planned.push(Happening { at: limit, kind: EventType::Expired, code: None });
            return planned;
        }
        planned.push(Happening { at, kind, code: step.code.clone() });
    }
    planned
}

/// The receipts that tell of what happens to `taken`, with the script's faults.
pub(super) fn receipts(script: &Script, taken: &Taken, happenings: &[Happening]) -> Receipts {
    let faults = &script.receipt_faults;
    let mut receipts = Receipts::default();
    for (index, happening) in happenings.iter().enumerate() {
        let about = About { script, taken, index };
        let first = about.outgoing(happening);
        if index == 0 && about.chance("before_response", faults.before_response.percent) {
            receipts.before.push(Outgoing { due: taken.accepted_at, is_early: true, ..first });
            continue;
        }
        if about.chance("drop", faults.drop.percent) {
            continue;
        }
        let first = Outgoing { due: about.due(first.due), ..first };
        receipts.later.extend(about.copies(&first));
        receipts.later.push(first);
    }
    // A window holds or drops each copy by its own due instant.
    receipts.later = receipts.later.into_iter().filter_map(|one| held(script, one)).collect();
    receipts
}

/// `outgoing` when windows let it pass.
pub(super) fn held(script: &Script, outgoing: Outgoing) -> Option<Outgoing> {
    passes_windows(script, outgoing.due).map(|due| Outgoing { due, ..outgoing })
}

/// The posts that a script makes of itself: forged receipts, unknown messages, inbound texts.
pub(super) fn scripted(script: &Script) -> Vec<Outgoing> {
    let faults = &script.receipt_faults;
    let one = |label: &str, index: usize, at, content| Outgoing {
        due: script.instant(at),
        event_id: dice::id("whk", script.seed, &[label, &index.to_string()]),
        copy: 0,
        tries: 0,
        is_early: false,
        content,
    };
    let forged = faults.forged.iter().enumerate();
    let forged = forged.map(|(index, it)| {
        one("forged", index, it.at, Content::Forged { index, message_id: None })
    });
    let unknown = faults.unknown_message.iter().enumerate();
    let unknown =
        unknown.map(|(index, it)| one("unknown", index, it.at, Content::UnknownMessage { index }));
    let inbound = script.inbound.iter().enumerate();
    let inbound = inbound.map(|(index, it)| {
        one("inbound", index, it.arrives.unwrap_or(it.at), Content::Inbound { index })
    });
    forged.chain(unknown).chain(inbound).collect()
}

/// One receipt of one message, to draw its faults for.
struct About<'a> {
    script: &'a Script,
    taken: &'a Taken,
    index: usize,
}

impl About<'_> {
    /// What choices about this receipt are drawn from, beside the seed.
    fn parts(&self, label: &str) -> [String; 4] {
        let (attempt, index) = (self.taken.attempt.to_string(), self.index.to_string());
        [label.to_owned(), self.taken.request.to.clone(), attempt, index]
    }

    fn chance(&self, label: &str, percent: Percent) -> bool {
        let parts = self.parts(label);
        dice::chance(self.script.seed, &parts.each_ref().map(String::as_str), percent)
    }

    fn outgoing(&self, happening: &Happening) -> Outgoing {
        Outgoing {
            due: happening.at,
            event_id: dice::id("whk", self.script.seed, &[&self.taken.id, &self.index.to_string()]),
            copy: 0,
            tries: 0,
            is_early: false,
            content: Content::Receipt {
                message_id: self.taken.id.clone(),
                kind: happening.kind,
                code: happening.code.clone(),
                happened: happening.at,
            },
        }
    }

    /// When the receipt is due once it was delayed and put out of order.
    fn due(&self, due: DateTime<Utc>) -> DateTime<Utc> {
        let faults = &self.script.receipt_faults;
        let mut due = due;
        if self.chance("reorder", faults.reorder.percent) {
            let parts = self.parts("reorder by");
            let within = faults.reorder.within.ms().saturating_add(1);
            let ms = dice::below(self.script.seed, &parts.each_ref().map(String::as_str), within);
            due = later(due, crate::scenario::Span::from_ms(ms).delta());
        }
        if self.chance("delay", faults.delay.percent) {
            due = later(due, faults.delay.by.delta());
        }
        due
    }

    /// The repeats of a receipt.
    fn copies(&self, first: &Outgoing) -> Vec<Outgoing> {
        let duplicate = &self.script.receipt_faults.duplicate;
        if !self.chance("duplicate", duplicate.percent) {
            return Vec::new();
        }
        let mut due = first.due;
        let mut copies = Vec::new();
        for copy in 1..=duplicate.copies {
            due = later(due, duplicate.gap.delta());
            let event_id = if duplicate.fresh_ids {
                let parts = [first.event_id.as_str(), &copy.to_string()];
                dice::id("whk", self.script.seed, &parts)
            } else {
                first.event_id.clone()
            };
            copies.push(Outgoing { due, event_id, copy, ..first.clone() });
        }
        copies
    }
}

fn later(instant: DateTime<Utc>, by: TimeDelta) -> DateTime<Utc> {
    instant.checked_add_signed(by).unwrap_or(DateTime::<Utc>::MAX_UTC)
}
