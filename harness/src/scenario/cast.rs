//! Who is there: the site, its subscribers and audiences, and the campaign.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;

use super::forms::{Moment, Switch};
use super::values::{Span, instant, wall_time};

/// When the story begins.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Clock {
    /// The instant that offsets count from.
    #[serde(deserialize_with = "instant")]
    pub start: DateTime<Utc>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { start: super::default_start() }
    }
}

/// The site.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Site {
    /// Its IANA time zone.
    pub time_zone: String,
    /// Whether it may operate.
    pub status: SiteStatus,
    /// Its SMS subscription.
    pub plan: SmsPlan,
    /// Its subdomain; empty for none.
    pub subdomain: String,
    /// Segments its sender may send in a second; 0 for no limit.
    pub sender_segments_per_s: u32,
    /// When nothing leaves; never, if not said.
    pub quiet_hours: Switch<QuietHours>,
    /// How long after a message somebody is left alone; Smart Sending is off, if not said.
    pub smart_sending: Switch<Span>,
    /// The legal rule packs that apply, by code; none, if not said.
    pub rule_packs: Vec<String>,
    /// What every text begins with.
    pub text_prefix: Option<String>,
    /// What every text ends with.
    pub text_footer: Option<String>,
    /// The countries whose numbers it texts; every one it can, if not said.
    pub countries: Option<Vec<String>>,
    /// What HELP is answered.
    pub help_reply: Option<String>,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            time_zone: "America/New_York".to_owned(),
            status: SiteStatus::default(),
            plan: SmsPlan::default(),
            subdomain: "demo".to_owned(),
            sender_segments_per_s: 0,
            quiet_hours: Switch::Off,
            smart_sending: Switch::Off,
            rule_packs: Vec::new(),
            text_prefix: None,
            text_footer: None,
            countries: None,
            help_reply: None,
        }
    }
}

/// Changing the site: what is said is put in place of what is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteChange {
    /// Its IANA time zone.
    pub time_zone: Option<String>,
    /// Whether it may operate.
    pub status: Option<SiteStatus>,
    /// Its SMS subscription.
    pub plan: Option<SmsPlan>,
    /// Its subdomain; empty for none.
    pub subdomain: Option<String>,
    /// When nothing leaves.
    pub quiet_hours: Option<Switch<QuietHours>>,
    /// How long after a message somebody is left alone.
    pub smart_sending: Option<Switch<Span>>,
    /// The legal rule packs that apply.
    pub rule_packs: Option<Vec<String>>,
    /// What every text begins with; empty for nothing.
    pub text_prefix: Option<String>,
    /// What every text ends with; empty for nothing.
    pub text_footer: Option<String>,
    /// The countries whose numbers it texts.
    pub countries: Option<Vec<String>>,
    /// What HELP is answered.
    pub help_reply: Option<String>,
}

impl From<&Site> for SiteChange {
    fn from(site: &Site) -> Self {
        Self {
            time_zone: Some(site.time_zone.clone()),
            status: Some(site.status),
            plan: Some(site.plan),
            subdomain: Some(site.subdomain.clone()),
            quiet_hours: Some(site.quiet_hours.clone()),
            smart_sending: Some(site.smart_sending),
            rule_packs: Some(site.rule_packs.clone()),
            text_prefix: site.text_prefix.clone(),
            text_footer: site.text_footer.clone(),
            countries: site.countries.clone(),
            help_reply: site.help_reply.clone(),
        }
    }
}

/// Whether a site may operate.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SiteStatus {
    /// It may.
    #[default]
    Active,
    /// It is closed.
    Inactive,
}

/// A site's SMS subscription.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum SmsPlan {
    /// A paid one.
    #[default]
    Active,
    /// A trial.
    Trial(Trial),
    /// None.
    None,
}

/// What a trial may send: `100`, or `{ limit: 100, used: 90 }`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trial {
    /// Segments.
    pub limit: u32,
    /// Segments used before the story begins.
    pub used: u32,
}

impl<'de> Deserialize<'de> for Trial {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TrialVisitor)
    }
}

struct TrialVisitor;

impl<'de> serde::de::Visitor<'de> for TrialVisitor {
    type Value = Trial;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a number of segments, or { limit, used }")
    }

    fn visit_u64<E: serde::de::Error>(self, limit: u64) -> Result<Trial, E> {
        let limit = u32::try_from(limit).map_err(E::custom)?;
        Ok(Trial { limit, used: 0 })
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<Trial, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            limit: u32,
            #[serde(default)]
            used: u32,
        }
        let Written { limit, used } = Written::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Trial { limit, used })
    }
}

/// The hours in which nothing leaves, in the subscriber's zone.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct QuietHours {
    /// From this time of day, `HH:MM`.
    pub start: String,
    /// Until this time of day, this minute not included.
    pub end: String,
}

impl Default for QuietHours {
    fn default() -> Self {
        Self { start: "20:00".to_owned(), end: "09:00".to_owned() }
    }
}

/// What the service was told that the aggregator can do: how it finds out what became of a message whose
/// answer was lost.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields)]
pub struct Agreement {
    /// For how many hours it keeps idempotency keys; 0 for never.
    pub key_hours: u16,
    /// Whether it answers look-ups.
    pub look_up: bool,
}

impl Default for Agreement {
    fn default() -> Self {
        Self { key_hours: 24, look_up: true }
    }
}

/// The engine's settings.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// How many hand-overs may be under way at once: the window, between two of which a story can
    /// stop.
    pub max_in_flight: u32,
    /// How many recipients are planned at once; the service's own number, if not said.
    pub plan_batch: Option<u32>,
}

impl Default for Engine {
    fn default() -> Self {
        Self { max_in_flight: 64, plan_batch: None }
    }
}

