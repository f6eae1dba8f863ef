//! What callers and operators do, step by step.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::cast::{Campaign, MessageStep, QuietHours, Schedule, SiteChange};
use super::expect::{Expect, Fields};
use super::forms::{Moment, OneOrMany, Switch};
use super::values::Span;

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
    /// Halts it.
    Pause(Command),
    /// Lets it go on.
    Resume(Command),
    /// Settles what became of its messages with no certain answer, as a person chooses.
    ResolveUnknown(ResolveUnknown),
    /// Moves its time.
    Reschedule(Reschedule),
    /// Makes a copy of it.
    Duplicate(Duplicated),
    /// Deletes it.
    Delete(Command),
    /// Changes it.
    Update(Update),
    /// Texts one of its messages to numbers of the caller's own.
    SendTest(SendTest),
    /// Asks whom it would reach, when and at what price; the answer goes into the timeline in words.
    Estimate(Estimate),
    /// Asks what became of one recipient and why; the answer goes into the timeline in words.
    Explain(Explain),
    /// Asks how it stands and what it waits for; the answer goes into the timeline in words.
    Details(Details),
    /// Withdraws somebody's consent, as a caller can.
    Unsubscribe(Unsubscribe),
    /// Clears somebody whose words may be a wish to opt out, as a caller can.
    ClearPossibleOptOut(ClearPossibleOptOut),
    /// Gives somebody tags in place of those they have, as a caller can.
    Tag(Tag),
    /// Changes the site, as an operator can.
    Site(SiteChange),
    /// Changes the site, as a caller can.
    SiteUpdate(SiteUpdate),
    /// Asks anything; the answer goes into the timeline.
    Query(Query),
    /// Says what must be so at this point.
    Expect(OneOrMany<Expect>),
    /// Lets the engine run until something is reached.
    When(WhenReached),
    /// Lets everything run until something.
    Until(Until),
    /// Moves time on by so much while the service stands still, as if it were down. What the
    /// aggregator had to post meanwhile comes when the service is back.
    Skip(Span),
    /// Kills the service in the middle of a hand-over, and starts it again.
    Crash(Crash),
}

/// A death in the middle of a hand-over: the service plans, sends a window of messages, and dies when the
/// aggregator has taken them and answered none. The next process starts at the same instant of the story,
/// with every lease run out.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// How many messages of the window the aggregator has taken by then.
    pub accepted: u64,
}

/// Making the campaign.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Create {
    /// What later steps call it.
    #[serde(rename = "as")]
    pub named: Option<String>,
    /// What to make; the story's campaign, if not said.
    pub campaign: Option<Campaign>,
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

/// What a person chooses for messages with no certain answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// Send them again.
    Resend,
    /// Leave them.
    WriteOff,
}

/// Settling messages with no certain answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolveUnknown {
    /// Which campaign's, by its name; the one made last, if not said.
    #[serde(rename = "as", default)]
    pub campaign: Option<String>,
    /// What to do with them.
    pub resolution: Resolution,
    /// To these phones alone; all, if not said.
    #[serde(default)]
    pub to: Vec<String>,
    /// The idempotency key; none, if not said.
    #[serde(default)]
    pub key: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    #[serde(default)]
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
    /// Until when its messages are of use; as the campaign says, if not said.
    pub send_by: Option<Moment>,
    /// How late it may start after an outage; as the campaign says, if not said.
    pub max_lateness: Option<Span>,
    /// The idempotency key; none, if not said.
    pub key: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Moving a campaign's time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reschedule {
    /// Which, by its name; the one made last, if not said.
    #[serde(rename = "as", default)]
    pub campaign: Option<String>,
    /// The new time.
    pub schedule: Schedule,
    /// Until when its messages are of use; `off` for always; as it was, if not said.
    #[serde(default)]
    pub send_by: Option<Switch<Moment>>,
    /// How late it may start after an outage; `off` for the service's own limit; as it was, if not
    /// said.
    #[serde(default)]
    pub max_lateness: Option<Switch<Span>>,
    /// The code it must be refused with; it must succeed, if not said.
    #[serde(default)]
    pub refused: Option<String>,
}

/// Texting a message to numbers of the caller's own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SendTest {
    /// Which campaign, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// Which of its messages, the initial one being 0.
    pub step: usize,
    /// To which phones.
    pub to: OneOrMany<String>,
    /// The idempotency key; none, if not said.
    pub key: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Asking for an estimate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Estimate {
    /// Which campaign, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// With which schedule; the campaign's, if not said.
    pub schedule: Option<Schedule>,
    /// What fields of the answer must be.
    pub fields: Fields,
}

/// Asking what became of one recipient.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Explain {
    /// Of which campaign, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
    /// The recipient.
    pub phone: String,
    /// What fields of the answer must be.
    pub fields: Fields,
}

/// Asking how a campaign stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Details {
    /// Which campaign, by its name; the one made last, if not said.
    #[serde(rename = "as")]
    pub campaign: Option<String>,
}

/// Withdrawing somebody's consent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Unsubscribe {
    /// Whose.
    pub phone: String,
}

/// Clearing somebody whose words may be a wish to opt out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClearPossibleOptOut {
    /// Whom.
    pub phone: String,
}

/// Giving somebody tags.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tag {
    /// Whom.
    pub phone: String,
    /// Which, in place of those they have.
    pub tags: Vec<String>,
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
    /// Hours of its own in which nothing leaves; `off` for none.
    pub quiet_hours: Option<Switch<QuietHours>>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
}

/// Changing the site as a caller: what is said is put in place of what is set.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SiteUpdate {
    /// Its name.
    pub name: Option<String>,
    /// Its IANA time zone.
    pub time_zone: Option<String>,
    /// Its subdomain; `off` for none.
    pub subdomain: Option<Switch<String>>,
    /// When nothing leaves.
    pub quiet_hours: Option<Switch<QuietHours>>,
    /// How long after a message somebody is left alone.
    pub smart_sending: Option<Switch<Span>>,
    /// The legal rule packs to switch, by code: on or off.
    pub rule_packs: BTreeMap<String, bool>,
    /// The countries whose numbers it texts.
    pub countries: Option<Vec<String>>,
    /// What every text begins with; `off` for nothing.
    pub text_prefix: Option<Switch<String>>,
    /// What every text ends with; `off` for nothing.
    pub text_footer: Option<Switch<String>>,
    /// What HELP is answered; `off` for what the service says by itself.
    pub help_reply: Option<Switch<String>>,
    /// The idempotency key; none, if not said.
    pub key: Option<String>,
    /// The code it must be refused with; it must succeed, if not said.
    pub refused: Option<String>,
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
    /// This moment is reached.
    pub at: Option<Moment>,
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
