//! A message's states: a partition while the engine works on it, a lattice once it was handed over.
//!
//! **Invariant:** what becomes of a handed-over message is the maximum of all evidence under
//! [`Standing`]'s total order, so the order and the number of receipts never matter.
//! **Invariant:** the parts of [`MessageCounts`] add up to its total.

use crate::reason::MessageReason;

crate::codes! {
    /// What became of a message.
    pub enum MessageState {
        /// Held until its due time.
        Deferred = "deferred",
        /// Due, and waiting its turn.
        Queued = "queued",
        /// Being handed over at this moment.
        InFlight = "in_flight",
        /// Handed over with no certain answer.
        Unknown = "unknown",
        /// Accepted by the aggregator, with no word of delivery yet.
        Accepted = "accepted",
        /// Accepted, and no receipt came in time.
        Unconfirmed = "unconfirmed",
        /// Refused, filtered or undeliverable.
        Undelivered = "undelivered",
        /// Delivered.
        Delivered = "delivered",
        /// Never to be sent.
        Skipped = "skipped",
        /// Stopped before it was handed over.
        Canceled = "canceled",
    }
}

impl MessageState {
    /// The states that wait for a hand-over: what a cancel stops and a claim takes.
    pub const PENDING: [Self; 2] = [Self::Deferred, Self::Queued];

    /// States in which the engine still has work with a message: to hand it over, or handing it over.
    pub const OUTSTANDING: [Self; 3] = [Self::Deferred, Self::Queued, Self::InFlight];

    /// Whether a hand-over can still begin.
    pub const fn is_pending(self) -> bool {
        matches!(self, Self::Deferred | Self::Queued)
    }

    /// Whether an attempt was made whose outcome is decided or decidable only from outside.
    pub const fn is_handed_over(self) -> bool {
        matches!(
            self,
            Self::Unknown
                | Self::Accepted
                | Self::Unconfirmed
                | Self::Undelivered
                | Self::Delivered
        )
    }

    /// Whether the state can no longer change.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Delivered | Self::Undelivered | Self::Skipped | Self::Canceled)
    }

    /// Its place among the states evidence can lead to; none for states that only the engine sets.
    const fn rank(self) -> Option<u8> {
        Some(match self {
            Self::InFlight => 0,
            Self::Unknown => 1,
            Self::Accepted => 2,
            Self::Unconfirmed => 3,
            Self::Undelivered => 4,
            Self::Delivered => 5,
            Self::Deferred | Self::Queued | Self::Skipped | Self::Canceled => return None,
        })
    }
}

/// A state with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Standing {
    /// The state.
    pub state: MessageState,
    /// Why, for a state that has a reason.
    pub reason: Option<MessageReason>,
}

impl Standing {
    /// A state without a reason.
    pub const fn plain(state: MessageState) -> Self {
        Self { state, reason: None }
    }

    /// A state with its reason.
    pub const fn because(state: MessageState, reason: MessageReason) -> Self {
        Self { state, reason: Some(reason) }
    }

    /// This standing in the light of `evidence`: the greater of the two. A message that was never handed
    /// over (queued again, skipped, canceled) yields to any evidence: an acceptance is a fact.
    #[must_use]
    pub fn join(self, evidence: Self) -> Self {
        match (self.state.rank(), evidence.state.rank()) {
            (_, None) => self,
            (None, Some(_)) => evidence,
            (Some(mine), Some(theirs)) => {
                if (theirs, evidence.reason) > (mine, self.reason) {
                    evidence
                } else {
                    self
                }
            }
        }
    }
}

/// A partition of messages: each is counted once, and the parts add up to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// Held until a later time.
    pub deferred: i64,
    /// Due, and waiting their turn.
    pub queued: i64,
    /// Being handed over at this moment.
    pub in_flight: i64,
    /// Handed over with no certain answer.
    pub unknown: i64,
    /// Accepted, with no word of delivery yet.
    pub accepted: i64,
    /// Accepted, and no receipt came in time.
    pub unconfirmed: i64,
    /// Refused, filtered or undeliverable.
    pub undelivered: i64,
    /// Delivered.
    pub delivered: i64,
    /// Never to be sent.
    pub skipped: i64,
    /// Stopped by cancellation or failure.
    pub canceled: i64,
}

