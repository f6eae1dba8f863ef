//! What a campaign waits for, and how it is being delivered: from counts, and a few short reads.

use super::read::{Tally, tallies};
use crate::{
    db::{
        Error, Txn,
        counts::{self, Counted},
        health, runs,
        waiting::{self, Waits},
    },
    service::{Actor, CampaignDelay, Carrier, Fault, Service},
};
use domain::{
    Instant,
    campaign::{Campaign, CampaignStatus, Step},
    delay::{self, Delay, DelayCode, Situation},
    details::{self, Held, Outlook, ZoneSending},
    health::{AggregatorDelayCode, Observed, Waiting},
    id::{CampaignId, StepId},
    message::{MessageCounts, MessageState},
    reason::MessageReason,
    schedule::{Due, Schedule, SendingMode},
    zone::Zone,
};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// What keeps a campaign's messages waiting.
#[derive(Clone, Debug, Default)]
pub struct Delays {
    /// What lies with the campaign and its rules.
    pub own: Vec<Delay>,
    /// What lies with the aggregator and beyond it.
    pub aggregator: Vec<CampaignDelay>,
}

/// How a campaign is being delivered.
#[derive(Clone, Debug)]
pub struct SendingDetails {
    /// How send times are worked out.
    pub mode: SendingMode,
    /// One or two sentences.
    pub summary: String,
    /// When the last message that quiet hours hold back is due.
    pub held_by_quiet_hours_until: Option<Instant>,
    /// The plan for each time zone, in order of start.
    pub time_zones: Vec<ZoneSending>,
    /// When the first hand-over began.
    pub started_at: Option<Instant>,
    /// When the next message is due.
    pub next_due_at: Option<Instant>,
    /// When the last message was handed over; none while some may be left.
    pub completed_at: Option<Instant>,
    /// When the last message is expected to be handed over.
    pub expected_completion_at: Option<Instant>,
}

/// A campaign's messages as they are at one moment.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    tally: Tally,
    waits: Waits,
    next_due_at: Option<Instant>,
    oldest_accepted_at: Option<Instant>,
}

/// All that says what a campaign waits for.
#[derive(Clone, Debug)]
pub struct Circumstances {
    /// Its messages.
    pub ledger: Arc<Ledger>,
    /// What carries them.
    pub carrier: Carrier,
    /// What is known of the aggregator that does.
    pub observed: Observed,
}

impl Ledger {
    /// What of the campaign waits at the aggregator's door and beyond it.
    pub(in crate::service) fn at_the_aggregator(&self) -> Waiting {
        let waits = |entry: &&Counted| match entry.standing.state {
            MessageState::Queued => true,
            MessageState::Deferred => {
                entry.standing.reason == Some(MessageReason::AggregatorBackpressure)
            }
            _ => false,
        };
        Waiting {
            to_hand_over: self.tally.counted.iter().filter(waits).map(|entry| entry.count).sum(),
            accepted: self.tally.counts().accepted,
            oldest_accepted_at: self.oldest_accepted_at,
        }
    }

    fn deferred(&self) -> BTreeMap<MessageReason, i64> {
        let deferred = self
            .tally
            .counted
            .iter()
            .filter(|entry| entry.standing.state == MessageState::Deferred);
        let mut sums = BTreeMap::new();
        for (entry, reason) in deferred.filter_map(|entry| Some((entry, entry.standing.reason?))) {
            *sums.entry(reason).or_default() += entry.count;
        }
        sums
    }

    /// What lies with the campaign and its rules.
    fn delays(&self, campaign: &Campaign) -> Vec<Delay> {
        let pending = self.tally.counts().pending();
        let paused = campaign.paused_at.filter(|_| pending > 0 && campaign.status.is_running());
        let paused = paused.map(|since| Delay {
            code: DelayCode::Paused,
            message_count: pending,
            since: Some(since),
            clears_at: None,
        });
        let held = self.deferred().into_iter().filter_map(|(reason, message_count)| {
            let (code, clears_at) = (DelayCode::of(reason)?, self.waits.until.get(&reason));
            Some(Delay { code, message_count, since: None, clears_at: clears_at.copied() })
        });
        paused.into_iter().chain(held).collect()
    }

