//! A story being told: its steps one after the other, and what was seen meanwhile.
//!
//! **Invariant:** everything that is done is a beat of its own in the timeline, with what the service
//! told because of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::changes::Changes;
use super::{Error, Played, verdict};
use crate::scenario::{Scenario, SiteChange, Step, WhenReached};
use crate::timeline::{Phase, Timeline};
use crate::world::{Beat, Driven, Watcher, World};

/// Who calls, in the timeline.
pub(super) const CALLER: &str = "caller";

const STANDS: &str = "query($id: ID!) { campaign(id: $id) { status progress { recipientCount } } }";

/// A campaign of the story.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// What steps call it.
    pub(super) named: Option<String>,
    /// Its id.
    pub(super) id: String,
    /// How many messages the aggregator had taken when it was activated.
    pub(super) taken_before: u64,
}

/// A story being told.
pub(super) struct Story<'a> {
    /// Where it happens.
    pub(super) world: &'a World,
    /// What it says.
    pub(super) scenario: &'a Scenario,
    /// What happened so far.
    pub(super) timeline: Timeline,
    /// The campaigns, in the order they were made.
    pub(super) made: Vec<Made>,
    /// What was not as the story says.
    pub(super) problems: Vec<String>,
    changes: Changes,
    journaled: u64,
}

impl<'a> Story<'a> {
    /// Opens the book: subscribes to the site's campaigns.
    pub(super) async fn begin(world: &'a World, scenario: &'a Scenario) -> Result<Self, Error> {
        let changes = Changes::begin(world).await?;
        let timeline = Timeline::new(scenario.start());
        let (made, problems) = (Vec::new(), Vec::new());
        Ok(Self { world, scenario, timeline, made, problems, changes, journaled: 0 })
    }

    /// Takes every step.
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        for (index, step) in self.scenario.steps.iter().enumerate() {
            match step {
                Step::Create(step) => self.create(step).await?,
                Step::Activate(step) => self.activate(step).await?,
                Step::Cancel(step) => self.cancel(step).await?,
                Step::Duplicate(step) => self.duplicate(step).await?,
                Step::Delete(step) => self.delete(step).await?,
                Step::Update(step) => self.update(step).await?,
                Step::Site(change) => {
                    self.world.change_site(change).await?;
                    self.timeline.push(self.world.now(), Phase::Call, "operator", words(change));
                }
                Step::Query(step) => self.query(step).await?,
                Step::When(step) => self.wait_for(index, step).await?,
                Step::Until(_) => self.run_until_idle().await?,
                Step::Skip(span) => {
                    self.world.advance_by(span.delta());
                    let words = format!("the service is down for {span}");
                    self.timeline.push(self.world.now(), Phase::Call, "time", words);
                }
            }
            self.look(Phase::Event).await?;
        }
        Ok(())
    }

    /// Closes the book: how it ended, and what was not as it must be.
    pub(super) async fn end(mut self) -> Result<Played, Error> {
        let finale = verdict::finale(&mut self).await?;
        let mut problems = self.problems;
        problems.extend(self.changes.end().await?);
        Ok(Played { timeline: self.timeline.render(&finale), problems })
    }

    /// The campaign a step is about: the one of that name, or the one made last.
    pub(super) fn about(&self, named: Option<&String>) -> Result<Made, Error> {
        let found = match named {
            Some(_) => self.made.iter().rev().find(|made| made.named.as_ref() == named),
            None => self.made.last(),
        };
        found.cloned().ok_or_else(|| Error::NoCampaign(named.cloned().unwrap_or_default()))
    }

    /// The campaigns' ids by name.
    pub(super) fn ids(&self) -> BTreeMap<String, String> {
        let named = self.made.iter().filter_map(|made| Some((made.named.clone()?, made)));
        named.map(|(name, made)| (name, made.id.clone())).collect()
    }

    /// Notes what a caller did.
    pub(super) fn note(&mut self, words: impl AsRef<str>) {
        self.timeline.push(self.world.now(), Phase::Call, CALLER, words);
    }

    /// Notes what was seen since the last look, and ends the beat. What the service told comes in
    /// `phase`.
    async fn look(&mut self, phase: Phase) -> Result<(), Error> {
        let seen = self.world.aggregator().core().journal_since(self.journaled);
        if let Some(last) = seen.last() {
            self.journaled = last.seq.saturating_add(1);
        }
        self.timeline.push_journal(&seen);
        for change in self.changes.since_last(self.world).await? {
            self.timeline.push(change.at, phase, "service", change.words);
        }
        self.timeline.next_beat();
        Ok(())
    }

    async fn run_until_idle(&mut self) -> Result<(), Error> {
        let world = self.world;
        world.drive(None, &mut Onlooker { story: self, until: None }).await.map(drop)
    }

    async fn wait_for(&mut self, step: usize, when: &WhenReached) -> Result<(), Error> {
        let (world, start) = (self.world, self.scenario.start());
        if let Some(offset) = when.at {
            let end = start.checked_add_signed(offset.delta()).unwrap_or(DateTime::<Utc>::MAX_UTC);
            let mut onlooker = Onlooker { story: self, until: None };
            return world.drive(Some(end), &mut onlooker).await.map(drop);
        }
        let made = self.about(when.campaign.as_ref())?;
        let goal = if let Some(count) = when.accepted {
            Goal::Accepted(made.taken_before.saturating_add(count))
        } else if let Some(count) = when.planned {
            Goal::Planned(made.id, count)
        } else {
            let status = when.status.map_or("", |status| status.as_str());
            Goal::Status(made.id, status)
        };
        if goal.is_reached(world).await? {
            return Ok(());
        }
        let mut onlooker = Onlooker { story: self, until: Some(&goal) };
        match world.drive(None, &mut onlooker).await? {
            Driven::Stopped => Ok(()),
            Driven::Idle => Err(Error::Never { step, what: goal.words() }),
        }
    }
}

