//! Scenario files, format v1: one YAML file tells one story.
//!
//! The file says who is there (`site`, `subscribers`, `audiences`), what callers do (`campaign`,
//! `steps`), how the aggregator behaves (`defaults`, `rules`, `windows`, `receipt_faults`,
//! `inbound`), how it must end (`expect`) and which rules of the source that proves (`proves`).
//! Every field has a default; what is not known is an error that names the field and the line.
//!
//! **Invariant:** a [`Scenario`] that was read is valid: its references resolve, its phones are
//! phones and are told apart, and it asks for nothing that this version cannot do.

mod cast;
mod expect;
mod forms;
mod script;
mod status_page;
mod story;
mod validate;
mod values;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, Utc};
use serde::Deserialize;

pub use cast::{
    Agreement, Audience, Campaign, Clock, Condition, Engine, IfPassed, MessageStep, Provider,
    QuietHours, Schedule, SeedSubscriber, Site, SiteChange, SiteStatus, SmsPlan, SubscriberTime,
    Subscribers, Trial,
};
pub use expect::{CancelAnswer, Expect, Fields, HandedOver, Recipient};
pub use forms::{Code, Moment, OneOrMany, OrNone, RuleCode, Switch};
pub use script::{
    Accept, Defaults, Delay, Duplicate, Forged, ForgedFor, ForgedSignature, Inbound, Latency,
    PercentOnly, ReceiptFaults, ReceiptStatus, ReceiptStep, Reorder, Respond, Rule, Script,
    Transport, UnknownMessage, When, Window, WindowReceipts,
};
pub use status_page::{ComponentStatus, PageIndicator, StatusNotice};
pub use story::{
    Activate, CampaignStatusName, Cancel, ClearPossibleOptOut, Command, Crash, Create, Details,
    Duplicated, Estimate, Explain, Query, Reschedule, Resolution, ResolveUnknown, SendTest,
    SiteUpdate, Step, Tag, Unsubscribe, Until, Update, WhenReached,
};
pub use validate::{Problem, is_phone};
pub(crate) use values::text;
pub use values::{Percent, Span};

/// The version of the format that this crate reads.
pub const FORMAT_VERSION: u32 = 1;
/// The longest scenario file, in bytes.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// A story.
#[expect(clippy::struct_field_names, reason = "a file of the format begins with `scenario: 1`")]
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// The version of the format.
    pub scenario: u32,
    /// A short name, for instance `happy-path`. By default the file's.
    pub name: String,
    /// Why this scenario exists.
    pub about: String,
    /// The rules of the source that it proves: those that an entry of `expect` is labelled with.
    pub proves: Vec<RuleCode>,
    /// What every choice is drawn from.
    pub seed: u64,
    /// When it begins.
    pub clock: Clock,
    /// The site.
    pub site: Site,
    /// The engine's settings.
    pub engine: Engine,
    /// The subscribers, in groups.
    pub subscribers: Vec<Subscribers>,
    /// The audiences, by name.
    pub audiences: BTreeMap<String, Audience>,
    /// The campaign that `create` makes.
    pub campaign: Campaign,
    /// Whose wire format the aggregator speaks.
    pub provider: Provider,
    /// What the service was told that the aggregator can do.
    pub connection: Agreement,
    /// What the aggregator does where no rule says otherwise.
    pub defaults: Defaults,
    /// What it does for some; the first that matches wins.
    pub rules: Vec<Rule>,
    /// What it does for a time; before the rules.
    pub windows: Vec<Window>,
    /// What becomes of receipts on their way.
    pub receipt_faults: ReceiptFaults,
    /// Texts that phones send.
    pub inbound: Vec<Inbound>,
    /// What the aggregator's status page says; without it, there is none.
    pub status_page: Vec<StatusNotice>,
    /// What callers do, in order.
    pub steps: Vec<Step>,
    /// What must be so when it has ended.
    pub expect: OneOrMany<Expect>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            scenario: FORMAT_VERSION,
            name: String::new(),
            about: String::new(),
            proves: Vec::new(),
            seed: 1,
            clock: Clock::default(),
            site: Site::default(),
            engine: Engine::default(),
            subscribers: vec![Subscribers::default()],
            audiences: BTreeMap::from([("everyone".to_owned(), Audience::default())]),
            campaign: Campaign::default(),
            provider: Provider::default(),
            connection: Agreement::default(),
            defaults: Defaults::default(),
            rules: Vec::new(),
            windows: Vec::new(),
            receipt_faults: ReceiptFaults::default(),
            inbound: Vec::new(),
            status_page: Vec::new(),
            steps: vec![
                Step::Create(Create::default()),
                Step::Activate(Activate::default()),
                Step::Until(Until::Idle),
            ],
            expect: OneOrMany::default(),
        }
    }
}

