//! Every state and reason, with every evidence there can be.

use super::*;

const ACCEPTED: &str = "2026-11-23T15:00:00Z";
const PASSED_ON_AT: &str = "2026-11-23T15:00:01Z";
const ENDED: &str = "2026-11-23T15:00:05Z";

fn instant(text: &str) -> Instant {
    text.parse().unwrap()
}

/// Evidence of a message that was accepted and perhaps passed on.
fn evidence(standing: Standing, is_accepted: bool, is_passed_on: bool) -> Evidence {
    Evidence {
        standing,
        accepted_at: is_accepted.then(|| instant(ACCEPTED)),
        passed_on_at: is_passed_on.then(|| instant(PASSED_ON_AT)),
        delivered_at: (standing.state == MessageState::Delivered).then(|| instant(ENDED)),
        stopped_at: (standing.state == MessageState::Undelivered).then(|| instant(ENDED)),
        is_toll_free: true,
    }
}

/// The states of the hops, a letter each: Passed, Stopped, Waiting, `?` for unknown, `-` for not reached.
fn letters(evidence: &Evidence) -> String {
    let letter = |report: &HopReport| match report.state {
        HopState::Passed => 'P',
        HopState::Stopped => 'S',
        HopState::Waiting => 'W',
        HopState::Unknown => '?',
        HopState::NotReached => '-',
    };
    journey(evidence).iter().map(letter).collect()
}

/// Every standing there can be in name: each state alone and with each reason.
fn standings() -> Vec<Standing> {
    let with = |state: &MessageState| {
        let state = *state;
        let reasons =
            MessageReason::ALL.iter().map(move |reason| Standing::because(state, *reason));
        std::iter::once(Standing::plain(state)).chain(reasons).collect::<Vec<_>>()
    };
    MessageState::ALL.iter().flat_map(with).collect()
}

/// Goal: a way always reads as a way. Method: every state with every reason and every combination of what
/// may be known beside them; the laws are those of the module.
#[test]
fn every_way_is_a_way() {
    for standing in standings() {
        for bits in 0..16_u8 {
            let mut evidence = evidence(standing, bits & 1 > 0, bits & 2 > 0);
            evidence.is_toll_free = bits & 4 > 0;
            evidence.stopped_at = (bits & 8 > 0).then(|| instant(ENDED));
            let way = journey(&evidence);
            let told = letters(&evidence);
            let hops: Vec<Hop> = way.iter().map(|report| report.hop).collect();
            let on_it = |hop: &&Hop| evidence.is_toll_free || **hop != Hop::ExclusiveAggregator;
            assert_eq!(hops, Hop::ALL.iter().filter(on_it).copied().collect::<Vec<_>>());
            let rest = told.trim_start_matches('P');
            assert!(!rest.contains('P'), "{evidence:?}: {told}");
            if let Some((_, after)) = told.split_once('S') {
                assert!(after.chars().all(|letter| letter == '-'), "{evidence:?}: {told}");
                assert_eq!(standing.state, MessageState::Undelivered);
            }
            let waits = standing.state.is_pending()
                || matches!(standing.state, MessageState::InFlight | MessageState::Accepted);
            assert_eq!(told.contains('W'), waits, "{evidence:?}: {told}");
            assert_eq!(rest.is_empty(), standing.state == MessageState::Delivered);
            assert!(!told.starts_with('P') || standing.state.is_handed_over(), "{told}");
            assert!(way.iter().all(|report| report.message.ends_with('.')));
        }
    }
}

/// What becomes of a state with its reason: refused at once, when accepted, and when passed on too.
const WAYS: &[(MessageState, Option<MessageReason>, [&str; 3])] = {
    use MessageReason::*;
    use MessageState::*;
    &[
        (Deferred, Some(WaitingForLocalTime), ["W-----"; 3]),
        (Deferred, Some(AggregatorBackpressure), ["W-----"; 3]),
        (Queued, None, ["W-----"; 3]),
        (InFlight, None, ["W-----"; 3]),
        (Skipped, Some(MessageReason::Unsubscribed), ["------"; 3]),
        (Canceled, Some(CampaignCanceled), ["------"; 3]),
        (Unknown, Some(AnswerLost), ["??????"; 3]),
        (Unknown, Some(EngineStopped), ["??????"; 3]),
        (Accepted, None, ["PWWWWW", "PWWWWW", "PPPWWW"]),
        (Unconfirmed, Some(NoReceipt), ["P?????", "P?????", "PPP???"]),
        (Delivered, None, ["PPPPPP"; 3]),
        (Undelivered, Some(AggregatorRejected), ["S-----", "S-----", "PPPS--"]),
        (Undelivered, Some(AggregatorUnavailable), ["S-----", "S-----", "PPPS--"]),
        (Undelivered, Some(CarrierRejected), ["S-----", "PPPS--", "PPPS--"]),
        (Undelivered, Some(CarrierFiltered), ["S-----", "PPPPS-", "PPPPS-"]),
        (Undelivered, Some(BlockedByRecipient), ["S-----", "P??S--", "PPPS--"]),
        (Undelivered, Some(HandsetUnreachable), ["S-----", "P????S", "PPPPPS"]),
        (Undelivered, Some(InvalidDestination), ["S-----", "P????-", "PPPS--"]),
        (Undelivered, Some(Unspecified), ["S-----", "P????-", "PPPS--"]),
    ]
};

#[test]
fn each_reason_ends_where_it_says() {
    for (state, reason, expected) in WAYS {
        let standing = Standing { state: *state, reason: *reason };
        let known = [(false, false), (true, false), (true, true)];
        let told = known.map(|(accepted, passed)| letters(&evidence(standing, accepted, passed)));
        assert_eq!(told, expected.map(str::to_owned), "{standing:?}");
    }
}

#[test]
fn what_is_known_has_its_time() {
    let times = |evidence: &Evidence| -> Vec<Option<Instant>> {
        journey(evidence).iter().map(|report| report.at).collect()
    };
    let delivered = evidence(Standing::plain(MessageState::Delivered), true, true);
    let (accepted, passed, ended) =
        (Some(instant(ACCEPTED)), Some(instant(PASSED_ON_AT)), Some(instant(ENDED)));
    assert_eq!(times(&delivered), [accepted, passed, passed, None, None, ended]);
    let filtered = Standing::because(MessageState::Undelivered, MessageReason::CarrierFiltered);
    let filtered = evidence(filtered, true, false);
    assert_eq!(times(&filtered), [accepted, None, None, None, ended, None]);
    let told = journey(&filtered);
    assert!(told[4].message.contains("docs/compliance.md"), "{}", told[4].message);
}
