//! A campaign's life, as it was told: by events, by progress, to every listener.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::ledgers::ENDED;
use crate::check::book::{Book, Noted, Stamp};
use crate::check::findings::Findings;
use crate::check::rule::Rule;
use crate::record::Event;

/// Where a status may lead: the rules of the business, written from its page and not from the service.
const EDGES: [(&str, &[&str]); 7] = [
    ("DRAFT", &["SCHEDULED", "PROCESSING"]),
    ("SCHEDULED", &["PROCESSING", "DRAFT", "FAILED"]),
    ("PROCESSING", &["SENDING", "SENT", "CANCELED", "FAILED"]),
    ("SENDING", &["SENT", "CANCELED", "FAILED"]),
    ("SENT", &[]),
    ("FAILED", &[]),
    ("CANCELED", &[]),
];

fn leads(from: &str, to: &str) -> bool {
    EDGES.iter().any(|(known, next)| *known == from && next.contains(&to))
}

/// Whether `to` can be reached from `from` at all, in any number of steps.
fn can_become(from: &str, to: &str) -> bool {
    let mut reached: Vec<&str> = vec![from];
    for _ in 0..EDGES.len() {
        let next = EDGES.iter().filter(|(known, _)| reached.contains(known));
        let next: Vec<&str> = next.flat_map(|(_, next)| next.iter().copied()).collect();
        reached.extend(next);
    }
    reached.contains(&to)
}

/// I14, over each transcript and over what was asked in between.
pub(super) fn edges(book: &Book, found: &mut Findings) {
    let mut told: HashMap<(&str, &str), (Stamp, &str)> = HashMap::new();
    for Noted { stamp, fact } in &book.events {
        let place = (fact.stream.as_str(), fact.campaign.as_str());
        if fact.kind == "CREATED" {
            told.insert(place, (*stamp, "DRAFT"));
        }
        let (Some(from), Some(to)) = (fact.from.as_deref(), fact.to.as_deref()) else { continue };
        let before = told.insert(place, (*stamp, to));
        let (known, status) = before.unwrap_or((*stamp, from));
        found.hold(Rule::I14, leads(from, to) && status == from, [known, *stamp], || {
            format!("{from} became {to}, and it was {status}")
        });
    }
    let mut asked: HashMap<&str, (Stamp, &str)> = HashMap::new();
    for Noted { stamp, fact } in &book.progress {
        let now = (*stamp, fact.status.as_str());
        let Some((before, status)) = asked.insert(&fact.campaign, now) else { continue };
        found.hold(Rule::I14, can_become(status, now.1), [before, *stamp], || {
            format!("{status} became {}, where nothing leads", now.1)
        });
    }
}

/// I16, at every reading.
pub(super) fn ended(book: &Book, found: &mut Findings) {
    let readings = book.progress.iter();
    let readings =
        readings.map(|it| (it.stamp, &it.fact.campaign, it.fact.status.as_str(), &it.fact.counts));
    let ledgers = book.ledgers.values();
    let ledgers =
        ledgers.map(|it| (it.stamp, &it.fact.campaign, it.fact.status.as_str(), &it.fact.counts));
    for (stamp, campaign, status, counts) in readings.chain(ledgers) {
        // A person may send unknown messages again, and SENT stays SENT.
        let is_resent = book.settlements().any(|call| call.campaign.as_ref() == Some(campaign));
        if !ENDED.contains(&status) || is_resent {
            continue;
        }
        // What a cancel or a failure named may still be in flight.
        let flying = if status == "SENT" { counts.in_flight } else { 0 };
        let left = counts.deferred.saturating_add(counts.queued).saturating_add(flying);
        found.hold(Rule::I16, left == 0, [stamp, stamp], || {
            format!("a campaign is {status}, and {left} messages are left to hand over")
        });
    }
}

/// I18.
pub(super) fn sequences(book: &Book, found: &mut Findings) {
    let mut last: HashMap<(&str, &str), (Stamp, i64)> = HashMap::new();
    let mut said: HashMap<(&str, i64), &Noted<Event>> = HashMap::new();
    for noted in &book.events {
        let Noted { stamp, fact } = noted;
        let now = (*stamp, fact.sequence);
        let before = last.insert((&fact.stream, &fact.campaign), now);
        if let Some((before, sequence)) = before {
            let is_next = fact.sequence == sequence.saturating_add(1);
            found.hold(Rule::I18, is_next, [before, *stamp], || {
                format!("event {} was told after {sequence}", fact.sequence)
            });
        }
        let first = said.entry((&fact.campaign, fact.sequence)).or_insert(noted);
        let is_same = first.fact.kind == fact.kind
            && first.fact.from == fact.from
            && first.fact.to == fact.to
            && first.fact.occurred_ms == fact.occurred_ms;
        found.hold(Rule::I18, is_same, [first.stamp, *stamp], || {
            format!("event {} was told in two ways", fact.sequence)
        });
    }
}

