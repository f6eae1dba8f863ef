//! The dispatcher: hands messages over, a window at a time.
//!
//! Permits first, then a claim of at most that many with its attempts written ahead, a durable commit, a
//! last look, the request, and the record of what it proved.
//!
//! **Invariant:** no request leaves before its attempt is committed, and none is repeated.
//! **Invariant:** every campaign with something due gets a share of every window: none waits for another.

mod handover;
mod holds;
mod pacer;

use super::{Activity, Engine, Fault, span};
use crate::{
    db::{admin, campaigns, revisions, runs},
    ports::{Connection, Task},
};
use domain::{
    Instant,
    campaign::{Campaign, Step},
    id::CampaignId,
    reason::StatusReason,
    text,
};
use handover::Window;
use holds::Holds;
use pacer::Pacer;

/// Running campaigns looked at in one activation.
const RUNNING_MAX: u64 = 1_000;

/// What the dispatcher remembers: nothing but its pace, which may be lost.
#[derive(Debug, Default)]
pub(super) struct Dispatcher {
    pacer: Pacer,
    holds: Holds,
}

/// A campaign with something due, and what its messages are made of.
struct Lane {
    campaign: Campaign,
    steps: Vec<Step>,
    sender: admin::Sender,
    connection: Connection,
    callback_url: String,
}

impl Lane {
    /// Billable segments of the initial message, by which the sender is paced.
    fn segments(&self) -> u64 {
        let body = self.steps.first().map_or("", |step| &step.body);
        u64::from(text::measure(body).segments).max(1)
    }
}

impl Engine {
    pub(super) async fn activate_dispatcher(&self) -> Result<Activity, Fault> {
        let now = self.clock.now();
        let (lanes, mut activity) = self.lanes(now).await?;
        let count = u64::try_from(lanes.len()).unwrap_or(u64::MAX).max(1);
        let share = self.settings.max_in_flight.div_ceil(count).min(self.settings.claim_batch_max);
        let mut window = Window::default();
        let mut fault = None;
        for lane in lanes {
            match self.fill(&mut window, lane, share, now).await {
                Ok(filled) => activity = activity.and(filled),
                // What is claimed already must still be sent: the fault is reported after that.
                Err(error) => fault = Some(error),
            }
        }
        if activity.done > 0 {
            self.bells.ring(Task::Completer);
            self.hints.give();
        }
        self.hand_over(window).await?;
        fault.map_or(Ok(activity), Err)
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
        let is_on_trial = self.dispatcher.holds.is_on_trial(lane.connection.id);
        let share = if is_on_trial { 1 } else { share };
        let claimed = self.claim(&lane, pace.messages.min(share), now).await?;
        let segments: u64 = claimed.handovers.iter().map(handover::Handover::segments).sum();
        self.dispatcher.pacer.spend(&lane.sender, segments, now);
        window.add(lane, claimed.handovers);
        Ok(Activity::done(claimed.touched))
    }

    /// The running campaigns with something due now, and when the next of the others is due.
    async fn lanes(&self, now: Instant) -> Result<(Vec<Lane>, Activity), Fault> {
        let (mut lanes, mut activity) = (Vec::new(), Activity::default());
        for id in runs::running(self.db.read(), None, RUNNING_MAX).await? {
            let Some(due_at) = runs::next_due(self.db.read(), id).await? else { continue };
            if due_at > now {
                activity = activity.and(Activity { done: 0, next_at: Some(due_at) });
                continue;
            }
            let Some(lane) = self.lane(id).await? else { continue };
            match self.dispatcher.holds.until(lane.connection.id, now) {
                Some(until) => activity = activity.and(Activity { done: 0, next_at: Some(until) }),
                None => lanes.push(lane),
            }
        }
        Ok((lanes, activity))
    }

    /// What a campaign's messages are made of; none when it can no longer send, and then it has failed.
    async fn lane(&self, id: CampaignId) -> Result<Option<Lane>, Fault> {
        let db = self.db.read();
        let Some(campaign) = campaigns::find_any(db, id).await? else { return Ok(None) };
        let sender = admin::ready_sender(db, campaign.site_id).await?;
        let connection = match &sender {
            Some(sender) => admin::find_connection(db, sender.connection_id).await?,
            None => None,
        };
        let (Some(sender), Some(connection)) = (sender, connection) else {
            let reason = StatusReason::SenderNotReady;
            self.fail(campaign.site_id, id, reason, Task::Dispatcher).await?;
            return Ok(None);
        };
        let steps = revisions::steps(db, campaign.revision_id).await?;
        let callback_url = format!("{}/hooks/generic/{}", self.settings.public_url, connection.id);
        Ok(Some(Lane { campaign, steps, sender, connection, callback_url }))
    }

    /// When the aggregator must give a message up that is of no use after `send_by`: somewhat earlier, so
    /// that a late one does not deliver past it. One that is handed over in that last moment has all of it.
    fn not_after(&self, send_by: Option<Instant>, now: Instant) -> Option<Instant> {
        let send_by = send_by?;
        let early = send_by - span(self.settings.validity_pad);
        Some(if early > now { early } else { send_by })
    }
}
