//! Messages of every fate, and what is told of them.

use super::*;
use chrono::TimeDelta;

fn at(seconds: i64) -> Instant {
    let start: Instant = "2026-11-24T15:00:00Z".parse().unwrap();
    start + TimeDelta::seconds(seconds)
}

fn subject(state: MessageState, reason: Option<MessageReason>) -> Subject {
    Subject {
        evaluated_at: Some(at(0)),
        is_follow_up: false,
        standing: Standing { state, reason },
        rule: None,
        due_at: at(0),
        deferred_from: None,
        updated_at: at(9),
    }
}

fn records(subject: Subject) -> Records {
    let (decisions, attempts, receipts) = (Vec::new(), Vec::new(), Vec::new());
    Records { subject, decisions, attempts, receipts }
}

fn attempt(started: i64, outcome: AttemptOutcome, ended: i64, code: Option<&str>) -> Attempt {
    Attempt {
        started_at: at(started),
        ended: Some((outcome, at(ended))),
        code: code.map(str::to_owned),
    }
}

/// `KIND state reason` of each event.
fn told(records: &Records) -> Vec<String> {
    let events = records.events();
    let times: Vec<Instant> = events.iter().map(|event| event.recorded_at).collect();
    assert!(times.is_sorted(), "{times:?}");
    let words = |event: &MessageEvent| {
        let reason = event.standing.reason.map_or("", MessageReason::as_str);
        format!("{:?} {} {reason}", event.kind, event.standing.state).trim_end().to_owned()
    };
    events.iter().map(words).collect()
}

#[test]
fn a_retry_an_acceptance_and_a_receipt() {
    let mut records = records(subject(MessageState::Delivered, None));
    records.attempts = vec![
        attempt(1, AttemptOutcome::NotSent, 2, Some("TooManyRequests")),
        attempt(4, AttemptOutcome::Accepted, 5, None),
    ];
    let delivered = Receipt {
        kind: ReceiptKind::Delivered,
        code: None,
        occurred_at: at(6),
        received_at: at(8),
    };
    records.receipts = vec![delivered];
    let wanted = [
        "Evaluated queued",
        "HandoverStarted in_flight",
        "RetryScheduled deferred aggregator_backpressure",
        "HandoverStarted in_flight",
        "Accepted accepted",
        "Receipt delivered",
    ];
    assert_eq!(told(&records), wanted);
    let last = records.events().pop().unwrap();
    assert_eq!((last.occurred_at, last.recorded_at), (at(6), at(8)));
    // A receipt that overtakes the answer is not undone by it.
    records.receipts[0].received_at = at(4);
    let told = told(&records);
    assert_eq!(told[4..], ["Receipt delivered", "Accepted delivered"]);
}

#[test]
fn what_the_planner_decided_is_told_again() {
    let rule = Some(HeldBy::SiteQuietHours);
    let quiet = Some(MessageReason::QuietHours);
    let held = Subject {
        rule,
        due_at: at(3_600),
        deferred_from: Some(at(0)),
        updated_at: at(0),
        ..subject(MessageState::Deferred, quiet)
    };
    assert_eq!(told(&records(held.clone())), ["Evaluated deferred quiet_hours"]);
    assert_eq!(records(held.clone()).events()[0].rule, rule);
    let mut sent = records(Subject {
        standing: Standing::plain(MessageState::Accepted),
        updated_at: at(3_602),
        ..held
    });
    sent.attempts = vec![attempt(3_600, AttemptOutcome::Accepted, 3_602, None)];
    assert_eq!(told(&sent)[0], "Evaluated deferred quiet_hours");
    let skipped = Subject {
        updated_at: at(0),
        ..subject(MessageState::Skipped, Some(MessageReason::SmartSending))
    };
    assert_eq!(told(&records(skipped)), ["Evaluated skipped smart_sending"]);
    let waiting = Subject {
        due_at: at(60),
        ..subject(MessageState::Canceled, Some(MessageReason::CampaignCanceled))
    };
    assert_eq!(
        told(&records(waiting)),
        ["Evaluated deferred waiting_for_local_time", "Canceled canceled campaign_canceled"]
    );
    let follow_up = Subject {
        is_follow_up: true,
        ..subject(MessageState::Skipped, Some(MessageReason::Unsubscribed))
    };
    assert_eq!(
        told(&records(follow_up)),
        ["Evaluated deferred follow_up_delay", "Evaluated skipped unsubscribed"]
    );
}

#[test]
fn a_decision_at_hand_over_is_told_with_its_rule() {
    let rule = Some(HeldBy::SiteQuietHours);
    let standing = Standing::because(MessageState::Deferred, MessageReason::QuietHours);
    let mut records = records(Subject {
        rule,
        due_at: at(3_600),
        deferred_from: Some(at(0)),
        ..subject(MessageState::Deferred, Some(MessageReason::QuietHours))
    });
    records.decisions = vec![Decision { at: at(9), standing, rule }];
    assert_eq!(told(&records), ["Evaluated queued", "Evaluated deferred quiet_hours"]);
}

#[test]
fn refusals_and_lost_answers_say_why() {
    let unavailable = Some(MessageReason::AggregatorUnavailable);
    let mut given_up = records(subject(MessageState::Undelivered, unavailable));
    given_up.attempts = vec![attempt(1, AttemptOutcome::NotSent, 2, None)];
    assert_eq!(
        told(&given_up).last().map(String::as_str),
        Some("Rejected undelivered aggregator_unavailable")
    );
    let filtered = Some(MessageReason::CarrierFiltered);
    let mut refused = records(subject(MessageState::Undelivered, filtered));
    refused.attempts = vec![attempt(1, AttemptOutcome::Rejected, 2, Some("SpamFiltered"))];
    assert_eq!(told(&refused)[2], "Rejected undelivered carrier_filtered");
    let stopped = Some(MessageReason::EngineStopped);
    let mut unknown = records(subject(MessageState::Unknown, stopped));
    unknown.attempts = vec![attempt(1, AttemptOutcome::Unknown, 2, None)];
    assert_eq!(told(&unknown)[2], "AnswerLost unknown engine_stopped");
}
