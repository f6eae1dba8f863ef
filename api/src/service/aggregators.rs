//! Aggregators, read: which carries a site's messages, how it is, and what campaigns wait for because of it.

use super::{Fault, Service};
use crate::db::{admin, counts, health};
use chrono::TimeDelta;
use domain::{
    campaign::Campaign,
    health::{self as rules, AggregatorDelay, Assessment, Waiting},
    id::{ConnectionId, SiteId},
    latency::{self, LatencySummary},
    message::MessageState,
    reason::MessageReason,
};

/// Messages of which the latest hand-overs' latency is worked out: enough for a 99th percentile, few enough
/// for a page view.
const LATENCY_SAMPLE_MAX: u64 = 1_000;
/// How far back that looks.
const LATENCY_WINDOW: TimeDelta = TimeDelta::minutes(5);

/// The aggregator that carries a site's messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregatorView {
    /// The connection to it.
    pub connection_id: ConnectionId,
    /// What people call it.
    pub name: String,
    /// Where it publishes incidents.
    pub status_page_url: Option<String>,
}

/// A delay of a campaign, and how many of its messages wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignDelay {
    /// What it is.
    pub delay: AggregatorDelay,
    /// How many messages wait.
    pub message_count: i64,
    /// Where to read on: the incident, or else the aggregator's status page.
    pub url: Option<String>,
}

impl Service {
    /// The aggregator that carries the messages of a site that was chosen through the actor; none before one
    /// is set up.
    pub async fn aggregator(&self, site_id: SiteId) -> Result<Option<AggregatorView>, Fault> {
        let connection = admin::site_connection(self.db.read(), site_id).await?;
        Ok(connection.map(|connection| AggregatorView {
            connection_id: connection.id,
            name: connection.name,
            status_page_url: connection.status_page_url,
        }))
    }

    /// How the aggregator behind a connection is.
    pub async fn aggregator_health(&self, id: ConnectionId) -> Result<Assessment, Fault> {
        let observed = health::read(self.db.read(), id).await?;
        Ok(rules::assess(&observed, self.clock.now()))
    }

    /// How long messages waited between being due and being accepted, over the last five minutes: of the
    /// latest thousand, found by an index. None when none was accepted.
    pub async fn handoff_latency(&self, id: ConnectionId) -> Result<Option<LatencySummary>, Fault> {
        let since = self.clock.now() - LATENCY_WINDOW;
        let waits = health::waits(self.db.read(), id, since, LATENCY_SAMPLE_MAX).await?;
        Ok(latency::summarize(waits))
    }

    /// Whether a site's messages leave from a toll-free number.
    pub async fn is_toll_free(&self, site_id: SiteId) -> Result<bool, Fault> {
        let sender = admin::ready_sender(self.db.read(), site_id).await?;
        Ok(sender.is_some_and(|sender| sender.phone.is_toll_free()))
    }

    /// What keeps a campaign's messages at the aggregator and beyond it.
    pub async fn aggregator_delays(
        &self,
        campaign: &Campaign,
    ) -> Result<Vec<CampaignDelay>, Fault> {
        let waiting = self.waiting(campaign).await?;
        let connection = admin::site_connection(self.db.read(), campaign.site_id).await?;
        let Some(connection) = connection.filter(|_| waiting != Waiting::default()) else {
            return Ok(Vec::new());
        };
        let observed = health::read(self.db.read(), connection.id).await?;
        let page = connection.status_page_url;
        let with_count = |delay: AggregatorDelay| CampaignDelay {
            message_count: delay.message_count(&waiting),
            url: delay.url().map(str::to_owned).or_else(|| page.clone()),
            delay,
        };
        let delays = rules::delays(&observed, &waiting, self.clock.now());
        Ok(delays.into_iter().map(with_count).collect())
    }

    /// What of a campaign waits at the aggregator's door and beyond it, from its counts.
    async fn waiting(&self, campaign: &Campaign) -> Result<Waiting, Fault> {
        let counted = counts::read(self.db.read(), campaign.id, None).await?;
        let waits = |entry: &&counts::Counted| match entry.standing.state {
            MessageState::Queued => true,
            MessageState::Deferred => {
                entry.standing.reason == Some(MessageReason::AggregatorBackpressure)
            }
            _ => false,
        };
        let accepted = counts::partition(&counted).accepted;
        let oldest_accepted_at = match accepted {
            0 => None,
            _ => health::oldest_awaiting(self.db.read(), campaign.id).await?,
        };
        Ok(Waiting {
            to_hand_over: counted.iter().filter(waits).map(|entry| entry.count).sum(),
            accepted,
            oldest_accepted_at,
        })
    }
}
