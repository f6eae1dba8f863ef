//! What must not leave any more: to who opted out, of what was halted, of what failed, of a trial used up.

use std::collections::{HashMap, HashSet};

use crate::check::book::{Book, Message, Owner, Request, Stamp};
use crate::check::findings::Findings;
use crate::check::rule::Rule;
use crate::check::symbols::Sym;
use crate::record::{Called, ClockKind, Received};

/// The words that opt out beyond doubt, as carriers agree on them; what else the service takes for one is not
/// judged here.
const STOP: [&str; 9] =
    ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT", "STOP ALL"];
/// The words that opt in again.
const START: [&str; 3] = ["START", "UNSTOP", "SUBSCRIBE"];

/// A text's words without its dress.
fn word(received: &Received) -> String {
    let text = received.text.trim().trim_matches(|c: char| !c.is_alphanumeric());
    text.to_uppercase()
}

/// What was said of a phone and bears on whether it may be texted: when by civil time, whether it withdrew
/// consent, and the fact that says so.
type Said = (i64, bool, Stamp);

/// How long after a STOP was answered a request may begin that was under way by then, where time is real and
/// nobody says when it was claimed.
const UNDER_WAY_US: u64 = 250_000;

/// I8.
pub(super) fn opted_out(book: &Book, found: &mut Findings) {
    let said = said(book);
    // The one hand-over that was under way when a STOP was answered, by phone and the line of the STOP.
    let mut under_way: HashSet<(Sym, Stamp)> = HashSet::new();
    for request in book.requests.iter().filter(|request| is_of_a_campaign(request)) {
        found.judged(Rule::I8);
        let before = said.get(&request.to).into_iter().flatten();
        let before = before.filter(|(_, _, stamp)| stamp.us < request.begun.us);
        let Some((_, _, stop)) = before.max().filter(|(_, is_stop, _)| *is_stop) else { continue };
        // A repeat under a key asks what became of a hand-over; it begins none.
        if was_begun_before(book, request, *stop) {
            continue;
        }
        let is_late = !was_under_way(book, request, *stop);
        if is_late || !under_way.insert((request.to, *stop)) {
            let what = if is_late {
                "a hand-over began for a phone that had opted out"
            } else {
                "a second hand-over began for a phone that had opted out"
            };
            found.against(Rule::I8, what, [*stop, request.read]);
        }
    }
}

/// Whether the first request of an attempt began before a STOP was answered, where time is real. On virtual time
/// nothing is under way while a STOP is answered, and a repeat is judged like any other.
fn was_begun_before(book: &Book, request: &Request, stop: Stamp) -> bool {
    let first = book.requests.iter().find(|one| one.key == request.key);
    book.clock == ClockKind::Real && first.is_some_and(|first| first.begun.us < stop.us)
}

/// Whether a hand-over that began after a STOP was answered had been claimed by then. Where the service's tables
/// say when it was claimed, that decides; a claim reads the time before it looks at anything else, so one that
/// was looked at later is later.
fn was_under_way(book: &Book, request: &Request, stop: Stamp) -> bool {
    if book.clock != ClockKind::Real {
        return false;
    }
    match book.claimed.get(&request.reference) {
        Some(claimed_ms) => *claimed_ms <= stop.at_ms,
        None => request.begun.us <= stop.us.saturating_add(UNDER_WAY_US),
    }
}

/// What was said of each phone. Words count by when they were written; of two written at once, STOP counts.
fn said(book: &Book) -> HashMap<Sym, Vec<Said>> {
    let mut said: HashMap<Sym, Vec<Said>> = HashMap::new();
    for (phone, person) in book.people.iter().filter(|(_, person)| person.fact.is_opted_out) {
        said.entry(*phone).or_default().push((i64::MIN, true, person.stamp));
    }
    for call in &book.calls {
        let is_done = call.fact.verb == "unsubscribe" && call.fact.refused.is_empty();
        let phone = call.fact.phone.as_deref().filter(|_| is_done);
        if let Some(phone) = phone.and_then(|phone| book.symbols.find(phone)) {
            said.entry(phone).or_default().push((call.stamp.at_ms, true, call.stamp));
        }
    }
    for noted in &book.received {
        let word = word(&noted.fact);
        let is_stop = STOP.contains(&word.as_str());
        let is_stored = noted.fact.answered.is_some_and(|status| (200..300).contains(&status));
        let phone = book.symbols.find(&noted.fact.from).filter(|_| is_stored);
        if let Some(phone) = phone.filter(|_| is_stop || START.contains(&word.as_str())) {
            said.entry(phone).or_default().push((noted.fact.said_ms, is_stop, noted.stamp));
        }
    }
    said
}

/// Tests and answers to HELP are allowed to who opted out; what was not taken may be one of them.
fn is_of_a_campaign(request: &Request) -> bool {
    match request.owner {
        Owner::Row(_) => true,
        Owner::Direct => false,
        Owner::Unclear => request.is_taken(),
    }
}

