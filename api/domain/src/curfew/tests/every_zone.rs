//! The rules of quiet hours in every zone, on every half hour of three years.
//!
//! Goal: a deferral is never early, never lands in a closed window, changes nothing when repeated and is
//! bounded, through every change of every clock; and an open span ends where the next window begins.
//! Method: an oracle walks the wall clock in quarters of an hour, marks each as closed by looking at the
//! clock alone, extends the marks over hours that come twice, and reads the answer off the marks. It shares
//! nothing with the rules but the zones' offsets, which have their own test.
//!
//! Zones whose clocks agree all through these years are walked once.

use super::*;
use std::{collections::BTreeMap, thread};

const STEP_MS: i64 = 15 * 60 * 1_000;
/// Each answer is asked for on the half hour.
const ASKED_EVERY: usize = 2;
/// Steps walked before and after the three years, so that no answer falls outside.
const MARGIN_STEPS: usize = 10 * 24 * 4;

/// A way to mark the wall clock: `true` is closed.
type Marks = fn(i64) -> bool;

/// One set of rules, and the same for the oracle.
struct Case {
    name: &'static str,
    curfew: Curfew,
    marks: &'static [Marks],
}

/// A daily window in minutes of the day.
const fn in_window<const START: i64, const END: i64>(wall_ms: i64) -> bool {
    let minute = wall_ms.div_euclid(60_000).rem_euclid(24 * 60);
    if START < END { START <= minute && minute < END } else { START <= minute || minute < END }
}

/// Texas: Monday to Saturday 9 to 21, Sunday 12 to 21, from 1 September 2025 on.
const fn texas(wall_ms: i64) -> bool {
    /// Days from 1970 to that day.
    const SINCE_DAY: i64 = 20_332;
    let minute = wall_ms.div_euclid(60_000).rem_euclid(24 * 60);
    let opens = if is_sunday(wall_ms) { 12 * 60 } else { 9 * 60 };
    let is_open = opens <= minute && minute < 21 * 60;
    !is_open && wall_ms >= SINCE_DAY * DAY_MS
}

/// Alabama: 8 to 20, not on Sunday.
const fn alabama(wall_ms: i64) -> bool {
    is_sunday(wall_ms) || in_window::<{ 20 * 60 }, { 8 * 60 }>(wall_ms)
}

const fn is_sunday(wall_ms: i64) -> bool {
    // 4 January 1970 was one.
    wall_ms.div_euclid(DAY_MS).rem_euclid(7) == 3
}

fn cases() -> Vec<Case> {
    let window = |name, start, end, marks| Case { name, curfew: site(start, end), marks };
    let law = |name, state: &str, marks| {
        let packs = state.parse().unwrap();
        let region = state.to_uppercase().replace('_', "-").parse().ok();
        Case { name, curfew: Curfew::new(&[], None, packs, region), marks }
    };
    vec![
        window("20-9", "20:00:00", "09:00:00", &[in_window::<1200, 540>]),
        window("ends in gaps and folds", "22:00:00", "02:30:00", &[in_window::<1320, 150>]),
        window("inside the small hours", "00:30:00", "01:30:00", &[in_window::<30, 90>]),
        window("swallowed by a gap", "02:00:00", "02:30:00", &[in_window::<120, 150>]),
        window("begins in folds", "01:15:00", "01:00:00", &[in_window::<75, 60>]),
        window("around midnight", "23:30:00", "00:15:00", &[in_window::<1410, 15>]),
        law("Texas", "us_tx", &[texas]),
        Case {
            name: "Alabama, a site and a campaign",
            curfew: Curfew::new(
                &[quiet("21:00:00", "09:30:00")],
                Some(quiet("12:00:00", "13:00:00")),
                "us_al".parse().unwrap(),
                "US-AL".parse().ok(),
            ),
            marks: &[alabama, in_window::<1260, 570>, in_window::<720, 780>],
        },
    ]
}

/// A zone's wall clock at every step, and the steps that a clock going back makes come twice.
struct Walk {
    instants: Vec<Instant>,
    walls: Vec<i64>,
}

impl Walk {
    fn of(zone: Zone) -> Self {
        let first = at("2025-01-01T00:00:00Z").timestamp_millis();
        let last = at("2028-01-01T00:00:00Z").timestamp_millis();
        let margin_ms = i64::try_from(MARGIN_STEPS).unwrap() * STEP_MS;
        let steps = (last - first + 2 * margin_ms) / STEP_MS;
        let instants = (0..steps).map(|step| first - margin_ms + step * STEP_MS);
        Self {
            walls: instants.clone().map(|ms| zone.clock_at(ms).unwrap().wall_ms()).collect(),
            instants: instants.map(|ms| Instant::from_timestamp_millis(ms).unwrap()).collect(),
        }
    }

    /// Marks every step at which `marks` is closed, from the first time the clock reads the start of a window
    /// to the last time it reads its end.
    fn mark(&self, marks: Marks, closed: &mut [bool]) {
        for (step, wall) in self.walls.iter().enumerate() {
            closed[step] |= marks(*wall);
            let before = step.checked_sub(1).map_or(*wall - STEP_MS, |before| self.walls[before]);
            let expected = before + STEP_MS;
            if *wall < expected {
                self.mark_fold(marks, step, expected, closed);
            }
        }
    }