/// A group of subscribers.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Subscribers {
    /// How many.
    pub count: u32,
    /// Their area code. An area has 100 phones.
    pub area: u16,
    /// Their phones, in place of `count` and `area`.
    pub phones: Vec<String>,
    /// Their tags.
    pub tags: Vec<String>,
    /// Whether they have opted out.
    pub unsubscribed: bool,
    /// Their IANA time zone, if it was given.
    pub time_zone: Option<String>,
    /// Their IANA time zone, if it was observed.
    pub observed_time_zone: Option<String>,
    /// Where they live.
    pub postal_code: Option<String>,
    /// What texts can name, by name.
    pub attributes: BTreeMap<String, String>,
}

impl Default for Subscribers {
    fn default() -> Self {
        Self {
            count: 5,
            area: 415,
            phones: Vec::new(),
            tags: Vec::new(),
            unsubscribed: false,
            time_zone: None,
            observed_time_zone: None,
            postal_code: None,
            attributes: BTreeMap::new(),
        }
    }
}

impl Subscribers {
    /// The subscriber of that phone.
    pub(super) fn one(&self, phone: String) -> SeedSubscriber {
        SeedSubscriber {
            phone,
            tags: self.tags.clone(),
            unsubscribed: self.unsubscribed,
            time_zone: self.time_zone.clone(),
            observed_time_zone: self.observed_time_zone.clone(),
            postal_code: self.postal_code.clone(),
            attributes: self.attributes.clone(),
        }
    }
}

/// A subscriber to set up before the story begins.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SeedSubscriber {
    /// The phone, in E.164.
    pub phone: String,
    /// The tags.
    pub tags: Vec<String>,
    /// Whether they have opted out.
    pub unsubscribed: bool,
    /// The IANA time zone, if it was given.
    pub time_zone: Option<String>,
    /// The IANA time zone, if it was observed.
    pub observed_time_zone: Option<String>,
    /// Where they live.
    pub postal_code: Option<String>,
    /// What texts can name, by name.
    pub attributes: BTreeMap<String, String>,
}

impl std::fmt::Debug for SeedSubscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedSubscriber")
            .field("phone", &crate::privacy::mask(&self.phone))
            .field("tags", &self.tags)
            .field("unsubscribed", &self.unsubscribed)
            .field("time_zone", &self.time_zone)
            .finish_non_exhaustive()
    }
}

/// Whom an audience selects; everybody, if nothing is said.
#[expect(clippy::struct_field_names, reason = "the API's names for the same rules")]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Audience {
    /// Has at least one of these tags.
    pub tags_any: Vec<String>,
    /// Has all of these tags.
    pub tags_all: Vec<String>,
    /// Has none of these tags.
    pub tags_none: Vec<String>,
}

/// The campaign that `create` makes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Campaign {
    /// Its name.
    pub name: String,
    /// Who receives it, by audience name.
    pub audiences: Vec<String>,
    /// Who does not.
    pub excluded: Vec<String>,
    /// Its messages.
    pub steps: Vec<MessageStep>,
    /// When `activate` sends it.
    pub schedule: Schedule,
    /// Until when its messages are of use; always, if not said.
    pub send_by: Option<Moment>,
    /// How late it may start after an outage; the service's own limit, if not said.
    pub max_lateness: Option<Span>,
    /// Hours of its own in which nothing leaves, beside the site's.
    pub quiet_hours: Option<QuietHours>,
    /// Whether Smart Sending applies.
    pub uses_smart_sending: bool,
}

impl Default for Campaign {
    fn default() -> Self {
        Self {
            name: "Sale".to_owned(),
            audiences: vec!["everyone".to_owned()],
            excluded: Vec::new(),
            steps: vec![MessageStep::default()],
            schedule: Schedule::Now,
            send_by: None,
            max_lateness: None,
            quiet_hours: None,
            uses_smart_sending: false,
        }
    }
}

/// A message of a campaign.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MessageStep {
    /// The text.
    pub body: String,
    /// How long after the step before it; the first has none.
    pub delay: Option<Span>,
    /// Whom of those reached by the step before it a follow-up is for; everybody, if not said.
    pub condition: Option<Condition>,
    /// A picture.
    pub media_url: Option<String>,
}

impl Default for MessageStep {
    fn default() -> Self {
        Self { body: "20% off today".to_owned(), delay: None, condition: None, media_url: None }
    }
}

/// Whom a follow-up is for.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// Everybody whom the step before it reached.
    Always,
    /// Who has not answered since.
    NoReply,
    /// Who has not had the message delivered.
    NotDelivered,
}

impl Condition {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Always => "ALWAYS",
            Self::NoReply => "NO_REPLY",
            Self::NotDelivered => "NOT_DELIVERED",
        }
    }
}

/// When to send.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// At once.
    #[default]
    Now,
    /// At a wall-clock time in the site's zone.
    StoreTime(#[serde(deserialize_with = "wall_time")] NaiveDateTime),
    /// At a wall-clock time in each subscriber's zone.
    SubscriberTime(SubscriberTime),
}

/// A wall-clock time in each subscriber's zone.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct SubscriberTime {
    /// The time.
    #[serde(deserialize_with = "wall_time")]
    pub at: NaiveDateTime,
    /// What to do where it has passed; what the service does by itself, if not said.
    #[serde(default)]
    pub if_passed: Option<IfPassed>,
}

/// What to do where a local time has passed.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum IfPassed {
    /// Send at once.
    SendNow,
    /// Send at that time the next day.
    NextDay,
    /// Skip.
    Skip,
}

impl IfPassed {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendNow => "SEND_NOW",
            Self::NextDay => "NEXT_DAY",
            Self::Skip => "SKIP",
        }
    }
}

/// Whose wire format the aggregator speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The generic contract.
    #[default]
    Generic,
}
