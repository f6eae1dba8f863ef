//! A story as a journal: what the aggregator saw, what callers did and were answered, what was told, and how
//! the ledgers stood in the end. The checker reads it and holds every story to the same invariants.
//!
//! **Invariant:** what is recorded was seen from outside, or was set up by the story itself.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Error;
use super::calls::Call;
use super::story::{Made, Story};
use crate::check;
use crate::record::{
    Accepted, Called, ClockKind, Counts, Event, Fact, Frozen, Hours, HowStopped, Ledger, Person,
    Progress, Recorder, Row, Selection, Sender, Service, SiteState, StepText, Stopped, StreamStart,
    digest, monotonic_us,
};
use crate::scenario::{QuietHours, Scenario, SiteChange, SmsPlan};
use crate::world::{self, Audit, World};

/// The name of the one stream a story has.
const STREAM: &str = "dashboard";
/// The node's name, as the world sets it up.
const NODE: &str = "node";

const PROGRESS: &str = "query { site { campaigns(first: 100) { nodes { id status revision isPaused \
    progress { version recipientCount counts { total deferred queued inFlight accepted delivered \
    undelivered unconfirmed unknown skipped canceled } } } } } }";
const FROZEN: &str = "query($id: ID!) { campaign(id: $id) { usesSmartSending steps { position body \
    delay } audiences { rules { tagsAny tagsAll tagsNone } } schedule { mode localDateTime startsAt \
    ifPassed sendBy } } }";

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
            let person = Person {
                site: world.site_id(),
                phone: one.phone,
                zone: one.time_zone.or(one.observed_time_zone),
                postal_code: one.postal_code,
                tags: one.tags,
                attributes: one.attributes,
                is_opted_out: one.unsubscribed,
            };
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
        let count = |name: &str| payload.get(name).and_then(Value::as_u64);
        let made = payload.pointer("/campaign/id").and_then(Value::as_str);
        let campaign = call.campaign.filter(|_| call.verb != "duplicate").or(made);
        self.remember_hours(call, campaign);
        let status = payload.pointer("/campaign/status").and_then(Value::as_str);
        self.recorder.record(Fact::Called(Called {
            verb: call.verb.to_owned(),
            began_us,
            campaign: campaign.map(str::to_owned),
            phone: None,
            key: call.variables.pointer("/input/idempotencyKey").and_then(text),
            asked: digest(call.variables.to_string().as_bytes()),
            told: digest(frozen_part(payload).to_string().as_bytes()),
            refused: refused.iter().map(|code| (*code).to_owned()).collect(),
            status: status.map(str::to_owned),
            revision: payload.pointer("/campaign/revision").and_then(Value::as_i64),
            canceled: count("canceledCount"),
            handed_over: count("handedOverCount"),
            in_flight: count("inFlightCount"),
        }));
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
        let answer = world.client().post(FROZEN, json!({ "id": made.id })).await?;
        let campaign = answer.pointer("/data/campaign").filter(|found| !found.is_null());
        let campaign = campaign.ok_or_else(|| Error::answer("what was frozen", &answer))?;
        let list = |name: &str| campaign.get(name).and_then(Value::as_array).into_iter().flatten();
        let schedule = |name: &str| campaign.get("schedule").and_then(|it| it.get(name));
        let at = |name: &str| instant_ms(schedule(name)?);
        self.recorder.record(Fact::Frozen(Frozen {
            site: world.site_id(),
            campaign: made.id.clone(),
            steps: list("steps").map(step).collect(),
            audiences: list("audiences").filter_map(|it| it.get("rules")).map(selection).collect(),
            quiet_hours: self.quiet_hours.get(&made.id).cloned().flatten(),
            uses_smart_sending: campaign.get("usesSmartSending") == Some(&Value::Bool(true)),
            mode: schedule("mode").and_then(text).unwrap_or_default(),
            local: schedule("localDateTime").and_then(text),
            if_passed: schedule("ifPassed").and_then(text),
            activated_ms,
            starts_ms: at("startsAt").unwrap_or(activated_ms),
            send_by_ms: at("sendBy"),
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
        let answer = world.client().post(PROGRESS, json!({})).await?;
        let nodes = answer.pointer("/data/site/campaigns/nodes").and_then(Value::as_array);
        let nodes = nodes.ok_or_else(|| Error::answer("how the campaigns stand", &answer))?;
        for node in nodes {
            let number = |path: &str| node.pointer(path).and_then(Value::as_i64);
            self.recorder.record(Fact::Progress(Progress {
                began_us,
                campaign: node.get("id").and_then(text).unwrap_or_default(),
                status: node.get("status").and_then(text).unwrap_or_default(),
                revision: number("/revision").unwrap_or_default(),
                is_paused: node.get("isPaused") == Some(&Value::Bool(true)),
                version: number("/progress/version"),
                recipients: count(node, "/progress/recipientCount"),
                counts: counts(|name| count(node, &format!("/progress/counts/{name}"))),
            }));
        }
        Ok(())
    }

    /// Nobody has anything left to do.
    pub(super) fn idle(&self) {
        self.recorder.record(Fact::Idle {});
    }

    /// How a campaign's ledger stands.
    fn ledger(&self, audit: &Audit) {
        let reasons = audit.reasons.iter();
        let reasons = reasons.map(|((state, reason), count)| (format!("{state} {reason}"), *count));
        self.recorder.record(Fact::Ledger(Ledger {
            campaign: audit.id.clone(),
            status: audit.status.clone(),
            recipients: audit.recipients,
            counts: counts(|name| audit.count(name).unwrap_or_default()),
            reasons: reasons.collect(),
            rows: u64::try_from(audit.rows.len()).unwrap_or(u64::MAX),
        }));
        for row in &audit.rows {
            let ms = |at: Option<DateTime<Utc>>| at.map(|at| at.timestamp_millis());
            self.recorder.record(Fact::Row(Row {
                message: row.id.clone(),
                campaign: audit.id.clone(),
                position: u32::try_from(row.position).unwrap_or(u32::MAX),
                phone: row.phone.clone(),
                state: row.status.clone(),
                reason: row.reason.clone(),
                id: row.aggregator_id.clone(),
                zones: row.zones.clone(),
                region: row.region.clone(),
                due_ms: ms(row.due_at),
                attempts: row.attempts.unwrap_or_default(),
                segments: row.segments.and_then(|count| u32::try_from(count).ok()),
            }));
        }
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
            self.record.ledger(&self.world.audit(&made.id).await?);
        }
        match check::check_text(&self.record.text()) {
            Ok(report) => self.problems.extend(report.violations()),
            Err(error) => self.problems.push(api::causes::line(&error)),
        }
        Ok(())
    }
}

