//! The order of the rules, and the edges of their windows.

use super::*;
use crate::rule_pack::RulePack;
use chrono::NaiveTime;
use uuid::Uuid;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn quiet(start: u32, end: u32) -> QuietHours {
    let time = |hour| NaiveTime::from_hms_opt(hour, 0, 0).unwrap();
    QuietHours::new(time(start), time(end)).unwrap()
}

fn rules() -> Rules {
    Rules {
        site_quiet_hours: vec![quiet(20, 9)],
        own_quiet_hours: None,
        packs: RulePacks::NONE,
        smart_sending: Some(TimeDelta::hours(8)),
    }
}

fn new_york() -> ZoneSet {
    "America/New_York".parse().unwrap()
}

/// Noon in New York.
const NOON: &str = "2026-06-10T16:00:00Z";

fn fine() -> Facts<'static> {
    Facts {
        consent: Consent::Given,
        unfit: None,
        previous: None,
        zones: new_york(),
        region: None,
        moved_to: None,
        due_at: at(NOON),
        send_by: None,
        last: None,
        recent: &[],
        reservation: None,
    }
}

fn touch(when: &str) -> Touch {
    Touch { message: MessageId(Uuid::nil()), at: at(when) }
}

fn judge(facts: &Facts<'_>, now: &str) -> Verdict {
    Judge::new(&rules(), at(now)).verdict(facts)
}

fn reason(verdict: Verdict) -> Option<MessageReason> {
    match verdict {
        Verdict::Skip(skip) => Some(skip.reason),
        _ => None,
    }
}

/// Goal: of several reasons the first in the fixed order is named. Method: everything is wrong, and one
/// thing after the other is put right.
#[test]
fn the_first_rule_that_applies_is_the_reason() {
    let mut facts = Facts {
        consent: Consent::Withdrawn,
        unfit: Some(MessageReason::Excluded),
        last: Some(touch("2026-06-10T15:00:00Z")),
        send_by: Some(at(NOON)),
        ..fine()
    };
    let reasons = [
        (Consent::Withdrawn, MessageReason::Unsubscribed),
        (Consent::Never, MessageReason::NotSubscribed),
        (Consent::Suspected, MessageReason::Suppressed),
        (Consent::Unreachable, MessageReason::KnownUnreachable),
        (Consent::Given, MessageReason::Excluded),
    ];
    for (consent, expected) in reasons {
        facts.consent = consent;
        assert_eq!(reason(judge(&facts, NOON)), Some(expected));
    }
    facts.unfit = None;
    assert_eq!(reason(judge(&facts, NOON)), Some(MessageReason::SmartSending));
    facts.last = None;
    assert_eq!(reason(judge(&facts, NOON)), Some(MessageReason::Expired));
    facts.send_by = None;
    assert_eq!(judge(&facts, NOON), Verdict::Send);
}

/// A phone that opted out is out whatever its subscriber's row says, and one without a row never agreed.
#[test]
fn consent_is_the_strictest_of_what_is_stored() {
    use SubscriberStatus::{Subscribed, Unreachable, Unsubscribed};
    assert_eq!(Consent::of(Some(Subscribed), true, false), Consent::Withdrawn);
    assert_eq!(Consent::of(Some(Unsubscribed), false, true), Consent::Withdrawn);
    assert_eq!(Consent::of(Some(Subscribed), false, true), Consent::Suspected);
    assert_eq!(Consent::of(Some(Unreachable), false, false), Consent::Unreachable);
    assert_eq!(Consent::of(Some(Subscribed), false, false), Consent::Given);
    assert_eq!(Consent::of(None, false, false), Consent::Never);
}

#[test]
fn quiet_hours_defer_and_name_what_holds() {
    let evening = Facts { due_at: at("2026-06-11T00:00:00Z"), ..fine() };
    let until = at("2026-06-11T13:00:00Z");
    let deferred = Verdict::Defer { until, rule: HeldBy::SiteQuietHours };
    assert_eq!(judge(&evening, NOON), deferred, "as planned hours before");
    assert_eq!(judge(&evening, "2026-06-11T00:00:01Z"), deferred, "and as found at hand-over");
    let too_late = Facts { send_by: Some(until), ..evening };
    assert_eq!(reason(judge(&too_late, NOON)), Some(MessageReason::Expired));
    let in_time = Facts { send_by: Some(until + TimeDelta::milliseconds(1)), ..evening };
    assert_eq!(judge(&in_time, NOON), deferred);
}