    /// What quiet hours hold back.
    fn held(&self) -> Held {
        let quiet = MessageReason::QuietHours;
        let count = self.deferred().get(&quiet).copied().unwrap_or_default();
        Held { count, until: self.waits.until.get(&quiet).copied().filter(|_| count > 0) }
    }
}

impl Service {
    /// What keeps a campaign's messages waiting.
    pub fn campaign_delays(&self, campaign: &Campaign, around: &Circumstances) -> Delays {
        let is_running = campaign.status.is_running();
        let own = if is_running { around.ledger.delays(campaign) } else { Vec::new() };
        Delays { own, aggregator: self.aggregator_delays(around) }
    }

    /// What a campaign waits for, in a sentence or two; none when it waits for nothing.
    pub fn campaign_waiting_for(
        &self,
        campaign: &Campaign,
        around: &Circumstances,
    ) -> Option<String> {
        let ledger = &around.ledger;
        let delays = ledger.delays(campaign);
        let aggregator = self.aggregator_delays(around);
        let keeps_back = |delay: &&CampaignDelay| {
            let code = delay.delay.code();
            code == AggregatorDelayCode::AggregatorThrottled
                || code == AggregatorDelayCode::AggregatorUnavailable
        };
        let aggregator = aggregator.iter().find(keeps_back).map(|delay| delay.delay.message());
        let run = ledger.tally.run.as_ref();
        let situation = Situation {
            status: campaign.status,
            is_paused: campaign.paused_at.is_some(),
            is_planned: run.is_some_and(|run| run.planned_at.is_some()),
            starts_at: campaign.schedule.as_ref().map(|schedule| schedule.starts_at),
            next_due_at: ledger.next_due_at,
            in_flight: ledger.tally.counts().in_flight,
            delays: &delays,
            aggregator: aggregator.as_deref(),
        };
        delay::waiting_for(&situation, self.clock.now())
    }

    /// How a campaign of these steps is being delivered; none before it is activated.
    pub fn sending_details(
        &self,
        campaign: &Campaign,
        around: &Circumstances,
        steps: &[Step],
        site_zone: Zone,
    ) -> Option<SendingDetails> {
        let schedule = campaign.schedule.as_ref();
        let schedule = schedule.filter(|_| campaign.status != CampaignStatus::Draft)?;
        let ledger = &around.ledger;
        let time_zones = time_zones(schedule, ledger, steps, site_zone);
        let held = ledger.held();
        let run = ledger.tally.run.as_ref();
        let handed_over_at = run.and_then(|run| run.handed_over_at);
        let pace = around.carrier.segments_per_s;
        Some(SendingDetails {
            mode: schedule.mode,
            summary: details::summary(campaign.status, schedule, &time_zones, held),
            held_by_quiet_hours_until: held.until,
            time_zones,
            started_at: run.and_then(|run| run.started_at),
            next_due_at: ledger.next_due_at,
            completed_at: handed_over_at.filter(|_| campaign.status.is_final()),
            expected_completion_at: self.expected_completion(campaign, ledger, steps, pace),
        })
    }

    /// When the last message is expected to be handed over. None while the campaign is paused, its
    /// recipients are being worked out, messages wait at the aggregator's door, or no number is ready.
    fn expected_completion(
        &self,
        campaign: &Campaign,
        ledger: &Ledger,
        steps: &[Step],
        pace: Option<i64>,
    ) -> Option<Instant> {
        let is_planned = ledger.tally.run.as_ref().is_some_and(|run| run.planned_at.is_some());
        let is_kept_back = ledger.deferred().contains_key(&MessageReason::AggregatorBackpressure);
        let has_guess = campaign.status.is_running()
            && campaign.paused_at.is_none()
            && is_planned
            && !is_kept_back;
        let outstanding = |id: StepId| {
            let of_step = ledger.tally.counted.iter().filter(|entry| entry.step_id == id);
            of_step.filter(|entry| entry.standing.state.is_pending()).count() > 0
        };
        let first = steps.iter().position(|step| outstanding(step.id)).filter(|_| has_guess)?;
        let follow_ups = steps.iter().skip(first.saturating_add(1));
        let outlook = Outlook {
            pending: ledger.tally.counts().pending(),
            last_due_at: ledger.waits.last_due_at,
            segments: ledger.waits.segments_max,
            segments_per_s: pace?,
            follow_ups_s: follow_ups.clone().filter_map(|step| step.delay_s).sum(),
            is_one_step: !follow_ups.clone().any(|step| outstanding(step.id)),
        };
        details::expected_completion(&outlook, self.clock.now())
    }

