//! What the tests of the API share: worlds, calls in few words, and the rows behind a service.
//!
//! **Invariant:** nothing here is asserted of the service that the caller of a helper did not ask for.

use std::collections::BTreeMap;

use api::service::admin::KeySettings;
use domain::access::Role;
use domain::id::SiteId;
use entity::aggregator_connection;
use harness::client::{Client, http_builder};
use harness::scenario::Scenario;
use harness::world::{METRICS_TOKEN, World};
use sea_orm::EntityTrait;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

/// Every part of a campaign's life that a mutation answers with.
pub(crate) const CREATE: &str = "mutation($input: CampaignCreateInput!) { campaignCreate(input: \
    $input) { campaign { id name status revision } userErrors { code message field } } }";
pub(crate) const UPDATE: &str = "mutation($id: ID!, $input: CampaignUpdateInput!) { \
    campaignUpdate(id: $id, input: $input) { campaign { id revision } userErrors { code message \
    field } } }";
pub(crate) const ACTIVATE: &str = "mutation($id: ID!, $input: CampaignActivateInput!) { \
    campaignActivate(id: $id, input: $input) { campaign { id status revision } userErrors { code \
    message field } } }";
pub(crate) const RESCHEDULE: &str = "mutation($id: ID!, $input: CampaignRescheduleInput!) { \
    campaignReschedule(id: $id, input: $input) { campaign { id status revision schedule { startsAt \
    sendBy } } userErrors { code message field } } }";
pub(crate) const CANCEL: &str = "mutation($id: ID!, $input: CampaignCancelInput) { \
    campaignCancel(id: $id, input: $input) { campaign { id status } canceledCount handedOverCount \
    inFlightCount userErrors { code message field } } }";
pub(crate) const PAUSE: &str = "mutation($id: ID!, $input: CampaignPauseInput) { \
    campaignPause(id: $id, input: $input) { campaign { id status isPaused } pendingCount \
    handedOverCount inFlightCount userErrors { code message field } } }";
pub(crate) const RESUME: &str = "mutation($id: ID!, $input: CampaignResumeInput) { \
    campaignResume(id: $id, input: $input) { campaign { id status isPaused } deferredCount \
    skippedCount userErrors { code message field } } }";
pub(crate) const RESOLVE: &str = "mutation($id: ID!, $input: CampaignResolveUnknownInput!) { \
    campaignResolveUnknown(id: $id, input: $input) { campaign { id status } resolvedCount \
    userErrors { code message field } } }";
pub(crate) const DUPLICATE: &str = "mutation($id: ID!, $input: CampaignDuplicateInput) { \
    campaignDuplicate(id: $id, input: $input) { campaign { id name status } userErrors { code \
    message field } } }";
pub(crate) const DELETE: &str = "mutation($id: ID!, $input: CampaignDeleteInput) { \
    campaignDelete(id: $id, input: $input) { deletedCampaignId userErrors { code message field } } }";
pub(crate) const SEND_TEST: &str = "mutation($id: ID!, $input: CampaignSendTestInput!) { \
    campaignSendTest(id: $id, input: $input) { acceptedCount texts { maskedPhoneNumber status \
    segmentCount reason { code aggregatorCode } } userErrors { code message field } } }";
pub(crate) const AUDIENCE: &str = "mutation($input: AudienceCreateInput!) { audienceCreate(input: \
    $input) { audience { id name } userErrors { code message field } } }";
pub(crate) const UPSERT: &str = "mutation($input: SubscribersUpsertInput!) { \
    subscribersUpsert(input: $input) { subscribers { id status } userErrors { code message field } \
    } }";

pub(crate) const UNSUBSCRIBE: &str = "mutation($id: ID!) { subscriberUnsubscribe(id: $id) { \
    subscriber { id status } userErrors { code message field } } }";
pub(crate) const CLEAR: &str = "mutation($id: ID!) { subscriberClearPossibleOptOut(id: $id) { \
    subscriber { id possibleOptOutAt } userErrors { code message field } } }";

pub(crate) const SITE_UPDATE: &str = "mutation($id: ID!, $input: SiteUpdateInput!) { siteUpdate(id: \
    $id, input: $input) { site { id name timeZone subdomain quietHours { isEnabled start end } \
    smartSending { isEnabled window } countries textPrefix textFooter helpReply updatedAt } \
    userErrors { code message field } } }";

/// How long a campaign may take to enter a status.
const ROUNDS_MAX: usize = 50;

/// A world that begins as `yaml` says; the empty text is five subscribers and all going well.
pub(crate) async fn world(yaml: &str) -> World {
    let text = format!("scenario: 1\n{yaml}");
    let scenario = Scenario::parse("it", &text).unwrap();
    World::start(&scenario).await.unwrap()
}

