//! How an aggregator is: what the engine saw of it, what its status page says, and what campaigns wait for
//! because of it.
//!
//! **Invariant:** what the engine saw comes first. A status page is advice: it can make an aggregator
//! degraded, never unavailable, and it keeps no message back.
//! **Invariant:** what was seen long ago says nothing of now: every observation has an age at which it is
//! forgotten.

use crate::Instant;
use chrono::TimeDelta;

/// How long after its end a hold still counts if nothing was taken since, and how long a lost answer does.
pub const OBSERVED_FOR: TimeDelta = TimeDelta::minutes(5);
/// The age at which what a status page said is no longer current. Pages are polled more often than that.
pub const PAGE_CURRENT_FOR: TimeDelta = TimeDelta::minutes(10);
/// How long a message stays without a carrier's word before that is called a delay. Usually it takes seconds.
pub const CARRIER_WORD_AFTER: TimeDelta = TimeDelta::minutes(5);

crate::codes! {
    /// Health of an aggregator, as the engine sees it.
    pub enum AggregatorHealth {
        /// Accepting messages.
        Healthy = "healthy",
        /// Accepting slowly, or asking the engine to slow down.
        Degraded = "degraded",
        /// Not accepting. Messages wait and are retried.
        Unavailable = "unavailable",
    }
}

crate::codes! {
    /// Why an aggregator did not take a message that it may take later.
    pub enum Pushback {
        /// It asked for a slower pace.
        Throttled = "throttled",
        /// It was away, or said that it cannot take messages now.
        Unavailable = "unavailable",
    }
}

crate::codes! {
    /// A status page's verdict on everything together, mildest first.
    pub enum PageIndicator {
        /// A word that this version does not know; taken for no trouble.
        Unknown = "unknown",
        /// All is well.
        None = "none",
        /// Planned work.
        Maintenance = "maintenance",
        /// A small trouble.
        Minor = "minor",
        /// A great one.
        Major = "major",
        /// A total one.
        Critical = "critical",
    }
}

crate::codes! {
    /// A status page's verdict on one component, mildest first.
    pub enum ComponentStatus {
        /// A word that this version does not know; taken for no trouble.
        Unknown = "unknown",
        /// All is well.
        Operational = "operational",
        /// Planned work.
        UnderMaintenance = "under_maintenance",
        /// It works slowly.
        DegradedPerformance = "degraded_performance",
        /// A part of it does not work.
        PartialOutage = "partial_outage",
        /// It does not work.
        MajorOutage = "major_outage",
    }
}

impl ComponentStatus {
    /// Whether it says that something is wrong.
    pub const fn is_trouble(self) -> bool {
        !matches!(self, Self::Unknown | Self::Operational)
    }
}

/// A component of an aggregator that has to do with texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What the page calls it.
    pub name: String,
    /// How it is.
    pub status: ComponentStatus,
}

/// Something that a status page reports and that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Its title, in the aggregator's words.
    pub title: String,
    /// Where to read about it: an absolute http or https URL.
    pub url: Option<String>,
}

/// What a status page says, as far as it concerns texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageReport {
    /// Its verdict on everything together.
    pub indicator: PageIndicator,
    /// The component that has to do with texts and is worst off; none when it lists no such component.
    pub component: Option<Component>,
    /// The gravest incident that has to do with texts.
    pub incident: Option<Incident>,
    /// When that incident began, by the page's account.
    pub since: Option<Instant>,
}

impl PageReport {
    /// Whether it reports a trouble with texts. The verdict on everything counts only where the page does
    /// not tell texts apart: calls may be down while texts go out.
    pub fn is_troubled(&self) -> bool {
        match &self.component {
            _ if self.incident.is_some() => true,
            Some(component) => component.status.is_trouble(),
            None => self.indicator >= PageIndicator::Maintenance,
        }
    }
}

/// An aggregator that did not take messages: it is left alone for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why it did not.
    pub pushback: Pushback,
    /// Since when, without a message taken in between.
    pub since: Instant,
    /// Until when it is left alone.
    pub until: Instant,
    /// The aggregator's code, if it gave one.
    pub code: Option<String>,
}

/// Everything that is known about an aggregator's health.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The hold that no message taken has ended yet.
    pub hold: Option<Hold>,
    /// When a hand-over last got no certain answer.
    pub unanswered_at: Option<Instant>,
    /// What the status page last said.
    pub page: Option<PageReport>,
    /// Since when the page reports its trouble.
    pub page_since: Option<Instant>,
    /// When the page was last asked.
    pub checked_at: Option<Instant>,
    /// Since when the page cannot be read.
    pub failed_at: Option<Instant>,
}