    /// The messages of the caller's campaigns as they are, all in one snapshot.
    pub async fn ledgers(
        &self,
        actor: &Actor,
        ids: &[CampaignId],
    ) -> Result<HashMap<CampaignId, Arc<Ledger>>, Fault> {
        let snapshot = self.db.begin_read().await?;
        let counted = counts::read_many(&snapshot, actor.sites(), ids).await?;
        let tallies = tallies(&snapshot, actor, ids, counted).await?;
        let ledger = |(id, tally)| (id, Ledger { tally, ..Ledger::default() });
        let mut ledgers: HashMap<CampaignId, Ledger> = tallies.into_iter().map(ledger).collect();
        look_ahead(&snapshot, &mut ledgers).await?;
        let accepted: Vec<CampaignId> = having(&ledgers, |counts| counts.accepted > 0);
        let oldest = health::oldest_awaiting(&snapshot, &accepted).await?;
        for (id, at) in accepted.into_iter().zip(oldest) {
            ledgers.entry(id).or_default().oldest_accepted_at = at;
        }
        snapshot.rollback().await.map_err(Error::from)?;
        Ok(ledgers.into_iter().map(|(id, ledger)| (id, Arc::new(ledger))).collect())
    }
}

/// Those of the campaigns whose counts are so.
fn having(
    ledgers: &HashMap<CampaignId, Ledger>,
    are_so: impl Fn(MessageCounts) -> bool,
) -> Vec<CampaignId> {
    let found = ledgers.iter().filter(|(_, ledger)| are_so(ledger.tally.counts()));
    found.map(|(id, _)| *id).collect()
}

/// Reads what is still to come of those that have messages to hand over.
async fn look_ahead(
    snapshot: &Txn,
    ledgers: &mut HashMap<CampaignId, Ledger>,
) -> Result<(), Fault> {
    let pending = having(ledgers, |counts| counts.pending() > 0);
    let reasons = |id: &CampaignId| {
        let deferred = ledgers.get(id).map(Ledger::deferred).unwrap_or_default();
        (*id, deferred.into_keys().collect())
    };
    let asked: Vec<(CampaignId, Vec<MessageReason>)> = pending.iter().map(reasons).collect();
    let waits = waiting::read_many(snapshot, &asked).await?;
    let due = runs::next_due_of(snapshot, &pending).await?;
    for (id, (waits, next_due_at)) in pending.into_iter().zip(waits.into_iter().zip(due)) {
        let ledger = ledgers.entry(id).or_default();
        ledger.waits = waits;
        ledger.next_due_at = next_due_at;
    }
    Ok(())
}

/// The initial message's part in each zone, in order of start; in one zone for all unless it is sent in
/// each subscriber's time. None before recipients are worked out.
fn time_zones(
    schedule: &Schedule,
    ledger: &Ledger,
    steps: &[Step],
    site_zone: Zone,
) -> Vec<ZoneSending> {
    let (Some(run), Some(opening)) = (&ledger.tally.run, steps.first()) else { return Vec::new() };
    let is_of_each = schedule.mode == SendingMode::SubscriberTime;
    let mut zones: BTreeMap<&'static str, ZoneSending> = BTreeMap::new();
    for entry in ledger.tally.counted.iter().filter(|entry| entry.step_id == opening.id) {
        let own = entry.time_zone.parse::<Zone>().ok().filter(|_| is_of_each);
        let zone = own.or(schedule.zone).unwrap_or(site_zone);
        let starts_at = match schedule.due(zone, run.processing_at) {
            Due::At(at) => at,
            Due::Passed => run.processing_at,
        };
        let counts = MessageCounts::default();
        let sending = ZoneSending { zone, starts_at, counts };
        let sending = zones.entry(zone.name()).or_insert(sending);
        sending.counts.add(entry.standing.state, entry.count);
    }
    let mut zones: Vec<ZoneSending> = zones.into_values().collect();
    zones.sort_by_key(|zone| zone.starts_at);
    zones
}
