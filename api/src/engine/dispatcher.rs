//! The dispatcher: hands messages over, a window at a time.
//!
//! Permits first, then a claim of at most that many with its attempts written ahead, a durable commit, a
//! last look, the request, and the record of what it proved.
//!
//! **Invariant:** no request leaves before its attempt is committed, and none is repeated.
//! **Invariant:** every campaign with something due gets a share of every window: none waits for another.

mod handover;
mod holds;
mod notes;
mod pacer;

use super::{Activity, Engine, Fault, Tally, span};
use crate::{
    db::{
        admin,
        binding::{self, Binding},
        campaigns, counts, runs,
    },
    ports::{Connection, Task},
};
use domain::{Instant, id::CampaignId, reason::StatusReason, site, text};
use handover::Window;
use holds::Holds;
use notes::Notes;
use pacer::Pacer;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the dispatcher remembers: nothing but its pace and whose turn it is, which may be lost.
#[derive(Debug, Default)]
pub(super) struct Dispatcher {
    turn: AtomicUsize,
    pacer: Pacer,
    holds: Holds,
    notes: Notes,
}

/// A campaign with something due, and what its messages are made of.
struct Lane {
    binding: Binding,
    sender: admin::Sender,
    connection: Connection,
    callback_url: String,
}

impl Lane {
    /// The campaign.
    const fn id(&self) -> CampaignId {
        self.binding.campaign.id
    }

    /// Billable segments of the initial message where no variable is long, by which the sender is paced;
    /// what is claimed is then paid for exactly.
    fn segments(&self) -> u64 {
        let literal = self.binding.step(0).map_or_else(String::new, |(_, text)| text.literal());
        u64::from(text::measure(&self.binding.frame.compose(&literal)).segments).max(1)
    }
}

impl Engine {
    pub(super) async fn activate_dispatcher(&self) -> Result<Activity, Fault> {
        let now = self.clock.now();
        let (mut lanes, mut tally) = self.lanes(now).await?;
        let turn = self.dispatcher.turn.fetch_add(1, Ordering::Relaxed);
        // Where there are more campaigns than permits, each comes first in its turn.
        let first = turn.checked_rem(lanes.len()).unwrap_or_default();
        lanes.rotate_left(first);
        let count = u64::try_from(lanes.len()).unwrap_or(u64::MAX).max(1);
        let share = self.settings.max_in_flight.div_ceil(count).min(self.settings.claim_batch_max);
        let mut permits = self.settings.max_in_flight;
        let mut window = Window::default();
        for lane in lanes {
            if permits == 0 {
                break;
            }
            let id = lane.id();
            let filled = self.fill(&mut window, lane, share.min(permits), now).await;
            // What is claimed already must still be sent: a fault is reported after that.
            tally.add(
                id,
                filled.map(|(taken, activity)| {
                    permits = permits.saturating_sub(taken);
                    activity
                }),
            );
        }
        if tally.activity.done > 0 {
            self.bells.ring(Task::Completer);
            self.hints.give();
        }
        self.hand_over(window).await?;
        tally.finish()
    }

    /// Claims a campaign's share of the window; answers how many permits that took.
    async fn fill(
        &self,
        window: &mut Window,
        lane: Lane,
        share: u64,
        now: Instant,
    ) -> Result<(u64, Activity), Fault> {
        let pace = self.dispatcher.pacer.allowance(&lane.sender, lane.segments(), now);
        if pace.messages == 0 {
            return Ok((0, Activity { done: 0, next_at: pace.next_at }));
        }
        let is_on_trial = self.dispatcher.holds.is_on_trial(lane.connection.id);
        let share = if is_on_trial { 1 } else { share };
        let claimed = self.claim(&lane, pace.messages.min(share), now).await?;
        let segments: u64 = claimed.handovers.iter().map(handover::Handover::segments).sum();
        self.dispatcher.pacer.spend(&lane.sender, segments, now);
        let taken = u64::try_from(claimed.handovers.len()).unwrap_or(u64::MAX);
        window.add(lane, claimed.handovers);
        Ok((taken, Activity::done(claimed.touched)))
    }

    /// The running campaigns with something due now, and when the next of the others is due.
    async fn lanes(&self, now: Instant) -> Result<(Vec<Lane>, Tally), Fault> {
        let (mut lanes, mut tally) = (Vec::new(), Tally::default());
        for id in self.running().await? {
            let looked = self.look(id, now).await;
            tally.add(
                id,
                looked.map(|(lane, next_at)| {
                    lanes.extend(lane);
                    Activity { done: 0, next_at }
                }),
            );
        }
        Ok((lanes, tally))
    }

    /// A campaign's lane if something of it is due and its connection is not held, else when it will be.
    async fn look(
        &self,
        id: CampaignId,
        now: Instant,
    ) -> Result<(Option<Lane>, Option<Instant>), Fault> {
        let due_at = runs::next_due(self.db.read(), id).await?;
        if due_at.is_none_or(|due_at| due_at > now) {
            return Ok((None, due_at));
        }
        let Some(lane) = self.lane(id, now).await? else { return Ok((None, None)) };
        match self.dispatcher.holds.until(lane.connection.id, now) {
            Some(until) => Ok((None, Some(until))),
            None => Ok((Some(lane), None)),
        }
    }

    /// What a campaign's messages are made of; none when it may not send now, or can no longer send: then
    /// it has failed.
    async fn lane(&self, id: CampaignId, now: Instant) -> Result<Option<Lane>, Fault> {
        let db = self.db.read();
        let Some(campaign) = campaigns::find_any(db, id).await? else { return Ok(None) };
        if campaign.paused_at.is_some() {
            return Ok(None);
        }
        let site_id = campaign.site_id;
        let sender = admin::ready_sender(db, site_id).await?;
        let connection = match &sender {
            Some(sender) => admin::find_connection(db, sender.connection_id).await?,
            None => None,
        };
        let Some(binding) = binding::read(db, campaign).await? else {
            self.fail(site_id, id, StatusReason::ContentInvalid, Task::Dispatcher).await?;
            return Ok(None);
        };
        let obstacle = site::running_blocker(&binding.site, sender.is_some(), now);
        if let Some(reason) = obstacle {
            self.fail(site_id, id, reason, Task::Dispatcher).await?;
            return Ok(None);
        }
        // A trial's plan is reserved whole before its first message leaves.
        if binding.is_on_trial() && !self.is_planned(id).await? {
            return Ok(None);
        }
        let (Some(sender), Some(connection)) = (sender, connection) else { return Ok(None) };
        let callback_url = format!("{}/hooks/generic/{}", self.settings.public_url, connection.id);
        Ok(Some(Lane { binding, sender, connection, callback_url }))
    }

    async fn is_planned(&self, id: CampaignId) -> Result<bool, Fault> {
        let run = counts::run(self.db.read(), id).await?;
        Ok(run.is_some_and(|run| run.planned_at.is_some()))
    }

    /// When the aggregator must give a message up that may not arrive after `last`: somewhat earlier, so
    /// that a late one does not deliver past it. One that is handed over in that last moment has all of it.
    fn not_after(&self, last: Option<Instant>, now: Instant) -> Option<Instant> {
        let last = last?;
        let early = last - span(self.settings.validity_pad);
        Some(if early > now { early } else { last })
    }
}