impl MessageCounts {
    /// Adds `count` messages (fewer, if negative) in `state`.
    pub fn add(&mut self, state: MessageState, count: i64) {
        *self.part(state) += count;
    }

    fn part(&mut self, state: MessageState) -> &mut i64 {
        match state {
            MessageState::Deferred => &mut self.deferred,
            MessageState::Queued => &mut self.queued,
            MessageState::InFlight => &mut self.in_flight,
            MessageState::Unknown => &mut self.unknown,
            MessageState::Accepted => &mut self.accepted,
            MessageState::Unconfirmed => &mut self.unconfirmed,
            MessageState::Undelivered => &mut self.undelivered,
            MessageState::Delivered => &mut self.delivered,
            MessageState::Skipped => &mut self.skipped,
            MessageState::Canceled => &mut self.canceled,
        }
    }

    /// All messages.
    pub const fn total(&self) -> i64 {
        self.pending() + self.in_flight + self.handed_over() + self.skipped + self.canceled
    }

    /// Messages whose hand-over has not begun: what a cancel would stop.
    pub const fn pending(&self) -> i64 {
        self.deferred + self.queued
    }

    /// Messages handed over, those without a certain answer included.
    pub const fn handed_over(&self) -> i64 {
        self.unknown + self.accepted + self.unconfirmed + self.undelivered + self.delivered
    }

    /// Messages the engine still has work with: to hand over, or being handed over.
    pub const fn outstanding(&self) -> i64 {
        self.pending() + self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence() -> Vec<Standing> {
        use MessageState::*;
        let mut all =
            vec![Standing::plain(InFlight), Standing::plain(Accepted), Standing::plain(Delivered)];
        all.push(Standing::because(Unknown, MessageReason::AnswerLost));
        all.push(Standing::because(Unknown, MessageReason::EngineStopped));
        all.push(Standing::because(Unconfirmed, MessageReason::NoReceipt));
        all.push(Standing::because(Undelivered, MessageReason::Unspecified));
        all.push(Standing::because(Undelivered, MessageReason::CarrierFiltered));
        all
    }

    /// Goal: receipts may come in any order and any number. Method: the three laws of a semilattice over
    /// every pair and triple of evidence.
    #[test]
    fn joining_is_a_semilattice() {
        let all = evidence();
        for &a in &all {
            assert_eq!(a.join(a), a);
            for &b in &all {
                assert_eq!(a.join(b), b.join(a), "{a:?} {b:?}");
                for &c in &all {
                    assert_eq!(a.join(b).join(c), a.join(b.join(c)), "{a:?} {b:?} {c:?}");
                }
            }
        }
    }

    #[test]
    fn delivered_beats_everything_and_never_regresses() {
        let delivered = Standing::plain(MessageState::Delivered);
        for other in evidence() {
            assert_eq!(other.join(delivered), delivered);
            assert_eq!(delivered.join(other), delivered);
        }
        // Even a message already requeued or canceled was delivered if a receipt says so.
        assert_eq!(Standing::plain(MessageState::Canceled).join(delivered), delivered);
    }

    #[test]
    fn the_parts_add_up() {
        let mut counts = MessageCounts::default();
        for (n, state) in (1..).zip(MessageState::ALL) {
            counts.add(*state, n);
        }
        assert_eq!(counts.total(), (1..=10).sum::<i64>());
        counts.add(MessageState::Queued, -2);
        assert_eq!((counts.queued, counts.pending()), (0, 1));
        for state in MessageState::ALL {
            assert!(!(state.is_pending() && state.is_handed_over()), "{state}");
            let mut one = MessageCounts::default();
            one.add(*state, 1);
            assert_eq!(
                one.outstanding() == 1,
                MessageState::OUTSTANDING.contains(state),
                "{state}"
            );
        }
    }
}
