//! A message's way to the handset, company by company, as far as anybody's word proves it.
//!
//! The chain: the aggregator takes the message; toll-free numbers go through an exclusive aggregator; a
//! registrar knows which carrier serves the number; the carrier's spam filter decides last; then the handset.
//! Only three words ever come back: that the aggregator took it, that it passed it on, and how it ended.
//!
//! **Invariant:** a hop is passed only where a word proves it, or where the word about a later hop cannot be
//! true without it.
//! **Invariant:** passed hops come first, at most one hop is where it stopped, and nothing after that one was
//! reached.

use crate::{
    Instant,
    message::{MessageState, Standing},
    reason::MessageReason,
};

crate::codes! {
    /// The companies and devices on a message's way, in order.
    pub enum Hop {
        /// The company that the message is handed to.
        Aggregator = "aggregator",
        /// The one that carries all toll-free traffic.
        ExclusiveAggregator = "exclusive_aggregator",
        /// The one that knows which carrier serves a number.
        Registrar = "registrar",
        /// The recipient's carrier.
        Carrier = "carrier",
        /// The carrier's judgment of the text.
        SpamFilter = "spam_filter",
        /// The recipient's phone.
        Handset = "handset",
    }
}

crate::codes! {
    /// What is known of a message at one hop.
    pub enum HopState {
        /// It got this far, and this hop let it through.
        Passed = "passed",
        /// It ended here.
        Stopped = "stopped",
        /// Word is awaited.
        Waiting = "waiting",
        /// No word came, and whether it got this far is not known.
        Unknown = "unknown",
        /// It did not get this far.
        NotReached = "not_reached",
    }
}

/// What is known of a message's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Its state, and why.
    pub standing: Standing,
    /// When the aggregator took it.
    pub accepted_at: Option<Instant>,
    /// When the aggregator passed it on to a carrier, by its receipt.
    pub passed_on_at: Option<Instant>,
    /// When the handset had it, by the carrier's account.
    pub delivered_at: Option<Instant>,
    /// When it ended short of the handset, by whose word ended it.
    pub stopped_at: Option<Instant>,
    /// Whether it is sent from a toll-free number.
    pub is_toll_free: bool,
}

/// One hop of a message's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HopReport {
    /// Which.
    pub hop: Hop,
    /// What is known of the message there.
    pub state: HopState,
    /// When it got through or ended there, if anybody said.
    pub at: Option<Instant>,
    /// A sentence for people.
    pub message: &'static str,
}

/// Hops that a `sent` receipt proves: everything before the carrier.
const PASSED_ON: usize = 3;

/// The way of a message, hop by hop. The exclusive aggregator is on it only for toll-free senders.
pub fn journey(evidence: &Evidence) -> Vec<HopReport> {
    let report = |(at, hop): (usize, &Hop)| {
        let state = state(evidence, at);
        let message = words(*hop, state, evidence.standing);
        HopReport { hop: *hop, state, at: when(evidence, *hop, state), message }
    };
    let is_on_the_way =
        |(_, hop): &(usize, &Hop)| evidence.is_toll_free || **hop != Hop::ExclusiveAggregator;
    Hop::ALL.iter().enumerate().filter(is_on_the_way).map(report).collect()
}

/// What is known of a message at the hop of this place.
fn state(evidence: &Evidence, at: usize) -> HopState {
    let proven = if evidence.passed_on_at.is_some() { PASSED_ON } else { 1 };
    match evidence.standing.state {
        MessageState::Deferred | MessageState::Queued | MessageState::InFlight => match at {
            0 => HopState::Waiting,
            _ => HopState::NotReached,
        },
        MessageState::Skipped | MessageState::Canceled => HopState::NotReached,
        MessageState::Delivered => HopState::Passed,
        MessageState::Accepted | MessageState::Unconfirmed if at < proven => HopState::Passed,
        MessageState::Accepted => HopState::Waiting,
        MessageState::Unconfirmed | MessageState::Unknown => HopState::Unknown,
        MessageState::Undelivered => undelivered(evidence, at),
    }
}

/// Where an undelivered message ended, by its reason, and whether that word proves that every hop before was
/// passed; none for a reason that names no place.
fn place(reason: Option<MessageReason>) -> Option<(Hop, bool)> {
    Some(match reason? {
        MessageReason::AggregatorRejected | MessageReason::AggregatorUnavailable => {
            (Hop::Aggregator, true)
        }
        MessageReason::CarrierRejected => (Hop::Carrier, true),
        MessageReason::CarrierFiltered => (Hop::SpamFilter, true),
        // The aggregator, the toll-free network and the carrier each keep lists of who is blocked.
        MessageReason::BlockedByRecipient => (Hop::Carrier, false),
        // It may also have waited too long before it ever got to a carrier.
        MessageReason::HandsetUnreachable => (Hop::Handset, false),
        _ => return None,
    })
}

