//! How fast, and how many at once.

use std::collections::HashMap;

use crate::check::book::{Book, Noted, Owner, Request, Stamp};
use crate::check::findings::Findings;
use crate::check::rule::Rule;
use crate::check::symbols::Sym;
use crate::record::{ClockKind, Did, HowStopped, Service};

/// The part of a second's segments that may leave at once.
const BURSTS_PER_S: u64 = 10;
/// How much sooner than it left a request may seem to arrive, where time is real: the way to the aggregator
/// is not always equally long.
const JITTER_US: i64 = 50_000;
/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;

/// I25: a sender's segments.
pub(super) fn rate(book: &Book, found: &mut Findings) {
    let slack_us = if book.clock == ClockKind::Real { JITTER_US } else { 0 };
    let mut due: HashMap<Sym, (i64, Stamp)> = HashMap::new();
    for request in &book.requests {
        let Some(sender) = book.senders.get(&request.from) else { continue };
        let per_s = u64::from(sender.fact.segments_per_s);
        // A repeat costs nothing, nor does a text that no campaign paces.
        let is_paced = matches!(request.owner, Owner::Row(_)) && request.did != Did::Replayed;
        if per_s == 0 || !is_paced {
            continue;
        }
        found.judged(Rule::I25);
        let interval_us = SECOND_US / i64::try_from(per_s).unwrap_or(SECOND_US).max(1);
        let burst = i64::try_from((per_s / BURSTS_PER_S).max(1)).unwrap_or(1);
        let at_us = request.read.at_ms.saturating_mul(1_000);
        let (next_us, before) = due.get(&request.from).copied().unwrap_or((at_us, request.read));
        let segments = i64::from(request.segments);
        // A message longer than a burst goes alone, once the sender has rested.
        let needed = segments.clamp(1, burst);
        let room_us = (burst.saturating_sub(needed)).saturating_mul(interval_us);
        let early_us = next_us.saturating_sub(at_us).saturating_sub(room_us);
        // Clocks tick in milliseconds.
        if early_us > slack_us.saturating_add(1_000) {
            let what =
                format!("a sender of {per_s} segments a second was {} ms early", early_us / 1_000);
            found.against(Rule::I25, what, [before, request.read]);
        }
        let spent_us = segments.saturating_mul(interval_us);
        due.insert(request.from, (next_us.max(at_us).saturating_add(spent_us), request.read));
    }
}

/// When a request was over: answered, or its caller gone.
fn over(book: &Book, request: &Request) -> Option<Stamp> {
    let gone = book.stop_after(request.begun.us);
    [request.answered, gone].into_iter().flatten().min()
}

/// I25: the window of the nodes that live.
pub(super) fn window(book: &Book, found: &mut Findings) {
    if book.started.is_empty() || book.started.iter().any(|it| it.fact.max_in_flight == 0) {
        return;
    }
    // Up at a beginning, down at an end; at one instant ends come first.
    let mut changes: Vec<(u64, i64, Stamp)> = Vec::new();
    for request in &book.requests {
        changes.push((request.begun.us, 1, request.read));
        if let Some(over) = over(book, request) {
            changes.push((over.us, -1, over));
        }
    }
    changes.sort_unstable();
    let windows = windows(book);
    let mut open: i64 = 0;
    for (us, change, stamp) in changes {
        open = open.saturating_add(change);
        if change < 0 {
            continue;
        }
        found.judged(Rule::I25);
        let live = windows.iter().filter(|window| window.from_us <= us && us <= window.until_us);
        let live = live.map(|window| window.max).fold(0, i64::saturating_add);
        if open > live {
            let start = book.started.last().map_or(stamp, |start| start.stamp);
            let what = format!("{open} requests were under way, and {live} may be");
            found.against(Rule::I25, what, [start, stamp]);
        }
    }
}

/// How many requests a process may have under way, and from when until when.
struct Window {
    from_us: u64,
    until_us: u64,
    max: i64,
}

/// The windows of all processes. Where time is real, what one sent just before it was killed may still be on its
/// way then.
fn windows(book: &Book) -> Vec<Window> {
    let of_node = |start: &Noted<Service>, node: &str| start.fact.node == node;
    let window = |(place, start): (usize, &Noted<Service>)| {
        let node = start.fact.node.as_str();
        let mut stops = book.stopped.iter().filter(|stop| stop.fact.node == node);
        let stop = stops.find(|stop| stop.stamp.us >= start.stamp.us);
        let is_late = book.clock == ClockKind::Real;
        let killed = stop.filter(|stop| is_late && stop.fact.how == HowStopped::Killed);
        let later_us = killed.map_or(0, |_| u64::try_from(JITTER_US).unwrap_or_default());
        // A process of which no end is told ended when its node began anew.
        let mut next = book.started.iter().skip(place.saturating_add(1));
        let next_us = next.find(|next| of_node(next, node)).map(|next| next.stamp.us);
        let until_us = stop.map(|stop| stop.stamp.us).or(next_us).unwrap_or(u64::MAX);
        Window {
            from_us: start.stamp.us,
            until_us: until_us.saturating_add(later_us),
            max: i64::try_from(start.fact.max_in_flight).unwrap_or(i64::MAX),
        }
    };
    book.started.iter().enumerate().map(window).collect()
}

/// I28.
pub(super) fn once_at_a_time(book: &Book, found: &mut Findings) {
    let mut under_way: HashMap<usize, &Request> = HashMap::new();
    for request in &book.requests {
        let Owner::Row(row) = request.owner else { continue };
        found.judged(Rule::I28);
        let Some(before) = under_way.insert(row, request) else { continue };
        let is_over = over(book, before).is_some_and(|over| over.us <= request.begun.us);
        if !is_over {
            let what = "a message was handed over while it was under way";
            found.against(Rule::I28, what, [before.read, request.read]);
        }
    }
}
