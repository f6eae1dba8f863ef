//! What callers do to a campaign's life: the steps of a story as calls of the GraphQL API.

use serde_json::{Map, Value, json};

use super::Error;
use super::expected::{CancelDone, Refusal};
use super::story::{Made, Story};
use crate::record::monotonic_us;
use crate::scenario::{
    Activate, Campaign, Cancel, Command, Create, Duplicated, MessageStep, QuietHours, Schedule,
    Span, Update,
};

pub(crate) const CREATE: &str = "mutation($input: CampaignCreateInput!) { campaignCreate(input: $input) { \
    campaign { id status } userErrors { code field } } }";
const UPDATE: &str = "mutation($id: ID!, $input: CampaignUpdateInput!) { campaignUpdate(id: $id, \
    input: $input) { campaign { id status revision } userErrors { code field } } }";
pub(crate) const ACTIVATE: &str = "mutation($id: ID!, $input: CampaignActivateInput!) { \
    campaignActivate(id: $id, input: $input) { campaign { id status revision schedule { startsAt } } \
    userErrors { code field } } }";
pub(crate) const CANCEL: &str = "mutation($id: ID!, $input: CampaignCancelInput) { campaignCancel(id: $id, \
    input: $input) { campaign { id status revision } canceledCount handedOverCount inFlightCount \
    userErrors { code field } } }";
const DUPLICATE: &str = "mutation($id: ID!, $input: CampaignDuplicateInput) { \
    campaignDuplicate(id: $id, input: $input) { campaign { id status } \
    userErrors { code field } } }";
const DELETE: &str = "mutation($id: ID!) { campaignDelete(id: $id) { deletedCampaignId \
    userErrors { code field } } }";
/// How a schedule's wall-clock time is written.
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S";

/// A mutation to call.
pub(super) struct Call<'a> {
    /// The step's name.
    pub(super) verb: &'static str,
    /// The campaign it is about.
    pub(super) campaign: Option<&'a str>,
    /// What the timeline calls it.
    pub(super) words: String,
    /// The document.
    pub(super) document: &'static str,
    /// Its variables.
    pub(super) variables: Value,
    /// The code it must be refused with; it must succeed, if there is none.
    pub(super) refused: Option<&'a String>,
}

/// A mutation that was answered.
pub(super) enum Done {
    /// It was done; the payload.
    Ok(Value),
    /// It was refused.
    Refused,
}

