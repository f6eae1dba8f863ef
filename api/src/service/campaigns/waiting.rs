//! What a campaign waits for, and how it is being delivered: from counts, and a few short reads.

use crate::{
    db::{
        Error,
        admin::{self, Sender},
        counts,
        counts::{Counted, Run},
        revisions, runs, sites,
        waiting::{self, Waits},
    },
    service::{CampaignDelay, Fault, Service},
};
use domain::{
    Instant,
    campaign::{Campaign, CampaignStatus, Step},
    delay::{self, Delay, DelayCode, Situation},
    details::{self, Held, Outlook, ZoneSending},
    health::AggregatorDelayCode,
    id::StepId,
    message::{MessageCounts, MessageState},
    reason::MessageReason,
    schedule::{Due, Schedule, SendingMode},
    zone::Zone,
};
use std::collections::BTreeMap;

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
struct Ledger {
    run: Option<Run>,
    counted: Vec<Counted>,
    waits: Waits,
    next_due_at: Option<Instant>,
}

impl Ledger {
    fn counts(&self) -> MessageCounts {
        counts::partition(&self.counted)
    }

    fn deferred(&self) -> BTreeMap<MessageReason, i64> {
        let deferred =
            self.counted.iter().filter(|entry| entry.standing.state == MessageState::Deferred);
        let mut sums = BTreeMap::new();
        for (entry, reason) in deferred.filter_map(|entry| Some((entry, entry.standing.reason?))) {
            *sums.entry(reason).or_default() += entry.count;
        }
        sums
    }

