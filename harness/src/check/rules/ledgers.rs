//! A campaign's ledger against itself: its counts, its messages, its audience.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::check::book::{Book, Message, Stamp};
use crate::check::findings::Findings;
use crate::check::rule::Rule;
use crate::check::symbols::Sym;
use crate::record::{Counts, HowStopped, Person, Selection};

/// The states of messages that are not where they end.
const OPEN: [&str; 3] = ["DEFERRED", "QUEUED", "IN_FLIGHT"];
/// The states that have a reason.
const REASONED: [&str; 5] = ["SKIPPED", "UNDELIVERED", "UNCONFIRMED", "UNKNOWN", "CANCELED"];
/// The statuses out of which nothing leads.
pub(super) const ENDED: [&str; 3] = ["SENT", "FAILED", "CANCELED"];

/// The parts of the counts, each with the state it counts.
fn parts(counts: &Counts) -> [(&'static str, u64); 10] {
    [
        ("DEFERRED", counts.deferred),
        ("QUEUED", counts.queued),
        ("IN_FLIGHT", counts.in_flight),
        ("ACCEPTED", counts.accepted),
        ("DELIVERED", counts.delivered),
        ("UNDELIVERED", counts.undelivered),
        ("UNCONFIRMED", counts.unconfirmed),
        ("UNKNOWN", counts.unknown),
        ("SKIPPED", counts.skipped),
        ("CANCELED", counts.canceled),
    ]
}

fn sum(counts: &Counts) -> u64 {
    parts(counts).iter().map(|(_, count)| *count).fold(0, u64::saturating_add)
}

/// I1, at every reading.
pub(super) fn sums(book: &Book, found: &mut Findings) {
    let mut last: HashMap<&str, (Stamp, u64, Option<i64>)> = HashMap::new();
    for noted in &book.progress {
        let (stamp, progress) = (noted.stamp, &noted.fact);
        let all = sum(&progress.counts);
        let total = progress.counts.total;
        found.hold(Rule::I1, all == total, [stamp, stamp], || {
            format!("the parts add up to {all}, and the total is {total}")
        });
        let now = (stamp, progress.recipients, progress.version);
        let Some((before, recipients, version)) = last.insert(&progress.campaign, now) else {
            continue;
        };
        let has_fewer = progress.recipients < recipients || progress.version < version;
        found.hold(Rule::I1, !has_fewer, [before, stamp], || {
            format!("{recipients} recipients became {}", progress.recipients)
        });
    }
    for noted in book.ledgers.values() {
        let (all, total) = (sum(&noted.fact.counts), noted.fact.counts.total);
        found.hold(Rule::I1, all == total, [noted.stamp, noted.stamp], || {
            format!("the parts add up to {all}, and the total is {total}")
        });
    }
}

/// The messages of each campaign.
fn by_campaign(book: &Book) -> HashMap<Sym, Vec<&Message>> {
    let mut all: HashMap<Sym, Vec<&Message>> = HashMap::new();
    for row in &book.rows {
        all.entry(row.campaign).or_default().push(row);
    }
    all
}

/// I2, at the last reading of each ledger.
pub(super) fn counts(book: &Book, found: &mut Findings) {
    let messages = by_campaign(book);
    for noted in book.ledgers.values() {
        let rows = book.symbols.find(&noted.fact.campaign).and_then(|id| messages.get(&id));
        let rows = rows.map(Vec::as_slice).unwrap_or_default();
        let near = rows.first().map_or(noted.stamp, |row| row.stamp);
        let mut states: BTreeMap<&str, u64> = BTreeMap::new();
        let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
        for row in rows {
            let state = book.text(row.state);
            *states.entry(state).or_default() += 1;
            if let Some(reason) = row.reason {
                *reasons.entry(format!("{state} {}", book.text(reason))).or_default() += 1;
            }
        }
        for (state, counted) in parts(&noted.fact.counts) {
            let listed = states.get(state).copied().unwrap_or_default();
            found.hold(Rule::I2, counted == listed, [noted.stamp, near], || {
                format!("{counted} are counted as {state}, and {listed} messages are")
            });
        }
        for (reason, counted) in &noted.fact.reasons {
            let listed = reasons.get(reason).copied().unwrap_or_default();
            found.hold(Rule::I2, *counted == listed, [noted.stamp, near], || {
                format!("{counted} are counted as {reason}, and {listed} messages are")
            });
        }
    }
}

/// I6, at the last reading of each ledger.
pub(super) fn nobody_lost(book: &Book, found: &mut Findings) {
    let messages = by_campaign(book);
    for noted in book.ledgers.values() {
        let campaign = book.symbols.find(&noted.fact.campaign);
        let rows = campaign.and_then(|id| messages.get(&id)).map(Vec::as_slice);
        let rows = rows.unwrap_or_default();
        if let Some(recipients) = noted.fact.recipients {
            let initial = rows.iter().filter(|row| row.position == 0).count();
            let is_same = u64::try_from(initial) == Ok(recipients);
            found.hold(Rule::I6, is_same, [noted.stamp, noted.stamp], || {
                format!("{recipients} recipients have {initial} initial messages")
            });
        }
        let has_ended = ENDED.contains(&noted.fact.status.as_str());
        for row in rows.iter().filter(|_| has_ended) {
            let state = book.text(row.state);
            let is_open = OPEN.contains(&state);
            found.hold(Rule::I6, !is_open, [noted.stamp, row.stamp], || {
                format!("the campaign is {}, and a message is {state}", noted.fact.status)
            });
            let lacks = REASONED.contains(&state) && row.reason.is_none();
            found.hold(Rule::I6, !lacks, [row.stamp, row.stamp], || {
                format!("a message is {state} and says not why")
            });
        }
        let is_planned = noted.fact.recipients.is_some() && noted.fact.status != "FAILED";
        if let Some(campaign) = campaign.filter(|_| is_planned) {
            members(book, found, campaign, rows);
        }
    }
}

/// Everybody of the audience has an initial message. Audiences that are not known are not judged, nor is a
/// campaign that was stopped while it was planned.
fn members(book: &Book, found: &mut Findings, campaign: Sym, rows: &[&Message]) {
    let Some(frozen) = book.frozen_at(campaign, u64::MAX) else { return };
    let was_stopped = book.calls.iter().any(|call| {
        call.fact.verb == "cancel"
            && call.fact.refused.is_empty()
            && call.fact.campaign.as_ref() == Some(&frozen.fact.campaign)
    });
    if was_stopped || frozen.fact.audiences.is_empty() {
        return;
    }
    let texted: HashSet<Sym> =
        rows.iter().filter(|row| row.position == 0).map(|row| row.phone).collect();
    for (phone, person) in &book.people {
        let is_known = person.fact.site == frozen.fact.site && person.stamp < frozen.stamp;
        let selected = frozen.fact.audiences.iter().any(|one| selects(one, &person.fact));
        if is_known && selected {
            let facts = [person.stamp, frozen.stamp];
            found.hold(Rule::I6, texted.contains(phone), facts, || {
                "somebody of the audience has no message at all".to_owned()
            });
        }
    }
}

fn selects(selection: &Selection, person: &Person) -> bool {
    let has = |tag: &String| person.tags.contains(tag);
    (selection.any.is_empty() || selection.any.iter().any(has))
        && selection.all.iter().all(has)
        && !selection.none.iter().any(has)
}

/// I7, at the last reading of each ledger.
pub(super) fn crashes(book: &Book, found: &mut Findings) {
    let killed = book.stopped.iter().filter(|stopped| stopped.fact.how == HowStopped::Killed);
    let mut allowed: u64 = 0;
    for stopped in killed {
        let mut starts = book.started.iter().filter(|start| start.stamp < stopped.stamp);
        let Some(start) = starts.rfind(|start| start.fact.node == stopped.fact.node) else {
            return;
        };
        if start.fact.max_in_flight == 0 {
            return;
        }
        allowed = allowed.saturating_add(start.fact.max_in_flight);
    }
    let mut left = book.rows.iter().filter(|row| {
        let reason = row.reason.map(|reason| book.text(reason));
        reason == Some("ENGINE_STOPPED") && book.is_in(row, &["UNKNOWN"])
    });
    let Some(first) = left.next() else {
        if !book.stopped.is_empty() {
            found.judged(Rule::I7);
        }
        return;
    };
    let count = u64::try_from(left.count()).unwrap_or(u64::MAX).saturating_add(1);
    let stop = book.stopped.first().map_or(first.stamp, |stopped| stopped.stamp);
    found.hold(Rule::I7, count <= allowed, [stop, first.stamp], || {
        format!("{count} messages are unknown because the engine stopped, and {allowed} can be")
    });
}
