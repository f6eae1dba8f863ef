//! Setting a world up: what only an operator can do through the service's set-up functions, the
//! rest as a caller over HTTP, and opt-outs as texts that come in by the aggregator.

use std::collections::BTreeMap;

use api::app::App;
use api::service::admin::{
    ConnectionSettings, KeySettings, SenderSettings, SetUpError, SiteSettings,
};
use chrono::{DateTime, NaiveTime, Utc};
use domain::access::Role;
use domain::id::{ConnectionId, SiteId};
use domain::phone::PhoneNumber;
use domain::place::Countries;
use domain::rule_pack::RulePacks;
use domain::site::{self as rules, SmartSending, SmsPlanStatus};
use domain::zone::Zone;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};

use super::{Error, Site};
use crate::aggregator;
use crate::client::{Client, http_builder};
use crate::contract::signing::{
    WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, WebhookSecret, sign,
};
use crate::contract::{Event, EventData, EventType};
use crate::scenario::{
    self, Agreement, Scenario, SeedSubscriber, SiteChange, SiteStatus, SmsPlan, Switch,
};

/// The scenario's site.
pub(crate) const SITE: &str = "Demo";
/// The second one.
pub(super) const OTHER_SITE: &str = "Other";
/// The number everything is sent from.
pub(crate) const SENDER: &str = "+18885550100";
/// Where nobody listens: the discard port.
const NOWHERE: &str = "http://127.0.0.1:9";
/// Subscribers added in one call.
const UPSERT_MAX: usize = 1000;
/// Smart Sending's window.
const SMART_SENDING_WINDOW_S: i64 = 8 * 60 * 60;

const UPSERT: &str = "mutation($input: SubscribersUpsertInput!) \
    { subscribersUpsert(input: $input) { userErrors { code message field } } }";
const AUDIENCE: &str = "mutation($input: AudienceCreateInput!) \
    { audienceCreate(input: $input) { audience { id } userErrors { code message field } } }";

/// What setting up needs.
pub(crate) struct Plan<'a> {
    /// The service.
    pub(crate) app: &'a App,
    /// Its URL.
    pub(crate) url: &'a str,
}

/// What service and aggregator agree on: token and secret, and where the aggregator posts.
pub(crate) fn agreed(url: &str, connection_id: ConnectionId) -> aggregator::Settings {
    aggregator::Settings {
        callback_url: Some(hook(url, connection_id)),
        sender: Some(SENDER.to_owned()),
        ..aggregator::Settings::default()
    }
}

/// Where receipts of a connection come in.
pub(crate) fn hook(url: &str, connection_id: ConnectionId) -> String {
    format!("{url}/hooks/generic/{connection_id}")
}