/// What an operator changed, in words.
fn words(change: &SiteChange) -> String {
    let mut said = Vec::new();
    said.extend(change.status.map(|status| format!("status {status:?}").to_lowercase()));
    said.extend(change.plan.map(|plan| format!("plan {plan:?}").to_lowercase()));
    said.extend(change.subdomain.as_ref().map(|name| match name.as_str() {
        "" => "no subdomain".to_owned(),
        name => format!("subdomain {name}"),
    }));
    format!("→ site set: {}", said.join(", "))
}

/// What a step waits for.
enum Goal {
    /// So many messages were taken.
    Accepted(u64),
    /// The campaign has so many recipients.
    Planned(String, u64),
    /// The campaign is in this status.
    Status(String, &'static str),
}

impl Goal {
    async fn is_reached(&self, world: &World) -> Result<bool, Error> {
        let (id, path, wanted) = match self {
            Self::Accepted(count) => {
                let total = world.aggregator().core().with_ledger(crate::aggregator::Ledger::total);
                return Ok(total >= *count);
            }
            Self::Planned(id, count) => (id, "/data/campaign/progress/recipientCount", *count),
            Self::Status(id, _) => (id, "/data/campaign/status", 0),
        };
        let answer = world.client().post(STANDS, json!({ "id": id })).await?;
        let found = answer.pointer(path);
        Ok(match self {
            Self::Status(_, status) => found.and_then(Value::as_str) == Some(status),
            _ => found.and_then(Value::as_u64).is_some_and(|count| count >= wanted),
        })
    }

    fn words(&self) -> String {
        match self {
            Self::Accepted(count) => format!("the aggregator to have taken {count} messages"),
            Self::Planned(_, count) => format!("{count} recipients to be planned"),
            Self::Status(_, status) => format!("the status {status}"),
        }
    }
}

/// Notes every beat, and stops the driving when a goal is reached.
struct Onlooker<'s, 'a> {
    story: &'s mut Story<'a>,
    until: Option<&'s Goal>,
}

impl Watcher for Onlooker<'_, '_> {
    type Error = Error;

    async fn saw(&mut self, world: &World, beat: Beat) -> Result<ControlFlow<()>, Error> {
        if beat == Beat::Moved {
            return Ok(ControlFlow::Continue(()));
        }
        self.story.look(Phase::Effect).await?;
        let Some(goal) = self.until else { return Ok(ControlFlow::Continue(())) };
        let is_reached = goal.is_reached(world).await?;
        Ok(if is_reached { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}
