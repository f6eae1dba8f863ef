//! Subscribers to add or change.

use super::change;
use crate::{
    graphql::{
        context::id_or_nobody,
        scalars::{DateTime, TimeZone},
    },
    service::NewSubscriber,
};
use async_graphql::{ID, InputObject, MaybeUndefined};
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

/// A subscriber to add or change. A field left out stays as it is; null clears it.
#[derive(Clone, InputObject)]
pub(crate) struct SubscriberInput {
    /// The phone number, in E.164: what subscribers are told apart by.
    phone_number: String,
    /// The time zone. Without one it is worked out: from the zone last seen, the postal code, the phone
    /// number, and else taken to be the site's.
    time_zone: MaybeUndefined<TimeZone>,
    /// The time zone last seen, such as by a browser at sign-up.
    observed_time_zone: MaybeUndefined<TimeZone>,
    /// The postal code. Letters, digits, spaces and dashes, at most 12 characters. One of the United
    /// States or Canada tells the time zone and the state.
    postal_code: MaybeUndefined<String>,
    /// Values for the variables of texts, in place of those now set. At most 30.
    attributes: MaybeUndefined<Vec<SubscriberAttributeInput>>,
    /// Labels, in place of those now set.
    tags: MaybeUndefined<Vec<String>>,
    /// When consent was given. By default now, for a new subscriber.
    subscribed_at: Option<DateTime>,
}

/// A value for a variable of texts.
#[derive(Clone, InputObject)]
pub(crate) struct SubscriberAttributeInput {
    /// The variable's name: small letters, digits and underscores, a letter first, at most 32 characters.
    name: String,
    /// What a text says in its place. At most 200 characters, none that cannot be seen.
    value: String,
}

impl From<SubscriberInput> for NewSubscriber {
    fn from(input: SubscriberInput) -> Self {
        Self {
            phone_number: input.phone_number,
            zone: change(input.time_zone).map(|zone| zone.map(|zone| zone.0)),
            observed_zone: change(input.observed_time_zone).map(|zone| zone.map(|zone| zone.0)),
            postal_code: change(input.postal_code),
            attributes: change(input.attributes).map(|given| {
                given.unwrap_or_default().into_iter().map(|one| (one.name, one.value)).collect()
            }),
            tags: change(input.tags).map(Option::unwrap_or_default),
            subscribed_at: input.subscribed_at.map(|instant| instant.0),
        }
    }
}
