//! Who is there and what they do: the site, its subscribers, the campaign, the callers' steps, the
//! expected end.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde::Deserialize;

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
    pub quiet_hours: Option<QuietHours>,
}

impl Default for Site {
    fn default() -> Self {
        Self {
            time_zone: "America/New_York".to_owned(),
            status: SiteStatus::default(),
            plan: SmsPlan::default(),
            subdomain: "demo".to_owned(),
            sender_segments_per_s: 0,
            quiet_hours: None,
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
    /// A trial, with so many segments.
    Trial(u32),
    /// None.
    None,
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

/// The engine's settings.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Engine {
    /// How many hand-overs may be under way at once: the window, between two of which a story can
    /// stop.
    pub max_in_flight: u32,
}

impl Default for Engine {
    fn default() -> Self {
        Self { max_in_flight: 64 }
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
    /// Their tags.
    pub tags: Vec<String>,
    /// Whether they have opted out.
    pub unsubscribed: bool,
    /// Their IANA time zone, if it is known and not the area code's.
    pub time_zone: Option<String>,
}

impl Default for Subscribers {
    fn default() -> Self {
        Self { count: 5, area: 415, tags: Vec::new(), unsubscribed: false, time_zone: None }
    }
}

impl Subscribers {
    /// The subscriber with that number in the area.
    pub(super) fn one(&self, number: u32) -> SeedSubscriber {
        SeedSubscriber {
            phone: format!("+1{}55501{number:02}", self.area),
            tags: self.tags.clone(),
            unsubscribed: self.unsubscribed,
            time_zone: self.time_zone.clone(),
        }
    }
}

/// A subscriber to set up before the story begins.
#[derive(Clone, PartialEq, Eq)]
pub struct SeedSubscriber {
    /// The phone, in E.164.
    pub phone: String,
    /// The tags.
    pub tags: Vec<String>,
    /// Whether they have opted out.
    pub unsubscribed: bool,
    /// The IANA time zone, if it is known.
    pub time_zone: Option<String>,
}

impl std::fmt::Debug for SeedSubscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SeedSubscriber")
            .field("phone", &crate::privacy::mask(&self.phone))
            .field("tags", &self.tags)
            .field("unsubscribed", &self.unsubscribed)
            .field("time_zone", &self.time_zone)
            .finish()
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
    /// A picture.
    pub media_url: Option<String>,
}

impl Default for MessageStep {
    fn default() -> Self {
        Self { body: "20% off today".to_owned(), delay: None, media_url: None }
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
}

/// Whose wire format the aggregator speaks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// The generic contract.
    #[default]
    Generic,
}

/// One thing that a caller does, or waits for.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Makes the campaign.
    Create(Create),
    /// Activates it.
    Activate(Activate),
    /// Cancels it.
    Cancel(Cancel),
    /// Makes a copy of it.
    Duplicate(Duplicated),
    /// Deletes it.
    Delete(Command),
    /// Changes it.
    Update(Update),
    /// Changes the site, as an operator can.
    Site(SiteChange),
    /// Asks anything; the answer goes into the timeline.
    Query(Query),
    /// Lets the engine run until something is reached.
    When(WhenReached),
    /// Lets everything run until something.
    Until(Until),
    /// Moves time on by so much while the service stands still, as if it were down. What the
    /// aggregator had to post meanwhile comes when the service is back.
    Skip(Span),
}

/// Making the campaign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Create {
    /// What later steps call it.
    #[serde(rename = "as")]
    pub named: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Something done to a campaign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Command {
    /// Which, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Canceling a campaign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cancel {
    /// Which, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// The idempotency key; none, if not said.
    pub key: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Activating a campaign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Activate {
    /// Which, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// When to send it; the campaign's schedule, if not said.
    pub schedule: Option<Schedule>,
    /// Until when its messages are of use, as an offset from the start; always, if not said.
    pub send_by: Option<Span>,
    /// The idempotency key; none, if not said.
    pub key: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Duplicating a campaign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Duplicated {
    /// Which, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// What later steps call the copy.
    pub copy: Option<String>,
    /// Whether the copy leaves out everybody the original reached.
    pub excludes_reached: bool,
    /// The copy's name.
    pub name: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Changing a campaign: what is said is put in place of what is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Update {
    /// Which, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// Who receives it.
    pub audiences: Option<Vec<String>>,
    /// Who does not.
    pub excluded: Option<Vec<String>>,
    /// Its messages.
    pub steps: Option<Vec<MessageStep>>,
    /// Whether Smart Sending applies.
    pub uses_smart_sending: Option<bool>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Changing the site: what is said is put in place of what is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteChange {
    /// Whether it may operate.
    pub status: Option<SiteStatus>,
    /// Its SMS subscription.
    pub plan: Option<SmsPlan>,
    /// Its subdomain; empty for none.
    pub subdomain: Option<String>,
}

/// A question in GraphQL.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// The document.
    pub graphql: String,
    /// Its variables. A string `$name` is replaced by the id of the campaign of that name.
    pub variables: serde_json::Map<String, serde_json::Value>,
}

impl Query {
    /// The variables with every string `$name`, at any depth, replaced by the id of that name; a
    /// string whose name is not among `ids` stays as it is.
    pub fn variables_with(&self, ids: &BTreeMap<String, String>) -> serde_json::Value {
        let mut variables = serde_json::Value::Object(self.variables.clone());
        bind(&mut variables, ids);
        variables
    }
}

/// Replaces names in a value. The depth is the parser's, which ends at 128.
fn bind(value: &mut serde_json::Value, ids: &BTreeMap<String, String>) {
    match value {
        serde_json::Value::String(text) => {
            if let Some(id) = text.strip_prefix('$').and_then(|name| ids.get(name)) {
                text.clone_from(id);
            }
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(|value| bind(value, ids)),
        serde_json::Value::Object(fields) => fields.values_mut().for_each(|value| bind(value, ids)),
        _ => {}
    }
}

/// What to let the engine run for: exactly one of the four.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WhenReached {
    /// Which campaign, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// The aggregator has taken at least so many messages since it was activated.
    pub accepted: Option<u64>,
    /// At least so many recipients are planned.
    pub planned: Option<u64>,
    /// It is in this status.
    pub status: Option<CampaignStatusName>,
    /// This offset from the start is reached.
    pub at: Option<Span>,
}

/// How long to let everything run.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// Until neither the service nor the aggregator has anything left to do.
    Idle,
}

/// A campaign's status, as the API writes it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CampaignStatusName {
    /// Can be edited.
    Draft,
    /// Will start.
    Scheduled,
    /// Being planned.
    Processing,
    /// Being handed over.
    Sending,
    /// Nothing is left to hand over.
    Sent,
    /// It could not run.
    Failed,
    /// Stopped for good.
    Canceled,
}

impl CampaignStatusName {
    /// As the API writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "DRAFT",
            Self::Scheduled => "SCHEDULED",
            Self::Processing => "PROCESSING",
            Self::Sending => "SENDING",
            Self::Sent => "SENT",
            Self::Failed => "FAILED",
            Self::Canceled => "CANCELED",
        }
    }
}

/// How the story ends.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Expect {
    /// Which campaign, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// Its status.
    pub status: Option<CampaignStatusName>,
    /// Some of its counts, by their names in the API.
    pub counts: BTreeMap<String, u64>,
}