impl Observed {
    /// The hold, unless it ended so long ago that it says nothing any more.
    fn current_hold(&self, now: Instant) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| now < hold.until + OBSERVED_FOR)
    }

    fn lost_answers(&self, now: Instant) -> Option<Instant> {
        self.unanswered_at.filter(|at| now < *at + OBSERVED_FOR)
    }

    /// What the page says, if it is current and reports a trouble.
    fn page_trouble(&self, now: Instant) -> Option<&PageReport> {
        let is_current = self.checked_at.is_some_and(|at| now < at + PAGE_CURRENT_FOR)
            && self.failed_at.is_none_or(|at| now < at + PAGE_CURRENT_FOR);
        self.page.as_ref().filter(|page| is_current && page.is_troubled())
    }
}

/// How an aggregator is, in a word and in sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assessment {
    /// In a word.
    pub health: AggregatorHealth,
    /// In a sentence or two.
    pub message: String,
    /// The incident that its status page reports.
    pub incident: Option<Incident>,
    /// Since when it is so; none when it is healthy, or when nobody knows.
    pub since: Option<Instant>,
}

/// Says how an aggregator is at `now`.
pub fn assess(observed: &Observed, now: Instant) -> Assessment {
    let trouble = observed.page_trouble(now);
    let (health, own, own_since) = match observed.current_hold(now) {
        Some(hold) if hold.pushback == Pushback::Unavailable => {
            let own = "The aggregator is not taking messages. They wait and are tried again.";
            (AggregatorHealth::Unavailable, Some(own), Some(hold.since))
        }
        Some(hold) => {
            let own = "The aggregator asks for a slower pace. Messages wait their turn.";
            (AggregatorHealth::Degraded, Some(own), Some(hold.since))
        }
        None => match observed.lost_answers(now) {
            Some(at) => {
                let own = "The aggregator left hand-overs without a certain answer.";
                (AggregatorHealth::Degraded, Some(own), Some(at))
            }
            None if trouble.is_some() => (AggregatorHealth::Degraded, None, observed.page_since),
            None => {
                let own = "The aggregator takes messages.";
                (AggregatorHealth::Healthy, Some(own), None)
            }
        },
    };
    let page = trouble.map(page_words);
    let sentences: Vec<String> = own.map(str::to_owned).into_iter().chain(page).collect();
    Assessment {
        health,
        message: sentences.join(" "),
        incident: trouble.and_then(|page| page.incident.clone()),
        since: own_since,
    }
}

/// What a page in trouble says, as a sentence.
fn page_words(page: &PageReport) -> String {
    match (&page.incident, &page.component) {
        (Some(incident), _) => {
            format!("Its status page reports an incident: {}.", quoted(incident))
        }
        (None, Some(component)) => {
            let status = match component.status {
                ComponentStatus::UnderMaintenance => "under maintenance",
                ComponentStatus::DegradedPerformance => "slow",
                ComponentStatus::PartialOutage => "partly down",
                ComponentStatus::MajorOutage => "down",
                ComponentStatus::Unknown | ComponentStatus::Operational => "up",
            };
            format!("Its status page says that “{}” is {status}.", component.name)
        }
        (None, None) => "Its status page reports trouble.".to_owned(),
    }
}

fn quoted(incident: &Incident) -> String {
    format!("“{}”", incident.title.trim_end_matches('.'))
}

crate::codes! {
    /// Causes of delay that lie with the aggregator and beyond it.
    pub enum AggregatorDelayCode {
        /// The aggregator asked the engine to slow down.
        AggregatorThrottled = "aggregator_throttled",
        /// The aggregator is not accepting messages.
        AggregatorUnavailable = "aggregator_unavailable",
        /// The aggregator accepts messages and reports an incident.
        AggregatorIncident = "aggregator_incident",
        /// Accepted messages wait for a carrier's word.
        CarrierCongestion = "carrier_congestion",
    }
}

/// What keeps a campaign's messages, at the aggregator or beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AggregatorDelay {
    /// The aggregator asked for a slower pace.
    Throttled {
        /// When the engine hands over again.
        until: Instant,
    },
    /// The aggregator does not take messages.
    Unavailable {
        /// Since when.
        since: Instant,
        /// What its status page reports.
        incident: Option<Incident>,
    },
    /// The aggregator takes messages, and its status page reports trouble: they may arrive late.
    Incident {
        /// What it reports: the sentence for people.
        words: String,
        /// Since when.
        since: Option<Instant>,
        /// The incident, if the page gives it a name.
        incident: Option<Incident>,
    },
    /// Messages that were accepted wait for a carrier's word.
    CarrierCongestion {
        /// When the first of them was accepted.
        since: Instant,
        /// How many they are.
        count: i64,
    },
}

