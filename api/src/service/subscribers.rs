//! Subscribers.

use super::{Actor, Fault, Page, PageRequest, Service};
use domain::{
    Instant,
    id::{AudienceId, SiteId, SubscriberId},
    phone::PhoneNumber,
    refusal::{Outcome, Refusal, SubscriberError},
    subscriber::{Subscriber, SubscriberStatus, TimeZoneSource},
    zone::Zone,
};

/// A subscriber to add or change, as it came in.
#[derive(Clone)]
pub struct NewSubscriber {
    /// The phone number, in E.164.
    pub phone_number: String,
    /// The time zone; left out, it stays as it is.
    pub zone: Option<Zone>,
    /// Labels, in place of those now set; left out, they stay.
    pub tags: Option<Vec<String>>,
    /// When consent was given; by default now, for a new subscriber.
    pub subscribed_at: Option<Instant>,
}

/// What an upsert came to.
#[derive(Clone, Debug)]
pub struct Upserted {
    /// The subscribers in the order given, with none for each refused.
    pub subscribers: Vec<Option<SubscriberView>>,
    /// Which rows were refused and why; `field` names the row.
    pub refusals: Vec<Refusal<SubscriberError>>,
}

/// A subscriber with tags and the zone in use.
#[derive(Clone, Debug)]
pub struct SubscriberView {
    /// The subscriber.
    pub subscriber: Subscriber,
    /// The time zone used: the given one, or the site's.
    pub zone: Zone,
    /// How that zone is known.
    pub zone_source: TimeZoneSource,
    /// Labels, sorted.
    pub tags: Vec<String>,
}

/// Which subscribers to keep.
#[derive(Clone, Debug, Default)]
pub struct SubscriberFilter {
    /// In one of these statuses.
    pub statuses: Option<Vec<SubscriberStatus>>,
    /// With at least one of these tags.
    pub tags_any: Option<Vec<String>>,
    /// With exactly this phone number.
    pub phone: Option<PhoneNumber>,
    /// A member of this audience.
    pub audience: Option<AudienceId>,
}

impl Service {
    /// Adds subscribers, or changes those whose number is known.
    pub async fn subscribers_upsert(&self, actor: &Actor, site: Option<SiteId>, rows: Vec<NewSubscriber>) -> Result<Upserted, Fault> { unimplemented!() }
    /// Subscribers of a site, by id.
    pub async fn subscribers(&self, actor: &Actor, site_id: SiteId, filter: &SubscriberFilter, page: &PageRequest) -> Result<Page<SubscriberView>, Fault> { unimplemented!() }
    /// How many match.
    pub async fn subscriber_count(&self, actor: &Actor, site_id: SiteId, filter: &SubscriberFilter) -> Result<i64, Fault> { unimplemented!() }
    /// One subscriber.
    pub async fn subscriber(&self, actor: &Actor, id: SubscriberId) -> Result<Option<SubscriberView>, Fault> { unimplemented!() }
}