impl Story<'_> {
    pub(super) async fn create(&mut self, step: &Create) -> Result<(), Error> {
        let scenario = self.scenario;
        let campaign = step.campaign.as_ref().unwrap_or(&scenario.campaign);
        let mut input = json!({
            "name": campaign.name,
            "audienceIds": self.audiences(&campaign.audiences)?,
            "excludedAudienceIds": self.audiences(&campaign.excluded)?,
            "steps": campaign.steps.iter().map(step_input).collect::<Vec<Value>>(),
            "usesSmartSending": campaign.uses_smart_sending,
        });
        put(&mut input, "quietHours", campaign.quiet_hours.as_ref().map(hours_input));
        let call = Call {
            verb: "create",
            campaign: None,
            words: format!("campaignCreate \"{}\"", campaign.name),
            document: CREATE,
            variables: json!({ "input": input }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        let id = self.made(&payload, step.named.clone(), campaign.clone())?;
        self.note(format!("→ {}: {id} {}", call.words, status(&payload)));
        Ok(())
    }

    pub(super) async fn duplicate(&mut self, step: &Duplicated) -> Result<(), Error> {
        let original = self.about(step.campaign.as_ref())?;
        let mut input = json!({ "excludesReached": step.excludes_reached });
        put(&mut input, "name", step.name.as_ref().map(|name| json!(name)));
        let without = if step.excludes_reached { " without those reached" } else { "" };
        let call = Call {
            verb: "duplicate",
            campaign: Some(&original.id),
            words: format!("campaignDuplicate {}{without}", original.id),
            document: DUPLICATE,
            variables: json!({ "id": original.id, "input": input }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        let id = self.made(&payload, step.copy.clone(), original.campaign.clone())?;
        self.note(format!("→ {}: {id} {}", call.words, status(&payload)));
        Ok(())
    }

    pub(super) async fn activate(&mut self, step: &Activate) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let (when, schedule) = schedule_input(step.schedule.unwrap_or(made.campaign.schedule));
        let mut input = json!({ "schedule": schedule });
        let send_by = step.send_by.or(made.campaign.send_by);
        let send_by = send_by.map(|moment| moment.instant(self.scenario.start()));
        let send_by = send_by.map(crate::contract::instant_text);
        put(&mut input, "sendBy", send_by.as_ref().map(|at| json!(at)));
        let lateness = step.max_lateness.or(made.campaign.max_lateness);
        put(&mut input, "maxLateness", lateness.map(|span| json!(duration(span))));
        put(&mut input, "idempotencyKey", step.key.as_ref().map(|key| json!(key)));
        let until = send_by.map_or_else(String::new, |at| format!(", of use until {at}"));
        let late = lateness.map_or_else(String::new, |span| format!(", at most {span} late"));
        let key = keyed(step.key.as_ref());
        let call = Call {
            verb: "activate",
            campaign: Some(&made.id),
            words: format!("campaignActivate {} {when}{until}{late}{key}", made.id),
            document: ACTIVATE,
            variables: json!({ "id": made.id, "input": input }),
            refused: step.refused.as_ref(),
        };
        let taken = self.world.aggregator().core().with_ledger(crate::aggregator::Ledger::total);
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        for known in self.made.iter_mut().filter(|known| known.id == made.id) {
            known.taken_before = taken;
        }
        self.record.frozen(self.world, &made).await?;
        self.note(format!("→ {}: {}{}", call.words, status(&payload), starts_at(&payload)));
        Ok(())
    }

    pub(super) async fn cancel(&mut self, step: &Cancel) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let mut input = json!({});
        put(&mut input, "idempotencyKey", step.key.as_ref().map(|key| json!(key)));
        let call = Call {
            verb: "cancel",
            campaign: Some(&made.id),
            words: format!("campaignCancel {}{}", made.id, keyed(step.key.as_ref())),
            document: CANCEL,
            variables: json!({ "id": made.id, "input": input }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        let count = |name: &str| payload.get(name).and_then(Value::as_u64);
        let (Some(stopped), Some(handed_over), Some(in_flight)) =
            (count("canceledCount"), count("handedOverCount"), count("inFlightCount"))
        else {
            return Err(Error::answer(&call.words, &payload));
        };
        let status = status(&payload).to_owned();
        self.note(format!(
            "→ {}: {status}, {stopped} canceled, {handed_over} handed over, {in_flight} in flight",
            call.words,
        ));
        let campaign = made.id.clone();
        self.cancels.push(CancelDone { campaign, status, stopped, handed_over, in_flight });
        Ok(())
    }

    pub(super) async fn delete(&mut self, step: &Command) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let call = Call {
            verb: "delete",
            campaign: Some(&made.id),
            words: format!("campaignDelete {}", made.id),
            document: DELETE,
            variables: json!({ "id": made.id }),
            refused: step.refused.as_ref(),
        };
        if let Done::Ok(_) = self.mutate(&call).await? {
            self.made.retain(|known| known.id != made.id);
            self.note(format!("→ {}: deleted", call.words));
        }
        Ok(())
    }

    pub(super) async fn update(&mut self, step: &Update) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let mut input = json!({});
        put(&mut input, "name", step.name.as_ref().map(|name| json!(name)));
        let audiences = step.audiences.as_ref().map(|names| self.audiences(names)).transpose()?;
        put(&mut input, "audienceIds", audiences.map(|ids| json!(ids)));
        let excluded = step.excluded.as_ref().map(|names| self.audiences(names)).transpose()?;
        put(&mut input, "excludedAudienceIds", excluded.map(|ids| json!(ids)));
        let steps = step.steps.as_ref().map(|steps| steps.iter().map(step_input).collect());
        put(&mut input, "steps", steps.map(|steps: Vec<Value>| json!(steps)));
        put(&mut input, "usesSmartSending", step.uses_smart_sending.map(|uses| json!(uses)));
        let hours = step.quiet_hours.as_ref();
        let hours = hours.map(|hours| hours.as_option().map_or(Value::Null, hours_input));
        put(&mut input, "quietHours", hours);
        let fields: Vec<&str> =
            input.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let call = Call {
            verb: "update",
            campaign: Some(&made.id),
            words: format!("campaignUpdate {} {}", made.id, fields.join(", ")),
            document: UPDATE,
            variables: json!({ "id": made.id, "input": input }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        let revision = payload.pointer("/campaign/revision").cloned().unwrap_or_default();
        self.note(format!("→ {}: {}, revision {revision}", call.words, status(&payload)));
        Ok(())
    }

    /// Calls a mutation, and holds what it answers against what the step says of it.
    pub(super) async fn mutate(&mut self, call: &Call<'_>) -> Result<Done, Error> {
        let (words, refused) = (&call.words, call.refused);
        let began_us = monotonic_us();
        let answer = self.world.client().post(call.document, call.variables.clone()).await?;
        let payload = answer.get("data").and_then(|data| data.as_object()?.values().next());
        let errors = payload.and_then(|payload| payload.get("userErrors")?.as_array());
        let (Some(payload), Some(errors), None) = (payload, errors, answer.get("errors")) else {
            return Err(Error::answer(words, &answer));
        };
        let codes: Vec<&str> =
            errors.iter().filter_map(|error| error.get("code")?.as_str()).collect();
        self.record.called(call, began_us, payload, &codes);
        let told = if codes.is_empty() { "it was done".to_owned() } else { codes.join(", ") };
        match refused {
            Some(expected) if !codes.contains(&expected.as_str()) => {
                self.problems.push(format!("{words} must be refused with {expected}: {told}"));
            }
            None if !codes.is_empty() => {
                self.problems.push(format!("{words} must succeed: {told}"));
            }
            _ => {}
        }
        if codes.is_empty() {
            return Ok(Done::Ok(payload.clone()));
        }
        self.refusals.push(Refusal {
            verb: call.verb,
            campaign: call.campaign.map(str::to_owned),
            codes: codes.into_iter().map(str::to_owned).collect(),
        });
        let refusals: Vec<String> = errors.iter().map(refusal).collect();
        self.note(format!("→ {words}: refused, {}", refusals.join(", ")));
        Ok(Done::Refused)
    }

    /// Remembers a campaign that was made; answers its id.
    fn made(
        &mut self,
        payload: &Value,
        named: Option<String>,
        campaign: Campaign,
    ) -> Result<String, Error> {
        let id = payload.pointer("/campaign/id").and_then(Value::as_str);
        let id = id.map(str::to_owned);
        let id = id.ok_or_else(|| Error::answer("making a campaign", payload))?;
        self.made.push(Made { named, id: id.clone(), campaign, taken_before: 0 });
        Ok(id)
    }

    fn audiences(&self, names: &[String]) -> Result<Vec<String>, Error> {
        let ids = names.iter().map(|name| self.world.audience(name).map(str::to_owned));
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

/// Puts a field into an input, if there is a value.
pub(super) fn put(input: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(input), Some(value)) = (input.as_object_mut(), value) {
        input.insert(name.to_owned(), value);
    }
}

pub(crate) fn step_input(step: &MessageStep) -> Value {
    let mut input = json!({ "body": step.body });
    put(&mut input, "mediaUrl", step.media_url.as_ref().map(|url| json!(url)));
    put(&mut input, "delay", step.delay.map(|delay| json!(duration(delay))));
    put(&mut input, "condition", step.condition.map(|condition| json!(condition.as_str())));
    input
}

pub(super) fn hours_input(hours: &QuietHours) -> Value {
    let time = |text: &str| format!("{text}:00");
    json!({ "start": time(&hours.start), "end": time(&hours.end) })
}

/// A schedule in words, and as an input.
pub(super) fn schedule_input(schedule: Schedule) -> (String, Value) {
    match schedule {
        Schedule::Now => ("now".to_owned(), json!({ "now": true })),
        Schedule::StoreTime(local) => {
            let local = local.format(LOCAL).to_string();
            let at = json!({ "atStoreTime": { "localDateTime": local } });
            (format!("at {local} store time"), at)
        }
        Schedule::SubscriberTime(time) => {
            let local = time.at.format(LOCAL).to_string();
            let mut at = json!({ "localDateTime": local });
            put(&mut at, "ifPassed", time.if_passed.map(|policy| json!(policy.as_str())));
            let passed = time.if_passed.map(|policy| format!(", where passed {}", policy.as_str()));
            let passed = passed.unwrap_or_default();
            let words = format!("at {local} subscribers' time{passed}");
            (words, json!({ "atSubscriberLocalTime": at }))
        }
    }
}

/// A span as the API writes it.
pub(super) fn duration(span: Span) -> String {
    if span.ms().is_multiple_of(1000) {
        return format!("PT{}S", span.ms() / 1000);
    }
    format!("PT{}.{:03}S", span.ms() / 1000, span.ms() % 1000)
}

/// When a campaign starts, as words after its status.
pub(super) fn starts_at(payload: &Value) -> String {
    let at = payload.pointer("/campaign/schedule/startsAt").and_then(Value::as_str);
    at.map_or_else(String::new, |at| format!(", starts at {at}"))
}

pub(super) fn status(payload: &Value) -> &str {
    payload.pointer("/campaign/status").and_then(Value::as_str).unwrap_or("no status")
}

pub(super) fn keyed(key: Option<&String>) -> String {
    key.map_or_else(String::new, |key| format!(" with key `{key}`"))
}

/// A refusal in words: its code, and the field it is about.
fn refusal(error: &Value) -> String {
    let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
    let field = error.get("field").and_then(Value::as_array);
    let path: Vec<&str> = field.into_iter().flatten().filter_map(Value::as_str).collect();
    if path.is_empty() { code.to_owned() } else { format!("{code} at {}", path.join(".")) }
}