/// I19: what is asked after a mutation was answered is no older than that answer.
pub(super) fn no_older(book: &Book, found: &mut Findings) {
    let mut answered: HashMap<&str, Vec<(Stamp, i64)>> = HashMap::new();
    for call in &book.calls {
        let revision = call.fact.revision.filter(|_| call.fact.refused.is_empty());
        if let (Some(campaign), Some(revision)) = (&call.fact.campaign, revision) {
            answered.entry(campaign).or_default().push((call.stamp, revision));
        }
    }
    for Noted { stamp, fact } in &book.progress {
        let calls = answered.get(fact.campaign.as_str()).into_iter().flatten();
        let before = calls.filter(|(call, _)| call.us < fact.began_us);
        let Some((call, revision)) = before.max_by_key(|(_, revision)| *revision) else { continue };
        found.hold(Rule::I19, fact.revision >= *revision, [*call, *stamp], || {
            format!("revision {revision} was answered, and {} is shown", fact.revision)
        });
    }
}

/// I20.
pub(super) fn told_the_end(book: &Book, found: &mut Findings) {
    let mut last: BTreeMap<(&str, &str), (Stamp, &str)> = BTreeMap::new();
    for Noted { stamp, fact } in &book.events {
        if let Some(to) = fact.to.as_deref() {
            last.insert((&fact.stream, &fact.campaign), (*stamp, to));
        }
    }
    for ((_, campaign), (stamp, status)) in &last {
        let Some(ledger) = book.ledgers.get(*campaign) else { continue };
        let is_told = ledger.fact.status == *status;
        let has_ended = ENDED.contains(&ledger.fact.status.as_str());
        if has_ended {
            found.hold(Rule::I20, is_told, [*stamp, ledger.stamp], || {
                format!("a campaign is {}, and {status} was told last", ledger.fact.status)
            });
        }
    }
    for end in &book.stream_ends {
        let stream = book.streams.iter().find(|it| it.fact.stream == end.fact.stream);
        let Some(campaign) = stream.and_then(|it| it.fact.campaign.as_deref()) else { continue };
        let told = last.get(&(end.fact.stream.as_str(), campaign));
        let has_ended = told.is_some_and(|(_, status)| ENDED.contains(status));
        found.hold(Rule::I20, end.fact.is_complete == has_ended, [end.stamp, end.stamp], || {
            let complete = if end.fact.is_complete { "complete" } else { "broken off" };
            let ended = if has_ended { "ended" } else { "not ended" };
            format!("a stream is {complete}, and its campaign had {ended}")
        });
    }
}

/// I24.
pub(super) fn own_site(book: &Book, found: &mut Findings) {
    let streams: HashMap<&str, _> =
        book.streams.iter().map(|noted| (noted.fact.stream.as_str(), noted)).collect();
    let mut judged: HashSet<(&str, &str)> = HashSet::new();
    for event in &book.events {
        if !judged.insert((&event.fact.stream, &event.fact.campaign)) {
            continue;
        }
        let stream = streams.get(event.fact.stream.as_str());
        let frozen = book.symbols.find(&event.fact.campaign);
        let frozen = frozen.and_then(|id| book.frozen_at(id, u64::MAX));
        let site = stream.and_then(|stream| stream.fact.site.as_ref());
        let (Some(frozen), Some(site)) = (frozen, site) else { continue };
        found.hold(Rule::I24, frozen.fact.site == *site, [frozen.stamp, event.stamp], || {
            "a listener was told of another site's campaign".to_owned()
        });
    }
    for row in &book.rows {
        let frozen = book.frozen_at(row.campaign, u64::MAX);
        let (Some(frozen), Some(person)) = (frozen, book.people.get(&row.phone)) else { continue };
        let is_own = frozen.fact.site == person.fact.site;
        found.hold(Rule::I24, is_own, [person.stamp, row.stamp], || {
            "a ledger has a message to another site's subscriber".to_owned()
        });
    }
}

/// I29.
pub(super) fn liveness(book: &Book, found: &mut Findings) {
    let Some(idle) = book.idle else { return };
    for ledger in book.ledgers.values().filter(|ledger| ledger.stamp > idle) {
        let status = ledger.fact.status.as_str();
        let mut shown = book.progress.iter().filter(|it| it.fact.campaign == ledger.fact.campaign);
        let is_paused = shown.next_back().is_some_and(|it| it.fact.is_paused);
        let is_stuck = ["PROCESSING", "SENDING"].contains(&status) && !is_paused;
        found.hold(Rule::I29, !is_stuck, [idle, ledger.stamp], || {
            format!("nothing was left to do, and a campaign is {status}")
        });
    }
}