/// Sends an operation; answers the body.
pub(crate) async fn post(client: &Client, query: &str, variables: Value) -> Value {
    client.post(query, variables).await.unwrap()
}

/// Sends a mutation that must succeed, and answers its payload.
pub(crate) async fn done(client: &Client, query: &str, variables: Value) -> Value {
    let answer = post(client, query, variables).await;
    let payload = payload(&answer);
    assert_eq!(payload["userErrors"], json!([]), "{answer}");
    assert!(answer.get("errors").is_none(), "{answer}");
    payload.clone()
}

/// The payload of an answer to one mutation.
pub(crate) fn payload(answer: &Value) -> &Value {
    let payload = answer["data"].as_object().and_then(|data| data.values().next());
    payload.unwrap_or_else(|| panic!("no payload: {answer}"))
}

/// Every problem of an answer in a word or two: `CODE path.of.field` for a user error, `! CODE` for
/// an error at the top.
pub(crate) fn problems(answer: &Value) -> Vec<String> {
    let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let data = answer.get("data").and_then(Value::as_object);
    let payloads = data.into_iter().flat_map(serde_json::Map::values);
    let user = payloads.flat_map(|payload| list(payload.get("userErrors"))).map(|error| {
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.ends_with('.'), "not a sentence: {error}");
        let path = list(error.get("field"));
        let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
        format!("{} {}", text(&error["code"]), path.join(".")).trim_end().to_owned()
    });
    let top = list(answer.get("errors"));
    let top = top.iter().map(|error| format!("! {}", text(&error["extensions"]["code"])));
    user.chain(top).collect()
}

/// The text that a JSON value is.
pub(crate) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// `base` with the members of `patch` over its own; a member that is null is taken out.
pub(crate) fn patched(base: &Value, patch: &Value) -> Value {
    let mut all = base.as_object().cloned().unwrap_or_default();
    for (name, value) in patch.as_object().into_iter().flatten() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    Value::Object(all)
}

/// What a whole draft for everyone is made of.
pub(crate) fn draft_input(world: &World) -> Value {
    json!({
        "name": "Sale",
        "audienceIds": [world.audience("everyone").unwrap()],
        "steps": [{ "body": "20% off today" }],
    })
}

/// Makes a draft for everyone; answers its id.
pub(crate) async fn draft(world: &World) -> String {
    let made = done(world.client(), CREATE, json!({ "input": draft_input(world) })).await;
    text(&made["campaign"]["id"])
}

/// The input that activates at once.
pub(crate) fn now() -> Value {
    json!({ "schedule": { "now": true } })
}

/// The input that activates for a wall-clock time in the store's zone.
pub(crate) fn at(local: &str) -> Value {
    json!({ "schedule": { "atStoreTime": { "localDateTime": local } } })
}

/// The input that activates for a wall-clock time in each subscriber's own zone.
pub(crate) fn at_each(local: &str, if_passed: &str) -> Value {
    let at = json!({ "localDateTime": local, "ifPassed": if_passed });
    json!({ "schedule": { "atSubscriberLocalTime": at } })
}

/// Makes a campaign for everyone and activates it; answers its id.
pub(crate) async fn activated(world: &World, input: Value) -> String {
    let id = draft(world).await;
    done(world.client(), ACTIVATE, json!({ "id": id, "input": input })).await;
    id
}

/// The status of a campaign.
pub(crate) async fn status(world: &World, id: &str) -> String {
    let query = "query($id: ID!) { campaign(id: $id) { status } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    text(&answer["data"]["campaign"]["status"])
}

/// Lets the engine look, at this instant, until the campaign is in that status.
pub(crate) async fn step_until(world: &World, id: &str, wanted: &str) {
    for _ in 0..ROUNDS_MAX {
        if status(world, id).await == wanted {
            return;
        }
        world.step_engine().await.unwrap();
    }
    panic!("the campaign is {} and not {wanted}", status(world, id).await);
}

/// The ids of the sites that a caller reaches.
pub(crate) async fn sites(client: &Client) -> Vec<SiteId> {
    let answer = post(client, "{ viewer { sites { nodes { id } } } }", json!({})).await;
    let nodes = answer["data"]["viewer"]["sites"]["nodes"].as_array().cloned().unwrap();
    nodes.iter().map(|node| text(&node["id"]).parse().unwrap()).collect()
}

/// A new key of that role on those sites.
pub(crate) async fn key(world: &World, role: Role, sites: &[SiteId]) -> String {
    let settings = KeySettings { name: role.as_str(), role, sites, is_development: false };
    let (_, secret) = world.app().service().admin_key(settings).await.unwrap();
    secret.expose_secret().to_owned()
}

