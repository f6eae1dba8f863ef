//! What a caller changes of the site's settings.

use serde_json::{Value, json};

use super::Error;
use super::calls::{Call, Done, duration, hours_input, keyed, put};
use super::moves::{hours_words, named, smart_sending_words};
use super::story::Story;
use crate::scenario::{QuietHours, SiteUpdate, Span, Switch};

const SITE_UPDATE: &str = "mutation($id: ID!, $input: SiteUpdateInput!) { siteUpdate(id: $id, \
    input: $input) { site { id } userErrors { code field } } }";
/// The window of Smart Sending that is switched off.
const OFF_WINDOW: &str = "PT8H";

impl Story<'_> {
    pub(super) async fn site_update(&mut self, step: &SiteUpdate) -> Result<(), Error> {
        let call = Call {
            verb: "site_update",
            campaign: None,
            words: format!("siteUpdate {}{}", words(step), keyed(step.key.as_ref())),
            document: SITE_UPDATE,
            variables: json!({ "id": self.world.site_id(), "input": input(step) }),
            refused: step.refused.as_ref(),
        };
        if let Done::Ok(_) = self.mutate(&call).await? {
            self.note(format!("→ {}: done", call.words));
        }
        Ok(())
    }
}

fn input(step: &SiteUpdate) -> Value {
    let mut input = json!({});
    put(&mut input, "name", step.name.as_ref().map(|name| json!(name)));
    put(&mut input, "timeZone", step.time_zone.as_ref().map(|zone| json!(zone)));
    put(&mut input, "quietHours", step.quiet_hours.as_ref().map(quiet_hours));
    put(&mut input, "smartSending", step.smart_sending.map(smart_sending));
    let packs = step.rule_packs.iter();
    let packs: Vec<Value> =
        packs.map(|(code, is_on)| json!({ "code": code, "isEnabled": is_on })).collect();
    put(&mut input, "rulePacks", (!packs.is_empty()).then(|| json!(packs)));
    put(&mut input, "countries", step.countries.as_ref().map(|codes| json!(codes)));
    for (_, name, text) in texts(step) {
        put(&mut input, name, text.as_ref().map(|text| json!(text.as_option())));
    }
    put(&mut input, "idempotencyKey", step.key.as_ref().map(|key| json!(key)));
    input
}

/// The texts that can be taken away: in words, in the API, and what is said of each.
fn texts(step: &SiteUpdate) -> [(&'static str, &'static str, &Option<Switch<String>>); 4] {
    [
        ("subdomain", "subdomain", &step.subdomain),
        ("prefix", "textPrefix", &step.text_prefix),
        ("footer", "textFooter", &step.text_footer),
        ("help reply", "helpReply", &step.help_reply),
    ]
}

fn quiet_hours(hours: &Switch<QuietHours>) -> Value {
    let mut input = hours_input(&hours.as_option().cloned().unwrap_or_default());
    put(&mut input, "isEnabled", Some(json!(hours.as_option().is_some())));
    input
}

fn smart_sending(window: Switch<Span>) -> Value {
    let span = window.as_option().copied();
    let written = span.map_or_else(|| OFF_WINDOW.to_owned(), duration);
    json!({ "isEnabled": span.is_some(), "window": written })
}

fn words(step: &SiteUpdate) -> String {
    let mut said = Vec::new();
    said.extend(step.name.as_ref().map(|name| format!("name \"{name}\"")));
    said.extend(step.time_zone.as_ref().map(|zone| format!("time zone {zone}")));
    said.extend(step.quiet_hours.as_ref().map(hours_words));
    said.extend(step.smart_sending.map(smart_sending_words));
    let packs = step.rule_packs.iter();
    said.extend(
        packs
            .map(|(code, is_on)| format!("rule pack {code} {}", if *is_on { "on" } else { "off" })),
    );
    said.extend(step.countries.as_ref().map(|codes| named("countries", codes)));
    said.extend(texts(step).into_iter().filter_map(|(what, _, text)| {
        let article = if text.as_ref()?.as_option().is_some() { "a" } else { "no" };
        Some(format!("{article} {what}"))
    }));
    said.join(", ")
}