    /// At `step` the clock went back from `upper`, so the walls from there to `upper` come twice.
    fn mark_fold(&self, marks: Marks, step: usize, upper: i64, closed: &mut [bool]) {
        let lower = self.walls[step];
        let length = usize::try_from((upper - lower) / STEP_MS).unwrap();
        let twice = (0..length).map(|n| lower + i64::try_from(n).unwrap() * STEP_MS);
        for edge in twice {
            let begins = marks(edge) && !marks(edge - STEP_MS);
            let ends = !marks(edge) && marks(edge - STEP_MS);
            for n in 0..length {
                let wall = lower + i64::try_from(n).unwrap() * STEP_MS;
                // The second time before a start: it has started. The first time after an end: it will end.
                closed[step + n] |= begins && wall < edge;
                closed[step - length + n] |= ends && edge <= wall;
            }
        }
    }
}

/// For each step the first one at or after it whose mark is `wanted`.
fn next(closed: &[bool], wanted: bool) -> Vec<Option<usize>> {
    let mut found = None;
    let mut next: Vec<Option<usize>> = Vec::with_capacity(closed.len());
    for (step, mark) in closed.iter().enumerate().rev() {
        found = if *mark == wanted { Some(step) } else { found };
        next.push(found);
    }
    next.reverse();
    next
}

/// Compares the curfew with the oracle in one set of zones; the number of instants asked about.
fn compare(case: &Case, zones: &[Zone], walks: &[&Walk]) -> u64 {
    let instants = &walks[0].instants;
    let mut closed = vec![false; instants.len()];
    for walk in walks {
        case.marks.iter().for_each(|marks| walk.mark(*marks, &mut closed));
    }
    let (opening, closing) = (next(&closed, false), next(&closed, true));
    let horizon = usize::try_from(HORIZON.num_milliseconds() / STEP_MS).unwrap();
    let within = |step: usize, found: Option<usize>| {
        found.filter(|found| found - step <= horizon).map(|found| instants[found])
    };
    let (mut asked, mut last_open) = (0, None);
    for step in (MARGIN_STEPS..instants.len() - MARGIN_STEPS).step_by(ASKED_EVERY) {
        let due = instants[step];
        let who = || format!("{} in {zones:?} at {due}", case.name);
        let found = case.curfew.first_open(due, zones);
        assert_eq!(found.at, within(step, opening[step]), "opens: {}", who());
        assert_eq!(found.held_by.is_some(), closed[step], "held: {}", who());
        let end = case.curfew.closes_at(due, zones);
        assert_eq!(end, within(step, closing[step]), "closes: {}", who());
        if let Some(open) = found.at.filter(|open| closed[step] && last_open != Some(*open)) {
            // Idempotent, and not a moment too late.
            let again = Opening { at: Some(open), held_by: None };
            assert_eq!(case.curfew.first_open(open, zones), again, "again: {}", who());
            let before = open - TimeDelta::milliseconds(1);
            assert_eq!(case.curfew.first_open(before, zones).at, Some(open), "{}", who());
            last_open = Some(open);
        }
        asked += 1;
    }
    asked
}

/// One zone for every way a clock goes in the years walked.
fn distinct_zones() -> Vec<Zone> {
    let days: Vec<i64> = (0..1_116)
        .map(|day| at("2024-12-20T00:00:00Z").timestamp_millis() + day * DAY_MS)
        .collect();
    let mut by_changes: BTreeMap<Vec<(i64, i64)>, Zone> = BTreeMap::new();
    for tz in chrono_tz::TZ_VARIANTS {
        let zone: Zone = tz.name().parse().unwrap();
        let offset = |ms: i64| zone.clock_at(ms).unwrap().wall_ms() - ms;
        let mut changes = vec![(0, offset(days[0]))];
        for day in days.windows(2) {
            if offset(day[0]) != offset(day[1]) {
                let (mut before, mut after) = (day[0], day[1]);
                while after - before > 1 {
                    let middle = i64::midpoint(before, after);
                    if offset(middle) == offset(before) { before = middle } else { after = middle }
                }
                changes.push((after, offset(after)));
            }
        }
        by_changes.entry(changes).or_insert(zone);
    }
    by_changes.into_values().collect()
}

#[test]
fn never_early_never_closed_in_any_zone() {
    let zones = distinct_zones();
    let new_york: Zone = "America/New_York".parse().unwrap();
    let east = Walk::of(new_york);
    let cases = cases();
    let half = |zones: &[Zone]| {
        let mut asked = 0;
        for zone in zones {
            let walk = Walk::of(*zone);
            for case in &cases {
                asked += compare(case, &[*zone], &[&walk]);
            }
            // Texas needs both clocks open; the first window too, and for some pairs that is never.
            for case in [&cases[0], &cases[6]] {
                asked += compare(case, &[*zone, new_york], &[&walk, &east]);
            }
        }
        asked
    };
    let (one, other) = zones.split_at(zones.len() / 2);
    let asked = thread::scope(|scope| {
        let helper = scope.spawn(|| half(one));
        half(other) + helper.join().unwrap()
    });
    println!("{} ways of clocks, {asked} instants", zones.len());
    assert!(asked > 30_000_000, "{asked}");
}
