//! Aggregators: how they are, and what campaigns wait for because of them.

use crate::{
    graphql::{
        context::Caller,
        loaders,
        scalars::{DateTime, Duration, TextScalar as _, Url},
    },
    service::AggregatorView,
};
use async_graphql::{Context, Enum, Object, Result, SimpleObject};
use chrono::TimeDelta;
use domain::{health::Assessment, latency};

/// The company messages are handed to.
pub(crate) struct Aggregator(AggregatorView);

impl From<AggregatorView> for Aggregator {
    fn from(view: AggregatorView) -> Self {
        Self(view)
    }
}

/// The company messages are handed to.
#[Object]
impl Aggregator {
    /// The aggregator's name.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// Where the aggregator publishes incidents.
    fn status_page_url(&self) -> Option<Url> {
        self.0.status_page_url.as_deref().and_then(Url::read)
    }

    /// Its health as the engine sees it.
    async fn health(&self, ctx: &Context<'_>) -> Result<AggregatorHealth> {
        Ok(self.assessment(ctx).await?.health.into())
    }

    /// What stands behind its health, its status page's word included.
    async fn health_details(&self, ctx: &Context<'_>) -> Result<AggregatorHealthDetails> {
        Ok(self.assessment(ctx).await?.into())
    }

    /// How long a message waits between being due and being accepted, over the last five minutes:
    /// of the latest 1,000 messages at most.
    async fn handoff_latency(&self, ctx: &Context<'_>) -> Result<LatencySummary> {
        Ok(LatencySummary::of(loaders::latency(ctx, self.0.connection_id).await?))
    }
}

impl Aggregator {
    async fn assessment(&self, ctx: &Context<'_>) -> Result<Assessment> {
        let observed = loaders::observed(ctx, self.0.connection_id).await?;
        Ok(Caller::of(ctx)?.service.aggregator_health(&observed))
    }
}

/// Health of an aggregator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::health::AggregatorHealth")]
pub(crate) enum AggregatorHealth {
    /// Accepting messages.
    Healthy,
    /// Accepting slowly, asking the engine to slow down, or reporting trouble on its status page.
    Degraded,
    /// Not accepting. Messages wait and are retried.
    Unavailable,
}

/// What stands behind an aggregator's health.
#[derive(SimpleObject)]
pub(crate) struct AggregatorHealthDetails {
    /// A sentence or two for people.
    message: String,
    /// Since when it is so. Null when it is healthy.
    since: Option<DateTime>,
    /// The incident that its status page reports. Advice: messages are handed over all the same.
    incident: Option<AggregatorIncident>,
}

impl From<Assessment> for AggregatorHealthDetails {
    fn from(assessment: Assessment) -> Self {
        Self {
            message: assessment.message,
            since: assessment.since.map(DateTime),
            incident: assessment.incident.map(AggregatorIncident::from),
        }
    }
}

/// Something that an aggregator's status page reports and that is not over.
#[derive(SimpleObject)]
pub(crate) struct AggregatorIncident {
    /// Its title, in the aggregator's words.
    title: String,
    /// Where to read about it.
    url: Option<Url>,
}

impl From<domain::health::Incident> for AggregatorIncident {
    fn from(incident: domain::health::Incident) -> Self {
        Self { title: incident.title, url: incident.url.as_deref().and_then(Url::read) }
    }
}

/// A summary of durations. Null when nothing was measured.
#[derive(SimpleObject)]
pub(crate) struct LatencySummary {
    /// The mean.
    mean: Option<Duration>,
    /// The median.
    p50: Option<Duration>,
    /// The 95th percentile.
    p95: Option<Duration>,
    /// The 99th percentile.
    p99: Option<Duration>,
}

impl LatencySummary {
    fn of(summary: Option<latency::LatencySummary>) -> Self {
        let length = |length: fn(latency::LatencySummary) -> TimeDelta| {
            summary.map(length).map(|it| Duration::of_milliseconds(it.num_milliseconds()))
        };
        Self {
            mean: length(|it| it.mean),
            p50: length(|it| it.p50),
            p95: length(|it| it.p95),
            p99: length(|it| it.p99),
        }
    }
}
