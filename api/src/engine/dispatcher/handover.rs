//! One window of hand-overs: claimed, looked at a last time, sent, and recorded.

use super::{Lane, notes::Seen, span};
use crate::{
    db::{
        attempts::{self, Claim, Claimer},
        gate,
        outcomes::{self, Ended, Gate, Outcome},
        receipts,
    },
    engine::{Engine, Fault},
    hex,
    ports::{Outbound, Submitted, Task},
};
use chrono::TimeDelta;
use domain::{
    Instant,
    id::{AttemptId, MessageId},
    reason::{MessageReason, StatusReason},
    receipt, template,
};
use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};
use std::time::Duration;

/// Attempts of one message that were certainly not taken before the engine gives up: with the longest hold
/// between them, well over an hour.
const ATTEMPTS_MAX: i64 = 100;
/// How often a record is tried when the database refuses it: with the longest pause between, a minute.
const RECORD_TRIES_MAX: usize = 64;
/// The pause after the first refusal; each further one is twice as long.
const RECORD_PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause.
const RECORD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// A message claimed, with its request.
pub(super) struct Handover {
    attempt_id: AttemptId,
    message_id: MessageId,
    attempts_before: i64,
    segments: u64,
    request: Vec<u8>,
    /// When its claim began, in lease time.
    claimed_at: Instant,
}

impl Handover {
    /// Billable segments.
    pub(super) const fn segments(&self) -> u64 {
        self.segments
    }
}

/// What a claim came to.
pub(super) struct Claimed {
    /// Messages claimed or put away.
    pub(super) touched: u64,
    /// Messages to hand over.
    pub(super) handovers: Vec<Handover>,
}

/// The hand-overs of several campaigns, in flight together.
#[derive(Default)]
pub(super) struct Window(Vec<(Lane, Vec<Handover>)>);

impl Window {
    /// Adds a campaign's share.
    pub(super) fn add(&mut self, lane: Lane, handovers: Vec<Handover>) {
        if !handovers.is_empty() {
            self.0.push((lane, handovers));
        }
    }
}

/// How one hand-over ended.
pub(super) struct End {
    handover: Handover,
    pub(super) submitted: Submitted,
}

impl Engine {
    /// Claims up to `limit` due messages of a campaign in one transaction that checks the gate and writes
    /// the attempts ahead.
    pub(super) async fn claim(
        &self,
        lane: &Lane,
        limit: u64,
        now: Instant,
    ) -> Result<Claimed, Fault> {
        let id = lane.id();
        let claimed_at = self.clock.lease_now();
        let txn = self.db.begin_write().await?;
        gate::enter(&txn, id).await?;
        if outcomes::gate(&txn, id).await? != Gate::Open {
            return Ok(Claimed { touched: 0, handovers: Vec::new() });
        }
        let (due, held) = attempts::candidates(&txn, &self.ids, &lane.binding, limit, now).await?;
        let touched = u64::try_from(due.len()).unwrap_or(u64::MAX).saturating_add(held);
        let (mut claims, mut handovers) = (Vec::new(), Vec::new());
        for candidate in due {
            let (claim, handover) = self.prepare(lane, candidate, now, claimed_at)?;
            claims.push(claim);
            handovers.push(handover);
        }
        let claimer = Claimer {
            node: &self.settings.node,
            connection_id: lane.connection.id,
            lease_until: claimed_at + span(self.settings.lease),
        };
        attempts::claim(&txn, &claims, claimer, now).await?;
        txn.commit().await?;
        Ok(Claimed { touched, handovers })
    }

    /// Makes a candidate's attempt and renders its request.
    fn prepare(
        &self,
        lane: &Lane,
        candidate: attempts::Candidate,
        now: Instant,
        claimed_at: Instant,
    ) -> Result<(Claim, Handover), Fault> {
        let attempt_id = self.ids.next();
        let binding = &lane.binding;
        let Some((step, template)) = binding.step(candidate.step_position()) else {
            return Err(Fault::Text);
        };
        // Planning rendered the same text from the same values.
        let rendered = template::render(template, &binding.frame, &candidate.values()?)
            .map_err(|_missing| Fault::Text)?;
        let request = self.aggregator.render(&Outbound {
            attempt_id,
            to: candidate.phone(),
            from: lane.sender.phone.as_str(),
            text: &rendered.text,
            media_url: step.media_url.as_deref(),
            not_after: self.not_after(candidate.last_moment(), now),
            callback_url: &lane.callback_url,
        });
        let segments = u64::from(rendered.measure.segments).max(1);
        let handover = Handover {
            attempt_id,
            message_id: candidate.id(),
            attempts_before: candidate.attempt_count(),
            segments,
            request,
            claimed_at,
        };
        let claim = Claim {
            attempt_id,
            request_digest: hex::encode(&Sha256::digest(&handover.request)),
            segments: i64::try_from(segments).unwrap_or(i64::MAX),
            candidate,
        };
        Ok((claim, handover))
    }

