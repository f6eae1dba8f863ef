//! What is shown, and when a reconciler is called failing or stalled.

use super::*;
use crate::ports::Task;
use chrono::TimeDelta;
use domain::Instant;

fn at(seconds: i64) -> Instant {
    Instant::from_timestamp_secs(1_795_446_000 + seconds).unwrap()
}

fn vitals() -> Vitals {
    Vitals::new().unwrap()
}

/// The value of a figure in a text.
fn value<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
}

#[test]
fn figures_begin_at_zero_and_count() {
    let vitals = vitals();
    let metrics = vitals.metrics();
    let accepted = "sendoff_handovers_total{connection_kind=\"generic\",outcome=\"accepted\",site_class=\"trial\"}";
    let text = metrics.text(None).unwrap();
    assert_eq!(value(&text, accepted), Some("0"), "{text}");
    assert_eq!(value(&text, "sendoff_database_up"), Some("0"));
    assert!(!text.contains("sendoff_messages"), "what was not read is not told");
    let route = Route::new("generic", SiteClass::Trial);
    metrics.handed_over(route, Told::Accepted);
    metrics.accepted(route, &[TimeDelta::milliseconds(1_500), TimeDelta::milliseconds(-5)]);
    let flight = metrics.in_flight();
    let tables =
        TableFigures { due: 3, held: vec![(HoldCause::Throttled, 2)], ..Default::default() };
    let text = metrics.text(Some(&tables)).unwrap();
    drop(flight);
    let trial = "connection_kind=\"generic\",site_class=\"trial\"";
    let bucket = |le: &str| {
        let name = "sendoff_handover_due_to_accepted_seconds_bucket";
        value(&text, &format!("{name}{{{trial},le=\"{le}\"}}"))
    };
    assert_eq!([bucket("0.05"), bucket("1"), bucket("2.5")], [Some("1"), Some("1"), Some("2")]);
    for (name, wanted) in [
        (accepted, "1"),
        ("sendoff_handovers_in_flight", "1"),
        ("sendoff_database_up", "1"),
        ("sendoff_messages{state=\"due\"}", "3"),
        ("sendoff_connections_held{cause=\"throttled\"}", "2"),
        ("sendoff_connections_held{cause=\"unanswered\"}", "0"),
    ] {
        assert_eq!(value(&text, name), Some(wanted), "{name}: {text}");
    }
    let text = metrics.text(None).unwrap();
    assert_eq!(value(&text, "sendoff_handovers_in_flight"), Some("0"));
    assert!(!text.contains("sendoff_messages"), "an old figure would lie");
}

/// Goal: whatever a connection is called, the figures have a bound.
#[test]
fn a_kind_that_nobody_knows_is_other() {
    let vitals = vitals();
    for kind in ["+14155550100", "generic ", "x"] {
        vitals.metrics().handed_over(Route::new(kind, SiteClass::Paid), Told::Unknown);
    }
    let text = vitals.metrics().text(None).unwrap();
    let other = "sendoff_handovers_total{connection_kind=\"other\",outcome=\"unknown\",site_class=\"paid\"}";
    assert_eq!(value(&text, other), Some("3"));
    assert!(!text.contains("415555"), "{text}");
}

fn activate(vitals: &Vitals, task: Task, result: ActivationResult, seconds: i64) {
    let reconcilers = vitals.reconcilers();
    reconcilers.begin(task, at(seconds));
    let ended = at(seconds) + TimeDelta::milliseconds(250);
    reconcilers.end(vitals.metrics(), task, result, (ended, ended));
}

#[test]
fn three_failures_in_a_row_are_told_until_one_succeeds() {
    let vitals = vitals();
    let reconcilers = vitals.reconcilers();
    let failed = ActivationResult::Failed(FaultCode::DatabaseFull);
    for seconds in 0..3 {
        activate(&vitals, Task::Planner, failed, seconds);
    }
    assert_eq!(reconcilers.troubles(at(3)), [], "nobody drives them");
    reconcilers.driven(TimeDelta::seconds(1), at(0));
    let told = [Trouble::Failing(Task::Planner, FaultCode::DatabaseFull)];
    assert_eq!(reconcilers.troubles(at(3)), told);
    activate(&vitals, Task::Planner, ActivationResult::Worked(2), 4);
    assert_eq!(reconcilers.troubles(at(5)), []);
    for seconds in 5..9 {
        activate(
            &vitals,
            Task::Planner,
            ActivationResult::Failed(FaultCode::DataUnusable),
            seconds,
        );
    }
    assert_eq!(reconcilers.troubles(at(9)), [], "no other node could do better");
    let standings = reconcilers.standings();
    let (_, planner) = standings.iter().find(|(task, _)| *task == Task::Planner).unwrap();
    assert_eq!((planner.activations, planner.failures_in_row), (8, 4));
    assert_eq!(planner.last.unwrap().took, TimeDelta::milliseconds(250));
    let text = vitals.metrics().text(None).unwrap();
    let failures =
        "sendoff_reconciler_failures_total{code=\"DATABASE_FULL\",reconciler=\"planner\"}";
    assert_eq!(value(&text, failures), Some("3"));
    let worked = "sendoff_reconciler_activations_total{reconciler=\"planner\",result=\"worked\"}";
    assert_eq!(value(&text, worked), Some("1"));
    assert_eq!(
        value(&text, "sendoff_reconciler_last_seconds{reconciler=\"planner\"}"),
        Some("0.25")
    );
}

#[test]
fn a_reconciler_that_does_not_look_is_stalled() {
    let vitals = vitals();
    let reconcilers = vitals.reconcilers();
    reconcilers.driven(TimeDelta::seconds(10), at(0));
    assert_eq!(reconcilers.troubles(at(80)), []);
    assert_eq!(reconcilers.troubles(at(81)).len(), Task::ALL.len());
    for task in Task::ALL {
        activate(&vitals, task, ActivationResult::Idle, 90);
    }
    assert_eq!(reconcilers.troubles(at(100)), []);
    // One that is at work may take its time, but not for ever.
    reconcilers.begin(Task::Resolver, at(100));
    for task in Task::ALL.into_iter().filter(|task| *task != Task::Resolver) {
        activate(&vitals, task, ActivationResult::Idle, 690);
    }
    assert_eq!(reconcilers.troubles(at(700)), []);
    assert_eq!(reconcilers.troubles(at(701)), [Trouble::Stalled(Task::Resolver)]);
}
