//! The courier: carries requests out, and records together what came back meanwhile.
//!
//! Each hand-over is a task of its own. Whoever comes back while nobody records does so, for all that come back
//! meanwhile. So the busier the node, the more outcomes share one commit, and an idle node records at once.
//!
//! **Invariant:** what the aggregator answered is never forgotten while the process lives: a record is tried
//! until the database takes it.

use super::{
    Lane,
    handover::{End, Handover, Window},
    notes::Seen,
    outbox::Turn,
    permits::Permit,
    refill::Refill,
    span,
};
use crate::{
    db::{
        Txn,
        outcomes::{Ended, Outcome, Unsent},
    },
    engine::{Engine, Fault, resolver::ask_again_at},
    ports::{Submitted, Task},
};
use chrono::TimeDelta;
use domain::{
    Instant,
    health::Pushback,
    id::{CampaignId, ConnectionId},
    reason::{MessageReason, StatusReason},
    receipt,
};
use futures_util::future::join_all;
use std::{collections::BTreeMap, pin::Pin, sync::Arc, time::Duration};

/// Attempts of one message that were certainly not taken before the engine gives up: with the longest hold
/// between them, well over an hour. Those that were turned away for pace do not count.
const ATTEMPTS_MAX: i64 = 100;
/// How often a record is tried when the database refuses it: with the longest pause between, a day.
const RECORD_TRIES_MAX: usize = 86_400;
/// The pause after the first refusal; each further one is twice as long.
const RECORD_PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause.
const RECORD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// One hand-over under way, to its record.
pub type Carrier = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A hand-over that came back.
pub(super) type Back = (Arc<Lane>, End);

/// Hand-overs that came back, by campaign.
fn by_lane(back: Vec<Back>) -> Vec<(Arc<Lane>, Vec<End>)> {
    let mut lanes: BTreeMap<_, (Arc<Lane>, Vec<End>)> = BTreeMap::new();
    for (lane, end) in back {
        // A lane read anew may carry another sender's connection.
        let key = (lane.id().0, lane.connection.id.0);
        lanes.entry(key).or_insert_with(|| (lane, Vec::new())).1.push(end);
    }
    lanes.into_values().collect()
}

impl Engine {
    /// What sends a window's requests: one future for each, which is not begun.
    pub(super) fn carriers(self: &Arc<Self>, window: Window) -> Vec<Carrier> {
        let mut carriers: Vec<Carrier> = Vec::new();
        for (lane, handovers) in window.0 {
            for handover in handovers {
                carriers.push(Arc::clone(self).carry(Arc::clone(&lane), handover));
            }
        }
        carriers
    }

    /// As [`Engine::carry_one`]: by its type, since it may set others on their way.
    fn carry(self: Arc<Self>, lane: Arc<Lane>, handover: Handover) -> Carrier {
        Box::pin(self.carry_one(lane, handover))
    }

    /// One request, and its record, with all others that came back meanwhile; what the record claims next is on its
    /// way by itself.
    async fn carry_one(self: Arc<Self>, lane: Arc<Lane>, handover: Handover) {
        let end = self.submit(&lane, handover).await;
        if let Some(turn) = self.dispatcher.outbox.put((lane, end)) {
            let record = self.recorder(turn);
            match self.dispatcher.clerk.get() {
                Some(clerk) => clerk.record(record),
                None => record.await,
            }
        }
    }

    /// Sets a request on its way.
    fn send(&self, carrier: Carrier) {
        match self.dispatcher.clerk.get() {
            Some(clerk) => clerk.send(carrier),
            None => drop(tokio::spawn(carrier)),
        }
    }

    /// What records that which was left when its recorder came to an untimely end.
    pub(in crate::engine) fn left_over(self: &Arc<Self>) -> Option<Carrier> {
        Some(self.recorder(self.dispatcher.outbox.left_over()?))
    }

    /// What records until nothing waits: set up by whoever has the turn, not by each request that is on its way.
    fn recorder(self: &Arc<Self>, turn: Turn<Back>) -> Carrier {
        let engine = Arc::clone(self);
        Box::pin(async move { engine.record_waiting(turn).await })
    }

    /// Records until nothing waits.
    async fn record_waiting(self: &Arc<Self>, mut turn: Turn<Back>) {
        while turn.is_needed() {
            self.record_some(&turn).await;
        }
    }

    /// Records what came back and is not recorded yet.
    async fn record_some(self: &Arc<Self>, turn: &Turn<Back>) {
        // Whoever comes back while others write is recorded along. A database that is not there is the record's
        // own trouble.
        let mut txn = self.db.begin_write().await.ok();
        for (lane, ends) in by_lane(turn.take()) {
            match self.settle(&lane, ends, txn.take(), true).await {
                Ok(window) => {
                    for carrier in self.carriers(window) {
                        self.send(carrier);
                    }
                }
                Err(fault) => {
                    let causes = crate::causes::chain(&fault);
                    tracing::error!(campaign.id = %lane.id(), error = %fault, causes, "outcomes were not recorded");
                }
            }
        }
    }

