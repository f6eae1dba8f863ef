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
        attempts::{self, Claim, Claimer, Claiming, Due, Judged},
        gate,
        outcomes::{self, AsClaimed, Gate},
        paces::{self, Arrival},
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

/// Messages to claim, not judged yet.
pub(super) struct Found {
    due: Due,
    /// After what wait more may leave, if the pace let none leave now.
    wait: Option<TimeDelta>,
}

/// Claims that are ready to be written, with the requests that may then leave.
pub(super) struct Prepared {
    handovers: Vec<Handover>,
    claiming: Claiming,
    judged: Judged,
    /// Where the paces are then.
    arrivals: Vec<Arrival>,
}

impl Prepared {
    /// Writes the claims in the transaction that found the messages, and whatever keeps the others from leaving.
    pub(super) async fn write(
        self,
        engine: &Engine,
        txn: &Txn,
        permit: &mut Permit,
        now: Instant,
    ) -> Result<Claimed, Fault> {
        let Self { mut handovers, claiming, judged, arrivals } = self;
        let held = judged.hold(txn, &engine.ids, now).await?;
        claiming.write(txn).await?;
        if !handovers.is_empty() {
            engine.dispatcher.pacer.learn(&arrivals);
        }
        for handover in &mut handovers {
            handover.permit = permit.split();
        }
        let claimed = u64::try_from(handovers.len()).unwrap_or(u64::MAX);
        Ok(Claimed { touched: claimed.saturating_add(held), handovers, wait: None })
    }
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
    async fn claim_in(
        &self,
        txn: &Txn,
        lane: &Lane,
        permit: &mut Permit,
        at: (Instant, Instant),
    ) -> Result<Claimed, Fault> {
        let found = self.find(txn, lane, permit.count(), at).await?;
        let wait = found.wait;
        let claimed = self.prepare(txn, lane, found, at)?.write(self, txn, permit, at.0).await?;
        Ok(Claimed { wait, ..claimed })
    }

    /// Finds up to `limit` messages of a lane to claim in `txn`, fewer where its pace says so.
    pub(super) async fn find(
        &self,
        txn: &Txn,
        lane: &Lane,
        limit: u64,
        (now, _): (Instant, Instant),
    ) -> Result<Found, Fault> {
        let pace = self.shared_pace(txn, lane, &Limited::of_lane(lane), now).await?;
        if pace.messages == 0 {
            return Ok(Found { due: Due::default(), wait: pace.wait });
        }
        let limit = limit.min(pace.messages);
        let due = attempts::due(txn, &lane.binding, limit, now).await?;
        Ok(Found { due, wait: None })
    }

    /// Judges what was found, and renders the requests of what may leave. The database is asked for nothing.
    pub(super) fn prepare(
        &self,
        txn: &Txn,
        lane: &Lane,
        found: Found,
        (now, claimed_at): (Instant, Instant),
    ) -> Result<Prepared, Fault> {
        let mut judged = found.due.judge(&lane.binding, now)?;
        let (mut claims, mut handovers) = (Vec::new(), Vec::new());
        for candidate in judged.take() {
            let (claim, handover) = self.render(lane, candidate, now, claimed_at)?;
            claims.push(claim);
            handovers.push(handover);
        }
        let claimer = Claimer {
            node: &self.settings.node,
            connection_id: lane.connection.id,
            lease_until: claimed_at + span(self.settings.lease),
        };
        let segments = handovers.iter().map(Handover::segments).sum();
        let arrivals = self.dispatcher.pacer.after(&Limited::of_lane(lane), segments, now);
        let claiming = attempts::claim(txn, &claims, claimer, &arrivals, now);
        for (handover, claim) in handovers.iter_mut().zip(claims) {
            handover.claimed = Some(AsClaimed::of(claim, claimer, now));
        }
        Ok(Prepared { handovers, claiming, judged, arrivals })
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
    fn render(
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
