//! What callers do to a campaign that runs: halt it, move it, try it out, and let people go.

use serde_json::{Value, json};

use super::Error;
use super::calls::{Call, Done, duration, keyed, put, schedule_input, starts_at, status};
use super::story::Story;
use crate::contract::instant_text;
use crate::privacy::mask;
use crate::scenario::{
    ClearPossibleOptOut, Command, QuietHours, Reschedule, Resolution, ResolveUnknown, SendTest,
    SiteChange, SmsPlan, Span, Switch, Tag, Unsubscribe,
};

pub(crate) const PAUSE: &str = "mutation($id: ID!) { campaignPause(id: $id) { campaign { id status revision isPaused } \
    inFlightCount handedOverCount userErrors { code field } } }";
pub(crate) const RESUME: &str = "mutation($id: ID!) { campaignResume(id: $id) { campaign { id status revision isPaused } \
    userErrors { code field } } }";
pub(crate) const RESCHEDULE: &str = "mutation($id: ID!, $input: CampaignRescheduleInput!) { \
    campaignReschedule(id: $id, input: $input) { campaign { id status schedule { startsAt } } \
    userErrors { code field } } }";
const SEND_TEST: &str = "mutation($id: ID!, $input: CampaignSendTestInput!) { campaignSendTest( \
    id: $id, input: $input) { acceptedCount userErrors { code field } } }";
const UNSUBSCRIBE: &str = "mutation($id: ID!) { subscriberUnsubscribe(id: $id) { subscriber { \
    status } userErrors { code field } } }";
const CLEAR: &str = "mutation($id: ID!) { subscriberClearPossibleOptOut(id: $id) { subscriber { \
    possibleOptOutAt } userErrors { code field } } }";
const STEPS: &str = "query($id: ID!) { campaign(id: $id) { steps { id } } }";
const RESOLVE: &str = "mutation($id: ID!, $input: CampaignResolveUnknownInput!) { \
    campaignResolveUnknown(id: $id, input: $input) { campaign { id status } resolvedCount \
    userErrors { code field } } }";
const UNKNOWN: &str = "query($id: ID!) { campaign(id: $id) { messages(first: 100, filter: { \
    statuses: [UNKNOWN] }) { nodes { id subscriber { phoneNumber } } } } }";
const UPSERT: &str = "mutation($input: SubscribersUpsertInput!) { subscribersUpsert(input: $input) { \
    subscribers { id } userErrors { code field } } }";
const SUBSCRIBER: &str = "query($phone: PhoneNumber) { site { subscribers(first: 1, filter: { \
    phoneNumber: $phone }) { nodes { id } } } }";