    /// Sends a window's requests together, waits for all, and records what each campaign's proved.
    pub(in crate::engine) async fn hand_over(&self, window: Window) -> Result<(), Fault> {
        let lanes = window.0.into_iter().map(async |(lane, handovers)| {
            let ends = join_all(handovers.into_iter().map(|handover| self.submit(&lane, handover)));
            let ends = ends.await;
            self.settle(&lane, ends, None, false).await
        });
        for settled in join_all(lanes).await {
            settled?;
        }
        Ok(())
    }

    /// Records what a lane's hand-overs proved, in `txn` if one is begun, and acts on what it says of the
    /// connection. Answers with what was claimed along, where that may be.
    async fn settle(
        &self,
        lane: &Lane,
        ends: Vec<End>,
        txn: Option<Txn>,
        may_refill: bool,
    ) -> Result<Window, Fault> {
        let now = self.clock.now();
        let was_held = self.held_until(lane.connection.id, now).is_some();
        self.count_ends(lane, &ends);
        let failure = ends.iter().find_map(|end| failure(&end.submitted));
        if ends.iter().any(|end| is_word_about_a_message(&end.submitted)) {
            self.dispatcher.holds.release(lane.connection.id);
        } else {
            let missed = ends.iter().filter(|end| end.submitted == Submitted::Unknown).count();
            let missed = u64::try_from(missed).unwrap_or(u64::MAX);
            self.dispatcher.holds.miss(lane.connection.id, missed, now);
        }
        self.leave_alone(lane.connection.id, &ends, now);
        if !was_held {
            self.count_hold(lane, &ends, now);
        }
        let retry_at = self.dispatcher.holds.until(lane.connection.id, now).unwrap_or(now);
        let seen = Seen::of(&ends);
        // The permits come back when the outcomes are recorded, not before.
        let (ended, permits): (Vec<Ended>, Vec<Option<Permit>>) =
            ends.into_iter().map(|end| self.ended(lane, end, retry_at, now)).unzip();
        let at = (lane.id(), lane.connection.id);
        let mut refill = Refill::of(permits);
        let along = refill.as_mut().filter(|_| may_refill && seen.is_taking_all());
        let waits = self.record_surely(at, &ended, (txn, along), now).await?;
        self.count_waits(lane, &waits);
        self.note(&lane.connection, seen, now).await;
        if let Some(reason) = failure {
            self.fail(lane.binding.campaign.site_id, lane.id(), reason, Task::Dispatcher).await?;
        }
        Ok(refill.map(Refill::into_window).unwrap_or_default())
    }

