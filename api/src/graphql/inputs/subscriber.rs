//! Subscribers to add or change.

use crate::{
    graphql::{
        context::id_or_nobody,
        scalars::{DateTime, TimeZone},
    },
    service::NewSubscriber,
};
use async_graphql::{ID, InputObject};
use domain::id::SiteId;

/// Subscribers to add or change.
#[derive(Clone, InputObject)]
pub(crate) struct SubscribersUpsertInput {
    /// The site. Needed when the caller's key reaches several.
    site_id: Option<ID>,
    /// The subscribers.
    subscribers: Vec<SubscriberInput>,
}

impl SubscribersUpsertInput {
    /// The site named, and the rows.
    pub(in crate::graphql) fn into_rows(self) -> (Option<SiteId>, Vec<NewSubscriber>) {
        let site = self.site_id.map(|text| id_or_nobody(&text));
        (site, self.subscribers.into_iter().map(NewSubscriber::from).collect())
    }
}

/// A subscriber to add or change.
#[derive(Clone, InputObject)]
pub(crate) struct SubscriberInput {
    /// The phone number, in E.164: what subscribers are told apart by.
    phone_number: String,
    /// The time zone. By default the site's.
    time_zone: Option<TimeZone>,
    /// Labels, in place of those now set.
    tags: Option<Vec<String>>,
    /// When consent was given. By default now, for a new subscriber.
    subscribed_at: Option<DateTime>,
}

impl From<SubscriberInput> for NewSubscriber {
    fn from(input: SubscriberInput) -> Self {
        Self {
            phone_number: input.phone_number,
            zone: input.time_zone.map(|zone| zone.0),
            tags: input.tags,
            subscribed_at: input.subscribed_at.map(|instant| instant.0),
        }
    }
}
