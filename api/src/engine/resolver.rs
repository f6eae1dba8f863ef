//! The resolver: asks what became of messages whose outcome is not known.
//!
//! While the aggregator honours the key of the attempt, and the message may still leave by the judgment of a
//! claim, the same bytes are sent again under the same key: the aggregator answers as it did the first time,
//! or takes the message now. Otherwise it is asked by look-up, which changes nothing. Where neither can be
//! done, a receipt or a person settles the message.
//!
//! **Invariant:** nothing is sent again but the same bytes under the same key, while the key holds.
//! **Invariant:** only an answer about this very attempt proves that nothing was taken; an aggregator that is
//! away proves nothing.

use super::{
    Activity, Engine, Fault, Tally,
    dispatcher::{Handover, Lane, Window},
    span,
};
use crate::{
    db::{
        admin,
        attempts::Claimer,
        gate,
        outcomes::{self, Ended, Gate, Outcome, Unsent},
        resolution::{self, Question},
    },
    ports::{Connection, LookedUp, Task},
};
use chrono::TimeDelta;
use domain::{
    Instant,
    id::{AttemptId, CampaignId, ConnectionId, MessageId},
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

/// Outcomes asked for in one activation.
const QUESTIONS_MAX: u64 = 256;
/// Campaigns and connections asked for at once.
const GROUPS_MAX: usize = 8;
/// For how long questions are one node's: longer than any answer takes.
const ASKING_MAX: TimeDelta = TimeDelta::minutes(10);
/// The pause after which an outcome is asked for again that could not be asked for.
const UNASKED_PAUSE: TimeDelta = TimeDelta::minutes(5);
/// Look-ups under way at once.
const LOOK_UPS_MAX: usize = 16;
/// The pause before an outcome is asked for; each further one is three times as long.
const PAUSE_MIN: TimeDelta = TimeDelta::seconds(2);
/// The longest pause.
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(10);
/// Pauses after which they are at their longest.
const TRIPLINGS_MAX: i64 = 6;
/// How often an outcome is asked for: with the longest pause between, about a day, for which aggregators keep
/// what they took.
const TRIES_MAX: i64 = 150;
/// For so many tries, some twelve minutes, a campaign waits before it is sent without the answer.
pub(super) const TRIES_WAITED_FOR: i64 = 7;
/// Attempts of one message that turned out not to be taken after their answers were lost, before the engine
/// gives up.
const LOST_ATTEMPTS_MAX: i64 = 10;
/// How long before its end a key is not relied on any more.
const KEY_PAD: TimeDelta = TimeDelta::minutes(5);

/// The pause after `before` others.
fn pause(before: i64) -> TimeDelta {
    let triplings = u32::try_from(before.clamp(0, TRIPLINGS_MAX)).unwrap_or_default();
    let pause = PAUSE_MIN.checked_mul(3_i32.saturating_pow(triplings));
    pause.unwrap_or(PAUSE_MAX).min(PAUSE_MAX)
}

/// When an outcome is asked for next that was asked for `tries` times; never, after too many.
pub(super) fn ask_again_at(tries: i64, now: Instant) -> Option<Instant> {
    (tries < TRIES_MAX).then(|| now + pause(tries))
}

impl Engine {
    pub(super) async fn activate_resolver(&self) -> Result<Activity, Fault> {
        let now = self.clock.now();
        let mut tally = Tally::default();
        let next_at = resolution::next(self.db.read()).await?;
        // Reading first leaves the one writer of SQLite to those who have something to write.
        if next_at.is_none_or(|next_at| next_at > now) {
            return Ok(Activity { done: 0, next_at });
        }
        let txn = self.db.begin_write().await?;
        let due = resolution::take(&txn, now, now + ASKING_MAX, QUESTIONS_MAX).await?;
        txn.commit().await?;
        let mut groups: BTreeMap<_, Vec<Question>> = BTreeMap::new();
        for question in due {
            let key = (question.campaign_id.0, question.connection_id.0);
            groups.entry(key).or_default().push(question);
        }
        let groups: Vec<_> = groups.into_iter().collect();
        // One aggregator that hangs holds up the questions to no other.
        for some in groups.chunks(GROUPS_MAX) {
            let asked = some.iter().map(async |((campaign, connection), questions)| {
                let (campaign, connection) = ((*campaign).into(), (*connection).into());
                (campaign, self.resolve(campaign, connection, questions.clone(), now).await)
            });
            for (campaign, came_to) in join_all(asked).await {
                tally.add(campaign, came_to);
            }
        }
        self.bells.ring(Task::Dispatcher);
        self.bells.ring(Task::Completer);
        self.hints.give();
        tally.finish()
    }

    /// Asks for the outcomes of messages of one campaign that went out on one connection.
    async fn resolve(
        &self,
        campaign: CampaignId,
        connection: ConnectionId,
        questions: Vec<Question>,
        now: Instant,
    ) -> Result<Activity, Fault> {
        let asked = u64::try_from(questions.len()).unwrap_or(u64::MAX);
        let Some(connection) = admin::find_connection(self.db.read(), connection).await? else {
            self.put_off(&questions, |_| None).await?;
            return Ok(Activity::done(asked));
        };
        if let Some(until) = self.held_until(connection.id, now) {
            self.put_off(&questions, |_| Some(until)).await?;
            return Ok(Activity::done(asked));
        }
        let repeated = self.repeat(campaign, &connection, &questions).await?;
        let rest: Vec<Question> =
            questions.into_iter().filter(|it| !repeated.contains(&it.attempt_id)).collect();
        if connection.has_lookup {
            self.look_up(campaign, &connection, &rest, now).await?;
        } else {
            // A key that still holds may be used later, when the message may leave.
            let holds = |it: &Question| key_holds(&connection, it, now);
            self.put_off(&rest, |it| holds(it).then(|| now + UNASKED_PAUSE)).await?;
        }
        Ok(Activity::done(asked))
    }

    /// Sends again, under their keys, what may be; answers with the attempts.
    async fn repeat(
        &self,
        campaign: CampaignId,
        connection: &Connection,
        questions: &[Question],
    ) -> Result<HashSet<AttemptId>, Fault> {
        // Whether a key holds is judged by the moment at which the lease begins: the process may have stood still
        // since the questions were taken, and what leaves within the grace of a claim must leave with a key.
        let (now, claimed_at) = (self.clock.now(), self.clock.lease_now());
        // What a first repeat did not settle is looked up, where that can be done: it changes nothing.
        let is_turn = |it: &Question| !connection.has_lookup || it.tries <= 1;
        let usable =
            |it: &&Question| is_turn(it) && it.request.is_some() && key_holds(connection, it, now);
        let usable: Vec<Question> = questions.iter().filter(usable).cloned().collect();
        if usable.is_empty() {
            return Ok(HashSet::new());
        }
        let Some(lane) = self.lane(campaign, now).await? else { return Ok(HashSet::new()) };
        let lane = Lane { connection: connection.clone(), ..Lane::clone(&lane) };
        let mut permit = self.permit(&lane, u64::try_from(usable.len()).unwrap_or(u64::MAX));
        let allowed = usize::try_from(permit.count()).unwrap_or(usize::MAX);
        let usable = usable.get(..allowed.min(usable.len())).unwrap_or_default();
        let taken = self.reclaim(&lane, usable, claimed_at, now).await?;
        let taken: HashSet<AttemptId> = taken.into_iter().collect();
        let handovers = usable.iter().filter(|it| taken.contains(&it.attempt_id));
        let handovers = handovers.map(|it| Handover {
            attempt_id: it.attempt_id,
            message_id: it.message_id,
            attempts_before: 0,
            segments: lane.segments,
            request: it.request.clone().unwrap_or_default(),
            claimed_at,
            is_last: false,
            claimed: None,
            permit: permit.split(),
            asked: Some(it.tries),
        });
        let handovers: Vec<Handover> = handovers.collect();
        drop(permit);
        let mut window = Window::default();
        window.add(Arc::new(lane), handovers);
        self.hand_over(window).await?;
        Ok(taken)
    }

    /// Puts messages in flight again, in one transaction that checks the gate.
    async fn reclaim(
        &self,
        lane: &Lane,
        questions: &[Question],
        claimed_at: Instant,
        now: Instant,
    ) -> Result<Vec<AttemptId>, Fault> {
        let txn = self.db.begin_write().await?;
        gate::enter(&txn, lane.id()).await?;
        if outcomes::gate(&txn, lane.id()).await? != Gate::Open {
            return Ok(Vec::new());
        }
        let claimer = Claimer {
            node: &self.settings.node,
            connection_id: lane.connection.id,
            lease_until: claimed_at + span(self.settings.lease),
        };
        let taken = resolution::repeat(&txn, &lane.binding, questions, claimer, now).await?;
        txn.commit().await?;
        Ok(taken)
    }

    /// Looks attempts up with the aggregator, and records what that proves.
    async fn look_up(
        &self,
        campaign: CampaignId,
        connection: &Connection,
        questions: &[Question],
        now: Instant,
    ) -> Result<(), Fault> {
        for some in questions.chunks(LOOK_UPS_MAX) {
            let timeout = self.settings.submit_timeout;
            let look = |it: &Question| {
                let it = it.clone();
                async move {
                    let found = self.aggregator.look_up(connection, it.attempt_id, timeout).await;
                    let outcome = found_out(found, &it, now);
                    let (attempt_id, message_id) = (it.attempt_id, it.message_id);
                    Ended {
                        attempt_id,
                        message_id,
                        asked: it.tries,
                        is_last: false,
                        claimed: None,
                        outcome,
                    }
                }
            };
            let ended = join_all(some.iter().map(look)).await;
            self.record_surely((campaign, connection.id), &ended, (None, None), now).await?;
        }
        Ok(())
    }

    /// Notes when outcomes that nobody was asked for are asked for next; that counts as no try.
    async fn put_off(
        &self,
        questions: &[Question],
        next: impl Fn(&Question) -> Option<Instant>,
    ) -> Result<(), Fault> {
        let next: Vec<(MessageId, Option<Instant>, i64)> =
            questions.iter().map(|it| (it.message_id, next(it), it.tries)).collect();
        let txn = self.db.begin_write().await?;
        resolution::postpone(&txn, &next).await?;
        Ok(txn.commit().await?)
    }
}

/// Whether the aggregator still answers to an attempt's key. One that keeps none never does, whatever the clock of
/// the node says that made the attempt: it may be ahead.
fn key_holds(connection: &Connection, question: &Question, now: Instant) -> bool {
    holds_at(connection.key_window_s, question.started_at, now)
}

fn holds_at(key_window_s: i64, started_at: Instant, now: Instant) -> bool {
    let window = TimeDelta::try_seconds(key_window_s).unwrap_or_default() - KEY_PAD;
    key_window_s > 0 && now < started_at + window
}

/// What a look-up proves of the attempt that was looked up.
fn found_out(found: LookedUp, question: &Question, now: Instant) -> Outcome {
    match found {
        LookedUp::Taken { provider_id } => Outcome::Accepted { provider_id, segments: None },
        LookedUp::NotTaken => match question.attempts {
            ..=1 => Outcome::NotSent { retry_at: now, unsent: Unsent::Unasked, code: None },
            LOST_ATTEMPTS_MAX.. => Outcome::GivenUp { code: None },
            before => {
                let retry_at = now + pause(before);
                Outcome::NotSent { retry_at, unsent: Unsent::Unavailable, code: None }
            }
        },
        LookedUp::NoAnswer => Outcome::Unknown { ask_at: ask_again_at(question.tries, now) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: where no keys are kept nothing is repeated, also by a node whose clock is behind that of the node that
    /// made the attempt. Simulated schedules found a message taken twice so.
    #[test]
    fn a_key_that_is_not_kept_never_holds() {
        let now: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        assert!(!holds_at(0, now, now));
        assert!(!holds_at(0, now + TimeDelta::hours(1), now), "another node's clock is ahead");
        assert!(holds_at(600, now - TimeDelta::minutes(4), now));
        assert!(!holds_at(600, now - TimeDelta::minutes(5), now));
    }

    /// Goal: an outcome is asked for soon, then more and more rarely, and for about a day.
    #[test]
    fn questions_grow_rare_and_end() {
        let start: Instant = "2026-11-23T15:00:00Z".parse().unwrap();
        let mut now = start;
        let mut pauses = Vec::new();
        for tries in 0.. {
            let Some(next) = ask_again_at(tries, now) else { break };
            pauses.push((next - now).num_seconds());
            now = next;
        }
        assert_eq!(pauses[..8], [2, 6, 18, 54, 162, 486, 600, 600]);
        let hours = (now - start).num_hours();
        assert!((23..=25).contains(&hours), "{hours}");
    }
}
