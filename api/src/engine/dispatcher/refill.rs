//! Refills: whoever records what came back of a campaign claims its next messages in the same transaction. Under
//! load that is half the commits, and a permit is never idle while a claim waits for the writer.
//!
//! **Invariant:** only a campaign that the dispatcher itself found to be the only one with something due, a moment
//! ago, is refilled: nobody waits for it, and none is refilled for long once the dispatcher rests.
//! **Invariant:** a refill costs no record: what cannot be recorded with one is recorded without.

use super::{Lane, Window, permits::Permit, span};
use crate::{
    db::{Txn, runs},
    engine::{Engine, Fault},
};
use domain::{Instant, id::CampaignId, site};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long the dispatcher's look counts: it looks again when permits come back because this has passed.
const LOOK_COUNTS: Duration = Duration::from_millis(200);

/// The campaign that was found alone, and until when it is refilled, in lease time.
#[derive(Debug, Default)]
pub(super) struct Alone(Mutex<Option<(CampaignId, Instant)>>);

impl Alone {
    /// Notes what the dispatcher found to be due.
    pub(super) fn note(&self, lanes: &[Arc<Lane>], lease_now: Instant) {
        let alone = match lanes {
            [lane] => Some((lane.id(), lease_now + span(LOOK_COUNTS))),
            _ => None,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = alone;
    }

    /// Whether a campaign may be refilled.
    fn allows(&self, campaign: CampaignId, lease_now: Instant) -> bool {
        let alone = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        alone.is_some_and(|(id, until)| id == campaign && lease_now < until)
    }
}

/// Permits to claim with, and what was claimed.
pub(in crate::engine) struct Refill {
    permit: Permit,
    window: Window,
}

impl Refill {
    /// What the permits that come back may be used for at once.
    pub(super) fn of(permits: Vec<Option<Permit>>) -> Option<Self> {
        let permit = permits.into_iter().flatten().reduce(|mut all, one| {
            all.join(one);
            all
        });
        permit.map(|permit| Self { permit, window: Window::default() })
    }

    /// Forgets what was claimed by a transaction that came to nothing.
    pub(super) fn forget(&mut self) {
        self.window = Window::default();
    }

    /// What was claimed; the permits that are left come back.
    pub(super) fn into_window(self) -> Window {
        self.window
    }
}

impl Engine {
    /// Claims the next messages of a campaign in `txn`, whose gate is entered and open. On PostgreSQL the rows that
    /// a record has locked come after those of a claim in the order in which all lock, so there a claim is a
    /// transaction of its own.
    pub(super) async fn refill(
        &self,
        txn: &Txn,
        campaign: CampaignId,
        refill: &mut Refill,
    ) -> Result<(), Fault> {
        let (now, claimed_at) = (self.clock.now(), self.clock.lease_now());
        if !self.db.is_sqlite() || !self.dispatcher.alone.allows(campaign, claimed_at) {
            return Ok(());
        }
        let Some(due) = runs::due(txn, campaign).await? else { return Ok(()) };
        let Some(lane) = self.dispatcher.lanes.get(campaign, due.stamp) else { return Ok(()) };
        if due.next_at.is_none_or(|at| at > now) || !self.may_refill(&lane, now) {
            return Ok(());
        }
        let wanted = self.settings.max_in_flight.min(self.settings.claim_batch_max);
        refill.permit.join(self.permit(&lane, wanted.saturating_sub(refill.permit.count())));
        let claimed = self.claim_in(txn, &lane, &mut refill.permit, (now, claimed_at)).await?;
        self.vitals.metrics().claimed(claimed.handovers.len(), self.clock.lease_now() - claimed_at);
        refill.window.add(lane, claimed.handovers);
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