impl Story<'_> {
    pub(super) async fn pause(&mut self, step: &Command) -> Result<(), Error> {
        self.halt("pause", "campaignPause", PAUSE, step).await
    }

    pub(super) async fn resume(&mut self, step: &Command) -> Result<(), Error> {
        self.halt("resume", "campaignResume", RESUME, step).await
    }

    async fn halt(
        &mut self,
        verb: &'static str,
        mutation: &str,
        document: &'static str,
        step: &Command,
    ) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let call = Call {
            verb,
            campaign: Some(&made.id),
            words: format!("{mutation} {}", made.id),
            document,
            variables: json!({ "id": made.id }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        let is_paused = payload.pointer("/campaign/isPaused") == Some(&Value::Bool(true));
        let paused = if is_paused { ", paused" } else { "" };
        self.note(format!("→ {}: {}{paused}", call.words, status(&payload)));
        Ok(())
    }

    pub(super) async fn resolve_unknown(&mut self, step: &ResolveUnknown) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let (verb, resolution) = match step.resolution {
            Resolution::Resend => ("resend", "RESEND"),
            Resolution::WriteOff => ("write_off", "WRITE_OFF"),
        };
        let mut input = json!({ "resolution": resolution });
        put(&mut input, "idempotencyKey", step.key.as_ref().map(|key| json!(key)));
        let mut whose = String::new();
        if !step.to.is_empty() {
            let nodes = "/data/campaign/messages/nodes";
            let nodes = self.answer(UNKNOWN, json!({ "id": made.id }), nodes).await?;
            let is_meant = |node: &&Value| {
                let phone = node.pointer("/subscriber/phoneNumber").and_then(Value::as_str);
                phone.is_some_and(|phone| step.to.iter().any(|to| to == phone))
            };
            let ids = nodes.as_array().into_iter().flatten().filter(is_meant);
            let ids: Vec<Value> = ids.filter_map(|node| node.get("id").cloned()).collect();
            put(&mut input, "messageIds", Some(json!(ids)));
            let to: Vec<String> = step.to.iter().map(|phone| mask(phone)).collect();
            whose = format!(" to {}", to.join(", "));
        }
        let key = keyed(step.key.as_ref());
        let call = Call {
            verb,
            campaign: Some(&made.id),
            words: format!("campaignResolveUnknown {} {resolution}{whose}{key}", made.id),
            document: RESOLVE,
            variables: json!({ "id": made.id, "input": input }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        let resolved = payload.get("resolvedCount").cloned().unwrap_or_default();
        self.note(format!("→ {}: {}, {resolved} settled", call.words, status(&payload)));
        Ok(())
    }

    pub(super) async fn reschedule(&mut self, step: &Reschedule) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let (when, schedule) = schedule_input(step.schedule);
        let mut input = json!({ "schedule": schedule });
        let start = self.scenario.start();
        let send_by = step.send_by.map(|until| match until {
            Switch::Off => Value::Null,
            Switch::On(moment) => json!(instant_text(moment.instant(start))),
        });
        let until = match &send_by {
            Some(Value::String(at)) => format!(", of use until {at}"),
            Some(_) => ", of use always".to_owned(),
            None => String::new(),
        };
        put(&mut input, "sendBy", send_by);
        let late = match step.max_lateness {
            Some(Switch::On(span)) => format!(", at most {span} late"),
            Some(Switch::Off) => ", as late as the service allows".to_owned(),
            None => String::new(),
        };
        let lateness = step.max_lateness.map(|late| json!(late.as_option().copied().map(duration)));
        put(&mut input, "maxLateness", lateness);
        let call = Call {
            verb: "reschedule",
            campaign: Some(&made.id),
            words: format!("campaignReschedule {} {when}{until}{late}", made.id),
            document: RESCHEDULE,
            variables: json!({ "id": made.id, "input": input }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        self.record.frozen(self.world, &made).await?;
        self.note(format!("→ {}: {}{}", call.words, status(&payload), starts_at(&payload)));
        Ok(())
    }

    pub(super) async fn send_test(&mut self, step: &SendTest) -> Result<(), Error> {
        let made = self.about(step.campaign.as_ref())?;
        let pointer = format!("/data/campaign/steps/{}/id", step.step);
        let step_id = self.answer(STEPS, json!({ "id": made.id }), &pointer).await?;
        let mut input = json!({ "stepId": step_id, "phoneNumbers": step.to.0 });
        put(&mut input, "idempotencyKey", step.key.as_ref().map(|key| json!(key)));
        let to: Vec<String> = step.to.iter().map(|phone| mask(phone)).collect();
        let key = keyed(step.key.as_ref());
        let call = Call {
            verb: "send_test",
            campaign: Some(&made.id),
            words: format!("campaignSendTest {} to {}{key}", made.id, to.join(", ")),
            document: SEND_TEST,
            variables: json!({ "id": made.id, "input": input }),
            refused: step.refused.as_ref(),
        };
        let Done::Ok(payload) = self.mutate(&call).await? else { return Ok(()) };
        let accepted = payload.get("acceptedCount").cloned().unwrap_or_default();
        self.note(format!("→ {}: {accepted} accepted", call.words));
        Ok(())
    }

    pub(super) async fn unsubscribe(&mut self, step: &Unsubscribe) -> Result<(), Error> {
        let named = ("unsubscribe", "subscriberUnsubscribe");
        let payload = self.of_subscriber(named, UNSUBSCRIBE, &step.phone).await?;
        self.record.unsubscribed(&step.phone, &payload);
        let status = payload.pointer("/subscriber/status").and_then(Value::as_str);
        let words = format!("→ subscriberUnsubscribe {}", mask(&step.phone));
        self.note(format!("{words}: {}", status.unwrap_or("refused")));
        Ok(())
    }

    pub(super) async fn clear_possible_opt_out(
        &mut self,
        step: &ClearPossibleOptOut,
    ) -> Result<(), Error> {
        let named = ("clear_possible_opt_out", "subscriberClearPossibleOptOut");
        let payload = self.of_subscriber(named, CLEAR, &step.phone).await?;
        let marked_at = payload.pointer("/subscriber/possibleOptOutAt");
        let told = match marked_at {
            Some(Value::Null) => "cleared",
            Some(_) => "still marked",
            None => "refused",
        };
        self.note(format!("→ subscriberClearPossibleOptOut {}: {told}", mask(&step.phone)));
        Ok(())
    }

    pub(super) async fn tag(&mut self, step: &Tag) -> Result<(), Error> {
        let tags = if step.tags.is_empty() { "none".to_owned() } else { step.tags.join(", ") };
        let row = json!({ "phoneNumber": step.phone, "tags": step.tags });
        let call = Call {
            verb: "tag",
            campaign: None,
            words: format!("subscribersUpsert {}, tags {tags}", mask(&step.phone)),
            document: UPSERT,
            variables: json!({ "input": { "subscribers": [row] } }),
            refused: None,
        };
        let Done::Ok(_) = self.mutate(&call).await? else { return Ok(()) };
        self.record.tagged(&step.phone, &step.tags);
        self.note(format!("→ {}: done", call.words));
        Ok(())
    }

    /// Calls a mutation on the subscriber that has a phone; answers the payload, null if it was refused.
    async fn of_subscriber(
        &mut self,
        (verb, mutation): (&'static str, &'static str),
        document: &'static str,
        phone: &str,
    ) -> Result<Value, Error> {
        let variables = json!({ "phone": phone });
        let id = self.answer(SUBSCRIBER, variables, "/data/site/subscribers/nodes/0/id").await?;
        let call = Call {
            verb,
            campaign: None,
            words: format!("{mutation} {}", mask(phone)),
            document,
            variables: json!({ "id": id }),
            refused: None,
        };
        match self.mutate(&call).await? {
            Done::Ok(payload) => Ok(payload),
            Done::Refused => Ok(Value::Null),
        }
    }
}

/// What an operator changed, in words.
pub(super) fn site_words(change: &SiteChange) -> String {
    let mut said = Vec::new();
    said.extend(change.status.map(|status| format!("status {status:?}").to_lowercase()));
    said.extend(change.plan.map(|plan| match plan {
        SmsPlan::Trial(trial) => format!("plan trial of {} segments", trial.limit),
        plan => format!("plan {plan:?}").to_lowercase(),
    }));
    said.extend(change.subdomain.as_ref().map(|name| match name.as_str() {
        "" => "no subdomain".to_owned(),
        name => format!("subdomain {name}"),
    }));
    said.extend(change.time_zone.as_ref().map(|zone| format!("time zone {zone}")));
    said.extend(change.quiet_hours.as_ref().map(hours_words));
    said.extend(change.smart_sending.map(smart_sending_words));
    said.extend(change.rule_packs.as_ref().map(|packs| named("rule packs", packs)));
    said.extend(change.countries.as_ref().map(|countries| named("countries", countries)));
    let texts = [
        ("prefix", &change.text_prefix),
        ("footer", &change.text_footer),
        ("help reply", &change.help_reply),
    ];
    for (what, text) in texts {
        let words = text.as_ref().map(|text| if text.is_empty() { "no " } else { "a " });
        said.extend(words.map(|article| format!("{article}{what}")));
    }
    format!("→ site set: {}", said.join(", "))
}

pub(super) fn hours_words(hours: &Switch<QuietHours>) -> String {
    match hours {
        Switch::Off => "quiet hours off".to_owned(),
        Switch::On(hours) => format!("quiet hours {} to {}", hours.start, hours.end),
    }
}

pub(super) fn smart_sending_words(window: Switch<Span>) -> String {
    match window {
        Switch::Off => "Smart Sending off".to_owned(),
        Switch::On(window) => format!("Smart Sending {window}"),
    }
}

pub(super) fn named(what: &str, names: &[String]) -> String {
    if names.is_empty() { format!("no {what}") } else { format!("{what} {}", names.join(" ")) }
}
