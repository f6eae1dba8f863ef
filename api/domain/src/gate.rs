//! The one question asked of every recipient, at planning and again at hand-over.
//!
//! **Invariant:** both times the same function answers, in the same fixed order: the first rule that
//! applies is the reason.

use crate::{Instant, reason::MessageReason, subscriber::SubscriberStatus};

/// What the rules need to know of one recipient at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Whether the subscriber consents.
    pub status: SubscriberStatus,
    /// Whether the phone opted out of the site's texts, whichever subscriber holds it.
    pub has_opted_out: bool,
    /// Whether the campaign leaves out those already reached by its original, and this one was.
    pub was_reached: bool,
    /// When the message is due.
    pub due_at: Instant,
    /// Messages not handed over by then are skipped.
    pub send_by: Option<Instant>,
}

/// What is to be done with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may be handed over at its due time.
    Send,
    /// It is never to be sent.
    Skip(MessageReason),
}

/// Judges one recipient at `now`.
pub fn judge(facts: &Facts, now: Instant) -> Verdict {
    let not_before = facts.due_at.max(now);
    if facts.has_opted_out || facts.status == SubscriberStatus::Unsubscribed {
        Verdict::Skip(MessageReason::Unsubscribed)
    } else if facts.status == SubscriberStatus::Unreachable {
        Verdict::Skip(MessageReason::KnownUnreachable)
    } else if facts.was_reached {
        Verdict::Skip(MessageReason::AlreadyReached)
    } else if facts.send_by.is_some_and(|send_by| not_before >= send_by) {
        Verdict::Skip(MessageReason::Expired)
    } else {
        Verdict::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn the_first_rule_that_applies_is_the_reason() {
        let now: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let fine = Facts {
            status: SubscriberStatus::Subscribed,
            has_opted_out: false,
            was_reached: false,
            due_at: now,
            send_by: None,
        };
        assert_eq!(judge(&fine, now), Verdict::Send);
        let all_wrong = Facts {
            status: SubscriberStatus::Unreachable,
            has_opted_out: true,
            was_reached: true,
            send_by: Some(now),
            ..fine
        };
        assert_eq!(judge(&all_wrong, now), Verdict::Skip(MessageReason::Unsubscribed));
        let unreachable = Facts { has_opted_out: false, ..all_wrong };
        assert_eq!(judge(&unreachable, now), Verdict::Skip(MessageReason::KnownUnreachable));
        let reached = Facts { status: SubscriberStatus::Subscribed, ..unreachable };
        assert_eq!(judge(&reached, now), Verdict::Skip(MessageReason::AlreadyReached));
        let late = Facts { was_reached: false, ..reached };
        assert_eq!(judge(&late, now), Verdict::Skip(MessageReason::Expired));
        let in_time = Facts { send_by: Some(now + TimeDelta::milliseconds(1)), ..fine };
        assert_eq!(judge(&in_time, now), Verdict::Send);
        assert_eq!(
            judge(&in_time, now + TimeDelta::milliseconds(1)),
            Verdict::Skip(MessageReason::Expired)
        );
    }
}
