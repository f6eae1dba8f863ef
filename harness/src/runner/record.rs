//! A story as a journal: what the aggregator saw, what callers did and were answered, what was told, and how
//! the ledgers stood in the end. The checker reads it and holds every story to the same invariants.
//!
//! **Invariant:** what is recorded was seen from outside, or was set up by the story itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::Error;
use super::calls::Call;
use super::facts::{self, hours_of, instant_ms, text};
use super::story::{Made, Story};
use crate::check;
use crate::record::{
    Accepted, Called, ClockKind, Event, Fact, Frozen, Hours, HowStopped, Person, Recorder, Sender,
    Service, SiteState, Stopped, StreamStart, monotonic_us,
};
use crate::scenario::{Scenario, SiteChange, SmsPlan};
use crate::world::{self, World};

/// The name of the one stream a story has.
const STREAM: &str = "dashboard";
/// The node's name, as the world sets it up.
const NODE: &str = "node";

/// What records a story.
pub(super) struct Record {
    recorder: Recorder,
    site: SiteState,
    /// The hours of their own that campaigns were made with.
    quiet_hours: BTreeMap<String, Option<Hours>>,
    /// The subscribers, by phone.
    people: BTreeMap<String, Person>,
    max_in_flight: u64,
}

impl Record {
    /// Begins a journal with what was set up, and lets the aggregator write to it.
    pub(super) fn begin(world: &World, scenario: &Scenario) -> Self {
        let recorder = Recorder::in_memory("runner", Arc::new(world.clock()), ClockKind::Virtual);
        world.aggregator().core().record_to(recorder.clone());
        let site = SiteState {
            site: world.site_id(),
            name: world::SITE.to_owned(),
            ..SiteState::default()
        };
        let mut record = Self {
            recorder,
            site,
            quiet_hours: BTreeMap::new(),
            people: BTreeMap::new(),
            max_in_flight: scenario.engine.max_in_flight.into(),
        };
        record.site_changed(world, &SiteChange::from(&scenario.site));
        record.recorder.record(Fact::Sender(Sender {
            phone: world::SENDER.to_owned(),
            segments_per_s: scenario.site.sender_segments_per_s,
        }));
        record.started();
        for one in scenario.seed_subscribers() {
            let person = facts::person(&world.site_id(), one);
            record.recorder.record(Fact::Person(person.clone()));
            record.people.insert(person.phone.clone(), person);
        }
        record.recorder.record(Fact::Stream(StreamStart {
            stream: STREAM.to_owned(),
            site: Some(world.site_id()),
            campaign: None,
        }));
        record
    }

    fn started(&self) {
        self.recorder.record(Fact::Started(Service {
            node: NODE.to_owned(),
            max_in_flight: self.max_in_flight,
        }));
    }

    /// The service was killed, and started again.
    pub(super) fn killed(&self) {
        let how = HowStopped::Killed;
        self.recorder.record(Fact::Stopped(Stopped { node: NODE.to_owned(), how }));
        self.started();
    }

    /// A subscriber's tags were set: what was known of them before holds no more.
    pub(super) fn tagged(&mut self, phone: &str, tags: &[String]) {
        if let Some(person) = self.people.get_mut(phone) {
            person.tags = tags.to_vec();
            self.recorder.record(Fact::Person(person.clone()));
        }
    }

    /// The site was set, at the beginning or by an operator.
    pub(super) fn site_changed(&mut self, world: &World, change: &SiteChange) {
        let site = &mut self.site;
        if let Some(zone) = &change.time_zone {
            site.zone.clone_from(zone);
        }
        if let Some(hours) = &change.quiet_hours {
            site.quiet_hours = hours.as_option().map(hours_of);
        }
        if let Some(window) = &change.smart_sending {
            site.smart_sending_s = window.as_option().map(|span| span.delta().num_seconds());
        }
        if let Some(packs) = &change.rule_packs {
            site.rule_packs.clone_from(packs);
        }
        for (kept, said) in
            [(&mut site.prefix, &change.text_prefix), (&mut site.footer, &change.text_footer)]
        {
            if let Some(text) = said {
                *kept = Some(text.clone()).filter(|text| !text.is_empty());
            }
        }
        match change.plan {
            Some(SmsPlan::Trial(trial)) => {
                site.trial_left = Some(trial.limit.saturating_sub(trial.used).into());
            }
            Some(_) => site.trial_left = None,
            None => {}
        }
        self.recorder.record_at(world.now(), Fact::Site(site.clone()));
    }

