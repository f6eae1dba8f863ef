//! Refills: whoever records what came back of a campaign claims its next messages in the same transaction. Under
//! load that is half the commits, and a permit is never idle while a claim waits for the writer.
//!
//! **Invariant:** only a campaign that the dispatcher itself found to be the only one with something due, a moment
//! ago, is refilled: nobody waits for it, and none is refilled for long once the dispatcher rests.
//! **Invariant:** a refill costs no record: what cannot be recorded with one is recorded without.

use super::{
    Lane, Window,
    handover::{Found, Prepared},
    permits::Permit,
};
use crate::{
    db::{Txn, runs},
    engine::{Engine, Fault},
    ports::Task,
};
use chrono::TimeDelta;
use domain::{Instant, id::CampaignId, site};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long the dispatcher's look is fresh: whoever refills by an older one asks for another.
const LOOK_FRESH: TimeDelta = TimeDelta::milliseconds(200);
/// How long it counts at all.
const LOOK_COUNTS: TimeDelta = TimeDelta::milliseconds(400);

/// The campaign that was found alone, and when that was, in lease time.
#[derive(Debug, Default)]
pub(super) struct Alone(Mutex<Option<(CampaignId, Instant)>>);

impl Alone {
    fn locked(&self) -> MutexGuard<'_, Option<(CampaignId, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what the dispatcher found to be due.
    pub(super) fn note(&self, lanes: &[Arc<Lane>], lease_now: Instant) {
        let alone = match lanes {
            [lane] => Some((lane.id(), lease_now)),
            _ => None,
        };
        *self.locked() = alone;
    }

    /// Whether a campaign may be refilled.
    fn allows(&self, campaign: CampaignId, lease_now: Instant) -> bool {
        self.locked().is_some_and(|(id, at)| id == campaign && lease_now < at + LOOK_COUNTS)
    }

    /// Whether some campaign is refilled by a look that is not fresh any more.
    pub(super) fn is_stale(&self, lease_now: Instant) -> bool {
        self.locked().is_some_and(|(_, at)| lease_now >= at + LOOK_FRESH)
    }
}

/// Permits to claim with, and what was claimed.
pub(in crate::engine) struct Refill {
    permit: Permit,
    /// How many came back; others may be joined to them.
    own: u64,
    window: Window,
}

impl Refill {
    /// What the permits that come back may be used for at once.
    pub(super) fn of(permits: Vec<Option<Permit>>) -> Option<Self> {
        let permit = permits.into_iter().flatten().reduce(|mut all, one| {
            all.join(one);
            all
        });
        permit.map(|permit| Self { own: permit.count(), permit, window: Window::default() })
    }

    /// Forgets what was claimed by a transaction that came to nothing, and lets go of permits that were joined for it.
    pub(super) fn forget(&mut self) {
        self.window = Window::default();
        self.permit.keep(self.own);
    }

    /// What was claimed; the permits that are left come back.
    pub(super) fn into_window(self) -> Window {
        self.window
    }
}

/// What may be claimed along with a record: found before it is written, prepared while it is, claimed after it.
pub(super) struct Next {
    lane: Arc<Lane>,
    /// How many messages.
    limit: u64,
    /// When, in civil and in lease time.
    at: (Instant, Instant),
}

impl Engine {
    /// The campaign whose next messages may be claimed in `txn`, whose gate is entered and open. On PostgreSQL the
    /// rows that a record has locked come after those of a claim in the order in which all lock, so there a claim is
    /// a transaction of its own.
    pub(super) async fn next(
        &self,
        txn: &Txn,
        campaign: CampaignId,
        refill: Option<&mut Refill>,
    ) -> Result<Option<Next>, Fault> {
        let at = (self.clock.now(), self.clock.lease_now());
        let Some(refill) = refill.filter(|_| self.db.is_sqlite()) else { return Ok(None) };
        if !self.dispatcher.alone.allows(campaign, at.1) {
            return Ok(None);
        }
        if self.dispatcher.alone.is_stale(at.1) {
            self.bells.ring(Task::Dispatcher);
        }
        let Some(due) = runs::due(txn, campaign).await? else { return Ok(None) };
        let Some(lane) = self.dispatcher.lanes.get(campaign, due.stamp) else { return Ok(None) };
        if due.next_at.is_none_or(|next| next > at.0) || !self.may_refill(&lane, at.0) {
            return Ok(None);
        }
        let wanted = self.settings.max_in_flight.min(self.settings.claim_batch_max);
        refill.permit.join(self.permit(&lane, wanted.saturating_sub(refill.permit.count())));
        Ok(Some(Next { lane, limit: refill.permit.count(), at }))
    }

    /// Finds the messages.
    pub(super) async fn find_next(
        &self,
        txn: &Txn,
        next: Option<Next>,
    ) -> Result<Option<(Next, Found)>, Fault> {
        let Some(next) = next else { return Ok(None) };
        let found = self.find(txn, &next.lane, next.limit, next.at).await?;
        Ok(Some((next, found)))
    }

    /// Makes their claims ready.
    pub(super) fn prepare_next(
        &self,
        txn: &Txn,
        found: Option<(Next, Found)>,
    ) -> Result<Option<(Next, Prepared)>, Fault> {
        let Some((next, found)) = found else { return Ok(None) };
        let prepared = self.prepare(txn, &next.lane, found, next.at)?;
        Ok(Some((next, prepared)))
    }

    /// Claims them.
    pub(super) async fn claim_next(
        &self,
        txn: &Txn,
        refill: &mut Refill,
        (next, prepared): (Next, Prepared),
    ) -> Result<(), Fault> {
        let claimed = prepared.write(self, txn, &mut refill.permit, next.at.0).await?;
        let took = self.clock.lease_now() - next.at.1;
        self.vitals.metrics().claimed(claimed.handovers.len(), took);
        refill.window.add(next.lane, claimed.handovers);
        Ok(())
    }

    /// Whether nothing is in the way that the dispatcher would have to look at.
    fn may_refill(&self, lane: &Lane, now: Instant) -> bool {
        let connection = lane.connection.id;
        !lane.binding.is_on_trial()
            && site::running_blocker(&lane.binding.site, true, now).is_none()
            && self.held_until(connection, now).is_none()
            && !self.dispatcher.holds.is_on_trial(connection)
    }
}