/// A caller with a new key of that role on the scenario's site.
pub(crate) async fn caller(world: &World, role: Role) -> Client {
    let site = world.site_id().parse().unwrap();
    let key = key(world, role, &[site]).await;
    world.client_with(Some(key)).unwrap()
}

/// The id of the connection of the site that a caller's key reaches.
pub(crate) async fn connection(world: &World) -> String {
    let rows = aggregator_connection::Entity::find().all(world.db().read()).await.unwrap();
    let site: SiteId = world.site_id().parse().unwrap();
    let ours = rows.into_iter().find(|row| row.site_id == site.0).unwrap();
    domain::id::ConnectionId(ours.id).to_string()
}

/// An answer as it came over the wire: the status, what tells caches and parsers what it is, and
/// every byte.
pub(crate) async fn wire(world: &World, key: &str, query: &str, variables: &Value) -> String {
    let body = json!({ "query": query, "variables": variables }).to_string();
    let request = http_builder()
        .build()
        .unwrap()
        .post(format!("{}/graphql", world.url()))
        .header("content-type", "application/json")
        .bearer_auth(key)
        .body(body);
    let response = request.send().await.unwrap();
    let headers = response.headers().iter().filter(|(name, _)| *name != "date");
    let headers: Vec<String> = headers.map(|(name, value)| format!("{name}: {value:?}")).collect();
    let status = response.status();
    format!("{status}\n{}\n{}", headers.join("\n"), response.text().await.unwrap())
}

/// The status and the body of a page of the service at `url`, asked for with a bearer token or without.
pub(crate) async fn page(url: &str, token: Option<&str>) -> (u16, String) {
    let mut request = http_builder().build().unwrap().get(url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The figures of the service at `url`.
pub(crate) async fn figures(url: &str) -> Figures {
    let (status, text) = page(&format!("{url}/metrics"), Some(METRICS_TOKEN)).await;
    assert_eq!(status, 200, "{text}");
    Figures(text)
}

/// Figures as Prometheus reads them.
pub(crate) struct Figures(pub(crate) String);

impl Figures {
    /// The sum of all values of a figure whose labels have all of these words: `name{label="word"`.
    pub(crate) fn sum(&self, name: &str, words: &[&str]) -> i64 {
        let lines = self.0.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
        let lines = lines.filter(|(labels, _)| labels.is_empty() || labels.starts_with('{'));
        let has_all =
            |labels: &str| words.iter().all(|word| labels.contains(&format!("\"{word}\"")));
        let values: Vec<i64> = lines
            .filter(|(labels, _)| has_all(labels))
            .map(|(_, value)| value.parse().unwrap())
            .collect();
        assert!(!values.is_empty(), "no {name} with {words:?}: {}", self.0);
        values.into_iter().sum()
    }
}

/// Every row of every table, by table, in order.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Rows(BTreeMap<&'static str, Vec<String>>);

/// Hands the names of the entities, each that of its module, to a macro.
macro_rules! for_tables {
    ($macro:ident) => {
        $macro!(
            aggregator_connection,
            api_key,
            api_key_site,
            attempt,
            audience,
            audit_entry,
            campaign,
            campaign_audience,
            campaign_progress,
            campaign_revision,
            campaign_step,
            connection_health,
            consent_log,
            direct_text,
            event,
            idempotency,
            message,
            message_count,
            message_decision,
            opt_out,
            pace,
            receipt,
            sender,
            site,
            site_attribute,
            site_change,
            site_log,
            subscriber,
            subscriber_tag,
            subscriber_tag_past,
        );
    };
}
pub(crate) use for_tables;

macro_rules! tables {
    ($($table:ident),+ $(,)?) => {
        /// The entities, each by the name of its module.
        pub(crate) const TABLES: &[&str] = &[$(stringify!($table)),+];

        impl Rows {
            /// Reads them all.
            pub(crate) async fn of(world: &World) -> Self {
                let mut tables = BTreeMap::new();
                $({
                    let rows = entity::$table::Entity::find().all(world.db().read()).await;
                    let rows = rows.unwrap().into_iter().map(|row| format!("{row:?}"));
                    let mut rows: Vec<String> = rows.collect();
                    rows.sort();
                    tables.insert(stringify!($table), rows);
                })+
                // A key notes when it was last used, whatever it was used for.
                tables.remove("api_key");
                Self(tables)
            }
        }
    };
}
for_tables!(tables);

impl Rows {
    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> usize {
        self.0[table].len()
    }

    /// The tables whose rows are not those of `other`.
    pub(crate) fn differing(&self, other: &Self) -> Vec<&'static str> {
        let differ = |table: &&&'static str| self.0.get(**table) != other.0.get(**table);
        self.0.keys().filter(differ).copied().collect()
    }
}
