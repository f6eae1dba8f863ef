//! The ledger of the service against what reached the world.

use std::collections::HashMap;

use crate::check::book::{Book, Owner, Request};
use crate::check::findings::Findings;
use crate::check::rule::Rule;
use crate::check::symbols::Sym;

/// The states of a message that the aggregator has taken, by the service's account.
const TAKEN: [&str; 3] = ["ACCEPTED", "DELIVERED", "UNCONFIRMED"];

/// I3 and I4.
pub(super) fn taken_once(book: &Book, found: &mut Findings) {
    let mut by_message: HashMap<Sym, (&Request, usize)> = HashMap::new();
    let mut by_phone: HashMap<(Sym, u32, Sym), (&Request, Sym)> = HashMap::new();
    for (request, row) in book.taken() {
        found.judged(Rule::I3);
        let (first, times) = by_message.entry(row.own_id).or_insert((request, 0));
        *times = times.saturating_add(1);
        if *times > 1 {
            // A person may choose that somebody be texted twice.
            let resends = book.resends_after(row.campaign, 0);
            if *times > resends.saturating_add(1) {
                let facts = [first.settled(), request.settled()];
                found.against(Rule::I3, "one message was taken twice", facts);
            }
            continue;
        }
        found.judged(Rule::I4);
        let place = (row.campaign, row.position, row.phone);
        let Some((first, _)) = by_phone.insert(place, (request, row.own_id)) else { continue };
        let facts = [first.settled(), request.settled()];
        found.against(Rule::I4, "one step was taken twice for one phone", facts);
    }
    let mut references: HashMap<Sym, &Request> = HashMap::new();
    for request in book.requests.iter().filter(|request| request.is_taken()) {
        let Some(first) = references.insert(request.reference, request) else { continue };
        // A message that is known twice was told above.
        if request.owner == Owner::Unclear || first.owner == Owner::Unclear {
            let facts = [first.settled(), request.settled()];
            found.against(Rule::I3, "one attempt was taken twice", facts);
        }
    }
}

/// I5.
pub(super) fn known(book: &Book, found: &mut Findings) {
    let mut taken: HashMap<Sym, &Request> = HashMap::new();
    let mut references: HashMap<Sym, u32> = HashMap::new();
    for request in book.requests.iter().filter(|request| request.is_taken()) {
        *references.entry(request.reference).or_default() += 1;
        if let Some(id) = request.id {
            taken.insert(id, request);
        }
    }
    // What was taken under one reference twice is told by I3.
    let is_told = |request: &Request| references.get(&request.reference).is_some_and(|n| *n > 1);
    if book.ledgers.is_empty() {
        return;
    }
    // Where a person chose to send again, a first text may stay unknown for ever.
    let is_settled = book.settlements().next().is_some();
    for request in book.requests.iter().filter(|request| request.is_taken() && !is_settled) {
        let is_ghost = request.owner == Owner::Unclear && !is_told(request);
        let facts = [request.read, request.settled()];
        found.hold(Rule::I5, !is_ghost, facts, || {
            "a message was taken that no ledger knows".to_owned()
        });
    }
    for row in &book.rows {
        let Some(id) = row.id else {
            let is_taken = book.is_in(row, &TAKEN);
            found.hold(Rule::I5, !is_taken, [row.stamp, row.stamp], || {
                format!("a message is {} and has no id of the aggregator's", book.text(row.state))
            });
            continue;
        };
        let request = taken.get(&id).filter(|request| request.to == row.phone);
        found.hold(Rule::I5, request.is_some(), [row.stamp, row.stamp], || {
            "a message has an id that was never given for its phone".to_owned()
        });
        let first = book.by_id.get(&id).and_then(|place| book.rows.get(*place));
        if let Some(first) = first.filter(|first| first.own_id != row.own_id) {
            let facts = [first.stamp, row.stamp];
            found.against(Rule::I5, "two messages have one id of the aggregator's", facts);
        }
    }
    for (id, (stamp, phone)) in &book.direct {
        let is_taken = taken.get(id).is_some_and(|request| request.to == *phone);
        found.hold(Rule::I5, is_taken, [*stamp, *stamp], || {
            "a text of no campaign has an id that was never given for its phone".to_owned()
        });
    }
}

/// The states that the greatest of a message's receipts leaves it in, by its rank.
const STANDINGS: [&[&str]; 3] = [&["ACCEPTED", "UNCONFIRMED"], &["UNDELIVERED"], &["DELIVERED"]];

/// I15, once nothing is left to do: until then a receipt may still wait to be applied. A receipt that nobody
/// answered counts or not, as the service has it: it may have been stored by a process that died over it.
pub(super) fn receipts(book: &Book, found: &mut Findings) {
    if book.idle.is_none() {
        return;
    }
    let mut greatest: HashMap<Sym, (usize, _)> = HashMap::new();
    let mut possible: HashMap<Sym, Vec<usize>> = HashMap::new();
    for heard in &book.heard {
        if !heard.is_certain {
            possible.entry(heard.id).or_default().push(heard.rank);
            continue;
        }
        let known = greatest.entry(heard.id).or_insert((heard.rank, heard.stamp));
        if heard.rank > known.0 {
            *known = (heard.rank, heard.stamp);
        }
    }
    for (request, row) in book.taken() {
        let evidence = request.id.and_then(|id| greatest.get(&id));
        let (rank, stamp) = evidence.copied().unwrap_or((0, request.settled()));
        let is_unheard = evidence.is_none() && row.id.is_none() && book.is_in(row, &["UNKNOWN"]);
        let expected = STANDINGS.get(rank).copied().unwrap_or_default();
        let is_possible = |also: &usize| {
            *also > rank && STANDINGS.get(*also).is_some_and(|states| book.is_in(row, states))
        };
        let also = request.id.and_then(|id| possible.get(&id));
        let is_right = is_unheard
            || book.is_in(row, expected)
            || also.is_some_and(|ranks| ranks.iter().any(is_possible));
        found.hold(Rule::I15, is_right, [stamp, row.stamp], || {
            format!(
                "a message is {}, and it must be {}",
                book.text(row.state),
                expected.join(" or ")
            )
        });
    }
}
