//! People who can be texted, and whether they consent.

use crate::{
    Instant,
    id::{SiteId, SubscriberId},
    phone::PhoneNumber,
    zone::Zone,
};

crate::codes! {
    /// Whether a subscriber consents.
    pub enum SubscriberStatus {
        /// Consents.
        Subscribed = "subscribed",
        /// Has withdrawn consent.
        Unsubscribed = "unsubscribed",
        /// Cannot be reached, by verdict of a carrier.
        Unreachable = "unreachable",
    }
}

crate::codes! {
    /// How a subscriber's time zone is known.
    pub enum TimeZoneSource {
        /// It was given.
        Explicit = "explicit",
        /// It is the site's own, for want of a better one.
        SiteDefault = "site_default",
    }
}

/// A person who can be texted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    /// The id.
    pub id: SubscriberId,
    /// The site subscribed to.
    pub site_id: SiteId,
    /// The phone number.
    pub phone: PhoneNumber,
    /// Whether the subscriber consents.
    pub status: SubscriberStatus,
    /// The time zone given; none where the site's own is used.
    pub zone: Option<Zone>,
    /// When consent was given.
    pub subscribed_at: Instant,
    /// When consent was withdrawn.
    pub unsubscribed_at: Option<Instant>,
    /// When a campaign message was last accepted for this subscriber.
    pub last_messaged_at: Option<Instant>,
    /// When they wrote what may be a wish to opt out, while nobody has cleared it.
    pub suspected_opt_out_at: Option<Instant>,
}