    /// A mutation was answered.
    pub(super) fn called(
        &mut self,
        call: &Call<'_>,
        began_us: u64,
        payload: &Value,
        refused: &[&str],
    ) {
        let made = payload.pointer("/campaign/id").and_then(Value::as_str);
        let campaign = call.campaign.filter(|_| call.verb != "duplicate").or(made);
        self.remember_hours(call, campaign);
        let called = facts::called(call.verb, &call.variables, began_us, payload);
        let refused = refused.iter().map(|code| (*code).to_owned()).collect();
        let campaign = campaign.map(str::to_owned);
        self.recorder.record(Fact::Called(Called { campaign, refused, ..called }));
    }

    /// Keeps the hours of its own that a campaign is made with: no answer of the API shows them.
    fn remember_hours(&mut self, call: &Call<'_>, campaign: Option<&str>) {
        let Some(campaign) = campaign else { return };
        if call.verb == "duplicate" {
            let original = call.campaign.and_then(|id| self.quiet_hours.get(id)).cloned();
            self.quiet_hours.insert(campaign.to_owned(), original.flatten());
        }
        if let Some(hours) = call.variables.pointer("/input/quietHours") {
            let time = |name: &str| {
                let time = hours.get(name).and_then(Value::as_str)?;
                time.get(..5).map(str::to_owned)
            };
            let hours = time("start").zip(time("end"));
            let hours = hours.map(|(start, end)| Hours { start, end });
            self.quiet_hours.insert(campaign.to_owned(), hours);
        }
    }

    /// Somebody's consent was withdrawn by a caller.
    pub(super) fn unsubscribed(&self, phone: &str, payload: &Value) {
        let is_done = payload.pointer("/subscriber/status").and_then(Value::as_str);
        if is_done == Some("UNSUBSCRIBED") {
            self.recorder.record(Fact::Called(Called {
                verb: "unsubscribe".to_owned(),
                began_us: monotonic_us(),
                phone: Some(phone.to_owned()),
                ..Called::default()
            }));
        }
    }

    /// A campaign was activated, or its time was moved: what is frozen now.
    pub(super) async fn frozen(&self, world: &World, made: &Made) -> Result<(), Error> {
        let activated_ms = world.now().timestamp_millis();
        let frozen = facts::frozen(world.client(), &made.id, activated_ms).await?;
        self.recorder.record(Fact::Frozen(Frozen {
            site: world.site_id(),
            quiet_hours: self.quiet_hours.get(&made.id).cloned().flatten(),
            ..frozen
        }));
        Ok(())
    }

    /// The service told a change.
    pub(super) fn told(&self, change: &Value) {
        let Some(event) = change.get("event").filter(|event| !event.is_null()) else { return };
        let said = |name: &str| event.get(name).and_then(text);
        self.recorder.record(Fact::Event(Event {
            stream: STREAM.to_owned(),
            campaign: said("campaignId").unwrap_or_default(),
            sequence: event.get("sequence").and_then(Value::as_i64).unwrap_or_default(),
            kind: said("kind").unwrap_or_default(),
            occurred_ms: event.get("occurredAt").and_then(instant_ms).unwrap_or_default(),
            from: said("fromStatus"),
            to: said("toStatus"),
        }));
    }

    /// Asks how every campaign stands.
    pub(super) async fn progress(&self, world: &World) -> Result<(), Error> {
        let began_us = monotonic_us();
        let answer = world.client().post(facts::PROGRESS, json!({})).await?;
        let nodes = answer.pointer("/data/site/campaigns/nodes").and_then(Value::as_array);
        let nodes = nodes.ok_or_else(|| Error::answer("how the campaigns stand", &answer))?;
        for node in nodes {
            self.recorder.record(Fact::Progress(facts::progress(node, began_us)));
        }
        Ok(())
    }

    /// Nobody has anything left to do.
    pub(super) fn idle(&self) {
        self.recorder.record(Fact::Idle {});
    }

    /// The journal so far.
    pub(super) fn text(&self) -> String {
        self.recorder.text()
    }
}

impl Story<'_> {
    /// Records how everything stands, and holds the journal to the invariants.
    pub(super) async fn check(&mut self) -> Result<(), Error> {
        for (id, phone) in self.world.direct_texts().await? {
            self.record.recorder.record(Fact::Direct(Accepted { id, phone }));
        }
        for made in &self.made {
            facts::ledger(&self.record.recorder, &self.world.audit(&made.id).await?);
        }
        match check::check_text(&self.record.text()) {
            Ok(report) => self.problems.extend(report.violations()),
            Err(error) => self.problems.push(api::causes::line(&error)),
        }
        Ok(())
    }
}
