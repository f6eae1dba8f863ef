//! Ids of nobody and ids of another site: the answers are the same, byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use harness::client::Client;
use harness::scenario::Scenario;
use harness::world::World;
use serde_json::{Value, json};

use crate::common::{
    ACTIVATE, AUDIENCE, CANCEL, CLEAR, CREATE, DELETE, DUPLICATE, PAUSE, RESCHEDULE, RESOLVE,
    RESUME, Rows, SEND_TEST, SITE_UPDATE, UNSUBSCRIBE, UPDATE, UPSERT, activated, done, now, post,
    text, wire, world,
};
use crate::sdl::Sdl;

const NODE: &str = "query($id: ID!) { node(id: $id) { __typename id } }";
const SITE: &str = "query($id: ID!) { site(id: $id) { id name } }";
const CAMPAIGN: &str = "query($id: ID!) { campaign(id: $id) { id name status } }";
const OF_STEP: &str = "query($id: ID!) { site { campaigns { nodes { messages(filter: { stepId: $id \
    }) { totalCount nodes { id } } } } } }";
const OF_SUBSCRIBER: &str = "query($id: ID!) { site { campaigns { nodes { messages(filter: { \
    subscriberId: $id }) { totalCount nodes { id } } } } } }";
const EXPLAIN: &str = "query($id: ID!) { site { campaigns { nodes { explainRecipient(subscriberId: $id) \
    { isRecipient } } } } }";
const BY_ACTOR: &str =
    "query($id: ID!) { site { auditEntries(filter: { actorId: $id }) { nodes { operation } } } }";
const TO_OBJECT: &str =
    "query($id: ID!) { site { auditEntries(filter: { objectId: $id }) { nodes { operation } } } }";
const PREVIEW: &str =
    "query($id: ID!) { messagePreview(body: \"Hi {{ first_name }}\", siteId: $id) { text } }";
const STATUS: &str = "subscription($id: ID!) { campaignStatusChanged(campaignId: $id) { cursor } }";
const PROGRESS: &str = "subscription($id: ID!) { campaignProgress(campaignId: $id) { id } }";
const CHANGES: &str = "subscription($id: ID!) { campaignsChanged(siteId: $id) { cursor } }";

/// Where an id goes in.
struct Place {
    /// The argument, as [`Sdl::id_places`] finds it in the schema.
    name: &'static str,
    /// What the id is of, by its prefix; several for a place that takes any.
    kinds: &'static [&'static str],
    query: &'static str,
    /// The variables, with `@` for the id.
    variables: &'static str,
}

const fn place(
    name: &'static str,
    kinds: &'static [&'static str],
    query: &'static str,
    variables: &'static str,
) -> Place {
    Place { name, kinds, query, variables }
}

/// The variables of an operation that takes nothing but the id.
const ID: &str = r#"{"id": "@"}"#;
const ID_AND_NOW: &str = r#"{"id": "@", "input": {"schedule": {"now": true}}}"#;
const ID_AND_TIME: &str = r#"{"id": "@",
    "input": {"schedule": {"atStoreTime": {"localDateTime": "2026-12-24T10:00:00"}}}}"#;