    /// Sends a window's requests together, and records what each campaign's proved.
    pub(super) async fn hand_over(&self, window: Window) -> Result<(), Fault> {
        let lanes = window.0.into_iter().map(async |(lane, handovers)| {
            let ends = join_all(handovers.into_iter().map(|handover| self.submit(&lane, handover)));
            let ends = ends.await;
            self.settle(&lane, ends).await
        });
        for settled in join_all(lanes).await {
            settled?;
        }
        Ok(())
    }

    /// One request. The last look: a claim that grew old while the process was not running is not sent.
    async fn submit(&self, lane: &Lane, mut handover: Handover) -> End {
        let age = self.clock.lease_now() - handover.claimed_at;
        let submitted = if age > span(self.settings.dispatch_grace) {
            Submitted::NotSent { retry_after: Some(Duration::ZERO), pushback: None, code: None }
        } else {
            let request = std::mem::take(&mut handover.request);
            let timeout = self.settings.submit_timeout;
            self.aggregator.submit(&lane.connection, handover.attempt_id, request, timeout).await
        };
        End { handover, submitted }
    }

    async fn settle(&self, lane: &Lane, ends: Vec<End>) -> Result<(), Fault> {
        let now = self.clock.now();
        let failure = ends.iter().find_map(|end| failure(&end.submitted));
        if ends.iter().any(|end| matches!(end.submitted, Submitted::Accepted { .. })) {
            self.dispatcher.holds.release(lane.connection.id);
        }
        let seen = Seen::of(&ends);
        let ended: Vec<Ended> = ends.into_iter().map(|end| self.ended(lane, end, now)).collect();
        self.record_surely(lane, &ended, now).await?;
        self.note(&lane.connection, seen, now).await;
        if let Some(reason) = failure {
            self.fail(lane.binding.campaign.site_id, lane.id(), reason, Task::Dispatcher).await?;
        }
        Ok(())
    }

    /// Records, and tries again for as long as the database refuses: what the aggregator answered is known
    /// nowhere else.
    async fn record_surely(&self, lane: &Lane, ended: &[Ended], now: Instant) -> Result<(), Fault> {
        let mut pause = RECORD_PAUSE_MIN;
        for _ in 1..RECORD_TRIES_MAX {
            match self.record(lane, ended, now).await {
                Ok(()) => return Ok(()),
                Err(fault) => {
                    let causes = crate::causes::chain(&fault);
                    tracing::warn!(error = %fault, causes, "a record was refused; trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RECORD_PAUSE_MAX);
        }
        self.record(lane, ended, now).await
    }

    /// What a request proved, with the time at which to try again.
    fn ended(&self, lane: &Lane, end: End, now: Instant) -> Ended {
        let outcome = match end.submitted {
            Submitted::Accepted { provider_id, segments, pause } => {
                if let Some(pause) = pause {
                    self.dispatcher.pacer.pause(&lane.sender, span(pause), now);
                }
                Outcome::Accepted { provider_id, segments }
            }
            // The account or the sender is refused, not this message: it waits, and the campaign fails.
            Submitted::Rejected { scope, code } if receipt::campaign_failure(scope).is_some() => {
                Outcome::NotSent { retry_at: now, code }
            }
            Submitted::Rejected { code, .. } => {
                let known = code.as_deref().and_then(receipt::undelivered_reason);
                Outcome::Rejected {
                    reason: known.unwrap_or(MessageReason::AggregatorRejected),
                    code,
                }
            }
            Submitted::NotSent { code, .. } if end.handover.attempts_before + 1 >= ATTEMPTS_MAX => {
                Outcome::GivenUp { code }
            }
            Submitted::NotSent { retry_after, code, .. } => {
                let asked =
                    retry_after.map(|asked| TimeDelta::from_std(asked).unwrap_or(TimeDelta::MAX));
                let retry_at = self.dispatcher.holds.hold(lane.connection.id, asked, now);
                Outcome::NotSent { retry_at, code }
            }
            Submitted::Unknown => Outcome::Unknown,
        };
        Ended { attempt_id: end.handover.attempt_id, message_id: end.handover.message_id, outcome }
    }

    async fn record(&self, lane: &Lane, ended: &[Ended], now: Instant) -> Result<(), Fault> {
        let txn = self.db.begin_write().await?;
        gate::enter(&txn, lane.id()).await?;
        let standing = outcomes::gate(&txn, lane.id()).await?;
        let accepted = outcomes::record(&txn, &self.ids, ended, standing, now).await?;
        let woken = receipts::unpark(&txn, lane.connection.id, &accepted).await?;
        txn.commit().await?;
        if woken > 0 {
            self.bells.ring(Task::Receipts);
        }
        self.bells.ring(Task::Completer);
        self.hints.give();
        Ok(())
    }
}

/// The failure of the campaign that a refusal amounts to, if it concerns more than one message.
fn failure(submitted: &Submitted) -> Option<StatusReason> {
    match submitted {
        Submitted::Rejected { scope, .. } => receipt::campaign_failure(*scope),
        _ => None,
    }
}
