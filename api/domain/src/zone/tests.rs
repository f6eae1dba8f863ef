//! What zones promise, and how far the tzdb that is not used has drifted.

use super::*;
use std::fmt::Write;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn instant(zone: &str, local: &str) -> Instant {
    zone.parse::<Zone>().unwrap().instant_of(local.parse().unwrap()).unwrap()
}

/// The golden vectors: half past two on the night the clocks go forward, half past one on the night they go back.
#[test]
fn gaps_shift_forward_and_folds_mean_the_first() {
    assert_eq!(instant("America/New_York", "2026-03-08T02:30:00"), at("2026-03-08T07:30:00Z"));
    assert_eq!(instant("America/New_York", "2026-11-01T01:30:00"), at("2026-11-01T05:30:00Z"));
    assert_eq!(instant("Australia/Lord_Howe", "2026-10-04T02:15:00"), at("2026-10-03T15:45:00Z"));
    assert_eq!(instant("America/New_York", "2026-07-01T10:00:00"), at("2026-07-01T14:00:00Z"));
    assert_eq!(instant("Asia/Kolkata", "2026-07-01T10:00:00"), at("2026-07-01T04:30:00Z"));
    assert_eq!(instant("Pacific/Kiritimati", "2026-07-01T10:00:00"), at("2026-06-30T20:00:00Z"));
}

/// Vancouver keeps its summer time from autumn 2026: tzdata 2025b does not know, the bundled rules do.
#[test]
fn the_rules_are_current() {
    let vancouver: Zone = "America/Vancouver".parse().unwrap();
    let local = vancouver.local_of(at("2026-11-23T18:00:00Z"));
    assert_eq!(local, "2026-11-23T11:00:00".parse().unwrap());
}

#[test]
fn a_name_that_is_no_zone_is_refused() {
    for bad in ["", "Mars/Base", "EST5EDT4", "america/new_york", "GMT+25", "+05:00"] {
        assert!(bad.parse::<Zone>().is_err(), "{bad}");
    }
    for tz in chrono_tz::TZ_VARIANTS {
        assert!(tz.name().parse::<Zone>().is_ok(), "{tz}");
    }
}

/// Milliseconds on a wall clock.
fn wall(local: &str) -> i64 {
    local.parse::<NaiveDateTime>().unwrap().and_utc().timestamp_millis()
}

#[test]
fn the_edges_of_a_window_by_gap_and_fold() {
    let edges = |zone: &str, local: &str| {
        let zone: Zone = zone.parse().unwrap();
        let instant = |ms: Option<i64>| Instant::from_timestamp_millis(ms.unwrap()).unwrap();
        // From near and from far: the clock's own period and the whole table must say the same.
        let near = zone.clock_at(wall(local)).unwrap();
        let far = zone.clock_at(at("1990-01-01T00:00:00Z").timestamp_millis()).unwrap();
        assert_eq!(near.first_ms(wall(local)), far.first_ms(wall(local)));
        assert_eq!(near.last_ms(wall(local)), far.last_ms(wall(local)));
        (instant(near.first_ms(wall(local))), instant(near.last_ms(wall(local))))
    };
    let once = |text| (at(text), at(text));
    let new_york = "America/New_York";
    assert_eq!(edges(new_york, "2026-06-10T20:00:00"), once("2026-06-11T00:00:00Z"));
    // In the gap the change itself: 03:00 EDT, not 03:30.
    assert_eq!(edges(new_york, "2026-03-08T02:00:00"), once("2026-03-08T07:00:00Z"));
    assert_eq!(edges(new_york, "2026-03-08T02:30:00"), once("2026-03-08T07:00:00Z"));
    assert_eq!(edges(new_york, "2026-03-08T03:00:00"), once("2026-03-08T07:00:00Z"));
    assert_eq!(edges("America/Havana", "2026-03-08T00:30:00"), once("2026-03-08T05:00:00Z"));
    assert_eq!(edges("Australia/Lord_Howe", "2026-10-04T02:15:00"), once("2026-10-03T15:30:00Z"));
    // Samoa skipped 30 December 2011.
    assert_eq!(edges("Pacific/Apia", "2011-12-30T10:00:00"), once("2011-12-30T10:00:00Z"));
    // In the fold both, up to but not including its upper end.
    let fold = (at("2026-11-01T05:00:00Z"), at("2026-11-01T06:00:00Z"));
    assert_eq!(edges(new_york, "2026-11-01T01:00:00"), fold);
    let fold = (at("2026-11-01T05:59:59Z"), at("2026-11-01T06:59:59Z"));
    assert_eq!(edges(new_york, "2026-11-01T01:59:59"), fold);
    assert_eq!(edges(new_york, "2026-11-01T02:00:00"), once("2026-11-01T07:00:00Z"));
    assert_eq!(edges(new_york, "2026-11-01T00:59:59"), once("2026-11-01T04:59:59Z"));
}