impl Plan<'_> {
    /// Makes a site like the scenario's, with a connection to nowhere yet, a sender and a key.
    pub(crate) async fn site(&self, name: &str, scenario: &Scenario) -> Result<Site, Error> {
        let service = self.app.service();
        let mut settings = changed(&SiteChange::from(&scenario.site))?;
        if name != SITE {
            // A subdomain is one site's.
            let subdomain = settings.subdomain.filter(|text| !text.is_empty());
            settings.subdomain = subdomain.map(|text| format!("{text}-2"));
        }
        let id = service.admin_site(name, settings).await?;
        let connection_id = self.connection(id, NOWHERE, None, scenario.connection).await?;
        let sender = SenderSettings {
            site_id: id,
            phone: phone(SENDER)?,
            connection_id: Some(connection_id),
            segments_per_s: Some(scenario.site.sender_segments_per_s.into()),
            is_ready: Some(true),
        };
        service.admin_sender(sender).await?;
        let key = KeySettings {
            name: "dashboard",
            role: Role::Admin,
            sites: &[id],
            is_development: false,
        };
        let (_, secret) = service.admin_key(key).await.map_err(SetUpError::from)?;
        let key = secret.expose_secret().to_owned();
        let client = client(self.url, Some(key.clone()))?;
        Ok(Site { id, connection_id, key, client })
    }

    /// Makes the site's connection, or points it at `base_url`, with the status page there is.
    pub(crate) async fn connection(
        &self,
        site_id: SiteId,
        base_url: &str,
        status_page_url: Option<&str>,
        agreement: Agreement,
    ) -> Result<ConnectionId, Error> {
        let agreed = aggregator::Settings::default();
        let settings = ConnectionSettings {
            site_id,
            name: "aggregator".to_owned(),
            base_url: Some(base_url.to_owned()),
            token: Some(SecretString::from(agreed.token)),
            webhook_secret: Some(SecretString::from(agreed.webhook_secret)),
            webhook_secret_next: None,
            key_window_s: Some(i64::from(agreement.key_hours) * 60 * 60),
            has_lookup: Some(agreement.look_up),
            status_page_url: status_page_url.map(str::to_owned),
            segments_per_s: None,
        };
        Ok(self.app.service().admin_connection(settings).await?)
    }

    /// Makes the scenario's subscribers and audiences; answers the audiences' ids by name. Those who
    /// have opted out have texted STOP, which waits in the service's inbox.
    pub(crate) async fn people(
        &self,
        site: &Site,
        scenario: &Scenario,
    ) -> Result<BTreeMap<String, String>, Error> {
        let everybody = scenario.seed_subscribers();
        for some in everybody.chunks(UPSERT_MAX) {
            let rows: Vec<Value> = some.iter().map(row).collect();
            let input = json!({ "input": { "subscribers": rows } });
            done(&site.client.post(UPSERT, input).await?, "subscribersUpsert")?;
        }
        for gone in everybody.iter().filter(|one| one.unsubscribed) {
            self.opt_out(site.connection_id, gone, scenario.start().timestamp()).await?;
        }
        let mut ids = BTreeMap::new();
        for (name, audience) in &scenario.audiences {
            let rules = json!({
                "tagsAny": audience.tags_any,
                "tagsAll": audience.tags_all,
                "tagsNone": audience.tags_none,
            });
            let input = json!({ "input": { "name": name, "rules": rules } });
            let answer = site.client.post(AUDIENCE, input).await?;
            done(&answer, "audienceCreate")?;
            ids.insert(name.clone(), text(&answer, "/data/audienceCreate/audience/id")?);
        }
        Ok(ids)
    }

    /// Posts a STOP as the aggregator would.
    async fn opt_out(
        &self,
        connection: ConnectionId,
        who: &SeedSubscriber,
        timestamp: i64,
    ) -> Result<(), Error> {
        let at = chrono::DateTime::from_timestamp(timestamp, 0).unwrap_or_default();
        let id = format!("whk_stop_{}", who.phone);
        let text = Text { id: &id, from: &who.phone, words: "STOP", at };
        let http = http_builder().build().map_err(Error::Post)?;
        let status = text.post(&http, &hook(self.url, connection)).await?;
        if (200..300).contains(&status) { Ok(()) } else { Err(Error::OptOut(status)) }
    }
}

/// A text that a phone sends, as the aggregator passes it on.
pub(crate) struct Text<'a> {
    /// The id of the event.
    pub(crate) id: &'a str,
    /// Whose it is.
    pub(crate) from: &'a str,
    /// Its words.
    pub(crate) words: &'a str,
    /// When it was written, and is posted.
    pub(crate) at: DateTime<Utc>,
}

impl Text<'_> {
    /// Posts it, signed with the secret that was agreed on; answers the HTTP status.
    pub(crate) async fn post(&self, http: &reqwest::Client, hook: &str) -> Result<u16, Error> {
        let event = Event {
            kind: EventType::Received,
            timestamp: self.at,
            data: EventData {
                id: self.id.to_owned(),
                reference: None,
                to: SENDER.to_owned(),
                from: self.from.to_owned(),
                code: None,
                text: Some(self.words.to_owned()),
            },
        };
        let body = json!(event).to_string().into_bytes();
        let agreed = aggregator::Settings::default();
        let secret = WebhookSecret::parse(&agreed.webhook_secret).map_err(Error::Signing)?;
        let timestamp = self.at.timestamp();
        let signature = sign(&secret, self.id, timestamp, &body);
        let answer = http
            .post(hook)
            .header(WEBHOOK_ID, self.id)
            .header(WEBHOOK_TIMESTAMP, timestamp.to_string())
            .header(WEBHOOK_SIGNATURE, signature)
            .body(body)
            .send()
            .await
            .map_err(Error::Post)?;
        Ok(answer.status().as_u16())
    }
}

/// A caller of the service at `url`.
pub(super) fn client(url: &str, token: Option<String>) -> Result<Client, Error> {
    Ok(Client::new(format!("{url}/graphql"), token)?)
}

