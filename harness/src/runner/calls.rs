//! What callers do: the steps of a story as calls of the GraphQL API.

use serde_json::{Map, Value, json};

use super::Error;
use super::story::{Made, Story};
use crate::scenario::{
    Activate, Cancel, Command, Create, Duplicated, MessageStep, Query, Schedule, Update,
};

const CREATE: &str = "mutation($input: CampaignCreateInput!) { campaignCreate(input: $input) { \
    campaign { id status } userErrors { code field } } }";
const UPDATE: &str = "mutation($id: ID!, $input: CampaignUpdateInput!) { campaignUpdate(id: $id, \
    input: $input) { campaign { id status revision } userErrors { code field } } }";
const ACTIVATE: &str = "mutation($id: ID!, $input: CampaignActivateInput!) { \
    campaignActivate(id: $id, input: $input) { campaign { id status schedule { startsAt } } \
    userErrors { code field } } }";
const CANCEL: &str = "mutation($id: ID!, $input: CampaignCancelInput) { campaignCancel(id: $id, \
    input: $input) { campaign { id status } canceledCount handedOverCount inFlightCount \
    userErrors { code field } } }";
const DUPLICATE: &str = "mutation($id: ID!, $input: CampaignDuplicateInput) { \
    campaignDuplicate(id: $id, input: $input) { campaign { id status } \
    userErrors { code field } } }";
const DELETE: &str = "mutation($id: ID!) { campaignDelete(id: $id) { deletedCampaignId \
    userErrors { code field } } }";
/// How a schedule's wall-clock time is written.
const LOCAL: &str = "%Y-%m-%dT%H:%M:%S";

/// A mutation that was answered.
enum Done {
    /// It was done; the payload.
    Ok(Value),
    /// It was refused.
    Refused,
}