    /// Records, and tries again for as long as the database refuses: what the aggregator answered is known
    /// nowhere else. Answers with how long the messages had waited that were taken.
    pub(in crate::engine) async fn record_surely(
        &self,
        at: (CampaignId, ConnectionId),
        ended: &[Ended],
        (mut txn, mut refill): (Option<Txn>, Option<&mut Refill>),
        now: Instant,
    ) -> Result<Vec<TimeDelta>, Fault> {
        let mut pause = RECORD_PAUSE_MIN;
        for _ in 1..RECORD_TRIES_MAX {
            match self.record(at, ended, (txn.take(), refill.take()), now).await {
                Ok(waits) => return Ok(waits),
                // The database answers, and will say the same again.
                Err(fault) if fault.is_lasting() => {
                    return self.record_each(at, ended, fault).await;
                }
                Err(fault) => {
                    let causes = crate::causes::chain(&fault);
                    tracing::warn!(error = %fault, causes, "a record was refused; trying again");
                    self.vitals.metrics().record_refused(fault.code());
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECORD_PAUSE_MAX);
        }
        self.record(at, ended, (None, None), now).await
    }

    /// Records outcomes one by one that could not be recorded together: one row that cannot be read holds up
    /// no other. What cannot be recorded is left to its lease.
    async fn record_each(
        &self,
        at: (CampaignId, ConnectionId),
        ended: &[Ended],
        fault: Fault,
    ) -> Result<Vec<TimeDelta>, Fault> {
        if ended.len() < 2 {
            return Err(fault);
        }
        let (mut stuck, mut waits) = (None, Vec::new());
        for end in ended {
            match self.record(at, std::slice::from_ref(end), (None, None), self.clock.now()).await {
                Ok(waited) => waits.extend(waited),
                Err(fault) => {
                    let causes = crate::causes::chain(&fault);
                    tracing::error!(message.id = %end.message_id, error = %fault, causes, "an outcome cannot be recorded");
                    stuck = Some(fault);
                }
            }
        }
        stuck.map_or(Ok(waits), Err)
    }

    /// What a request proved, with the time at which to try again.
    fn ended(
        &self,
        lane: &Lane,
        end: End,
        retry_at: Instant,
        now: Instant,
    ) -> (Ended, Option<Permit>) {
        let Handover {
            attempt_id,
            message_id,
            attempts_before,
            permit,
            asked,
            is_last,
            claimed,
            ..
        } = end.handover;
        if let Submitted::Accepted { pause: Some(pause), .. } = &end.submitted {
            self.dispatcher.pacer.pause(lane.sender.id, span(*pause), now);
        }
        let outcome = if let Some(tries) = asked {
            repeated(end.submitted, tries, now)
        } else {
            let ask_at = ask_again_at(0, now).filter(|_| lane.connection.can_be_asked());
            let is_running = lane.binding.campaign.status.is_running();
            match end.submitted {
                // There is no campaign left to fail: what was sent again ends by itself.
                Submitted::Rejected { code, .. } if !is_running => rejected(code),
                submitted => proved(submitted, attempts_before, (retry_at, ask_at), now),
            }
        };
        let asked = asked.unwrap_or_default();
        (Ended { attempt_id, message_id, asked, is_last, claimed, outcome }, permit)
    }

    /// Leaves a connection alone that did not take what it was sent, for as long as it asks.
    fn leave_alone(&self, connection: ConnectionId, ends: &[End], now: Instant) {
        for end in ends {
            if let Submitted::NotSent { retry_after, pushback: Some(_), .. } = &end.submitted {
                let asked =
                    retry_after.map(|asked| TimeDelta::from_std(asked).unwrap_or(TimeDelta::MAX));
                self.dispatcher.holds.hold(connection, asked, now);
            }
        }
    }
}

/// What the first request of an attempt proved. One that was not taken waits until `retry_at`, when the
/// connection is no longer held; what became of one whose answer was lost is asked for at `ask_at`.
fn proved(
    submitted: Submitted,
    attempts_before: i64,
    (retry_at, ask_at): (Instant, Option<Instant>),
    now: Instant,
) -> Outcome {
    match submitted {
        Submitted::Accepted { provider_id, segments, .. } => {
            Outcome::Accepted { provider_id, segments }
        }
        // The account or the sender is refused, not this message: it waits, and the campaign fails.
        Submitted::Rejected { scope, code } if receipt::campaign_failure(scope).is_some() => {
            Outcome::NotSent { retry_at, unsent: Unsent::Unavailable, code }
        }
        Submitted::Rejected { code, .. } => rejected(code),
        // The last look: nobody was asked.
        Submitted::NotSent { pushback: None, code, .. } => {
            Outcome::NotSent { retry_at: now, unsent: Unsent::Unasked, code }
        }
        Submitted::NotSent { pushback: Some(Pushback::Throttled), code, .. } => {
            Outcome::NotSent { retry_at, unsent: Unsent::Throttled, code }
        }
        Submitted::NotSent { code, .. } if attempts_before + 1 >= ATTEMPTS_MAX => {
            Outcome::GivenUp { code }
        }
        Submitted::NotSent { code, .. } => {
            Outcome::NotSent { retry_at, unsent: Unsent::Unavailable, code }
        }
        Submitted::Unknown => Outcome::Unknown { ask_at },
    }
}

/// What a repeat proved of an attempt whose answer was lost: only an answer about the message itself proves
/// anything, since whoever stands before the aggregator may not know of the first request.
fn repeated(submitted: Submitted, tries: i64, now: Instant) -> Outcome {
    match submitted {
        Submitted::Accepted { provider_id, segments, .. } => {
            Outcome::Accepted { provider_id, segments }
        }
        // It was not taken in time, and may be sent anew where it still may.
        Submitted::Rejected { code, .. } if code.as_deref() == Some(receipt::EXPIRED_IN_QUEUE) => {
            Outcome::NotSent { retry_at: now, unsent: Unsent::Unasked, code }
        }
        Submitted::Rejected { scope, code } if receipt::campaign_failure(scope).is_none() => {
            rejected(code)
        }
        Submitted::Rejected { .. } | Submitted::NotSent { .. } | Submitted::Unknown => {
            Outcome::Unknown { ask_at: ask_again_at(tries, now) }
        }
    }
}

fn rejected(code: Option<String>) -> Outcome {
    let known = code.as_deref().and_then(receipt::undelivered_reason);
    Outcome::Rejected { reason: known.unwrap_or(MessageReason::AggregatorRejected), code }
}

/// Whether the aggregator works: it took a message, or refused that very one.
fn is_word_about_a_message(submitted: &Submitted) -> bool {
    match submitted {
        Submitted::Accepted { .. } => true,
        Submitted::Rejected { scope, .. } => receipt::campaign_failure(*scope).is_none(),
        Submitted::NotSent { .. } | Submitted::Unknown => false,
    }
}

/// The failure of the campaign that a refusal amounts to, if it concerns more than one message.
fn failure(submitted: &Submitted) -> Option<StatusReason> {
    match submitted {
        Submitted::Rejected { scope, .. } => receipt::campaign_failure(*scope),
        _ => None,
    }
}
