//! A story being told: its steps one after the other, and what was seen meanwhile.
//!
//! **Invariant:** everything that is done is a beat of its own in the timeline, with what the service
//! told because of it.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::changes::Changes;
use super::expected::{CancelDone, Refusal};
use super::moves::site_words;
use super::{Error, Played, verdict};
use crate::aggregator::Seen;
use crate::scenario::{Campaign, Crash, Expect, OneOrMany, Scenario, Step, WhenReached};
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
    /// What it was made of.
    pub(super) campaign: Campaign,
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
    /// The calls that were refused.
    pub(super) refusals: Vec<Refusal>,
    /// The cancels that were done.
    pub(super) cancels: Vec<CancelDone>,
    /// What the service told.
    pub(super) changes: Changes,
    journaled: u64,
}

impl<'a> Story<'a> {
    /// Opens the book: subscribes to the site's campaigns.
    pub(super) async fn begin(world: &'a World, scenario: &'a Scenario) -> Result<Self, Error> {
        let changes = Changes::begin(world).await?;
        let timeline = Timeline::new(scenario.start());
        Ok(Self {
            world,
            scenario,
            timeline,
            made: Vec::new(),
            problems: Vec::new(),
            refusals: Vec::new(),
            cancels: Vec::new(),
            changes,
            journaled: 0,
        })
    }

    /// Takes every step.
    pub(super) async fn tell(&mut self) -> Result<(), Error> {
        for (index, step) in self.scenario.steps.iter().enumerate() {
            self.take(index, step).await?;
            self.look(Phase::Event).await?;
        }
        Ok(())
    }

    async fn take(&mut self, index: usize, step: &Step) -> Result<(), Error> {
        match step {
            Step::Create(step) => self.create(step).await,
            Step::Activate(step) => self.activate(step).await,
            Step::Cancel(step) => self.cancel(step).await,
            Step::Pause(step) => self.pause(step).await,
            Step::Resume(step) => self.resume(step).await,
            Step::ResolveUnknown(step) => self.resolve_unknown(step).await,
            Step::Reschedule(step) => self.reschedule(step).await,
            Step::Duplicate(step) => self.duplicate(step).await,
            Step::Delete(step) => self.delete(step).await,
            Step::Update(step) => self.update(step).await,
            Step::SendTest(step) => self.send_test(step).await,
            Step::Estimate(step) => self.estimate(step).await,
            Step::Explain(step) => self.explain(step).await,
            Step::Details(step) => self.details(step).await,
            Step::Unsubscribe(step) => self.unsubscribe(step).await,
            Step::ClearPossibleOptOut(step) => self.clear_possible_opt_out(step).await,
            Step::Tag(step) => self.tag(step).await,
            Step::Site(change) => {
                self.world.change_site(change).await?;
                self.timeline.push(self.world.now(), Phase::Call, "operator", site_words(change));
                Ok(())
            }
            Step::SiteUpdate(step) => self.site_update(step).await,
            Step::Query(step) => self.query(step).await,
            Step::Expect(expected) => self.expect_now(index, expected).await,
            Step::When(step) => self.wait_for(index, step).await,
            Step::Until(_) => self.run_until_idle().await,
            Step::Skip(span) => {
                self.world.advance_by(span.delta());
                let words = format!("the service is down for {span}");
                self.timeline.push(self.world.now(), Phase::Call, "time", words);
                Ok(())
            }
            Step::Crash(step) => self.crash(*step).await,
        }
    }

    /// Kills the service and starts it again; the dashboard connects anew, from where it was.
    async fn crash(&mut self, step: Crash) -> Result<(), Error> {
        self.world.die_handing_over(step.accepted).await?;
        let words = format!(
            "the service dies with {} hand-overs taken and not answered, and starts again",
            step.accepted
        );
        self.timeline.push(self.world.now(), Phase::Effect, "time", words);
        self.changes.connect_again(self.world).await
    }

    /// Holds the story so far to what it expects at this step.
    async fn expect_now(
        &mut self,
        index: usize,
        expected: &OneOrMany<Expect>,
    ) -> Result<(), Error> {
        for one in expected {
            self.hold_to(&format!("steps[{index}]"), one, &[]).await?;
        }
        Ok(())
    }

    /// Every hand-over that reached the aggregator, taken or not: when, and for which phone.
    pub(super) fn handed_over_at(&self) -> Vec<(DateTime<Utc>, String)> {
        let journal = self.world.aggregator().core().journal_since(0);
        let asked = journal.into_iter().filter_map(|entry| match entry.seen {
            Seen::Submission { to, .. } | Seen::Replay { to, .. } => Some((entry.at, to)),
            _ => None,
        });
        asked.collect()
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
        if let Some(moment) = when.at {
            let end = moment.instant(start);
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