fn undelivered(evidence: &Evidence, at: usize) -> HopState {
    let is_passed_on = evidence.passed_on_at.is_some();
    let is_taken = evidence.accepted_at.is_some() || is_passed_on;
    // What was passed on did not end before the carrier, whatever the reason says.
    let floor = if is_passed_on { PASSED_ON } else { 0 };
    let named =
        if is_taken { place(evidence.standing.reason) } else { Some((Hop::Aggregator, true)) };
    let (stop, is_proven_before) = match named {
        Some((hop, is_proven)) => (floor.max(index(hop)), is_proven),
        None if is_passed_on => (floor, true),
        // Taken, and ended somewhere on the way: nobody said where.
        None => {
            return match at {
                0 => HopState::Passed,
                _ if at == index(Hop::Handset) => HopState::NotReached,
                _ => HopState::Unknown,
            };
        }
    };
    let is_passed = at == 0 || at < floor || is_proven_before || is_passed_on;
    match at {
        _ if at > stop => HopState::NotReached,
        _ if at == stop => HopState::Stopped,
        _ if is_passed => HopState::Passed,
        _ => HopState::Unknown,
    }
}

/// The place of a hop among all.
fn index(hop: Hop) -> usize {
    Hop::ALL.iter().take_while(|known| **known != hop).count()
}

fn when(evidence: &Evidence, hop: Hop, state: HopState) -> Option<Instant> {
    match (state, hop) {
        (HopState::Stopped, _) => evidence.stopped_at,
        (HopState::Passed, Hop::Aggregator) => evidence.accepted_at,
        (HopState::Passed, Hop::ExclusiveAggregator | Hop::Registrar) => evidence.passed_on_at,
        (HopState::Passed, Hop::Handset) => evidence.delivered_at,
        _ => None,
    }
}

/// A sentence on one hop.
const fn words(hop: Hop, state: HopState, standing: Standing) -> &'static str {
    match state {
        HopState::Passed => passed(hop),
        HopState::Stopped => stopped(hop, standing.reason),
        HopState::Waiting => match hop {
            Hop::Aggregator => "It has yet to be handed over to the aggregator.",
            Hop::ExclusiveAggregator => {
                "No word yet that it came through the toll-free aggregator."
            }
            Hop::Registrar => "No word yet that a registrar found its carrier.",
            Hop::Carrier => "No word yet from the carrier. In heavy traffic that can take a while.",
            Hop::SpamFilter => "No word yet. The spam filter is the last to judge it.",
            Hop::Handset => "No word yet that the phone has it.",
        },
        HopState::Unknown => match (hop, standing.state) {
            (Hop::Aggregator, _) => "Whether the aggregator took it is not certain.",
            (Hop::SpamFilter, MessageState::Unconfirmed) => {
                "No word ever came. Most likely a spam filter stopped it here: docs/compliance.md says what filters look at."
            }
            (Hop::Handset, MessageState::Unconfirmed) => "No word ever came that the phone has it.",
            _ => "Nobody said whether it got here.",
        },
        HopState::NotReached => match (hop, standing.state) {
            (Hop::Aggregator, _) => "It was never handed over.",
            (_, MessageState::Deferred | MessageState::Queued | MessageState::InFlight) => {
                "It is not here yet."
            }
            _ => "It did not get here.",
        },
    }
}

const fn passed(hop: Hop) -> &'static str {
    match hop {
        Hop::Aggregator => "The aggregator took it.",
        Hop::ExclusiveAggregator => {
            "It came through the aggregator that carries toll-free traffic."
        }
        Hop::Registrar => "A registrar found its carrier.",
        Hop::Carrier => "The carrier took it.",
        Hop::SpamFilter => "The spam filter let it through.",
        Hop::Handset => "The phone has it.",
    }
}

const fn stopped(hop: Hop, reason: Option<MessageReason>) -> &'static str {
    match (hop, reason) {
        (Hop::Aggregator, Some(MessageReason::AggregatorUnavailable)) => {
            "The aggregator stayed away until the engine gave up."
        }
        (Hop::Aggregator, _) => "The aggregator refused it, or could not pass it on.",
        (Hop::ExclusiveAggregator, _) => {
            "It ended at the aggregator that carries toll-free traffic."
        }
        (Hop::Registrar, _) => "No carrier was found for its number.",
        (Hop::Carrier, Some(MessageReason::BlockedByRecipient)) => {
            "The recipient blocks the sender, and the network kept it back."
        }
        (Hop::Carrier, _) => "The carrier refused it.",
        (Hop::SpamFilter, _) => {
            "The carrier's spam filter stopped it. docs/compliance.md says what filters look at."
        }
        (Hop::Handset, _) => "The phone could not be reached in time.",
    }
}

#[cfg(test)]
mod tests;