/// The golden vectors: eight hours after a message accepted at ten, to the millisecond.
#[test]
fn smart_sending_ends_exactly_a_window_later() {
    let last = Some(touch("2026-06-10T14:00:00Z"));
    let facts = |due: &str| Facts { last, due_at: at(due), ..fine() };
    let Verdict::Skip(skip) = judge(&facts("2026-06-10T21:59:59.999Z"), NOON) else {
        panic!("a millisecond early")
    };
    assert_eq!((skip.reason, skip.blocked_by), (MessageReason::SmartSending, last));
    assert_eq!(judge(&facts("2026-06-10T22:00:00Z"), NOON), Verdict::Send);
    let due_at = at("2026-06-10T21:00:00Z");
    let follow_up = Previous {
        condition: StepCondition::Always,
        state: MessageState::Accepted,
        has_replied: false,
    };
    let facts = Facts { due_at, last, previous: Some(follow_up), ..fine() };
    assert_eq!(judge(&facts, NOON), Verdict::Send, "follow-ups are not bound");
    let off = Rules { smart_sending: None, ..rules() };
    let initial = Facts { previous: None, ..facts };
    assert_eq!(Judge::new(&off, at(NOON)).verdict(&initial), Verdict::Send);
}

/// What counts is when the message would leave, not when it is judged: quiet hours may outlast the window.
#[test]
fn smart_sending_looks_at_the_moment_of_leaving() {
    let last = Some(touch("2026-06-10T23:30:00Z"));
    let facts = Facts { last, due_at: at("2026-06-11T00:00:00Z"), ..fine() };
    let until = at("2026-06-11T13:00:00Z");
    assert_eq!(judge(&facts, NOON), Verdict::Defer { until, rule: HeldBy::SiteQuietHours });
}

/// The golden vectors: three in a rolling day, the fourth skipped, the window half-open.
#[test]
fn the_cap_counts_three_in_a_rolling_day() {
    let florida: Region = "US-FL".parse().unwrap();
    let mut packs = RulePacks::NONE;
    packs.insert(RulePack::Florida);
    let rules = Rules { smart_sending: None, site_quiet_hours: Vec::new(), packs, ..rules() };
    let recent = ["14:00", "16:00", "20:00"].map(|time| touch(&format!("2026-06-10T{time}:00Z")));
    let verdict = |due: &str, recent: &[Touch]| {
        let facts = Facts { region: Some(florida), due_at: at(due), recent, ..fine() };
        Judge::new(&rules, at(NOON)).verdict(&facts)
    };
    let Verdict::Skip(skip) = verdict("2026-06-10T23:00:00Z", &recent) else {
        panic!("the fourth of a day")
    };
    assert_eq!(skip.reason, MessageReason::FrequencyCap);
    assert_eq!(skip.rule, Some(HeldBy::Rule(RulePack::Florida)));
    assert_eq!(skip.blocked_by, recent.last().copied());
    assert_eq!(verdict("2026-06-10T23:00:00Z", &recent[..2]), Verdict::Send);
    assert_eq!(
        verdict("2026-06-11T14:00:00Z", &recent),
        Verdict::Send,
        "the first no longer counts"
    );
    let follow_up = Previous {
        condition: StepCondition::Always,
        state: MessageState::Accepted,
        has_replied: false,
    };
    let facts = Facts {
        previous: Some(follow_up),
        region: Some(florida),
        due_at: at("2026-06-10T23:00:00Z"),
        recent: &recent,
        ..fine()
    };
    let verdict = Judge::new(&rules, at(NOON)).verdict(&facts);
    assert_eq!(reason(verdict), Some(MessageReason::FrequencyCap), "the law knows no follow-up");
}

/// Of two campaigns that race for a phone one waits until the other's message is decided; when nobody ever
/// learns, it counts as taken.
#[test]
fn a_hand_over_under_way_is_waited_for() {
    let reservation = Some(touch("2026-06-10T15:59:59Z"));
    let facts = Facts { reservation, ..fine() };
    let until = at(NOON) + RESERVATION_PAUSE;
    assert_eq!(judge(&facts, NOON), Verdict::Wait { until });
    assert_eq!(reason(judge(&facts, "2026-06-10T16:01:59Z")), Some(MessageReason::SmartSending));
    let unbound = Rules { smart_sending: None, ..rules() };
    assert_eq!(Judge::new(&unbound, at(NOON)).verdict(&facts), Verdict::Send);
}

#[test]
fn a_follow_up_needs_what_it_follows() {
    use MessageReason::{ConditionNotMet, PreviousStepNotSent};
    use MessageState::{Accepted, Delivered, Unconfirmed, Undelivered};
    use StepCondition::{Always, NoReply, NotDelivered};
    let cases = [
        (Always, Accepted, false, None),
        (Always, Delivered, true, None),
        (Always, Undelivered, false, Some(PreviousStepNotSent)),
        (NoReply, Delivered, false, None),
        (NoReply, Delivered, true, Some(ConditionNotMet)),
        (NoReply, Undelivered, false, Some(PreviousStepNotSent)),
        (NotDelivered, Delivered, false, Some(ConditionNotMet)),
        (NotDelivered, Undelivered, false, None),
        (NotDelivered, Unconfirmed, true, None),
    ];
    for (condition, state, has_replied, expected) in cases {
        let previous = Some(Previous { condition, state, has_replied });
        let facts = Facts { previous, ..fine() };
        assert_eq!(reason(judge(&facts, NOON)), expected, "{condition} {state} {has_replied}");
    }
}

