//! Aggregators, read: which carries a site's messages, how it is, and what campaigns wait for because of it.

use super::{Actor, Circumstances, Fault, Service};
use crate::db::{admin, health};
use chrono::TimeDelta;
use domain::{
    health::{self as rules, AggregatorDelay, Assessment, Observed, Waiting},
    id::{ConnectionId, SiteId},
    latency::{self, LatencySummary},
};
use std::collections::HashMap;

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

/// What carries a site's messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carrier {
    /// The aggregator; none before one is set up.
    pub aggregator: Option<AggregatorView>,
    /// Whether there is a number to send from.
    pub has_ready_sender: bool,
    /// Whether that is a toll-free one.
    pub is_toll_free: bool,
    /// Segments a second that leave from it, by its own limit and its account's; 0 without a limit, and none
    /// without a number.
    pub segments_per_s: Option<i64>,
}

impl From<admin::Carriers> for Carrier {
    fn from(carriers: admin::Carriers) -> Self {
        let admin::Carriers { sender, connection } = carriers;
        let account = connection.as_ref().map(|connection| connection.segments_per_s);
        let pace = |sender: &admin::Sender| {
            let limits = [Some(sender.segments_per_s), account].into_iter().flatten();
            limits.filter(|limit| *limit > 0).min().unwrap_or_default()
        };
        Self {
            has_ready_sender: sender.is_some(),
            is_toll_free: sender.as_ref().is_some_and(|sender| sender.phone.is_toll_free()),
            segments_per_s: sender.as_ref().map(pace),
            aggregator: connection.map(|connection| AggregatorView {
                connection_id: connection.id,
                name: connection.name,
                status_page_url: connection.status_page_url,
            }),
        }
    }
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
    /// What carries the messages of each site that the caller reaches.
    pub async fn carriers(
        &self,
        actor: &Actor,
        sites: &[SiteId],
    ) -> Result<HashMap<SiteId, Carrier>, Fault> {
        let found = admin::carriers(self.db.read(), &actor.reached(sites)).await?;
        Ok(found.into_iter().map(|(site, carriers)| (site, carriers.into())).collect())
    }

    /// What is known of the aggregators behind connections of sites that the caller reaches; of one that nothing
    /// is known of, nothing.
    pub async fn aggregators_observed(
        &self,
        actor: &Actor,
        ids: &[ConnectionId],
    ) -> Result<HashMap<ConnectionId, Observed>, Fault> {
        let mut known = health::read_many(self.db.read(), actor.sites(), ids).await?;
        Ok(ids.iter().map(|id| (*id, known.remove(id).unwrap_or_default())).collect())
    }

    /// How an aggregator is of which so much is known.
    pub fn aggregator_health(&self, observed: &Observed) -> Assessment {
        rules::assess(observed, self.clock.now())
    }

    /// How long messages waited between being due and being accepted by each of these connections, over the last
    /// five minutes: of the latest thousand, found by an index. None where none was accepted, and none of the
    /// messages of a site that the caller does not reach.
    pub async fn handoff_latencies(
        &self,
        actor: &Actor,
        ids: &[ConnectionId],
    ) -> Result<HashMap<ConnectionId, Option<LatencySummary>>, Fault> {
        let since = self.clock.now() - LATENCY_WINDOW;
        let (db, sites) = (self.db.read(), actor.sites());
        let waits = health::waits(db, sites, ids, since, LATENCY_SAMPLE_MAX).await?;
        Ok(ids.iter().copied().zip(waits.into_iter().map(latency::summarize)).collect())
    }

    /// What keeps a campaign's messages at the aggregator and beyond it.
    pub(super) fn aggregator_delays(&self, around: &Circumstances) -> Vec<CampaignDelay> {
        let waiting = around.ledger.at_the_aggregator();
        let (aggregator, observed) = (&around.carrier.aggregator, &around.observed);
        let Some(aggregator) = aggregator.as_ref().filter(|_| waiting != Waiting::default()) else {
            return Vec::new();
        };
        let page = &aggregator.status_page_url;
        let with_count = |delay: AggregatorDelay| CampaignDelay {
            message_count: delay.message_count(&waiting),
            url: delay.url().map(str::to_owned).or_else(|| page.clone()),
            delay,
        };
        let delays = rules::delays(observed, &waiting, self.clock.now());
        delays.into_iter().map(with_count).collect()
    }
}
