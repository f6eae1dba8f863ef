//! What a story expects: of a campaign, of its recipients, of what reached the aggregator, of what
//! callers were answered. Each entry can name the rules of the source that it proves.
//!
//! **Invariant:** an entry that is met says something: a part that names nothing asserts nothing, and
//! what it names must be exactly so.

use std::collections::BTreeMap;

use domain::message::MessageState;
use domain::reason::{MessageReason, StatusReason};
use serde::Deserialize;
use serde_json::Value;

use super::forms::{Code, Moment, OneOrMany, OrNone, RuleCode};
use super::story::CampaignStatusName;

/// What must be so, at the end of a story or at a step of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// The rules of the source that it shows to hold.
    pub proves: OneOrMany<RuleCode>,
    /// Which campaign, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// Its status.
    pub status: Option<CampaignStatusName>,
    /// Why it is in that status.
    pub reason: Option<OrNone<Code<StatusReason>>>,
    /// Every status it has been in, in order, the first included.
    pub statuses: Option<Vec<CampaignStatusName>>,
    /// Every other event of it, by its kind in the API, in order.
    pub events: Option<Vec<String>>,
    /// Some of its counts, by their names in the API.
    pub counts: BTreeMap<String, u64>,
    /// How many of its messages have a reason, whatever their state.
    pub reasons: BTreeMap<Code<MessageReason>, u64>,
    /// How its messages to some phones stand.
    pub recipients: BTreeMap<String, OneOrMany<Recipient>>,
    /// When the aggregator took texts for some phones: of the campaign, if it is named by `as`, else of
    /// all.
    pub handed_over: BTreeMap<String, HandedOver>,
    /// What those texts said.
    pub texts: BTreeMap<String, OneOrMany<String>>,
    /// Phones that nothing was handed over for before a moment, taken or not.
    pub not_before: BTreeMap<String, Moment>,
    /// Nothing at all was handed over before this moment, taken or not.
    pub none_before: Option<Moment>,
    /// Nothing at all was handed over from this moment on, taken or not.
    pub none_after: Option<Moment>,
    /// The refusals of calls by their step's name, in order: of the campaign, if it is named by `as`,
    /// else of all.
    pub refused: BTreeMap<String, OneOrMany<String>>,
    /// What cancels of the campaign were answered, in order.
    pub cancel: OneOrMany<CancelAnswer>,
    /// Fields of the campaign by their path in the API, for instance `statusReason.remedy`.
    pub fields: Fields,
    /// Fields of subscribers by phone.
    pub subscribers: BTreeMap<String, Fields>,
    /// Fields of the site by their path in the API.
    pub site: Fields,
}

impl Expect {
    /// Whether it is about one campaign.
    pub(super) fn is_about_a_campaign(&self) -> bool {
        self.campaign.is_some() || self.is_about_its_end() || self.is_about_its_past()
    }

    fn is_about_its_end(&self) -> bool {
        self.status.is_some()
            || self.reason.is_some()
            || !self.counts.is_empty()
            || !self.reasons.is_empty()
            || !self.recipients.is_empty()
            || !self.fields.is_empty()
    }

    fn is_about_its_past(&self) -> bool {
        self.statuses.is_some() || self.events.is_some() || !self.cancel.is_empty()
    }

    /// Whether it says nothing that could fail.
    pub(super) fn is_empty(&self) -> bool {
        !self.is_about_its_end()
            && !self.is_about_its_past()
            && self.handed_over.is_empty()
            && self.texts.is_empty()
            && self.not_before.is_empty()
            && self.none_before.is_none()
            && self.none_after.is_none()
            && self.refused.is_empty()
            && self.subscribers.is_empty()
            && self.site.is_empty()
    }

    /// The phones it names, with the part that names them.
    pub(super) fn phones(&self) -> impl Iterator<Item = (&'static str, &str)> {
        fn of<'a, T>(
            part: &'static str,
            map: &'a BTreeMap<String, T>,
        ) -> impl Iterator<Item = (&'static str, &'a str)> {
            map.keys().map(move |phone| (part, phone.as_str()))
        }
        of("recipients", &self.recipients)
            .chain(of("handed_over", &self.handed_over))
            .chain(of("texts", &self.texts))
            .chain(of("not_before", &self.not_before))
            .chain(of("subscribers", &self.subscribers))
    }
}

/// Fields by their path in the API: names joined by full stops, through lists as well, whose values
/// are listed then. A value that is a moment such as `+13h` is compared as an instant, `{ has: … }`
/// asks for a part of a text, all else must be equal.
pub type Fields = BTreeMap<String, Value>;

/// How a message to somebody stands; what is not said is not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipient {
    /// Which step it is a message of, the initial one being 0.
    pub step: u64,
    /// Its state.
    pub state: Option<Code<MessageState>>,
    /// Why.
    pub reason: Option<OrNone<Code<MessageReason>>>,
    /// The window or law that held or capped it: `site_quiet_hours`, `us_fl`.
    pub rule: Option<OrNone<String>>,
    /// When it is or was due.
    pub due: Option<Moment>,
    /// When it was due before it was deferred.
    pub deferred_from: Option<OrNone<Moment>>,
    /// When the aggregator took it, by the service's account.
    pub accepted: Option<OrNone<Moment>>,
    /// When it was delivered.
    pub delivered: Option<OrNone<Moment>>,
    /// The zone its due time was worked out in.
    pub zone: Option<String>,
    /// How often it was tried.
    pub attempts: Option<u64>,
    /// Billable segments.
    pub segments: Option<u64>,
    /// Other fields of the message.
    pub fields: Fields,
}

/// When texts for a phone were taken: `never`, a moment, or a list of moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HandedOver(pub Vec<Moment>);

impl<'de> Deserialize<'de> for HandedOver {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let said = super::forms::Never::<OneOrMany<Moment>>::deserialize(deserializer)?;
        Ok(Self(said.0.map(|moments| moments.0).unwrap_or_default()))
    }
}

/// What a cancel was answered; what is not said is not looked at.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CancelAnswer {
    /// The status it ended in.
    pub status: Option<CampaignStatusName>,
    /// Messages stopped.
    pub canceled: Option<u64>,
    /// Messages that had been handed over.
    pub handed_over: Option<u64>,
    /// Messages being handed over at that moment.
    pub in_flight: Option<u64>,
}