/// A change of a site as the service's settings.
pub(super) fn changed(change: &SiteChange) -> Result<SiteSettings, Error> {
    let plan = change.plan.map(|plan| match plan {
        SmsPlan::Active => (SmsPlanStatus::Active, None),
        SmsPlan::Trial(trial) => (SmsPlanStatus::Trial, Some(trial.limit.into())),
        SmsPlan::None => (SmsPlanStatus::None, None),
    });
    let (plan, trial_limit) = plan.unzip();
    let status = change.status.map(|status| match status {
        SiteStatus::Active => rules::SiteStatus::Active,
        SiteStatus::Inactive => rules::SiteStatus::Inactive,
    });
    let zone = change.time_zone.as_ref();
    let zone = zone.map(|name| name.parse::<Zone>().map_err(|error| wrong(name, error)));
    let smart_sending = change.smart_sending.map(|window| SmartSending {
        is_enabled: window.as_option().is_some(),
        window_s: window
            .as_option()
            .map_or(SMART_SENDING_WINDOW_S, |span| span.delta().num_seconds()),
    });
    Ok(SiteSettings {
        status,
        plan,
        trial_limit: trial_limit.flatten(),
        subdomain: change.subdomain.clone(),
        zone: zone.transpose()?,
        quiet_hours: change.quiet_hours.as_ref().map(quiet_hours).transpose()?,
        rule_packs: change.rule_packs.as_ref().map(|packs| rule_packs(packs)).transpose()?,
        smart_sending,
        text_prefix: change.text_prefix.clone(),
        text_footer: change.text_footer.clone(),
        countries: change.countries.as_ref().map(|codes| countries(codes)).transpose()?,
        help_reply: change.help_reply.clone(),
        ..Default::default()
    })
}

fn quiet_hours(hours: &Switch<scenario::QuietHours>) -> Result<rules::QuietHours, Error> {
    let time =
        |text: &str| NaiveTime::parse_from_str(text, "%H:%M").map_err(|error| wrong(text, error));
    let written = hours.as_option().cloned().unwrap_or_default();
    let quiet = rules::QuietHours::new(time(&written.start)?, time(&written.end)?);
    let quiet = quiet.map_err(|error| wrong("quiet hours", error))?;
    Ok(quiet.switched(hours.as_option().is_some()))
}

fn countries(codes: &[String]) -> Result<Countries, Error> {
    let text = codes.join(" ");
    text.parse().map_err(|error| wrong(&text, error))
}

fn rule_packs(codes: &[String]) -> Result<RulePacks, Error> {
    let text = codes.join(" ");
    text.parse().map_err(|error| wrong(&text, error))
}

fn phone(text: &str) -> Result<PhoneNumber, Error> {
    PhoneNumber::parse(text).map_err(|error| wrong("the sender's number", error))
}

fn wrong(value: &str, source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Value { value: value.to_owned(), source: Box::new(source) }
}

fn row(one: &SeedSubscriber) -> Value {
    let mut row = json!({ "phoneNumber": one.phone, "tags": one.tags });
    let Some(fields) = row.as_object_mut() else { return row };
    let texts = [
        ("timeZone", &one.time_zone),
        ("observedTimeZone", &one.observed_time_zone),
        ("postalCode", &one.postal_code),
    ];
    for (name, value) in texts {
        fields.extend(value.as_ref().map(|value| (name.to_owned(), json!(value))));
    }
    if !one.attributes.is_empty() {
        let attributes = one.attributes.iter();
        let attributes = attributes.map(|(name, value)| json!({ "name": name, "value": value }));
        fields.insert("attributes".to_owned(), attributes.collect());
    }
    row
}

/// Refuses an answer that holds errors of either kind.
fn done(answer: &Value, mutation: &str) -> Result<(), Error> {
    let errors = answer.pointer(&format!("/data/{mutation}/userErrors"));
    let is_done = errors.and_then(Value::as_array).is_some_and(Vec::is_empty);
    if is_done && answer.get("errors").is_none() {
        return Ok(());
    }
    Err(Error::answer(&format!("{mutation} without errors"), answer))
}

/// The text at a JSON pointer of an answer.
pub(super) fn text(answer: &Value, path: &str) -> Result<String, Error> {
    let found = answer.pointer(path).and_then(Value::as_str).map(str::to_owned);
    found.ok_or_else(|| Error::answer(path, answer))
}
