//! Messages as their claims left them: an acceptance is recorded by what the node remembers of its claim, so
//! that nothing need be read.
//!
//! **Invariant:** what is remembered is gone by only where the message still is in flight under the fence of
//! that claim, and its attempt has no outcome: else the statement finds fewer rows than it must, and the
//! transaction fails.

use super::{Ended, Gate, Outcome};
use crate::db::{
    attempts::{Claim, Claimer},
    bulk::{self, Bulk, Kind, Script},
};
use domain::{Instant, message::MessageState};
use entity::{convert::ms, message};
use serde::Serialize;

/// A message as its claim left it.
#[derive(Clone, Debug)]
pub struct AsClaimed(Box<message::Model>);

impl AsClaimed {
    /// A message as it is.
    #[cfg(test)]
    pub(super) fn as_is(row: message::Model) -> Self {
        Self(Box::new(row))
    }

    /// What a claim that was written left.
    pub fn of(claim: Claim, claimer: Claimer<'_>, now: Instant) -> Self {
        let row = claim.candidate.into_row();
        Self(Box::new(message::Model {
            state: MessageState::InFlight.as_str().to_owned(),
            reason: None,
            fence: row.fence + 1,
            attempt_count: row.attempt_count + 1,
            segments: Some(claim.segments),
            lease_until: Some(ms(claimer.lease_until)),
            connection_id: Some(claimer.connection_id.0),
            updated_at: ms(now),
            ..row
        }))
    }
}

/// The row that an outcome can be recorded on unread. Segments that are reserved for it, an attempt before it whose
/// outcome is not known, and a campaign that ended are each looked at.
pub(super) fn row(end: &Ended, gate: Gate) -> Option<&message::Model> {
    let AsClaimed(row) = end.claimed.as_ref()?;
    let is_plain = row.reserved == 0
        && row.uncertain_at.is_none()
        && row.resolve_at.is_none()
        && row.resolve_tries.is_none();
    let is_first_word = end.asked == 0 && matches!(end.outcome, Outcome::Accepted { .. });
    (is_plain && is_first_word && !matches!(gate, Gate::Closed(_))).then_some(row.as_ref())
}

/// Messages taken of which nothing else was heard since their claim. They are found by their ids: the state is written so
/// that no index of those in flight serves, whose dead entries are as many as the messages handed over.
const TAKEN: Bulk = Bulk {
    what: "messages taken",
    table: "message",
    which: "id = v.k AND fence = v.c1 AND state || '' = 'in_flight'",
    kinds: &[Kind::Number, Kind::Number, Kind::Text, Kind::Number, Kind::Number],
    set: "state = 'accepted', lease_until = NULL, segments = v.c2, provider_id = v.c3, \
          accepted_at = v.c4, updated_at = v.c5",
};

/// Their attempts.
const PROVED: Bulk = Bulk {
    what: "attempts that were taken",
    table: "attempt",
    which: "id = v.k AND outcome IS NULL",
    kinds: &[Kind::Number, Kind::Text],
    set: "outcome = 'accepted', ended_at = v.c1, provider_id = v.c2, request = NULL",
};

/// Has it written that messages were taken: each row as the record changed it, with the end of its attempt.
pub(super) fn write<'a>(
    script: &mut Script,
    taken: impl Iterator<Item = (&'a message::Model, &'a Ended)>,
    now: Instant,
) {
    let mut taken: Vec<_> = taken.collect();
    // Rows are locked in the order of their ids, which is that of the values: looked up by their ids they come one after
    // the other. Were a plan to do otherwise, two transactions might wait for each other, and one be made again. To
    // lock them by a statement of its own would look each up twice.
    taken.sort_unstable_by_key(|(row, _)| row.id);
    script.update(&TAKEN, taken.iter().map(|(row, _)| message(row)));
    script.update(&PROVED, taken.iter().map(|(_, end)| attempt(end, now)));
}

fn message(row: &message::Model) -> impl Serialize {
    let (id, provider_id) = (bulk::id(row.id), row.provider_id.as_deref());
    (id, row.fence, row.segments, provider_id, row.accepted_at, row.updated_at)
}

fn attempt(end: &Ended, now: Instant) -> impl Serialize {
    (bulk::id(end.attempt_id.0), ms(now), end.outcome.provider_id())
}