/// A scenario file that cannot be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("scenario file `{}` cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is longer than [`FILE_BYTES_MAX`].
    #[error("scenario `{name}` is {bytes} bytes long; {FILE_BYTES_MAX} are allowed")]
    TooLong {
        /// The scenario.
        name: String,
        /// Its length.
        bytes: usize,
    },
    /// The text is not a scenario; the source names the field.
    #[error("scenario `{name}` cannot be parsed at line {line}")]
    Parse {
        /// The scenario.
        name: String,
        /// The line, from 1: of the value that holds what is wrong, if not of that itself.
        line: usize,
        /// What, and where.
        #[source]
        source: serde_yaml_ng::Error,
    },
    /// The text is a scenario that makes no sense.
    #[error("scenario `{name}` is not valid")]
    Invalid {
        /// The scenario.
        name: String,
        /// What, and in which field.
        #[source]
        source: Problem,
    },
}

impl Scenario {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::parse(&name, &text)
    }

    /// Reads and checks a scenario's text. `name` is what it is called unless the text says.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let name = name.to_owned();
        if text.len() > FILE_BYTES_MAX {
            return Err(Error::TooLong { name, bytes: text.len() });
        }
        // Enums are written `{ hang: 30s }`, not with YAML tags.
        let deserializer = serde_yaml_ng::Deserializer::from_str(text);
        let read = serde_yaml_ng::with::singleton_map_recursive::deserialize(deserializer);
        let mut scenario: Self = read.map_err(|source| {
            let line = line_of(text, &source);
            Error::Parse { name: name.clone(), line, source }
        })?;
        if scenario.name.is_empty() {
            scenario.name.clone_from(&name);
        }
        match validate::check(&scenario) {
            Ok(()) => Ok(scenario),
            Err(source) => Err(Error::Invalid { name, source }),
        }
    }

    /// When the story begins.
    pub fn start(&self) -> DateTime<Utc> {
        self.clock.start
    }

    /// The aggregator's part.
    pub fn script(&self) -> Script {
        Script {
            seed: self.seed,
            start: self.clock.start,
            defaults: self.defaults.clone(),
            rules: self.rules.clone(),
            windows: self.windows.clone(),
            receipt_faults: self.receipt_faults.clone(),
            inbound: self.inbound.clone(),
            status_page: self.status_page.clone(),
        }
    }

    /// The subscribers one by one. Phones are `+1<area>55501NN`, counted up for each area code
    /// through all groups.
    pub fn seed_subscribers(&self) -> Vec<SeedSubscriber> {
        let mut used: BTreeMap<u16, u32> = BTreeMap::new();
        let mut all = Vec::new();
        for group in &self.subscribers {
            all.extend(group.phones.iter().map(|phone| group.one(phone.clone())));
            if !group.phones.is_empty() {
                continue;
            }
            for _ in 0..group.count {
                let number = used.entry(group.area).or_default();
                all.push(group.one(format!("+1{}55501{number:02}", group.area)));
                *number = number.saturating_add(1);
            }
        }
        all
    }

    /// Every entry of what is expected, with where it stands: those of steps, in order, then those of
    /// the end.
    pub fn expectations(&self) -> impl Iterator<Item = (String, &Expect)> {
        let steps = self.steps.iter().enumerate().flat_map(|(index, step)| {
            let expected = match step {
                Step::Expect(expected) => expected.0.as_slice(),
                _ => &[],
            };
            expected.iter().enumerate().map(move |(place, one)| {
                let place = if expected.len() > 1 { format!("[{place}]") } else { String::new() };
                (format!("steps[{index}].expect{place}"), one)
            })
        });
        let many = self.expect.0.len() > 1;
        let end = self.expect.iter().enumerate().map(move |(place, one)| {
            (if many { format!("expect[{place}]") } else { "expect".to_owned() }, one)
        });
        steps.chain(end)
    }
}

/// The line of a mistake. One in the outermost mapping has no place of its own, but its field
/// begins a line.
fn line_of(text: &str, error: &serde_yaml_ng::Error) -> usize {
    if let Some(location) = error.location() {
        return location.line();
    }
    let message = error.to_string();
    let named = message.split('`').nth(1).unwrap_or_default();
    let line = text.lines().position(|line| line.split(':').next() == Some(named));
    line.map_or(1, |line| line.saturating_add(1))
}

/// When a scenario begins unless it says: a Monday morning in America.
fn default_start() -> DateTime<Utc> {
    NaiveDate::from_ymd_opt(2026, 11, 23)
        .and_then(|day| day.and_hms_opt(15, 0, 0))
        .map_or(DateTime::UNIX_EPOCH, |time| time.and_utc())
}
