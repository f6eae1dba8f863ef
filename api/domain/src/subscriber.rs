//! People who can be texted, and whether they consent.

use crate::{
    Instant,
    id::{SiteId, SubscriberId},
    phone::PhoneNumber,
    place::{Clues, Place, locate},
    zone::Zone,
};
use std::collections::BTreeMap;

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
    /// The time zone given.
    pub zone: Option<Zone>,
    /// The time zone last seen, such as by a browser.
    pub observed_zone: Option<Zone>,
    /// The postal code given, as it was written.
    pub postal_code: Option<String>,
    /// Values for the variables of texts, by name.
    pub attributes: BTreeMap<String, String>,
    /// When consent was given.
    pub subscribed_at: Instant,
    /// When consent was withdrawn.
    pub unsubscribed_at: Option<Instant>,
    /// When a campaign message was last accepted for this subscriber.
    pub last_messaged_at: Option<Instant>,
    /// When they wrote what may be a wish to opt out, while nobody has cleared it.
    pub suspected_opt_out_at: Option<Instant>,
}

impl Subscriber {
    /// Where the subscriber is taken to be; `site` is the zone of the site, used when nothing tells.
    pub fn place(&self, site: Zone) -> Place {
        let clues = Clues {
            explicit: self.zone,
            observed: self.observed_zone,
            postal_code: self.postal_code.as_deref(),
            phone: self.phone.as_str(),
        };
        locate(&clues, site)
    }
}
