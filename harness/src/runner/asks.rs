//! What callers ask: anything in GraphQL; whom a campaign would reach, how it stands, what became of
//! somebody. The answers go into the timeline, the last three in words.

use serde_json::{Value, json};

use super::Error;
use super::calls::schedule_input;
use super::fields::{at, selection, unmet};
use super::story::Story;
use crate::privacy::mask;
use crate::scenario::{Details, Estimate, Explain, Fields, Query};

/// What an estimate says in words.
const ESTIMATE: [&str; 10] = [
    "recipientCount",
    "skipped.reason",
    "skipped.count",
    "timeline.timeZone",
    "timeline.dueAt",
    "timeline.messageCount",
    "segmentCount",
    "cost.amount",
    "cost.currencyCode",
    "warnings",
];
/// What details say in words.
const DETAILS: [&str; 16] = [
    "status",
    "isPaused",
    "waitingFor",
    "sendingDetails.mode",
    "sendingDetails.summary",
    "sendingDetails.heldByQuietHoursUntil",
    "sendingDetails.timeZones.timeZone",
    "sendingDetails.timeZones.startsAt",
    "sendingDetails.timeZones.counts.total",
    "sendingDetails.nextDueAt",
    "sendingDetails.expectedCompletionAt",
    "delays.code",
    "delays.message",
    "delays.messageCount",
    "delays.clearsAt",
    "id",
];

impl Story<'_> {
    pub(super) async fn query(&mut self, step: &Query) -> Result<(), Error> {
        let variables = step.variables_with(&self.ids());
        let answer = self.world.client().post(&step.graphql, variables).await?;
        let told = match answer.get("errors") {
            Some(errors) => format!("errors {errors}"),
            None => answer.get("data").cloned().unwrap_or_default().to_string(),
        };
        self.note(format!("→ query: {told}"));
        Ok(())
    }

    pub(super) async fn estimate(&mut self, step: &Estimate) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let (when, schedule) = schedule_input(step.schedule.unwrap_or(made.campaign.schedule));
        let query = format!(
            "query($id: ID!, $schedule: CampaignScheduleInput) {{ campaign(id: $id) {{ \
             estimate(schedule: $schedule) {{ {} }} }} }}",
            names(&ESTIMATE, &step.fields)
        );
        let variables = json!({ "id": made.id, "schedule": schedule });
        let found = self.answer(&query, variables, "/data/campaign/estimate").await?;
        let told = format!("→ estimate of {} {when}: ", made.id);
        self.tell_lines(&told, estimate_words(&found));
        self.hold_fields("the estimate's ", &step.fields, &found);
        Ok(())
    }

    pub(super) async fn details(&mut self, step: &Details) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let query = format!(
            "query($id: ID!) {{ campaign(id: $id) {{ {} }} }}",
            names(&DETAILS, &Fields::new())
        );
        let id = json!({ "id": made.id });
        let found = self.answer(&query, id, "/data/campaign").await?;
        let audit = self.world.audit(&made.id).await?;
        let mut lines = details_words(&found);
        let standing = audit.messages.iter();
        lines.extend(standing.map(|(standing, count)| format!("{count} × {}", standing.words())));
        self.tell_lines(&format!("→ details of {}: ", made.id), lines);
        Ok(())
    }

    pub(super) async fn explain(&mut self, step: &Explain) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let query = format!(
            "query($id: ID!, $phone: String) {{ campaign(id: $id) {{ \
             explainRecipient(phoneNumber: $phone) {{ {} }} }} }}",
            names(&["summary"], &step.fields)
        );
        let variables = json!({ "id": made.id, "phone": step.phone });
        let found = self.answer(&query, variables, "/data/campaign/explainRecipient").await?;
        let told = format!("→ explanation of {} in {}: ", step.phone, made.id);
        let summary = text(&found, "summary").unwrap_or_default();
        self.tell_lines(&told, vec![summary]);
        self.hold_fields(&format!("{}'s ", mask(&step.phone)), &step.fields, &found);
        Ok(())
    }

    /// Notes lines one after the other: each is a beat of its own, so that they keep their order.
    fn tell_lines(&mut self, first: &str, lines: Vec<String>) {
        for (index, line) in lines.into_iter().enumerate() {
            let begins = if index == 0 { first } else { "· " };
            self.note(format!("{begins}{line}"));
            self.timeline.next_beat();
        }
    }

    fn hold_fields(&mut self, of: &str, fields: &Fields, found: &Value) {
        let problems = unmet(self.scenario.start(), of, fields, found);
        self.problems.extend(problems);
    }
}

/// The selection of what is told and what is asked for besides.
fn names(told: &[&str], fields: &Fields) -> String {
    selection(told.iter().copied().chain(fields.keys().map(String::as_str)))
}

fn text(value: &Value, path: &str) -> Option<String> {
    match at(value, path) {
        Value::String(text) => Some(text),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

fn list(value: &Value, path: &str) -> Vec<Value> {
    at(value, path).as_array().cloned().unwrap_or_default()
}

fn estimate_words(found: &Value) -> Vec<String> {
    let said = |path: &str| text(found, path).unwrap_or_else(|| "no".to_owned());
    let cost = text(found, "cost.amount").map_or_else(
        || "no price".to_owned(),
        |amount| format!("{amount} {}", said("cost.currencyCode")),
    );
    let mut lines = vec![format!(
        "{} recipients, {} segments, {cost}",
        said("recipientCount"),
        said("segmentCount")
    )];
    for one in list(found, "skipped") {
        let reason = text(&one, "reason").unwrap_or_default();
        lines.push(format!("{} skipped, {reason}", text(&one, "count").unwrap_or_default()));
    }
    for one in list(found, "timeline") {
        let of = |path: &str| text(&one, path).unwrap_or_default();
        lines.push(format!("{} at {} in {}", of("messageCount"), of("dueAt"), of("timeZone")));
    }
    for warning in list(found, "warnings") {
        lines.push(format!("warning: {}", warning.as_str().unwrap_or_default()));
    }
    lines
}

fn details_words(found: &Value) -> Vec<String> {
    let mut first = vec![text(found, "status").unwrap_or_default()];
    first.extend(text(found, "sendingDetails.mode"));
    let parts = [
        ("waits for", "waitingFor"),
        ("next due at", "sendingDetails.nextDueAt"),
        ("held by quiet hours until", "sendingDetails.heldByQuietHoursUntil"),
        ("to be completed at", "sendingDetails.expectedCompletionAt"),
    ];
    if at(found, "isPaused") == Value::Bool(true) {
        first.push("paused".to_owned());
    }
    for (words, path) in parts {
        first.extend(text(found, path).map(|value| format!("{words} {value}")));
    }
    let mut lines = vec![first.join(", ")];
    lines.extend(text(found, "sendingDetails.summary"));
    for zone in list(found, "sendingDetails.timeZones") {
        let of = |path: &str| text(&zone, path).unwrap_or_default();
        lines.push(format!(
            "{}: {} messages from {}",
            of("timeZone"),
            of("counts.total"),
            of("startsAt")
        ));
    }
    for delay in list(found, "delays") {
        let of = |path: &str| text(&delay, path).unwrap_or_default();
        let clears = text(&delay, "clearsAt").map(|at| format!(", clears at {at}"));
        let clears = clears.unwrap_or_default();
        lines.push(format!(
            "delay {}: {} messages{clears}. {}",
            of("code"),
            of("messageCount"),
            of("message")
        ));
    }
    lines
}
