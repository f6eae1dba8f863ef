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

/// Words that opt out when a text consists of one or begins with one.
const OPT_OUT_WORDS: [&str; 10] = [
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    "OPT-OUT",
    "UNSUB",
];

/// Whether an inbound text opts out: its first word, in any letter case and without punctuation around it,
/// is one that opts out.
pub fn opts_out(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    let word = first.trim_matches(|c: char| !c.is_alphanumeric()).to_uppercase();
    OPT_OUT_WORDS.contains(&word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opts_out_by_its_first_word() {
        for text in ["STOP", " stop. ", "Stop!", "QUIT now", "\"unsubscribe\"", "opt-out please"] {
            assert!(opts_out(text), "{text}");
        }
        for text in ["", "please stop texting me", "STOPPING by at five", "thanks", "?!"] {
            assert!(!opts_out(text), "{text}");
        }
    }
}
