//! Which rows to keep, and how to sort them.

use crate::{
    graphql::{
        connection::Sort,
        context::id,
        enums::{
            CampaignOrderField, CampaignStatus, MessageReasonCode, MessageStatus, OrderDirection,
            SubscriberStatus,
        },
        scalars::{DateTime, PhoneNumber, TimeZone},
        types::AuditOperation,
    },
    service::{self, AuditFilter, CampaignFilter, CampaignOrder, MessageFilter, SubscriberFilter},
};
use async_graphql::{ID, InputObject};
use domain::{Instant, zone::Zone};

/// A span of instants, closed at the start and open at the end. A bound left out is unbounded.
#[derive(Clone, Copy, Debug, Default, InputObject)]
pub(crate) struct DateTimeRangeInput {
    /// The first instant in the span.
    from: Option<DateTime>,
    /// The first instant after the span.
    until: Option<DateTime>,
}

impl DateTimeRangeInput {
    /// The bounds of the span.
    pub(super) fn bounds(range: Option<Self>) -> (Option<Instant>, Option<Instant>) {
        let range = range.unwrap_or_default();
        (range.from.map(|from| from.0), range.until.map(|until| until.0))
    }
}

/// The values of a list, each as the domain knows it.
fn each<T: Into<U>, U>(values: Option<Vec<T>>) -> Option<Vec<U>> {
    values.map(|values| values.into_iter().map(Into::into).collect())
}

fn zones(zones: Option<Vec<TimeZone>>) -> Option<Vec<Zone>> {
    zones.map(|zones| zones.into_iter().map(|zone| zone.0).collect())
}

/// Which entries of the audit to keep. Every condition given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct AuditFilterInput {
    /// By this caller: the ID of an API key, or `subject:` and the subject of a signed token.
    actor_id: Option<ID>,
    /// Done to the object of this ID.
    object_id: Option<ID>,
    /// One of these.
    operations: Option<Vec<AuditOperation>>,
    /// Done in this span.
    occurred_within: Option<DateTimeRangeInput>,
}

impl From<AuditFilterInput> for AuditFilter {
    fn from(input: AuditFilterInput) -> Self {
        let (from, until) = DateTimeRangeInput::bounds(input.occurred_within);
        Self {
            actor: input.actor_id.map(|id| id.0),
            object: input.object_id.map(|id| id.0),
            operations: each(input.operations),
            from,
            until,
        }
    }
}

/// Which subscribers to keep. Every condition given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct SubscriberFilterInput {
    /// In one of these statuses.
    statuses: Option<Vec<SubscriberStatus>>,
    /// With at least one of these tags.
    tags_any: Option<Vec<String>>,
    /// With exactly this phone number.
    phone_number: Option<PhoneNumber>,
    /// In one of these time zones: the one used, `Subscriber.timeZone`.
    time_zones: Option<Vec<TimeZone>>,
    /// Whether they wrote what may be a wish to opt out, and nobody has cleared it.
    possible_opt_out: Option<bool>,
}

impl From<SubscriberFilterInput> for SubscriberFilter {
    fn from(input: SubscriberFilterInput) -> Self {
        Self {
            statuses: each(input.statuses),
            tags_any: input.tags_any,
            phone: input.phone_number.map(|phone| phone.0),
            zones: zones(input.time_zones),
            is_suspected: input.possible_opt_out,
            audience: None,
        }
    }
}

/// Which campaigns to keep. Every condition given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct CampaignFilterInput {
    /// In one of these statuses.
    statuses: Option<Vec<CampaignStatus>>,
    /// Whose name contains this, in any letter case.
    name_contains: Option<String>,
    /// First due within this span.
    starts_within: Option<DateTimeRangeInput>,
    /// Made within this span.
    created_within: Option<DateTimeRangeInput>,
}

impl From<CampaignFilterInput> for CampaignFilter {
    fn from(input: CampaignFilterInput) -> Self {
        let (starts_from, starts_until) = DateTimeRangeInput::bounds(input.starts_within);
        let (created_from, created_until) = DateTimeRangeInput::bounds(input.created_within);
        Self {
            statuses: each(input.statuses),
            name_contains: input.name_contains,
            starts_from,
            starts_until,
            created_from,
            created_until,
        }
    }
}

/// How to sort campaigns.
#[derive(Clone, Copy, Debug, InputObject)]
pub(crate) struct CampaignOrderInput {
    /// What to sort by.
    field: CampaignOrderField,
    /// Which way.
    #[graphql(default_with = "OrderDirection::Desc")]
    direction: OrderDirection,
}

/// Newest first.
impl Default for CampaignOrderInput {
    fn default() -> Self {
        Self { field: CampaignOrderField::CreatedAt, direction: OrderDirection::Desc }
    }
}

impl From<CampaignOrderInput> for CampaignOrder {
    fn from(input: CampaignOrderInput) -> Self {
        Self { field: input.field.into(), direction: input.direction.into() }
    }
}

impl From<service::CampaignOrderField> for Sort {
    fn from(field: service::CampaignOrderField) -> Self {
        match field {
            service::CampaignOrderField::CreatedAt => Self::CreatedAt,
            service::CampaignOrderField::UpdatedAt => Self::UpdatedAt,
            service::CampaignOrderField::StartsAt => Self::StartsAt,
            service::CampaignOrderField::Name => Self::Name,
        }
    }
}

/// Which messages to keep. Every condition given must hold.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct MessageFilterInput {
    /// In one of these states.
    statuses: Option<Vec<MessageStatus>>,
    /// With one of these reasons.
    reasons: Option<Vec<MessageReasonCode>>,
    /// Of this step.
    step_id: Option<ID>,
    /// To this subscriber.
    subscriber_id: Option<ID>,
    /// In one of these time zones.
    time_zones: Option<Vec<TimeZone>>,
}

impl From<MessageFilterInput> for MessageFilter {
    fn from(input: MessageFilterInput) -> Self {
        Self {
            statuses: each(input.statuses),
            reasons: each(input.reasons),
            step_id: input.step_id.map(|text| id(&text)),
            subscriber_id: input.subscriber_id.map(|text| id(&text)),
            zones: zones(input.time_zones),
        }
    }
}
