//! What a campaign waits for, and how it is being delivered.

use super::MessageCounts;
use crate::{
    graphql::{
        connection::int,
        enums::SendingMode,
        scalars::{DateTime, TextScalar as _, TimeZone, Url},
    },
    service,
};
use async_graphql::{Enum, SimpleObject};
use domain::{
    delay::{Delay, DelayCode},
    details::ZoneSending,
    health::AggregatorDelayCode,
};

/// Something slowing a campaign.
#[derive(SimpleObject)]
pub(crate) struct CampaignDelay {
    /// A code to branch on.
    code: CampaignDelayCode,
    /// A sentence for people.
    message: String,
    /// How many messages wait for it.
    message_count: i32,
    /// Since when. Null when nobody knows.
    since: Option<DateTime>,
    /// When it is expected to clear, if that is known.
    clears_at: Option<DateTime>,
    /// Where to read on: the incident, or the aggregator's status page.
    url: Option<Url>,
}

impl From<Delay> for CampaignDelay {
    fn from(delay: Delay) -> Self {
        Self {
            code: delay.code.into(),
            message: delay.message(),
            message_count: int(delay.message_count),
            since: delay.since.map(DateTime),
            clears_at: delay.clears_at.map(DateTime),
            url: None,
        }
    }
}

impl From<service::CampaignDelay> for CampaignDelay {
    fn from(delay: service::CampaignDelay) -> Self {
        Self {
            code: delay.delay.code().into(),
            message: delay.delay.message(),
            message_count: int(delay.message_count),
            since: delay.delay.since().map(DateTime),
            clears_at: delay.delay.clears_at().map(DateTime),
            url: delay.url.as_deref().and_then(Url::read),
        }
    }
}

/// Causes of delay. More may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum CampaignDelayCode {
    /// Somebody paused the campaign.
    Paused,
    /// Subscribers are in their quiet hours.
    QuietHours,
    /// The chosen time has yet to come in some time zones.
    WaitingForTimeZones,
    /// Follow-ups wait out their delay.
    FollowUpDelay,
    /// The aggregator asked the engine to slow down.
    AggregatorThrottled,
    /// The aggregator is not accepting messages.
    AggregatorUnavailable,
    /// The aggregator accepts messages and reports an incident on its status page.
    AggregatorIncident,
    /// Accepted messages wait for a carrier's word.
    CarrierCongestion,
}

impl From<DelayCode> for CampaignDelayCode {
    fn from(code: DelayCode) -> Self {
        match code {
            DelayCode::Paused => Self::Paused,
            DelayCode::QuietHours => Self::QuietHours,
            DelayCode::WaitingForTimeZones => Self::WaitingForTimeZones,
            DelayCode::FollowUpDelay => Self::FollowUpDelay,
        }
    }
}

impl From<AggregatorDelayCode> for CampaignDelayCode {
    fn from(code: AggregatorDelayCode) -> Self {
        match code {
            AggregatorDelayCode::AggregatorThrottled => Self::AggregatorThrottled,
            AggregatorDelayCode::AggregatorUnavailable => Self::AggregatorUnavailable,
            AggregatorDelayCode::AggregatorIncident => Self::AggregatorIncident,
            AggregatorDelayCode::CarrierCongestion => Self::CarrierCongestion,
        }
    }
}

/// How a campaign is being delivered.
#[derive(SimpleObject)]
pub(crate) struct SendingDetails {
    /// How send times are worked out.
    mode: SendingMode,
    /// One or two sentences for the tooltip: `Sending at 09:30 on 2026-11-27 in each subscriber's time
    /// zone. 3 of 8 time zones done; the last starts at 2026-11-27 20:30 UTC.`
    summary: String,
    /// When the last message that quiet hours hold back is due. Null when they hold none, or when that
    /// is not known.
    held_by_quiet_hours_until: Option<DateTime>,
    /// The plan for each time zone, in order of start. One entry unless `SUBSCRIBER_TIME`, and none
    /// before recipients are worked out.
    time_zones: Vec<TimeZoneSending>,
    /// When the first message was handed over.
    started_at: Option<DateTime>,
    /// When the next message is due. Null when none is.
    next_due_at: Option<DateTime>,
    /// When the last message was handed over.
    completed_at: Option<DateTime>,
    /// When the engine expects to hand over the last message. A guess, and null when it has none.
    expected_completion_at: Option<DateTime>,
}

impl From<service::SendingDetails> for SendingDetails {
    fn from(details: service::SendingDetails) -> Self {
        Self {
            mode: details.mode.into(),
            summary: details.summary,
            held_by_quiet_hours_until: details.held_by_quiet_hours_until.map(DateTime),
            time_zones: details.time_zones.into_iter().map(TimeZoneSending::from).collect(),
            started_at: details.started_at.map(DateTime),
            next_due_at: details.next_due_at.map(DateTime),
            completed_at: details.completed_at.map(DateTime),
            expected_completion_at: details.expected_completion_at.map(DateTime),
        }
    }
}

/// Sending in one time zone.
#[derive(SimpleObject)]
pub(crate) struct TimeZoneSending {
    /// The time zone.
    time_zone: TimeZone,
    /// When its messages are due, quiet hours aside.
    starts_at: DateTime,
    /// What became of its initial messages.
    counts: MessageCounts,
}

impl From<ZoneSending> for TimeZoneSending {
    fn from(sending: ZoneSending) -> Self {
        Self {
            time_zone: TimeZone(sending.zone),
            starts_at: sending.starts_at.into(),
            counts: sending.counts.into(),
        }
    }
}
