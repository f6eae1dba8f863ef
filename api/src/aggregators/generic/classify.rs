//! What an answer proves.
//!
//! **Invariant:** only an answer that says so proves that a message was not taken; anything doubtful is
//! unknown, and is never sent again unasked.

use super::wire::{Accepted, Found, FoundMessage, Problem};
use crate::ports::{LookedUp, Submitted};
use domain::{health::Pushback, receipt::RefusalScope};
use std::time::Duration;

/// The code of a repeat whose bytes differ from the first request's.
const IDEMPOTENCY_MISMATCH: &str = "IdempotencyMismatch";

/// Classifies an answer by its status, its `Retry-After` and its body.
pub(super) fn classify(status: u16, retry_after: Option<Duration>, body: &[u8]) -> Submitted {
    let problem = || serde_json::from_slice::<Problem>(body).unwrap_or_default();
    match status {
        200..=299 => match serde_json::from_slice::<Accepted>(body) {
            Ok(Accepted { id: Some(id), segments, retry_after_ms }) if !id.is_empty() => {
                Submitted::Accepted {
                    provider_id: id,
                    segments: segments.filter(|segments| *segments > 0),
                    pause: retry_after_ms.filter(|ms| *ms > 0).map(Duration::from_millis),
                }
            }
            // Probably taken, but under which id nobody can say.
            _ => Submitted::Unknown,
        },
        // The contract says of these three: not taken.
        425 | 429 | 503 => not_sent(status, retry_after, problem().code),
        // Never followed: whoever set the base URL must look.
        300..=399 => Submitted::Rejected { scope: RefusalScope::Account, code: None },
        408 | 409 => Submitted::Unknown,
        400..=499 => {
            let Problem { code, scope } = problem();
            if code.as_deref() == Some(IDEMPOTENCY_MISMATCH) {
                return Submitted::Unknown;
            }
            match scope.and_then(|scope| scope.parse().ok()).unwrap_or(by_status(status)) {
                RefusalScope::Service => not_sent(status, retry_after, code),
                scope => Submitted::Rejected { scope, code },
            }
        }
        _ => Submitted::Unknown,
    }
}

/// What the answer to a look-up by `reference` proves. Only a list that can be read proves anything: one
/// without the reference that it was asked for, that nothing was taken.
pub(super) fn looked_up(status: u16, reference: &str, body: &[u8]) -> LookedUp {
    let found = serde_json::from_slice::<Found>(body);
    let (200..=299, Ok(found)) = (status, found) else { return LookedUp::NoAnswer };
    let is_it = |it: &FoundMessage| it.reference.as_deref().is_none_or(|its| its == reference);
    match found.messages.into_iter().find(is_it) {
        None => LookedUp::NotTaken,
        Some(FoundMessage { id: Some(id), .. }) if !id.is_empty() => {
            LookedUp::Taken { provider_id: id }
        }
        Some(_) => LookedUp::NoAnswer,
    }
}

/// Codes that ask for a slower pace, under whatever status they come.
const SLOWER: [&str; 2] = ["RateLimited", "QueueFull"];

/// A refusal that proves that nothing was taken, and may end by itself.
fn not_sent(status: u16, retry_after: Option<Duration>, code: Option<String>) -> Submitted {
    let is_slower = code.as_deref().is_some_and(|code| SLOWER.contains(&code));
    let is_throttled = is_slower || matches!(status, 425 | 429);
    let pushback = if is_throttled { Pushback::Throttled } else { Pushback::Unavailable };
    Submitted::NotSent { retry_after, pushback: Some(pushback), code }
}

