//! Which receipts are owed, and when: the same for every order of arrival.

use super::*;
use crate::aggregator::event::Content;

/// One receipt owed: milliseconds from the start, the phone's end, what it says, which repeat, the
/// event's id.
type Owed = (i64, String, String, u32, String);

/// Hands over to `phones` in that order and takes everything out that is ever due.
fn owed(yaml: &str, phones: &[u32]) -> Vec<Owed> {
    let (aggregator, _) = aggregator(yaml);
    for n in phones {
        let to = format!("+141555{n:05}");
        assert_eq!(hand_over(&aggregator, &to, &n.to_string()).status, 202);
    }
    let ledger = aggregator.core().ledger();
    let never = DateTime::<Utc>::MAX_UTC;
    std::iter::from_fn(|| aggregator.core().take_due(never))
        .filter_map(|outgoing| {
            let Content::Receipt { message_id, kind, .. } = &outgoing.content else { return None };
            let to = ledger.find(message_id).unwrap().request.to.clone();
            let ms = outgoing.due.signed_duration_since(start()).num_milliseconds();
            Some((ms, to, kind.as_str().to_owned(), outgoing.copy, outgoing.event_id))
        })
        .collect()
}

/// What is said and when, without the ids.
fn said(owed: &[Owed]) -> Vec<(i64, &str, u32)> {
    owed.iter().map(|(ms, _, status, copy, _)| (*ms, status.as_str(), *copy)).collect()
}

#[test]
fn the_default_is_sent_and_then_delivered() {
    let owed = owed("{}", &[100]);
    assert_eq!(said(&owed), [(300, "sent", 0), (2000, "delivered", 0)]);
}

#[test]
fn faults_are_the_same_whatever_the_order_of_arrival() {
    let yaml = "
receipt_faults: { duplicate: { percent: 30, copies: 2 }, reorder: { percent: 40, within: 5s },
                  delay: { percent: 10, by: 26h }, drop: { percent: 10 } }";
    let forward: Vec<u32> = (100..200).collect();
    let backward: Vec<u32> = (100..200).rev().collect();
    let planned = owed(yaml, &forward);
    assert_eq!(planned, owed(yaml, &backward));
    let share = |holds: &dyn Fn(&Owed) -> bool| planned.iter().filter(|one| holds(one)).count();
    assert!((40..=160).contains(&share(&|one| one.3 > 0)), "repeats");
    assert!((5..=50).contains(&share(&|one| one.0 >= 26 * 3_600_000)), "delayed");
    assert!((160..=198).contains(&share(&|one| one.3 == 0)), "not dropped");
    assert!(planned.is_sorted_by_key(|one| (one.0, one.4.clone())));
    // Some are delivered before they are sent.
    let late =
        |to: &str| planned.iter().find(|one| one.1 == *to).is_some_and(|one| one.2 == "delivered");
    assert!(planned.iter().any(|one| late(&one.1)));
    let other = owed(&format!("seed: 2\n{yaml}"), &forward);
    assert_ne!(planned, other);
}

#[test]
fn repeats_have_the_same_event_id_unless_told_otherwise() {
    let with = |fresh: bool| {
        let yaml = format!(
            "receipt_faults:\n  \
             duplicate: {{ percent: 100, copies: 2, gap: 10ms, fresh_ids: {fresh} }}\n\
             defaults: {{ receipts: [ {{ after: 1s, status: delivered }} ] }}"
        );
        let owed = owed(&yaml, &[100]);
        let expected = [(1000, "delivered", 0), (1010, "delivered", 1), (1020, "delivered", 2)];
        assert_eq!(said(&owed), expected);
        owed.iter().map(|one| one.4.clone()).collect::<std::collections::BTreeSet<_>>().len()
    };
    assert_eq!(with(false), 1);
    assert_eq!(with(true), 3);
}

#[test]
fn a_window_holds_or_drops_what_is_due_in_it() {
    let with = |fate: &str| {
        owed(&format!("windows: [ {{ from: 1s, until: 10s, receipts: {fate} }} ]"), &[100])
    };
    assert_eq!(said(&with("hold")), [(300, "sent", 0), (10_000, "delivered", 0)]);
    assert_eq!(said(&with("drop")), [(300, "sent", 0)]);
    assert_eq!(said(&with("flow")), [(300, "sent", 0), (2000, "delivered", 0)]);
    // Held to the end of one window that another holds on from.
    let two = "
windows: [ { from: 1s, until: 3s, receipts: hold }, { from: 3s, until: 5s, receipts: hold } ]";
    assert_eq!(said(&owed(two, &[100])), [(300, "sent", 0), (5000, "delivered", 0)]);
}

#[test]
fn a_message_expires_at_its_last_instant() {
    let expiring = |yaml: &str| {
        let (aggregator, clock) = aggregator(yaml);
        let mut request = message(TO, NOWHERE);
        request["not_after"] = json!("2026-11-23T15:00:01Z");
        assert_eq!(aggregator.core().handle(&post("k", &request)).status, 202);
        let reference = format!("msg_{TO}");
        clock.advance_by(TimeDelta::hours(1));
        let found = body(&aggregator.core().handle(&get(&reference)));
        let due: Vec<i64> = std::iter::from_fn(|| aggregator.core().take_due(clock.now()))
            .map(|one| one.due.signed_duration_since(start()).num_milliseconds())
            .collect();
        (found["messages"][0]["status"].as_str().unwrap().to_owned(), due)
    };
    assert_eq!(expiring("{}"), ("expired".to_owned(), vec![300, 1000]));
    let disobedient = "defaults: { obeys_not_after: false }";
    assert_eq!(expiring(disobedient), ("delivered".to_owned(), vec![300, 2000]));
}

#[test]
fn receipts_before_the_response_go_with_the_reply() {
    let (aggregator, _) = aggregator("receipt_faults: { before_response: { percent: 100 } }");
    let reply = hand_over(&aggregator, TO, "k");
    assert_eq!(reply.before.len(), 1);
    assert_eq!(aggregator.next_due(), Some(start() + TimeDelta::seconds(2)));
}