impl Story<'_> {
    pub(super) async fn create(&mut self, step: &Create) -> Result<(), Error> {
        let campaign = &self.scenario.campaign;
        let input = json!({
            "name": campaign.name,
            "audienceIds": self.audiences(&campaign.audiences)?,
            "excludedAudienceIds": self.audiences(&campaign.excluded)?,
            "steps": campaign.steps.iter().map(step_input).collect::<Vec<Value>>(),
            "usesSmartSending": campaign.uses_smart_sending,
        });
        let call = format!("campaignCreate \"{}\"", campaign.name);
        let variables = json!({ "input": input });
        let done = self.mutate(&call, CREATE, variables, step.refused.as_ref()).await?;
        let Done::Ok(payload) = done else { return Ok(()) };
        let id = self.made(&payload, step.named.clone())?;
        self.note(format!("→ {call}: {id} {}", status(&payload)));
        Ok(())
    }

    pub(super) async fn duplicate(&mut self, step: &Duplicated) -> Result<(), Error> {
        let original = self.about(step.campaign.as_ref())?;
        let mut input = json!({ "excludesReached": step.excludes_reached });
        put(&mut input, "name", step.name.as_ref().map(|name| json!(name)));
        let without = if step.excludes_reached { " without those reached" } else { "" };
        let call = format!("campaignDuplicate {}{without}", original.id);
        let variables = json!({ "id": original.id, "input": input });
        let done = self.mutate(&call, DUPLICATE, variables, step.refused.as_ref()).await?;
        let Done::Ok(payload) = done else { return Ok(()) };
        let id = self.made(&payload, step.copy.clone())?;
        self.note(format!("→ {call}: {id} {}", status(&payload)));
        Ok(())
    }

    pub(super) async fn activate(&mut self, step: &Activate) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let schedule = step.schedule.unwrap_or(self.scenario.campaign.schedule);
        let (when, schedule) = match schedule {
            Schedule::Now => ("now".to_owned(), json!({ "now": true })),
            Schedule::StoreTime(local) => {
                let local = local.format(LOCAL).to_string();
                let at = json!({ "atStoreTime": { "localDateTime": local } });
                (format!("at {local} store time"), at)
            }
        };
        let mut input = json!({ "schedule": schedule });
        let send_by =
            step.send_by.and_then(|span| self.scenario.start().checked_add_signed(span.delta()));
        let send_by = send_by.map(crate::contract::instant_text);
        put(&mut input, "sendBy", send_by.as_ref().map(|at| json!(at)));
        put(&mut input, "idempotencyKey", step.key.as_ref().map(|key| json!(key)));
        let until = send_by.map_or_else(String::new, |at| format!(", of use until {at}"));
        let call =
            format!("campaignActivate {} {when}{until}{}", made.id, keyed(step.key.as_ref()));
        let variables = json!({ "id": made.id, "input": input });
        let taken = self.world.aggregator().core().with_ledger(crate::aggregator::Ledger::total);
        let done = self.mutate(&call, ACTIVATE, variables, step.refused.as_ref()).await?;
        let Done::Ok(payload) = done else { return Ok(()) };
        for known in self.made.iter_mut().filter(|known| known.id == made.id) {
            known.taken_before = taken;
        }
        let starts_at = payload.pointer("/campaign/schedule/startsAt").and_then(Value::as_str);
        let starts_at = starts_at.map_or_else(String::new, |at| format!(", starts at {at}"));
        self.note(format!("→ {call}: {}{starts_at}", status(&payload)));
        Ok(())
    }

    pub(super) async fn cancel(&mut self, step: &Cancel) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let call = format!("campaignCancel {}{}", made.id, keyed(step.key.as_ref()));
        let mut input = json!({});
        put(&mut input, "idempotencyKey", step.key.as_ref().map(|key| json!(key)));
        let variables = json!({ "id": made.id, "input": input });
        let done = self.mutate(&call, CANCEL, variables, step.refused.as_ref()).await?;
        let Done::Ok(payload) = done else { return Ok(()) };
        let count = |name: &str| payload.get(name).and_then(Value::as_i64).unwrap_or(-1);
        self.note(format!(
            "→ {call}: {}, {} canceled, {} handed over, {} in flight",
            status(&payload),
            count("canceledCount"),
            count("handedOverCount"),
            count("inFlightCount"),
        ));
        Ok(())
    }

    pub(super) async fn delete(&mut self, step: &Command) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let call = format!("campaignDelete {}", made.id);
        let variables = json!({ "id": made.id });
        let done = self.mutate(&call, DELETE, variables, step.refused.as_ref()).await?;
        if let Done::Ok(_) = done {
            self.made.retain(|known| known.id != made.id);
            self.note(format!("→ {call}: deleted"));
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
        let fields: Vec<&str> =
            input.as_object().into_iter().flat_map(Map::keys).map(String::as_str).collect();
        let call = format!("campaignUpdate {} {}", made.id, fields.join(", "));
        let variables = json!({ "id": made.id, "input": input });
        let done = self.mutate(&call, UPDATE, variables, step.refused.as_ref()).await?;
        let Done::Ok(payload) = done else { return Ok(()) };
        let revision = payload.pointer("/campaign/revision").cloned().unwrap_or_default();
        self.note(format!("→ {call}: {}, revision {revision}", status(&payload)));
        Ok(())
    }

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

    /// Calls a mutation, and holds what it answers against what the step says of it.
    async fn mutate(
        &mut self,
        call: &str,
        document: &str,
        variables: Value,
        refused: Option<&String>,
    ) -> Result<Done, Error> {
        let answer = self.world.client().post(document, variables).await?;
        let payload = answer.get("data").and_then(|data| data.as_object()?.values().next());
        let errors = payload.and_then(|payload| payload.get("userErrors")?.as_array());
        let (Some(payload), Some(errors), None) = (payload, errors, answer.get("errors")) else {
            return Err(Error::answer(call, &answer));
        };
        let codes: Vec<&str> =
            errors.iter().filter_map(|error| error.get("code")?.as_str()).collect();
        let told = if codes.is_empty() { "it was done".to_owned() } else { codes.join(", ") };
        match refused {
            Some(expected) if !codes.contains(&expected.as_str()) => {
                self.problems.push(format!("{call} must be refused with {expected}: {told}"));
            }
            None if !codes.is_empty() => {
                self.problems.push(format!("{call} must succeed: {told}"));
            }
            _ => {}
        }
        if codes.is_empty() {
            return Ok(Done::Ok(payload.clone()));
        }
        let refusals: Vec<String> = errors.iter().map(refusal).collect();
        self.note(format!("→ {call}: refused, {}", refusals.join(", ")));
        Ok(Done::Refused)
    }

    /// Remembers a campaign that was made; answers its id.
    fn made(&mut self, payload: &Value, named: Option<String>) -> Result<String, Error> {
        let id = payload.pointer("/campaign/id").and_then(Value::as_str);
        let id = id.map(str::to_owned);
        let id = id.ok_or_else(|| Error::answer("making a campaign", payload))?;
        self.made.push(Made { named, id: id.clone(), taken_before: 0 });
        Ok(id)
    }

    fn audiences(&self, names: &[String]) -> Result<Vec<String>, Error> {
        let ids = names.iter().map(|name| self.world.audience(name).map(str::to_owned));
        Ok(ids.collect::<Result<_, _>>()?)
    }
}

/// Puts a field into an input, if there is a value.
fn put(input: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(input), Some(value)) = (input.as_object_mut(), value) {
        input.insert(name.to_owned(), value);
    }
}

fn step_input(step: &MessageStep) -> Value {
    let mut input = json!({ "body": step.body });
    put(&mut input, "mediaUrl", step.media_url.as_ref().map(|url| json!(url)));
    let delay = step.delay.map(|delay| format!("PT{}S", delay.ms() / 1000));
    put(&mut input, "delay", delay.map(|delay| json!(delay)));
    input
}

fn status(payload: &Value) -> &str {
    payload.pointer("/campaign/status").and_then(Value::as_str).unwrap_or("no status")
}

fn keyed(key: Option<&String>) -> String {
    key.map_or_else(String::new, |key| format!(" with key `{key}`"))
}

/// A refusal in words: its code, and the field it is about.
fn refusal(error: &Value) -> String {
    let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
    let field = error.get("field").and_then(Value::as_array);
    let path: Vec<&str> = field.into_iter().flatten().filter_map(Value::as_str).collect();
    if path.is_empty() { code.to_owned() } else { format!("{code} at {}", path.join(".")) }
}