    /// What lies with the campaign and its rules.
    fn delays(&self, campaign: &Campaign) -> Vec<Delay> {
        let pending = self.counts().pending();
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
    pub async fn campaign_delays(&self, campaign: &Campaign) -> Result<Delays, Fault> {
        let aggregator = self.aggregator_delays(campaign).await?;
        if !campaign.status.is_running() {
            return Ok(Delays { own: Vec::new(), aggregator });
        }
        let own = self.ledger(campaign).await?.delays(campaign);
        Ok(Delays { own, aggregator })
    }

    /// What a campaign waits for, in a sentence or two; none when it waits for nothing.
    pub async fn campaign_waiting_for(&self, campaign: &Campaign) -> Result<Option<String>, Fault> {
        let ledger = self.ledger(campaign).await?;
        let delays = ledger.delays(campaign);
        let aggregator = self.aggregator_delays(campaign).await?;
        let keeps_back = |delay: &&CampaignDelay| {
            let code = delay.delay.code();
            code == AggregatorDelayCode::AggregatorThrottled
                || code == AggregatorDelayCode::AggregatorUnavailable
        };
        let aggregator = aggregator.iter().find(keeps_back).map(|delay| delay.delay.message());
        let situation = Situation {
            status: campaign.status,
            is_paused: campaign.paused_at.is_some(),
            is_planned: ledger.run.as_ref().is_some_and(|run| run.planned_at.is_some()),
            starts_at: campaign.schedule.as_ref().map(|schedule| schedule.starts_at),
            next_due_at: ledger.next_due_at,
            in_flight: ledger.counts().in_flight,
            delays: &delays,
            aggregator: aggregator.as_deref(),
        };
        Ok(delay::waiting_for(&situation, self.clock.now()))
    }

    /// How a campaign is being delivered; none before it is activated.
    pub async fn sending_details(
        &self,
        campaign: &Campaign,
    ) -> Result<Option<SendingDetails>, Fault> {
        let schedule = campaign.schedule.as_ref();
        let Some(schedule) = schedule.filter(|_| campaign.status != CampaignStatus::Draft) else {
            return Ok(None);
        };
        let db = self.db.read();
        let ledger = self.ledger(campaign).await?;
        let steps = revisions::steps(db, campaign.revision_id).await?;
        let site = sites::find(db, campaign.site_id).await?;
        let site_zone = site.map_or(Zone::UTC, |site| site.zone);
        let time_zones = time_zones(schedule, &ledger, &steps, site_zone);
        let sender = admin::ready_sender(db, campaign.site_id).await?;
        let pace = match sender {
            Some(sender) => Some(self.pace(&sender).await?),
            None => None,
        };
        let held = ledger.held();
        let run = ledger.run.as_ref();
        let handed_over_at = run.and_then(|run| run.handed_over_at);
        Ok(Some(SendingDetails {
            mode: schedule.mode,
            summary: details::summary(campaign.status, schedule, &time_zones, held),
            held_by_quiet_hours_until: held.until,
            time_zones,
            started_at: run.and_then(|run| run.started_at),
            next_due_at: ledger.next_due_at,
            completed_at: handed_over_at.filter(|_| campaign.status.is_final()),
            expected_completion_at: self.expected_completion(campaign, &ledger, &steps, pace),
        }))
    }

    /// How many segments a second leave from a sender, by its own limit and its account's; 0 without a limit.
    async fn pace(&self, sender: &Sender) -> Result<i64, Fault> {
        let connection = admin::find_connection(self.db.read(), sender.connection_id).await?;
        let account = connection.map(|connection| connection.segments_per_s);
        let limits = [Some(sender.segments_per_s), account].into_iter().flatten();
        Ok(limits.filter(|limit| *limit > 0).min().unwrap_or_default())
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
        let is_planned = ledger.run.as_ref().is_some_and(|run| run.planned_at.is_some());
        let is_kept_back = ledger.deferred().contains_key(&MessageReason::AggregatorBackpressure);
        let has_guess = campaign.status.is_running()
            && campaign.paused_at.is_none()
            && is_planned
            && !is_kept_back;
        let outstanding = |id: StepId| {
            let of_step = ledger.counted.iter().filter(|entry| entry.step_id == id);
            of_step.filter(|entry| entry.standing.state.is_pending()).count() > 0
        };
        let first = steps.iter().position(|step| outstanding(step.id)).filter(|_| has_guess)?;
        let follow_ups = steps.iter().skip(first.saturating_add(1));
        let outlook = Outlook {
            pending: ledger.counts().pending(),
            last_due_at: ledger.waits.last_due_at,
            segments: ledger.waits.segments_max,
            segments_per_s: pace?,
            follow_ups_s: follow_ups.clone().filter_map(|step| step.delay_s).sum(),
            is_one_step: !follow_ups.clone().any(|step| outstanding(step.id)),
        };
        details::expected_completion(&outlook, self.clock.now())
    }

    /// A campaign's messages as they are, in one snapshot.
    async fn ledger(&self, campaign: &Campaign) -> Result<Ledger, Fault> {
        let snapshot = self.db.begin_read().await?;
        let run = counts::run(&snapshot, campaign.id).await?;
        let counted = counts::read(&snapshot, campaign.id, None).await?;
        let mut ledger = Ledger { run, counted, waits: Waits::default(), next_due_at: None };
        if ledger.counts().pending() > 0 {
            let reasons: Vec<MessageReason> = ledger.deferred().into_keys().collect();
            ledger.waits = waiting::read(&snapshot, campaign.id, &reasons).await?;
            ledger.next_due_at = runs::next_due(&snapshot, campaign.id).await?;
        }
        snapshot.rollback().await.map_err(Error::from)?;
        Ok(ledger)
    }
}

/// The initial message's part in each zone, in order of start; in one zone for all unless it is sent in
/// each subscriber's time. None before recipients are worked out.
fn time_zones(
    schedule: &Schedule,
    ledger: &Ledger,
    steps: &[Step],
    site_zone: Zone,
) -> Vec<ZoneSending> {
    let (Some(run), Some(opening)) = (&ledger.run, steps.first()) else { return Vec::new() };
    let is_of_each = schedule.mode == SendingMode::SubscriberTime;
    let mut zones: BTreeMap<&'static str, ZoneSending> = BTreeMap::new();
    for entry in ledger.counted.iter().filter(|entry| entry.step_id == opening.id) {
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