/// I11: what begins after a cancel or a pause was answered, until what lets it go on was asked for.
pub(super) fn halted(book: &Book, found: &mut Findings) {
    let mut of_campaign: HashMap<Sym, Vec<&Request>> = HashMap::new();
    for request in &book.requests {
        if let Some(row) = book.row_of(request) {
            of_campaign.entry(row.campaign).or_default().push(request);
        }
    }
    let is_done = |call: &Called, verbs: &[&str]| {
        verbs.contains(&call.verb.as_str()) && call.refused.is_empty()
    };
    for halt in book.calls.iter().filter(|call| is_done(&call.fact, &["cancel", "pause"])) {
        let campaign = &halt.fact.campaign;
        let goes_on = book.calls.iter().filter(|call| {
            call.fact.campaign == *campaign
                && is_done(&call.fact, &["activate", "resume"])
                && call.stamp > halt.stamp
        });
        let until = goes_on.map(|call| call.fact.began_us).min().unwrap_or(u64::MAX);
        let named = halt.fact.in_flight.unwrap_or_default();
        let id = campaign.as_deref().and_then(|id| book.symbols.find(id));
        let requests = id.and_then(|id| of_campaign.get(&id)).into_iter().flatten();
        let late = requests.filter(|it| it.begun.us > halt.stamp.us && it.begun.us < until);
        // A repeat under a key asks what became of an attempt; it begins none.
        let mut late = late.filter(|it| is_first_of_its_key(book, it));
        found.judged(Rule::I11);
        let allowed = usize::try_from(named).unwrap_or(usize::MAX);
        if let Some(request) = late.nth(allowed) {
            let verb = &halt.fact.verb;
            let what =
                format!("a hand-over began after the {verb} was answered with {named} in flight");
            found.against(Rule::I11, what, [halt.stamp, request.read]);
        }
    }
}

fn is_first_of_its_key(book: &Book, request: &Request) -> bool {
    let first = book.requests.iter().find(|one| one.key == request.key);
    first.is_none_or(|first| first.read == request.read)
}

/// I12.
pub(super) fn cancel_counts(book: &Book, found: &mut Findings) {
    for call in &book.calls {
        let fact = &call.fact;
        let is_cancel = fact.verb == "cancel" && fact.refused.is_empty();
        let campaign = fact.campaign.as_ref().filter(|_| is_cancel);
        let Some(ledger) = campaign.and_then(|id| book.ledgers.get(id)) else { continue };
        let (Some(canceled), Some(handed_over), Some(in_flight)) =
            (fact.canceled, fact.handed_over, fact.in_flight)
        else {
            continue;
        };
        if fact.status.as_deref() != Some("CANCELED") {
            continue;
        }
        let counts = &ledger.fact.counts;
        let out = [
            counts.unknown,
            counts.accepted,
            counts.unconfirmed,
            counts.undelivered,
            counts.delivered,
        ];
        let out = out.into_iter().fold(0, u64::saturating_add);
        let facts = [call.stamp, ledger.stamp];
        // What was unknown counts as handed over, until a look-up proves that it was not taken.
        let retracted = retracted(book, &ledger.fact.campaign);
        let least = handed_over.saturating_sub(retracted);
        let most = handed_over.saturating_add(in_flight);
        found.hold(Rule::I12, (least..=most).contains(&out), facts, || {
            format!(
                "{handed_over} were handed over and {in_flight} in flight, and {out} came of it"
            )
        });
        let most = canceled.saturating_add(in_flight).saturating_add(retracted);
        let stopped = counts.canceled;
        found.hold(Rule::I12, (canceled..=most).contains(&stopped), facts, || {
            format!("{canceled} were stopped and {in_flight} in flight, and {stopped} are canceled")
        });
    }
}

/// Messages of a campaign that were canceled after an attempt that was not taken.
fn retracted(book: &Book, campaign: &str) -> u64 {
    let campaign = book.symbols.find(campaign);
    let is_one = |row: &&Message| {
        Some(row.campaign) == campaign && row.attempts > 0 && book.is_in(row, &["CANCELED"])
    };
    u64::try_from(book.rows.iter().filter(is_one).count()).unwrap_or(u64::MAX)
}

/// I17: nothing begins once the failure was told.
pub(super) fn failed(book: &Book, found: &mut Findings) {
    for event in book.events.iter().filter(|event| event.fact.to.as_deref() == Some("FAILED")) {
        found.judged(Rule::I17);
        let campaign = book.symbols.find(&event.fact.campaign);
        let late = book.requests.iter().find(|request| {
            let row = book.row_of(request);
            request.begun.us > event.stamp.us && row.map(|row| row.campaign) == campaign
        });
        if let Some(request) = late {
            let what = "a hand-over began after the campaign had failed";
            found.against(Rule::I17, what, [event.stamp, request.read]);
        }
    }
}

/// I17: a trial is never exceeded, by the segments counted here.
pub(super) fn trial(book: &Book, found: &mut Findings) {
    for (index, site) in book.sites.iter().enumerate() {
        let Some(left) = site.fact.trial_left else { continue };
        let mut later = book.sites.iter().skip(index.saturating_add(1));
        let next = later.find(|next| next.fact.site == site.fact.site);
        let until = next.map_or(u64::MAX, |next| next.stamp.us);
        let taken = book.requests.iter().filter(|request| request.is_taken());
        let taken = taken.filter(|it| (site.stamp.us..until).contains(&it.read.us));
        let mut used: u64 = 0;
        found.judged(Rule::I17);
        for request in taken {
            used = used.saturating_add(request.segments.into());
            if used > left {
                let what = format!("a trial had {left} segments left, and {used} were taken");
                found.against(Rule::I17, what, [site.stamp, request.settled()]);
                break;
            }
        }
    }
}