#[test]
fn the_table_ends_with_its_years() {
    let zone: Zone = "America/New_York".parse().unwrap();
    assert!(zone.clock_at(at("2100-01-01T00:00:00Z").timestamp_millis()).is_none());
    assert!(zone.clock_at(at("1969-12-31T23:59:59Z").timestamp_millis()).is_none());
    let clock = zone.clock_at(at("2099-12-25T00:00:00Z").timestamp_millis()).unwrap();
    assert_eq!(clock.first_ms(wall("2099-12-31T20:00:00")), None);
    assert_eq!(clock.last_ms(wall("1970-01-01T00:00:00")), None);
    assert!(clock.last_ms(wall("2099-12-26T00:00:00")).is_some());
}

/// Goal: the table says what jiff says, in every zone. Method: both sides of every change jiff knows from 2020
/// to 2040, and a day of every month.
#[test]
fn the_table_agrees_with_the_rules() {
    let (from, until) = (at("2020-01-01T00:00:00Z"), at("2040-01-01T00:00:00Z"));
    let months = (0..240).map(|month| from + TimeDelta::days(month * 30));
    let months: Vec<Instant> = months.collect();
    for zone in every_zone() {
        let changes = changes_of(zone, from, until);
        let sides =
            changes.iter().flat_map(|change| [*change - TimeDelta::milliseconds(1), *change]);
        for instant in sides.chain(months.iter().copied()) {
            let local = zone.local_of(instant).and_utc().timestamp_millis();
            let clock = zone.clock_at(instant.timestamp_millis()).unwrap();
            assert_eq!(clock.wall_ms(), local, "{zone} {instant}");
        }
    }
}

/// Goal: to know on which zones chrono-tz's rules are out of date, and to hear of it when that changes.
/// Method: both sides of every change jiff knows from 2026 to 2031, and every day.
#[test]
fn drift_of_the_tzdb_that_is_not_used() {
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2032-01-01T00:00:00Z"));
    let days: Vec<Instant> =
        (0..(until - from).num_days()).map(|day| from + TimeDelta::days(day)).collect();
    let mut report =
        format!("tzdb {TZDB_VERSION} against chrono-tz {}\n", chrono_tz::IANA_TZDB_VERSION);
    for zone in every_zone() {
        let differs = |instant: &Instant| {
            instant.with_timezone(&zone.0).naive_local() != zone.local_of(*instant)
        };
        let hours = changes_of(zone, from, until)
            .into_iter()
            .flat_map(|change| [change - TimeDelta::milliseconds(1), change])
            .find(differs);
        let wrong: Vec<&Instant> = days.iter().filter(|day| differs(day)).collect();
        let first = wrong.first().map(|day| **day).into_iter().chain(hours).min();
        if let Some(first) = first {
            let days = wrong.len();
            let first = first.format("%Y-%m-%d");
            writeln!(report, "{zone} from {first} on {days} days").unwrap();
        }
    }
    insta::assert_snapshot!(report);
}

fn every_zone() -> impl Iterator<Item = Zone> {
    chrono_tz::TZ_VARIANTS.iter().map(|tz| tz.name().parse().unwrap())
}

fn changes_of(zone: Zone, from: Instant, until: Instant) -> Vec<Instant> {
    let start = Timestamp::from_millisecond(from.timestamp_millis()).unwrap();
    let changes = zone.rules().time_zone.following(start);
    let instants = changes
        .map(|change| Instant::from_timestamp_millis(change.timestamp().as_millisecond()).unwrap());
    instants.take_while(|change| *change < until).collect()
}