/// How far a refusal reaches that does not say so.
const fn by_status(status: u16) -> RefusalScope {
    match status {
        401 | 402 | 403 | 404 | 405 | 415 => RefusalScope::Account,
        _ => RefusalScope::Recipient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(id: &str, segments: Option<i64>) -> Submitted {
        Submitted::Accepted { provider_id: id.to_owned(), segments, pause: None }
    }

    fn rejected(scope: RefusalScope, code: Option<&str>) -> Submitted {
        Submitted::Rejected { scope, code: code.map(str::to_owned) }
    }

    #[test]
    fn only_a_named_id_proves_acceptance() {
        let body = br#"{"id":"m1","status":"queued","segments":2,"new_field":true}"#;
        assert_eq!(classify(202, None, body), accepted("m1", Some(2)));
        assert_eq!(classify(200, None, br#"{"id":"m1"}"#), accepted("m1", None));
        let pause = Some(Duration::from_millis(1_500));
        let resting = Submitted::Accepted { provider_id: "m1".to_owned(), segments: None, pause };
        assert_eq!(classify(202, None, br#"{"id":"m1","retry_after_ms":1500}"#), resting);
        for body in [&b""[..], b"{}", br#"{"id":""}"#, br#"{"id":"m1"#, b"<html>"] {
            assert_eq!(classify(202, None, body), Submitted::Unknown);
        }
    }

    #[test]
    fn only_the_named_statuses_prove_that_nothing_was_taken() {
        let wait = Some(Duration::from_secs(7));
        for status in [425, 429, 503] {
            let pushback = if status == 503 { Pushback::Unavailable } else { Pushback::Throttled };
            let expected =
                Submitted::NotSent { retry_after: wait, pushback: Some(pushback), code: None };
            assert_eq!(classify(status, wait, b""), expected);
        }
        for status in [408, 409, 500, 502, 504, 599, 100] {
            assert_eq!(classify(status, wait, b"{}"), Submitted::Unknown, "{status}");
        }
    }

    #[test]
    fn only_a_list_that_can_be_read_proves_anything() {
        let taken = LookedUp::Taken { provider_id: "m1".to_owned() };
        let asked = |status, body: &str| looked_up(status, "att_1", body.as_bytes());
        assert_eq!(asked(200, r#"{"messages":[{"id":"m1","reference":"att_1"}]}"#), taken);
        assert_eq!(asked(200, r#"{"messages":[{"id":"m1"}]}"#), taken, "it was asked by reference");
        assert_eq!(asked(200, r#"{"messages":[]}"#), LookedUp::NotTaken);
        let other = r#"{"messages":[{"id":"m2","reference":"att_2"}]}"#;
        assert_eq!(asked(200, other), LookedUp::NotTaken, "somebody else's");
        for (status, body) in [(200, ""), (200, "{}"), (404, r#"{"messages":[]}"#), (503, "")] {
            assert_eq!(asked(status, body), LookedUp::NoAnswer, "{status} {body}");
        }
        assert_eq!(asked(200, r#"{"messages":[{"reference":"att_1"}]}"#), LookedUp::NoAnswer);
    }

    #[test]
    fn refusals_reach_as_far_as_they_say_or_their_status_does() {
        let body = br#"{"code":"InvalidNumber","scope":"recipient"}"#;
        assert_eq!(
            classify(422, None, body),
            rejected(RefusalScope::Recipient, Some("InvalidNumber"))
        );
        assert_eq!(classify(401, None, b""), rejected(RefusalScope::Account, None));
        assert_eq!(classify(302, None, b""), rejected(RefusalScope::Account, None));
        let body = br#"{"code":"Novel","scope":"galaxy"}"#;
        assert_eq!(classify(400, None, body), rejected(RefusalScope::Recipient, Some("Novel")));
        let body = br#"{"code":"SenderBlocked","scope":"sender"}"#;
        assert_eq!(
            classify(403, None, body),
            rejected(RefusalScope::Sender, Some("SenderBlocked"))
        );
        let body = br#"{"code":"IdempotencyMismatch","scope":"message"}"#;
        assert_eq!(classify(422, None, body), Submitted::Unknown);
        let body = br#"{"code":"QueueFull","scope":"service"}"#;
        let expected = Submitted::NotSent {
            retry_after: None,
            pushback: Some(Pushback::Throttled),
            code: Some("QueueFull".to_owned()),
        };
        assert_eq!(classify(422, None, body), expected);
    }
}
