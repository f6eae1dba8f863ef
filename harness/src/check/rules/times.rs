//! When things leave: not at night, not early, not late, not too soon after another.

use std::collections::HashMap;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta};

use crate::check::book::{Book, Message, Noted, Request, Stamp};
use crate::check::findings::Findings;
use crate::check::rule::Rule;
use crate::check::symbols::Sym;
use crate::check::{law, zones};
use crate::record::{Frozen, Hours};

/// A window that binds a hand-over: its hours, and the fact that says so.
struct Window<'a> {
    hours: &'a Hours,
    stamp: Stamp,
}

/// I9.
pub(super) fn quiet(book: &Book, found: &mut Findings) {
    for request in &book.requests {
        let Some(row) = book.row_of(request) else { continue };
        let Some(frozen) = book.frozen_at(row.campaign, request.read.us) else { continue };
        let zones = zones_of(book, row);
        let own = own_zones(book, row);
        if let (Some(first), Some((person, own))) = (row.zones.first(), &own) {
            let is_own = own.iter().any(|zone| *zone == book.text(*first));
            found.hold(Rule::I9, is_own, [*person, row.stamp], || {
                format!("the due time was worked out in {}", book.text(*first))
            });
        }
        let windows = windows(book, frozen, request.read.us);
        let packs = packs(book, frozen, request.read.us);
        if windows.is_empty() && packs.is_empty() {
            continue;
        }
        found.judged(Rule::I9);
        for zone in zones {
            let Some(local) = zones::local(zone, request.read.at_ms) else { continue };
            let closed = windows.iter().find(|window| is_within(window.hours, local.time()));
            if let Some(window) = closed {
                let what = format!("a hand-over began at {local} in {zone}, in quiet hours");
                found.against(Rule::I9, what, [window.stamp, request.read]);
                break;
            }
            let region = row.region.map(|region| book.text(region));
            if let Some(pack) = law::forbids(&packs, region, local) {
                let what = format!("a hand-over began at {local} in {zone}, against {pack}");
                found.against(Rule::I9, what, [frozen.stamp, request.read]);
                break;
            }
        }
    }
}

/// The zones in which it must be day: those that the service names, and those that are known without it.
fn zones_of<'a>(book: &'a Book, row: &'a Message) -> Vec<&'a str> {
    let mut zones: Vec<&str> = row.zones.iter().map(|zone| book.text(*zone)).collect();
    for zone in own_zones(book, row).into_iter().flat_map(|(_, zones)| zones) {
        if !zones.contains(&zone) {
            zones.push(zone);
        }
    }
    zones
}

/// The zones of a recipient as far as they are known without the service, and the fact that says so.
fn own_zones<'a>(book: &'a Book, row: &Message) -> Option<(Stamp, Vec<&'a str>)> {
    let person = book.people.get(&row.phone)?;
    if let Some(zone) = &person.fact.zone {
        return Some((person.stamp, vec![zone.as_str()]));
    }
    if person.fact.postal_code.is_some() {
        return None;
    }
    let zones = zones::of_phone(book.text(row.phone))?;
    Some((person.stamp, zones.to_vec()))
}

/// The windows that bind at `us`: those frozen at the activation, and since settings may only tighten a
/// campaign that runs, those of now.
fn windows<'a>(book: &'a Book, frozen: &'a Noted<Frozen>, us: u64) -> Vec<Window<'a>> {
    let of_campaign = frozen.fact.quiet_hours.as_ref();
    let mut windows: Vec<Window<'a>> =
        of_campaign.map(|hours| Window { hours, stamp: frozen.stamp }).into_iter().collect();
    for at in [frozen.stamp.us, us] {
        let site = book.site_at(&frozen.fact.site, at);
        if let Some((site, hours)) = site.and_then(|it| Some((it, it.fact.quiet_hours.as_ref()?))) {
            windows.push(Window { hours, stamp: site.stamp });
        }
    }
    windows
}

fn packs(book: &Book, frozen: &Noted<Frozen>, us: u64) -> Vec<String> {
    let sites = [frozen.stamp.us, us].map(|at| book.site_at(&frozen.fact.site, at));
    sites.into_iter().flatten().flat_map(|site| site.fact.rule_packs.iter().cloned()).collect()
}

/// Whether a time of day lies in hours that may run over midnight.
fn is_within(hours: &Hours, time: NaiveTime) -> bool {
    let parse = |text: &str| NaiveTime::parse_from_str(text, "%H:%M").ok();
    let (Some(start), Some(end)) = (parse(&hours.start), parse(&hours.end)) else { return false };
    if start <= end { start <= time && time < end } else { start <= time || time < end }
}