/// An answer without how the campaign stands: that is shown as it is when the answer is read, and so may be
/// another when the answer is repeated.
fn frozen_part(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if let Some(campaign) = payload.get_mut("campaign").and_then(Value::as_object_mut) {
        campaign.retain(|name, _| name == "id");
    }
    payload
}

fn hours_of(hours: &QuietHours) -> Hours {
    Hours { start: hours.start.clone(), end: hours.end.clone() }
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn count(node: &Value, path: &str) -> u64 {
    node.pointer(path).and_then(Value::as_u64).unwrap_or_default()
}

fn counts(of: impl Fn(&str) -> u64) -> Counts {
    Counts {
        total: of("total"),
        deferred: of("deferred"),
        queued: of("queued"),
        in_flight: of("inFlight"),
        accepted: of("accepted"),
        delivered: of("delivered"),
        undelivered: of("undelivered"),
        unconfirmed: of("unconfirmed"),
        unknown: of("unknown"),
        skipped: of("skipped"),
        canceled: of("canceled"),
    }
}

fn instant_ms(value: &Value) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(at.timestamp_millis())
}

fn step(step: &Value) -> StepText {
    let position = step.get("position").and_then(Value::as_u64).unwrap_or_default();
    StepText {
        position: u32::try_from(position).unwrap_or(u32::MAX),
        body: step.get("body").and_then(text).unwrap_or_default(),
        delay_ms: step.get("delay").and_then(Value::as_str).and_then(duration_ms).unwrap_or(0),
    }
}

fn selection(rules: &Value) -> Selection {
    let tags = |name: &str| {
        let tags = rules.get(name).and_then(Value::as_array).into_iter().flatten();
        tags.filter_map(text).collect()
    };
    Selection { any: tags("tagsAny"), all: tags("tagsAll"), none: tags("tagsNone") }
}

/// A span as the API writes it, `P1DT2H30M0.5S`, in milliseconds.
fn duration_ms(text: &str) -> Option<i64> {
    let mut span = TimeDelta::zero();
    let mut is_time = false;
    let mut number = String::new();
    for character in text.strip_prefix('P')?.chars() {
        if character == 'T' {
            is_time = true;
            continue;
        }
        if character.is_ascii_digit() || character == '.' {
            number.push(character);
            continue;
        }
        let (whole, part) = number.split_once('.').unwrap_or((&number, ""));
        let whole: i64 = whole.parse().ok()?;
        let unit = match (character, is_time) {
            ('W', false) => TimeDelta::weeks(1),
            ('D', false) => TimeDelta::days(1),
            ('H', true) => TimeDelta::hours(1),
            ('M', true) => TimeDelta::minutes(1),
            ('S', true) => TimeDelta::seconds(1),
            _ => return None,
        };
        span = span.checked_add(&unit.checked_mul(i32::try_from(whole).ok()?)?)?;
        let thousandths: i64 = format!("{part:0<3}").get(..3)?.parse().ok()?;
        span = span.checked_add(&TimeDelta::milliseconds(thousandths))?;
        number.clear();
    }
    Some(span.num_milliseconds())
}

#[cfg(test)]
mod tests {
    use super::duration_ms;

    #[test]
    fn spans_are_read_as_the_api_writes_them() {
        let cases = [
            ("PT30S", Some(30_000)),
            ("PT1.5S", Some(1_500)),
            ("P1DT2H3M4.005S", Some(93_784_005)),
            ("P1W", Some(604_800_000)),
            ("1H", None),
            ("P1H", None),
        ];
        for (text, expected) in cases {
            assert_eq!(duration_ms(text), expected, "{text}");
        }
    }
}