/// A message may arrive until its recipient's quiet hours begin.
#[test]
fn the_open_span_ends_when_quiet_begins() {
    let rules = rules();
    let mut judge = Judge::new(&rules, at(NOON));
    assert_eq!(judge.closes_at(at(NOON), &fine()), Some(at("2026-06-11T00:00:00Z")));
}

/// Goal: whoever is somewhere else by now is protected by both places. Method: New York's hours and those of
/// Honolulu are open together from three in the afternoon on; a region that was left still caps.
#[test]
fn both_places_of_whoever_moved_bind() {
    let honolulu: ZoneSet = "Pacific/Honolulu".parse().unwrap();
    let moved = Facts { moved_to: Some((honolulu, None)), ..fine() };
    let until = at("2026-06-10T19:00:00Z");
    let rule = HeldBy::SiteQuietHours;
    assert_eq!(judge(&moved, NOON), Verdict::Defer { until, rule });
    let closes_at = |facts: &Facts<'_>| {
        let rules = rules();
        Judge::new(&rules, until).closes_at(until, facts)
    };
    assert_eq!(closes_at(&moved), Some(at("2026-06-11T00:00:00Z")));
    let back = Facts { zones: honolulu, moved_to: Some((new_york(), None)), ..fine() };
    assert_eq!((judge(&back, NOON), closes_at(&back)), (judge(&moved, NOON), closes_at(&moved)));
    let kolkata: ZoneSet = "Asia/Kolkata".parse().unwrap();
    let never = Rules { site_quiet_hours: vec![quiet(17, 9)], ..rules() };
    let apart = Facts { moved_to: Some((kolkata, None)), ..fine() };
    let verdict = Judge::new(&never, at(NOON)).verdict(&apart);
    assert_eq!(reason(verdict), Some(MessageReason::Expired), "never open together");

    let florida: Region = "US-FL".parse().unwrap();
    let packs: RulePacks = [RulePack::Florida].into_iter().collect();
    let rules = Rules { smart_sending: None, site_quiet_hours: Vec::new(), packs, ..rules() };
    let recent = ["10:00", "11:00", "12:00"].map(|time| touch(&format!("2026-06-10T{time}:00Z")));
    for (region, moved_to) in
        [(Some(florida), Some((new_york(), None))), (None, Some((new_york(), Some(florida))))]
    {
        let facts = Facts { region, moved_to, recent: &recent, ..fine() };
        let verdict = Judge::new(&rules, at(NOON)).verdict(&facts);
        assert_eq!(reason(verdict), Some(MessageReason::FrequencyCap));
    }
}

/// A message that was listed long ago and repeated since may have been taken by its repeat.
#[test]
fn a_repeat_counts_from_its_own_time() {
    let listed = [touch("2026-06-10T04:00:00Z")];
    let facts = |reservation| Facts { recent: &listed, reservation, ..fine() };
    assert_eq!(judge(&facts(None), NOON), Verdict::Send, "twelve hours ago");
    let repeated = facts(Some(touch("2026-06-10T15:00:00Z")));
    assert_eq!(reason(judge(&repeated, NOON)), Some(MessageReason::SmartSending));
}

/// A message that is listed and holds the reservation too is one message.
#[test]
fn what_is_not_known_counts_once() {
    let packs: RulePacks = [RulePack::Florida].into_iter().collect();
    let rules = Rules { smart_sending: None, site_quiet_hours: Vec::new(), packs, ..rules() };
    let other =
        |id| Touch { message: MessageId(Uuid::from_u128(id)), ..touch("2026-06-10T12:00:00Z") };
    let region = Some("US-FL".parse().unwrap());
    let verdict = |recent: &[Touch]| {
        let facts = Facts { region, recent, reservation: Some(other(1)), ..fine() };
        Judge::new(&rules, at(NOON)).verdict(&facts)
    };
    assert_eq!(verdict(&[other(1), other(2)]), Verdict::Send);
    let capped = verdict(&[other(1), other(2), other(3)]);
    assert_eq!(reason(capped), Some(MessageReason::FrequencyCap));
    assert_eq!(reason(verdict(&[other(2), other(3)])), Some(MessageReason::FrequencyCap));
}
