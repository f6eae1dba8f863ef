//! The dispatcher: hands messages over, a stream of them at a time.
//!
//! Permits first, then a claim of at most that many with its attempts written ahead, a durable commit, a
//! last look, the request, and the record of what it proved.
//!
//! **Invariant:** no request leaves before its attempt is committed, and none is repeated.
//! **Invariant:** every campaign with something due gets a share of the permits: none waits for another.

mod courier;
mod handover;
mod holds;
mod notes;
mod pacer;
mod permits;

use super::{Activity, Engine, Fault, RESENDING_MAX, Settings, Tally, span};
use crate::{
    db::{
        admin,
        binding::{self, Binding},
        campaigns, counts, resolution, runs,
    },
    ports::{Bells, Connection, Task},
};
pub use courier::Carrier;
use courier::Outbox;
use domain::{
    Instant,
    id::{CampaignId, ConnectionId},
    reason::StatusReason,
    site, text,
};
pub(super) use handover::{Handover, Window};
use holds::Holds;
use notes::Notes;
use pacer::Pacer;
use permits::{Limits, Permit, Permits};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// What the dispatcher remembers: nothing but its pace, whose turn it is and what is on its way, which may
/// be lost.
#[derive(Debug)]
pub(super) struct Dispatcher {
    turn: AtomicUsize,
    pacer: Pacer,
    holds: Holds,
    notes: Notes,
    permits: Arc<Permits>,
    outbox: Outbox,
}

impl Dispatcher {
    /// A dispatcher that has sent nothing yet.
    pub(super) fn new(settings: &Settings, bells: Bells) -> Self {
        let of_one = settings.max_in_flight_per_connection.min(settings.max_in_flight);
        let limits = Limits { all: settings.max_in_flight, of_one };
        Self {
            turn: AtomicUsize::default(),
            pacer: Pacer::default(),
            holds: Holds::default(),
            notes: Notes::default(),
            permits: Permits::new(limits, bells),
            outbox: Outbox::default(),
        }
    }
}

/// A campaign with something due, and what its messages are made of.
pub(super) struct Lane {
    pub(super) binding: Binding,
    pub(super) sender: admin::Sender,
    pub(super) connection: Connection,
    pub(super) callback_url: String,
}

impl Lane {
    /// The campaign.
    pub(super) const fn id(&self) -> CampaignId {
        self.binding.campaign.id
    }

    /// Billable segments of the initial message where no variable is long, by which the sender is paced;
    /// what is claimed is then paid for exactly.
    pub(super) fn segments(&self) -> u64 {
        let literal = self.binding.step(0).map_or_else(String::new, |(_, text)| text.literal());
        u64::from(text::measure(&self.binding.frame.compose(&literal)).segments).max(1)
    }
}

impl Engine {
    /// Hands a window of messages over and waits for what becomes of each.
    pub(super) async fn activate_dispatcher(&self) -> Result<Activity, Fault> {
        let (window, tally) = self.fill_window().await?;
        self.hand_over(window).await?;
        tally.finish()
    }

    /// Sets messages on their way, as many as there are permits, and waits for none of them: their outcomes
    /// are recorded as they come in.
    pub(super) async fn stream_dispatcher(self: &Arc<Self>) -> Result<Activity, Fault> {
        let (carriers, activity) = self.launch().await;
        for carrier in carriers {
            tokio::spawn(carrier);
        }
        activity
    }

    /// Claims messages, as many as there are permits, and answers with what hands each of them over: whoever
    /// called runs these. What is claimed must be sent, also when something else failed.
    pub async fn launch(self: &Arc<Self>) -> (Vec<Carrier>, Result<Activity, Fault>) {
        match self.fill_window().await {
            Ok((window, tally)) => (self.carriers(window), tally.finish()),
            Err(fault) => (Vec::new(), Err(fault)),
        }
    }

    /// Until when a connection is left alone, if it is.
    pub(super) fn held_until(&self, connection: ConnectionId, now: Instant) -> Option<Instant> {
        self.dispatcher.holds.until(connection, now)
    }

    /// Completes when nothing that was set on its way is without a record.
    pub async fn nothing_in_flight(&self) {
        self.dispatcher.permits.all_returned().await;
    }

    /// Claims what the permits allow, a share for each campaign with something due.
    async fn fill_window(&self) -> Result<(Window, Tally), Fault> {
        let now = self.clock.now();
        let (mut lanes, mut tally) = self.lanes(now).await?;
        let turn = self.dispatcher.turn.fetch_add(1, Ordering::Relaxed);
        // Where there are more campaigns than permits, each comes first in its turn.
        let first = turn.checked_rem(lanes.len()).unwrap_or_default();
        lanes.rotate_left(first);
        let count = u64::try_from(lanes.len()).unwrap_or(u64::MAX).max(1);
        let share = self.settings.max_in_flight.div_ceil(count).min(self.settings.claim_batch_max);
        let mut window = Window::default();
        for lane in lanes {
            let id = lane.id();
            // What is claimed already must still be sent: a fault is reported after that.
            tally.add(id, self.fill(&mut window, lane, share, now).await);
        }
        if tally.activity.done > 0 {
            self.bells.ring(Task::Completer);
            self.hints.give();
        }
        Ok((window, tally))
    }

    /// Claims a campaign's share of the window.
    async fn fill(
        &self,
        window: &mut Window,
        lane: Lane,
        share: u64,
        now: Instant,
    ) -> Result<Activity, Fault> {
        let pace = self.dispatcher.pacer.allowance(&lane.sender, lane.segments(), now);
        if pace.messages == 0 {
            return Ok(Activity { done: 0, next_at: pace.next_at });
        }
        let mut permit = self.permit(&lane, pace.messages.min(share));
        if permit.count() == 0 {
            return Ok(Activity::default());
        }
        let mut claimed = self.claim(&lane, permit.count(), now).await?;
        for handover in &mut claimed.handovers {
            handover.permit = permit.split();
        }
        let segments: u64 = claimed.handovers.iter().map(handover::Handover::segments).sum();
        self.dispatcher.pacer.spend(&lane.sender, segments, now);
        window.add(lane, claimed.handovers);
        Ok(Activity::done(claimed.touched))
    }

    /// Permits for up to `wanted` messages of a lane; one at a time while its connection is on trial.
    pub(super) fn permit(&self, lane: &Lane, wanted: u64) -> Permit {
        let (permits, connection) = (&self.dispatcher.permits, lane.connection.id);
        let is_on_trial = self.dispatcher.holds.is_on_trial(connection);
        match permits.in_flight(connection) {
            0 if is_on_trial => permits.take_some(connection, 1, wanted),
            _ if is_on_trial => permits.take_some(connection, 0, wanted),
            _ => permits.take(connection, wanted),
        }
    }

    /// The running campaigns with something due now, and when the next of the others is due.
    async fn lanes(&self, now: Instant) -> Result<(Vec<Lane>, Tally), Fault> {
        let (mut lanes, mut tally) = (Vec::new(), Tally::default());
        let mut ids = self.running().await?;
        ids.extend(resolution::resending(self.db.read(), RESENDING_MAX).await?);
        for id in ids {
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
    pub(super) async fn lane(&self, id: CampaignId, now: Instant) -> Result<Option<Lane>, Fault> {
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
