//! Hand-overs: claimed with their attempts written ahead, and looked at a last time before they leave.

use super::{
    Lane,
    pacer::{Limited, Pace},
    permits::Permit,
    span,
};
use crate::{
    db::{
        Txn,
        attempts::{self, Claim, Claimer},
        gate,
        outcomes::{self, AsClaimed, Gate},
        paces,
    },
    engine::{Engine, Fault},
    hex,
    ports::{Outbound, Submitted},
};
use chrono::TimeDelta;
use domain::{
    Instant,
    id::{AttemptId, MessageId},
    template,
};
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};
use uuid::Uuid;

/// A message claimed, with its request.
pub(in crate::engine) struct Handover {
    pub(in crate::engine) attempt_id: AttemptId,
    pub(in crate::engine) message_id: MessageId,
    /// Attempts before this one.
    pub(in crate::engine) attempts_before: i64,
    pub(in crate::engine) segments: u64,
    pub(in crate::engine) request: Vec<u8>,
    /// When its claim began, in lease time.
    pub(in crate::engine) claimed_at: Instant,
    /// How often its outcome was asked for, if this is a repeat for the answer's sake.
    pub(in crate::engine) asked: Option<i64>,
    /// Whether no step follows its own.
    pub(in crate::engine) is_last: bool,
    /// The message as its claim left it; none of a repeat.
    pub(in crate::engine) claimed: Option<AsClaimed>,
    /// What lets it be on its way.
    pub(in crate::engine) permit: Option<Permit>,
}

impl Handover {
    /// Billable segments.
    pub(super) const fn segments(&self) -> u64 {
        self.segments
    }
}

/// What a claim came to.
#[derive(Default)]
pub(super) struct Claimed {
    /// Messages claimed or put away.
    pub(super) touched: u64,
    /// Messages to hand over.
    pub(super) handovers: Vec<Handover>,
    /// After what wait more may leave, if the pace let none leave now.
    pub(super) wait: Option<TimeDelta>,
}

/// The hand-overs of several campaigns, in flight together.
#[derive(Default)]
pub(in crate::engine) struct Window(pub(super) Vec<(Arc<Lane>, Vec<Handover>)>);

impl Window {
    /// Adds a campaign's share.
    pub(in crate::engine) fn add(&mut self, lane: Arc<Lane>, handovers: Vec<Handover>) {
        if !handovers.is_empty() {
            self.0.push((lane, handovers));
        }
    }
}

/// How one hand-over ended.
pub(super) struct End {
    pub(super) handover: Handover,
    pub(super) submitted: Submitted,
}

impl Engine {
    /// Claims as many due messages of a campaign as there are permits, in one transaction that checks the gate
    /// and writes the attempts ahead. Permits that come back while others write are taken along, up to `wanted`:
    /// the busier the database, the more share a commit.
    pub(super) async fn claim(
        &self,
        lane: &Lane,
        permit: &mut Permit,
        wanted: u64,
    ) -> Result<Claimed, Fault> {
        let id = lane.id();
        let txn = self.db.begin_write().await?;
        // Quiet hours may have begun while others wrote.
        let (now, claimed_at) = (self.clock.now(), self.clock.lease_now());
        permit.join(self.permit(lane, wanted.saturating_sub(permit.count())));
        gate::enter(&txn, id).await?;
        if outcomes::gate(&txn, id).await? != Gate::Open {
            return Ok(Claimed::default());
        }
        let claimed = self.claim_in(&txn, lane, permit, (now, claimed_at)).await?;
        txn.commit().await?;
        Ok(claimed)
    }

    /// Claims in `txn`, whose gate is entered and open.
    pub(super) async fn claim_in(
        &self,
        txn: &Txn,
        lane: &Lane,
        permit: &mut Permit,
        (now, claimed_at): (Instant, Instant),
    ) -> Result<Claimed, Fault> {
        let limits = Limited::of_lane(lane);
        let pace = self.shared_pace(txn, lane, &limits, now).await?;
        if pace.messages == 0 {
            return Ok(Claimed { wait: pace.wait, ..Claimed::default() });
        }
        let limit = permit.count().min(pace.messages);
        let (due, held) = attempts::candidates(txn, &self.ids, &lane.binding, limit, now).await?;
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
        let segments = handovers.iter().map(Handover::segments).sum();
        let arrivals = self.dispatcher.pacer.spend(&limits, segments, now);
        attempts::claim(txn, &claims, claimer, &arrivals, now).await?;
        for (handover, claim) in handovers.iter_mut().zip(claims) {
            handover.claimed = Some(AsClaimed::of(claim, claimer, now));
            handover.permit = permit.split();
        }
        Ok(Claimed { touched, handovers, wait: None })
    }

    /// How many messages of a lane may leave now, by its pace on all nodes, which is locked.
    async fn shared_pace(
        &self,
        txn: &Txn,
        lane: &Lane,
        limits: &[Limited],
        now: Instant,
    ) -> Result<Pace, Fault> {
        let ids: Vec<Uuid> = limits.iter().map(Limited::id).collect();
        let pacer = &self.dispatcher.pacer;
        pacer.learn(&paces::lock(txn, &ids).await?);
        Ok(pacer.allowance(lane.sender.id, limits, lane.segments, now))
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
            is_last: binding.step(candidate.step_position() + 1).is_none(),
            asked: None,
            claimed: None,
            permit: None,
        };
        let claim = Claim {
            attempt_id,
            request_digest: hex::encode(&Sha256::digest(&handover.request)),
            request: String::from_utf8_lossy(&handover.request).into_owned(),
            segments: i64::try_from(segments).unwrap_or(i64::MAX),
            candidate,
        };
        Ok((claim, handover))
    }

    /// One request. The last look: a claim that grew old while the process was not running is not sent.
    pub(super) async fn submit(&self, lane: &Lane, mut handover: Handover) -> End {
        let age = self.clock.lease_now() - handover.claimed_at;
        let submitted = if age > span(self.settings.dispatch_grace) {
            Submitted::NotSent { retry_after: Some(Duration::ZERO), pushback: None, code: None }
        } else {
            let request = std::mem::take(&mut handover.request);
            let timeout = self.settings.submit_timeout;
            let _in_flight = self.vitals.metrics().in_flight();
            self.aggregator.submit(&lane.connection, handover.attempt_id, request, timeout).await
        };
        End { handover, submitted }
    }
}
