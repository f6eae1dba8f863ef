//! The dispatcher: hands messages over, a stream of them at a time.
//!
//! Permits first, then a claim of at most that many with its attempts written ahead, a durable commit, a
//! last look, the request, and the record of what it proved.
//!
//! **Invariant:** no request leaves before its attempt is committed, and none is repeated.
//! **Invariant:** every campaign with something due gets a share of the permits: none waits for another.

mod clerk;
mod courier;
mod figures;
mod handover;
mod holds;
mod lanes;
mod notes;
mod outbox;
mod pacer;
mod permits;
mod record;
mod refill;

use super::{Activity, Engine, Fault, Settings, Tally, span};
use crate::ports::{Bells, Task};
use chrono::TimeDelta;
use clerk::Clerk;
use courier::Back;
pub use courier::Carrier;
use domain::{Instant, id::ConnectionId};
pub(super) use handover::{Handover, Window};
use holds::Holds;
pub(super) use lanes::Lane;
use lanes::Lanes;
use notes::Notes;
use outbox::Outbox;
use pacer::{Limited, Pace, Pacer};
use permits::{Limits, Permit, Permits};
use refill::Alone;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

/// What the dispatcher remembers: nothing but its pace, whose turn it is and what is on its way, which may
/// be lost.
#[derive(Debug)]
pub(super) struct Dispatcher {
    turn: AtomicUsize,
    pacer: Pacer,
    holds: Holds,
    lanes: Lanes,
    notes: Notes,
    permits: Arc<Permits>,
    outbox: Outbox<Back>,
    alone: Alone,
    clerk: OnceLock<Clerk>,
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
            lanes: Lanes::default(),
            notes: Notes::default(),
            permits: Permits::new(limits, bells),
            outbox: Outbox::new(settings.max_in_flight),
            alone: Alone::default(),
            clerk: OnceLock::new(),
        }
    }
}

impl Engine {
    /// Hands a window of messages over and waits for what becomes of each.
    pub(super) async fn activate_dispatcher(&self) -> Result<Activity, Fault> {
        let (window, tally) = self.fill_window(false).await?;
        self.hand_over(window).await?;
        tally.finish()
    }

    /// Sets messages on their way, as many as there are permits, and waits for none of them: their outcomes
    /// are recorded as they come in.
    pub(super) async fn stream_dispatcher(self: &Arc<Self>) -> Result<Activity, Fault> {
        let (carriers, activity) = self.set_off(true).await;
        for carrier in carriers {
            tokio::spawn(carrier);
        }
        activity
    }

    /// Claims messages, as many as there are permits, and answers with what hands each of them over: whoever
    /// called runs these. What is claimed must be sent, also when something else failed.
    pub async fn launch(self: &Arc<Self>) -> (Vec<Carrier>, Result<Activity, Fault>) {
        self.set_off(false).await
    }

    /// As [`Engine::launch`]; `streams` says whether what is recorded may be refilled, which sets more on its way
    /// than whoever called knows of.
    async fn set_off(self: &Arc<Self>, streams: bool) -> (Vec<Carrier>, Result<Activity, Fault>) {
        let left = self.left_over();
        let (window, activity) = match self.fill_window(streams).await {
            Ok((window, tally)) => (window, tally.finish()),
            Err(fault) => (Window::default(), Err(fault)),
        };
        (left.into_iter().chain(self.carriers(window)).collect(), activity)
    }

    /// Has records written by a thread of their own from here on, where there is one writer: the process that
    /// sends in earnest. Without one, whoever comes back writes.
    pub(super) fn hire_clerk(&self) {
        if self.db.is_sqlite() {
            match Clerk::hire() {
                Ok(clerk) => drop(self.dispatcher.clerk.set(clerk)),
                Err(error) => {
                    tracing::warn!(%error, "records have no thread of their own, and are slower");
                }
            }
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
    async fn fill_window(&self, streams: bool) -> Result<(Window, Tally), Fault> {
        let is_refilled = streams && self.dispatcher.alone.is_stale(self.clock.lease_now());
        // Nothing could be claimed: the tables need not be asked what there is, except for those who refill by it.
        if self.dispatcher.permits.are_all_taken() && !is_refilled {
            return Ok((Window::default(), Tally::default()));
        }
        let now = self.clock.now();
        let (mut lanes, mut tally) = self.lanes(now).await?;
        if streams {
            self.dispatcher.alone.note(&lanes, self.clock.lease_now());
        }
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
            tally.add(id, self.fill(&mut window, lane, share).await);
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
        lane: Arc<Lane>,
        share: u64,
    ) -> Result<Activity, Fault> {
        let pace = self.pace(&lane);
        if pace.messages == 0 {
            return Ok(self.after(pace.wait));
        }
        let wanted = pace.messages.min(share);
        let mut permit = self.permit(&lane, wanted);
        if permit.count() == 0 {
            return Ok(Activity::default());
        }
        let began = self.clock.lease_now();
        let claimed = self.claim(&lane, &mut permit, wanted).await?;
        let took = self.clock.lease_now() - began;
        self.vitals.metrics().claimed(claimed.handovers.len(), took);
        window.add(lane, claimed.handovers);
        Ok(Activity::done(claimed.touched).and(self.after(claimed.wait)))
    }

    /// How many messages of a lane may leave now, by what this node knows of its pace.
    fn pace(&self, lane: &Lane) -> Pace {
        let limits = Limited::of_lane(lane);
        let now = self.clock.now();
        self.dispatcher.pacer.allowance(lane.sender.id, &limits, lane.segments, now)
    }

    /// Nothing done, and when it can be, after a wait.
    fn after(&self, wait: Option<TimeDelta>) -> Activity {
        Activity { done: 0, next_at: wait.map(|wait| pacer::up_to_ms(self.clock.now() + wait)) }
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

    /// When the aggregator must give a message up that may not arrive after `last`: somewhat earlier, so
    /// that a late one does not deliver past it. One that is handed over in that last moment has all of it.
    fn not_after(&self, last: Option<Instant>, now: Instant) -> Option<Instant> {
        let last = last?;
        let early = last - span(self.settings.validity_pad);
        Some(if early > now { early } else { last })
    }
}