/// Every place of the schema that takes an id.
#[rustfmt::skip]
const PLACES: &[Place] = &[
    place("Campaign.messages(filter.stepId)", &["step"], OF_STEP, ID),
    place("Campaign.messages(filter.subscriberId)", &["sub"], OF_SUBSCRIBER, ID),
    place("Campaign.explainRecipient(subscriberId)", &["sub"], EXPLAIN, ID),
    place("Site.auditEntries(filter.actorId)", &["key"], BY_ACTOR, ID),
    place("Site.auditEntries(filter.objectId)", &["camp", "aud", "site"], TO_OBJECT, ID),
    place("Query.node(id)", &["camp", "aud", "sub", "msg", "evt", "site", "key"], NODE, ID),
    place("Query.site(id)", &["site"], SITE, ID),
    place("Query.campaign(id)", &["camp"], CAMPAIGN, ID),
    place("Query.messagePreview(siteId)", &["site"], PREVIEW, ID),
    place("Subscription.campaignStatusChanged(campaignId)", &["camp"], STATUS, ID),
    place("Subscription.campaignProgress(campaignId)", &["camp"], PROGRESS, ID),
    place("Subscription.campaignsChanged(siteId)", &["site"], CHANGES, ID),
    place("Mutation.campaignUpdate(id)", &["camp"], UPDATE, r#"{"id": "@", "input": {"name": "Stolen"}}"#),
    place("Mutation.campaignActivate(id)", &["camp"], ACTIVATE, ID_AND_NOW),
    place("Mutation.campaignReschedule(id)", &["camp"], RESCHEDULE, ID_AND_TIME),
    place("Mutation.campaignPause(id)", &["camp"], PAUSE, ID),
    place("Mutation.campaignResolveUnknown(id)", &["camp"], RESOLVE, r#"{"id": "@", "input": {"resolution": "WRITE_OFF"}}"#),
    place("Mutation.campaignResolveUnknown(input.messageIds)", &["msg"], RESOLVE, r#"{"id": "SENT", "input": {"resolution": "RESEND", "messageIds": ["@"]}}"#),
    place("Mutation.campaignResume(id)", &["camp"], RESUME, ID),
    place("Mutation.campaignCancel(id)", &["camp"], CANCEL, ID),
    place("Mutation.campaignDelete(id)", &["camp"], DELETE, ID),
    place("Mutation.campaignDuplicate(id)", &["camp"], DUPLICATE, ID),
    place("Mutation.campaignSendTest(id)", &["camp"], SEND_TEST, r#"{"id": "@", "input": {"stepId": "x", "phoneNumbers": []}}"#),
    place("Mutation.campaignSendTest(input.stepId)", &["step"], SEND_TEST, r#"{"id": "SENT", "input": {"stepId": "@", "phoneNumbers": []}}"#),
    place("Mutation.campaignCreate(input.siteId)", &["site"], CREATE, r#"{"input": {"siteId": "@", "name": "Sale"}}"#),
    place("Mutation.campaignCreate(input.audienceIds)", &["aud"], CREATE, r#"{"input": {"name": "Sale", "audienceIds": ["@"]}}"#),
    place("Mutation.campaignCreate(input.excludedAudienceIds)", &["aud"], CREATE, r#"{"input": {"name": "Sale", "excludedAudienceIds": ["@"]}}"#),
    place("Mutation.campaignUpdate(input.audienceIds)", &["aud"], UPDATE, r#"{"id": "MINE", "input": {"audienceIds": ["@"]}}"#),
    place("Mutation.campaignUpdate(input.excludedAudienceIds)", &["aud"], UPDATE, r#"{"id": "MINE", "input": {"excludedAudienceIds": ["@"]}}"#),
    place("Mutation.audienceCreate(input.siteId)", &["site"], AUDIENCE, r#"{"input": {"siteId": "@", "name": "New", "rules": {}}}"#),
    place("Mutation.subscribersUpsert(input.siteId)", &["site"], UPSERT, r#"{"input": {"siteId": "@", "subscribers": [{"phoneNumber": "+12125550142"}]}}"#),
    place("Mutation.subscriberUnsubscribe(id)", &["sub"], UNSUBSCRIBE, ID),
    place("Mutation.subscriberClearPossibleOptOut(id)", &["sub"], CLEAR, ID),
    place("Mutation.siteUpdate(id)", &["site"], SITE_UPDATE, r#"{"id": "@", "input": {"name": "Stolen"}}"#),
];

/// Goal: nobody can find out what another site has. Method: at every place that takes an id, ask for
/// something of another site, for something that is nowhere, and for what is no id at all: the
/// answers are the same to the last byte, and no row changes. Then the owner asks, and is answered
/// otherwise, which shows that there was something to find.
#[tokio::test]
async fn a_foreign_id_is_answered_like_one_of_nobody() {
    let world = world("subscribers: [{ count: 2 }]\n").await;
    let other = world.other_site_key(&Scenario::default()).await.unwrap();
    let theirs = of_other_site(&world, &world.client_with(Some(other.clone())).unwrap()).await;
    let ours = activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    let mine = crate::common::draft(&world).await;
    let before = Rows::of(&world).await;
    let asked = |place: &Place, id: &str| {
        let text = place.variables.replace('@', id).replace("MINE", &mine).replace("SENT", &ours);
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let mut told = BTreeMap::new();
    for place in PLACES {
        for kind in place.kinds {
            let foreign = &theirs[*kind];
            let nobody = format!("{kind}_0190a5b20000700080000000000000ff");
            let no_ids = [ours.replace("camp_", "snd_"), "x".to_owned(), String::new()];
            let wanted = ask(&world, world.key(), place, &asked(place, &nobody)).await;
            for id in no_ids.iter().chain([foreign, &foreign.to_uppercase()]) {
                let answer = ask(&world, world.key(), place, &asked(place, id)).await;
                assert_eq!(answer, wanted, "{} with {id}", place.name);
            }
            told.insert((place.name, *kind), wanted);
        }
    }
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    let their_draft = &theirs["draft"];
    for place in PLACES {
        for kind in place.kinds {
            let variables = asked(place, &theirs[*kind]).to_string();
            let variables = variables.replace(&mine, their_draft).replace(&ours, &theirs["camp"]);
            let variables = serde_json::from_str(&variables).unwrap();
            let answer = ask(&world, &other, place, &variables).await;
            assert_ne!(answer, told[&(place.name, *kind)], "{} of {kind}", place.name);
        }
    }
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Operations that take no id at all.
const WITHOUT_IDS: &[&str] = &["Query.viewer", "Query.engine"];

/// Goal: no place is left out. Method: the places are those of schema.graphql, inputs within inputs
/// included, and each of its operations is either among them or known to take no id.
#[test]
fn every_place_that_takes_an_id_is_asked() {
    let schema = Sdl::read();
    let mut named: Vec<&str> = PLACES.iter().map(|place| place.name).collect();
    named.sort_unstable();
    assert_eq!(named, schema.id_places());
    let asked = PLACES.iter().filter_map(|place| place.name.split('(').next());
    let asked: BTreeSet<&str> = asked.chain(WITHOUT_IDS.iter().copied()).collect();
    for operation in schema.operations() {
        assert!(asked.contains(operation.as_str()), "{operation} has no case");
    }
}

/// What another site has, one of each kind by its prefix, and a `draft`.
async fn of_other_site(world: &World, client: &Client) -> BTreeMap<&'static str, String> {
    let rows = json!([{ "phoneNumber": "+12125550100" }, { "phoneNumber": "+12125550101" }]);
    done(client, UPSERT, json!({ "input": { "subscribers": rows } })).await;
    let audience = json!({ "input": { "name": "theirs", "rules": {} } });
    let audience = text(&done(client, AUDIENCE, audience).await["audience"]["id"]);
    let input = json!({ "name": "Theirs", "audienceIds": [audience], "steps": [{ "body": "Hi" }] });
    let create = async || {
        let made = done(client, CREATE, json!({ "input": input })).await;
        text(&made["campaign"]["id"])
    };
    let campaign = create().await;
    done(client, ACTIVATE, json!({ "id": campaign, "input": now() })).await;
    world.run_until_idle().await.unwrap();
    let query = "query($id: ID!) { campaign(id: $id) { id site { id } steps { id } \
        messages(first: 1) { nodes { id subscriber { id } } } events(first: 1) { nodes { id } } } \
        viewer { apiKey { id } } }";
    let answer = post(client, query, json!({ "id": campaign })).await;
    let of = |path: &str| text(answer.pointer(path).unwrap_or(&Value::Null));
    let found = BTreeMap::from([
        ("site", of("/data/campaign/site/id")),
        ("step", of("/data/campaign/steps/0/id")),
        ("msg", of("/data/campaign/messages/nodes/0/id")),
        ("sub", of("/data/campaign/messages/nodes/0/subscriber/id")),
        ("evt", of("/data/campaign/events/nodes/0/id")),
        ("key", of("/data/viewer/apiKey/id")),
        ("camp", campaign),
        ("aud", audience),
        ("draft", create().await),
    ]);
    assert!(found.iter().all(|(kind, id)| *kind == "draft" || id.starts_with(kind)), "{found:?}");
    found
}

/// What comes over the wire: for a subscription, the first payload or the refusal.
async fn ask(world: &World, key: &str, place: &Place, variables: &Value) -> String {
    if !place.query.starts_with("subscription") {
        return wire(world, key, place.query, variables).await;
    }
    let client = world.client_with(Some(key.to_owned())).unwrap();
    let mut subscription = client.subscribe(place.query, variables.clone()).await.unwrap();
    // Nothing comes at once of a site's changes but a refusal.
    let first = tokio::time::timeout(
        std::time::Duration::from_secs(if place.query == CHANGES { 1 } else { 10 }),
        subscription.next_value(),
    );
    match first.await {
        Ok(Some(Ok(payload))) => payload.to_string(),
        Ok(ended) => format!("{ended:?}"),
        Err(_) => "it goes on".to_owned(),
    }
}
