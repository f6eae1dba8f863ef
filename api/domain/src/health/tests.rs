//! An aggregator's health, observation by observation.

use super::*;

fn at(text: &str) -> Instant {
    format!("2026-11-23T{text}Z").parse().unwrap()
}

fn hold(pushback: Pushback) -> Hold {
    Hold { pushback, since: at("15:00:00"), until: at("15:01:00"), code: None }
}

fn incident() -> Incident {
    Incident {
        title: "SMS delivery delays.".to_owned(),
        url: Some("https://stspg.example/x".to_owned()),
    }
}

fn page(status: Option<ComponentStatus>, incident: Option<Incident>) -> Observed {
    let component = status.map(|status| Component { name: "SMS".to_owned(), status });
    Observed {
        page: Some(PageReport {
            indicator: PageIndicator::Major,
            component,
            incident,
            since: None,
        }),
        page_since: Some(at("14:50:00")),
        checked_at: Some(at("15:00:00")),
        ..Observed::default()
    }
}

fn health(observed: &Observed, now: &str) -> AggregatorHealth {
    let assessment = assess(observed, at(now));
    assert!(assessment.message.ends_with('.'), "{assessment:?}");
    assert_eq!(assessment.since.is_none(), assessment.health == AggregatorHealth::Healthy);
    assessment.health
}

#[test]
fn what_the_engine_saw_comes_first() {
    use AggregatorHealth::{Degraded, Healthy, Unavailable};
    let nothing = Observed::default();
    assert_eq!(health(&nothing, "15:00:00"), Healthy);
    let away = Observed { hold: Some(hold(Pushback::Unavailable)), ..Observed::default() };
    assert_eq!(health(&away, "15:00:30"), Unavailable);
    assert_eq!(health(&away, "15:05:59"), Unavailable, "nothing was taken since");
    assert_eq!(health(&away, "15:06:00"), Healthy, "that was long ago");
    let throttled = Observed { hold: Some(hold(Pushback::Throttled)), ..Observed::default() };
    assert_eq!(health(&throttled, "15:00:30"), Degraded);
    let unanswered = Observed { unanswered_at: Some(at("15:00:00")), ..Observed::default() };
    assert_eq!(health(&unanswered, "15:04:59"), Degraded);
    assert_eq!(health(&unanswered, "15:05:00"), Healthy);
    let both = Observed { hold: Some(hold(Pushback::Unavailable)), ..page(None, Some(incident())) };
    let assessment = assess(&both, at("15:00:30"));
    assert_eq!(assessment.health, Unavailable);
    assert_eq!(assessment.incident, Some(incident()), "the page explains it");
    assert_eq!(assessment.since, Some(at("15:00:00")));
}

/// Goal: a page degrades at most, only for texts, and only while it is current.
#[test]
fn a_page_is_advice() {
    use AggregatorHealth::{Degraded, Healthy};
    use ComponentStatus::{MajorOutage, Operational, UnderMaintenance, Unknown};
    assert_eq!(health(&page(Some(MajorOutage), Some(incident())), "15:00:30"), Degraded);
    assert_eq!(health(&page(Some(MajorOutage), None), "15:00:30"), Degraded);
    assert_eq!(health(&page(Some(UnderMaintenance), None), "15:00:30"), Degraded);
    assert_eq!(health(&page(None, None), "15:00:30"), Degraded, "it does not tell texts apart");
    assert_eq!(health(&page(Some(Operational), None), "15:00:30"), Healthy, "calls are down");
    assert_eq!(health(&page(Some(Unknown), None), "15:00:30"), Healthy);
    assert_eq!(health(&page(None, Some(incident())), "15:10:00"), Healthy, "not asked since");
    let unreadable = Observed {
        checked_at: Some(at("15:20:00")),
        failed_at: Some(at("15:05:00")),
        ..page(None, Some(incident()))
    };
    assert_eq!(health(&unreadable, "15:14:00"), Degraded);
    assert_eq!(health(&unreadable, "15:20:00"), Healthy, "nobody knows what it says now");
}

fn codes(observed: &Observed, waiting: &Waiting, now: &str) -> Vec<(&'static str, i64)> {
    let delays = delays(observed, waiting, at(now));
    for delay in &delays {
        assert!(delay.message().ends_with('.'), "{delay:?}");
    }
    delays.iter().map(|delay| (delay.code().as_str(), delay.message_count(waiting))).collect()
}

#[test]
fn what_waits_knows_what_for() {
    let both = Waiting { to_hand_over: 3, accepted: 2, oldest_accepted_at: Some(at("14:55:00")) };
    let away = Observed { hold: Some(hold(Pushback::Unavailable)), ..page(None, Some(incident())) };
    let late = ("carrier_congestion", 2);
    assert_eq!(codes(&away, &both, "15:00:01"), [("aggregator_unavailable", 3), late]);
    let throttled =
        Observed { hold: Some(hold(Pushback::Throttled)), ..page(None, Some(incident())) };
    let told = [("aggregator_throttled", 3), ("aggregator_incident", 5), late];
    assert_eq!(codes(&throttled, &both, "15:00:01"), told);
    let sent = Waiting { to_hand_over: 0, ..both };
    assert_eq!(codes(&away, &sent, "15:00:00"), [("aggregator_incident", 2)]);
    assert_eq!(codes(&Observed::default(), &sent, "15:00:00"), [], "five minutes are no delay");
    assert_eq!(codes(&Observed::default(), &sent, "15:00:01"), [late]);
    assert_eq!(codes(&away, &Waiting::default(), "15:00:01"), [], "nothing waits");
}

#[test]
fn a_delay_says_when_it_clears_and_where_to_read_on() {
    let throttled = AggregatorDelay::Throttled { until: at("15:01:00") };
    assert_eq!(throttled.clears_at(), Some(at("15:01:00")));
    let away = AggregatorDelay::Unavailable { since: at("15:00:00"), incident: Some(incident()) };
    assert_eq!(away.url(), Some("https://stspg.example/x"));
    assert!(away.message().ends_with("It reports “SMS delivery delays”."), "{}", away.message());
    let one = AggregatorDelay::CarrierCongestion { since: at("15:00:00"), count: 1 };
    assert!(one.message().contains("took 1 message that"), "{}", one.message());
}