/// I10.
pub(super) fn in_time(book: &Book, found: &mut Findings) {
    for request in &book.requests {
        let read = request.read;
        if let Some(last) = request.not_after_ms.filter(|_| request.is_taken()) {
            found.hold(Rule::I10, read.at_ms <= last, [read, request.settled()], || {
                "a message was taken after its last instant".to_owned()
            });
        }
        let Some(row) = book.row_of(request) else { continue };
        // What is sent again is due again.
        let is_its_last = book.resends_after(row.campaign, read.us) == 0;
        if let Some(due) = row.due_ms.filter(|_| request.is_taken() && is_its_last) {
            found.hold(Rule::I10, read.at_ms >= due, [row.stamp, read], || {
                "a message left before it was due".to_owned()
            });
        }
        let Some(frozen) = book.frozen_at(row.campaign, read.us) else { continue };
        if let Some(last) = frozen.fact.send_by_ms {
            found.hold(Rule::I10, read.at_ms <= last, [frozen.stamp, read], || {
                "a message left after its campaign's last instant".to_owned()
            });
        }
        if let Some(first) = first_ms(book, frozen, row).filter(|_| row.position == 0) {
            found.hold(Rule::I10, read.at_ms >= first, [frozen.stamp, read], || {
                "a message left before its campaign's time".to_owned()
            });
        }
    }
}

/// The first instant at which an initial message may leave, worked out here.
fn first_ms(book: &Book, frozen: &Noted<Frozen>, row: &Message) -> Option<i64> {
    let activated_ms = frozen.fact.activated_ms;
    let local: Option<NaiveDateTime> =
        frozen.fact.local.as_deref().and_then(|text| text.parse().ok());
    match (frozen.fact.mode.as_str(), local) {
        ("STORE_TIME", Some(local)) => {
            let site = book.site_at(&frozen.fact.site, frozen.stamp.us)?;
            zones::instant_ms(&site.fact.zone, local)
        }
        ("SUBSCRIBER_TIME", Some(local)) => {
            let zone = book.text(*row.zones.first()?);
            let first = zones::instant_ms(zone, local)?;
            if first >= activated_ms {
                return Some(first);
            }
            match frozen.fact.if_passed.as_deref() {
                Some("NEXT_DAY") => {
                    zones::instant_ms(zone, local.checked_add_signed(TimeDelta::days(1))?)
                }
                _ => Some(activated_ms),
            }
        }
        _ => Some(activated_ms),
    }
}

/// I13.
pub(super) fn smart_sending(book: &Book, found: &mut Findings) {
    let mut taken: HashMap<Sym, Vec<(&Request, &Message)>> = HashMap::new();
    for (request, row) in book.taken() {
        taken.entry(row.phone).or_default().push((request, row));
    }
    for requests in taken.values() {
        let mut last: Option<&Request> = None;
        for (request, row) in requests {
            let before = last.replace(request);
            let frozen = book.frozen_at(row.campaign, request.read.us);
            let Some(frozen) = frozen.filter(|it| it.fact.uses_smart_sending) else { continue };
            let site = book.site_at(&frozen.fact.site, frozen.stamp.us);
            let Some(window_s) = site.and_then(|site| site.fact.smart_sending_s) else { continue };
            if row.position > 0 {
                continue;
            }
            found.judged(Rule::I13);
            let Some(before) = before else { continue };
            let passed_ms = request.read.at_ms.saturating_sub(before.settled().at_ms);
            if passed_ms < window_s.saturating_mul(1_000) {
                let what = format!(
                    "a phone was texted {} s after another text, within {window_s} s",
                    passed_ms / 1_000
                );
                found.against(Rule::I13, what, [before.settled(), request.settled()]);
            }
        }
    }
}

/// I27.
pub(super) fn follow_ups(book: &Book, found: &mut Findings) {
    let mut taken: HashMap<(Sym, u32, Sym), (Stamp, i64)> = HashMap::new();
    for (request, row) in book.taken() {
        // Whoever learns of an acceptance later only knows when it was claimed. Where time is moved by hand, that
        // is the same instant.
        let claimed_ms = book.claimed.get(&request.reference).copied();
        let from_ms = claimed_ms.unwrap_or(request.settled().at_ms);
        let since = (request.settled(), from_ms);
        taken.entry((row.campaign, row.position, row.phone)).or_insert(since);
    }
    for request in &book.requests {
        let Some(row) = book.row_of(request).filter(|row| row.position > 0) else { continue };
        let Some(frozen) = book.frozen_at(row.campaign, request.read.us) else { continue };
        let step = frozen.fact.steps.iter().find(|step| step.position == row.position);
        let delay_ms = step.map_or(0, |step| step.delay_ms);
        let before = row.position.saturating_sub(1);
        let parent = taken.get(&(row.campaign, before, row.phone));
        let Some((parent, from_ms)) = parent.filter(|(it, _)| it.us < request.read.us) else {
            found.judged(Rule::I27);
            let what = "a follow-up left, and the step before it was not taken";
            found.against(Rule::I27, what, [frozen.stamp, request.read]);
            continue;
        };
        let first_ms = from_ms.saturating_add(delay_ms);
        found.hold(Rule::I27, request.read.at_ms >= first_ms, [*parent, request.read], || {
            let passed_ms = request.read.at_ms.saturating_sub(parent.at_ms);
            format!("a follow-up left {passed_ms} ms after its step before, and not {delay_ms} ms")
        });
    }
}
