//! Notes: what a window of hand-overs tells of its aggregator, kept in the tables for those who ask how it is.
//!
//! **Invariant:** a note is written when it differs from the last one this node wrote, so that an aggregator
//! that behaves as before costs nothing.
//! **Invariant:** a note that cannot be written is logged and tried with the next window; no message waits
//! for it.

use super::{handover::End, span};
use crate::{
    db::health,
    engine::{Engine, Fault},
    ports::{Connection, Submitted},
};
use chrono::TimeDelta;
use domain::{Instant, health::Pushback, id::ConnectionId};
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// The shortest rest that an aggregator asks for when it takes a message and that is called slowing down.
const PAUSE_NOTED_MIN: Duration = Duration::from_secs(1);
/// How often lost answers are noted: a lost answer is told for longer than that.
const UNANSWERED_EVERY: TimeDelta = TimeDelta::minutes(1);

/// What a window told of an aggregator.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// It took a message.
    is_taking: bool,
    /// It did not take one, or asked for a rest: why, for how long, and its code.
    pushback: Option<(Pushback, Option<Duration>, Option<String>)>,
    /// A request got no certain answer.
    is_unanswered: bool,
}

impl Seen {
    /// Whether it took messages, and nothing else is to be told of it.
    pub(super) fn is_taking_all(&self) -> bool {
        self.is_taking && self.pushback.is_none() && !self.is_unanswered
    }

    /// What these ends of hand-overs tell.
    pub(super) fn of(ends: &[End]) -> Self {
        let mut seen = Self::default();
        for end in ends {
            match &end.submitted {
                Submitted::Accepted { pause, .. } => {
                    seen.is_taking = true;
                    let pause = pause.filter(|pause| *pause >= PAUSE_NOTED_MIN);
                    if seen.pushback.is_none() && pause.is_some() {
                        seen.pushback = Some((Pushback::Throttled, pause, None));
                    }
                }
                Submitted::NotSent { pushback: Some(pushback), code, .. } => {
                    seen.pushback = Some((*pushback, None, code.clone()));
                }
                Submitted::Unknown => seen.is_unanswered = true,
                Submitted::NotSent { pushback: None, .. } | Submitted::Rejected { .. } => {}
            }
        }
        seen
    }
}

/// The last that a node noted of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Note {
    /// Until when it was held, and why; none if it took messages.
    hold: Option<(Pushback, Instant)>,
    unanswered_at: Option<Instant>,
}

/// The last notes of this node, by connection. Losing them costs one note each.
#[derive(Debug, Default)]
pub(super) struct Notes(Mutex<HashMap<ConnectionId, Note>>);

impl Notes {
    fn last(&self, id: ConnectionId) -> Option<Note> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).copied()
    }

    fn keep(&self, id: ConnectionId, note: Note) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id, note);
    }
}

/// The note after `last` in the light of what was seen; the connection is held until `held_until`.
fn next(last: Option<Note>, seen: &Seen, held_until: Option<Instant>, now: Instant) -> Note {
    let known = last.unwrap_or_default();
    let hold = match &seen.pushback {
        Some((pushback, pause, _)) => {
            let until = pause.map(|pause| now + span(pause)).or(held_until).unwrap_or(now);
            Some((*pushback, until))
        }
        None if seen.is_taking => None,
        None => known.hold,
    };
    let is_new = known.unanswered_at.is_none_or(|at| now - at >= UNANSWERED_EVERY);
    let unanswered_at = if seen.is_unanswered && is_new { Some(now) } else { known.unanswered_at };
    Note { hold, unanswered_at }
}

impl Engine {
    /// Notes what a window told of its aggregator.
    pub(super) async fn note(&self, connection: &Connection, seen: Seen, now: Instant) {
        let id = connection.id;
        if seen == Seen::default() {
            return;
        }
        let last = self.dispatcher.notes.last(id);
        let note = next(last, &seen, self.dispatcher.holds.until(id, now), now);
        if last == Some(note) {
            return;
        }
        match self.write_note(connection, &seen, last, note, now).await {
            Ok(()) => self.dispatcher.notes.keep(id, note),
            Err(fault) => {
                let causes = crate::causes::chain(&fault);
                tracing::warn!(connection.id = %id, error = %fault, causes, "an aggregator's health was not noted");
            }
        }
    }

    async fn write_note(
        &self,
        connection: &Connection,
        seen: &Seen,
        last: Option<Note>,
        note: Note,
        now: Instant,
    ) -> Result<(), Fault> {
        let (id, site) = (connection.id, connection.site_id);
        let txn = self.db.begin_write().await?;
        // The first note of a process ends a hold that an earlier one may have left.
        if seen.is_taking && last.is_none_or(|last| last.hold.is_some()) {
            health::released(&txn, id).await?;
        }
        if let Some((pushback, until)) = note.hold.filter(|_| seen.pushback.is_some()) {
            let code = seen.pushback.as_ref().and_then(|(_, _, code)| code.as_deref());
            health::held(&txn, (id, site), (pushback, until, code), now).await?;
        }
        if note.unanswered_at == Some(now) {
            health::unanswered(&txn, id, site, now).await?;
        }
        txn.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Instant {
        Instant::from_timestamp_secs(1_795_446_000 + seconds).unwrap()
    }

    fn taking() -> Seen {
        Seen { is_taking: true, ..Seen::default() }
    }

    fn pushed_back(pushback: Pushback, pause: Option<Duration>) -> Seen {
        Seen { pushback: Some((pushback, pause, None)), ..Seen::default() }
    }

    /// Goal: the same again is no news. Method: windows one after the other; the note changes when what was
    /// seen does.
    #[test]
    fn a_note_changes_when_the_aggregator_does() {
        let away = pushed_back(Pushback::Unavailable, None);
        let held = next(None, &away, Some(at(4)), at(0));
        assert_eq!(held.hold, Some((Pushback::Unavailable, at(4))));
        assert_eq!(next(Some(held), &away, Some(at(4)), at(1)), held, "the same hold");
        assert_ne!(next(Some(held), &away, Some(at(12)), at(4)), held, "a longer one");
        let free = next(Some(held), &taking(), None, at(13));
        assert_eq!(free, Note::default());
        assert_eq!(next(Some(free), &taking(), None, at(14)), free);
        let rest = pushed_back(Pushback::Throttled, Some(Duration::from_secs(3)));
        let resting = next(Some(free), &rest, None, at(15));
        assert_eq!(resting.hold, Some((Pushback::Throttled, at(18))));
    }

    #[test]
    fn lost_answers_are_noted_once_a_minute() {
        let lost = Seen { is_unanswered: true, ..Seen::default() };
        let first = next(None, &lost, None, at(0));
        assert_eq!(first.unanswered_at, Some(at(0)));
        assert_eq!(next(Some(first), &lost, None, at(59)), first);
        assert_eq!(next(Some(first), &lost, None, at(60)).unanswered_at, Some(at(60)));
    }
}