impl AggregatorDelay {
    /// The code to branch on.
    pub const fn code(&self) -> AggregatorDelayCode {
        match self {
            Self::Throttled { .. } => AggregatorDelayCode::AggregatorThrottled,
            Self::Unavailable { .. } => AggregatorDelayCode::AggregatorUnavailable,
            Self::Incident { .. } => AggregatorDelayCode::AggregatorIncident,
            Self::CarrierCongestion { .. } => AggregatorDelayCode::CarrierCongestion,
        }
    }

    /// A sentence for people, or two.
    pub fn message(&self) -> String {
        match self {
            Self::Throttled { .. } => {
                "The aggregator asked for a slower pace, so messages wait their turn.".to_owned()
            }
            Self::Unavailable { incident, .. } => {
                let away = "The aggregator is not taking messages; they wait and are tried again.";
                match incident {
                    Some(incident) => format!("{away} It reports {}.", quoted(incident)),
                    None => away.to_owned(),
                }
            }
            Self::Incident { words, .. } => {
                format!("The aggregator takes messages, and they may arrive late. {words}")
            }
            Self::CarrierCongestion { count, .. } => {
                let messages =
                    if *count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
                let minutes = CARRIER_WORD_AFTER.num_minutes();
                format!(
                    "The aggregator took {messages} that no carrier has reported on yet, the first more than {minutes} minutes ago. Heavy traffic is a common cause, and nothing here can speed it up."
                )
            }
        }
    }

    /// Since when it is so.
    pub const fn since(&self) -> Option<Instant> {
        match self {
            Self::Throttled { .. } => None,
            Self::Unavailable { since, .. } | Self::CarrierCongestion { since, .. } => Some(*since),
            Self::Incident { since, .. } => *since,
        }
    }

    /// When it is expected to clear, if that is known.
    pub const fn clears_at(&self) -> Option<Instant> {
        match self {
            Self::Throttled { until } => Some(*until),
            _ => None,
        }
    }

    /// Where the aggregator tells more about it.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Unavailable { incident, .. } | Self::Incident { incident, .. } => {
                incident.as_ref()?.url.as_deref()
            }
            Self::Throttled { .. } | Self::CarrierCongestion { .. } => None,
        }
    }

    /// How many of a campaign's messages wait for it.
    pub const fn message_count(&self, waiting: &Waiting) -> i64 {
        match self {
            Self::Throttled { .. } | Self::Unavailable { .. } => waiting.to_hand_over,
            Self::Incident { .. } => waiting.to_hand_over + waiting.accepted,
            Self::CarrierCongestion { count, .. } => *count,
        }
    }
}

/// What of a campaign waits, at the aggregator's door and beyond it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Messages that are due and not handed over.
    pub to_hand_over: i64,
    /// Messages that were accepted and have no final receipt.
    pub accepted: i64,
    /// When the first of those was accepted.
    pub oldest_accepted_at: Option<Instant>,
}

/// What keeps a campaign's messages at the aggregator and beyond it, at `now`. Nothing that waits, no delay.
pub fn delays(observed: &Observed, waiting: &Waiting, now: Instant) -> Vec<AggregatorDelay> {
    let trouble = observed.page_trouble(now);
    let hold = observed.current_hold(now).filter(|_| waiting.to_hand_over > 0);
    let mut delays = Vec::new();
    match hold {
        Some(hold) if hold.pushback == Pushback::Unavailable => {
            let incident = trouble.and_then(|page| page.incident.clone());
            delays.push(AggregatorDelay::Unavailable { since: hold.since, incident });
        }
        Some(hold) => delays.push(AggregatorDelay::Throttled { until: hold.until }),
        None => {}
    }
    let is_told = matches!(delays.first(), Some(AggregatorDelay::Unavailable { .. }));
    if let Some(page) = trouble.filter(|_| !is_told && waiting.to_hand_over + waiting.accepted > 0)
    {
        delays.push(AggregatorDelay::Incident {
            words: page_words(page),
            since: observed.page_since,
            incident: page.incident.clone(),
        });
    }
    let late = waiting.oldest_accepted_at.filter(|at| now > *at + CARRIER_WORD_AFTER);
    if let Some(since) = late.filter(|_| waiting.accepted > 0) {
        delays.push(AggregatorDelay::CarrierCongestion { since, count: waiting.accepted });
    }
    delays
}

#[cfg(test)]
mod tests;
