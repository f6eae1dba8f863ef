//! The matrix of roles: every operation, and every field that asks for a scope, under a key of each role
//! and under none.
//!
//! **Invariant:** an operation or a gated field without a case fails the test.

use std::collections::BTreeSet;

use domain::access::{Role, Scope};
use harness::client::{Client, Ended};
use harness::world::World;
use serde_json::{Value, json};

use crate::bad_input::keys::mutations;
use crate::common::{activated, caller, draft, now, post, problems, text, world};
use crate::sdl::Sdl;

/// What is asked, with `probe` on the field that is meant. `CAMP`, `SUB` and `CURSOR` stand for a campaign that
/// was sent, one it was sent to, and the place in the log before it was made.
#[rustfmt::skip]
const READS: &[(&str, &str)] = &[
    ("Query.node", r#"{ probe: node(id: "CAMP") { id } }"#),
    ("Query.viewer", "{ probe: viewer { scopes } }"),
    ("Query.site", "{ probe: site { id } }"),
    ("Query.campaign", r#"{ probe: campaign(id: "CAMP") { id } }"#),
    ("Query.engine", "{ probe: engine { isRunning } }"),
    ("Query.messagePreview", r#"{ probe: messagePreview(body: "Hi") { text } }"#),
    ("Campaign.explainRecipient", r#"{ campaign(id: "CAMP") { probe: explainRecipient(subscriberId: "SUB") { isRecipient } } }"#),
    ("Campaign.messages", r#"{ campaign(id: "CAMP") { probe: messages { totalCount } } }"#),
    ("Message.subscriber", r#"{ campaign(id: "CAMP") { messages { nodes { probe: subscriber { id } } } } }"#),
    ("RecipientExplanation.messages", r#"{ campaign(id: "CAMP") { explainRecipient(subscriberId: "SUB") { probe: messages { id } } } }"#),
    ("Site.campaignCounts", "{ site { probe: campaignCounts { count } } }"),
    ("Site.campaigns", "{ site { probe: campaigns { totalCount } } }"),
    ("Site.auditEntries", "{ site { probe: auditEntries { nodes { operation } } } }"),
    ("Site.audiences", "{ site { probe: audiences { totalCount } } }"),
    ("Site.subscribers", "{ site { probe: subscribers { totalCount } } }"),
    ("Subscriber.phoneNumber", r#"{ node(id: "SUB") { ... on Subscriber { probe: phoneNumber } } }"#),
    ("Subscriber.postalCode", r#"{ node(id: "SUB") { ... on Subscriber { probe: postalCode } } }"#),
    ("Subscriber.attributes", r#"{ node(id: "SUB") { ... on Subscriber { probe: attributes { name } } } }"#),
    ("Subscriber.consentLog", r#"{ node(id: "SUB") { ... on Subscriber { probe: consentLog { nodes { kind } } } } }"#),
    ("Subscriber.messages", r#"{ node(id: "SUB") { ... on Subscriber { probe: messages { totalCount } } } }"#),
    ("Subscription.campaignStatusChanged", r#"subscription { probe: campaignStatusChanged(campaignId: "CAMP", after: "CURSOR") { cursor } }"#),
    ("Subscription.campaignProgress", r#"subscription { probe: campaignProgress(campaignId: "CAMP") { id } }"#),
    ("Subscription.campaignsChanged", r#"subscription { probe: campaignsChanged(after: "CURSOR") { cursor } }"#),
];

/// The callers, the one without a key first.
const CALLERS: [Option<Role>; 5] =
    [None, Some(Role::Viewer), Some(Role::Editor), Some(Role::Sender), Some(Role::Admin)];
/// The answers of the matrix.
const ALLOWED: &str = "allowed";
const FORBIDDEN: &str = "FORBIDDEN";
const UNAUTHENTICATED: &str = "UNAUTHENTICATED";

/// Goal: nobody does what their role does not grant, and what the schema says of scopes is what happens.
/// Method: ask everything under everybody; the answers are those that follow from `@requiresScope` and the
/// table of roles, and the snapshot shows them.
#[tokio::test]
async fn every_operation_asks_for_its_role() {
    let world = world("subscribers: [{ count: 1 }]\n").await;
    let story = Story::tell(&world).await;
    let mut clients = Vec::new();
    for role in CALLERS {
        clients.push(match role {
            Some(role) => caller(&world, role).await,
            None => world.client_with(None).unwrap(),
        });
    }
    let mut rows = Vec::new();
    for (name, document) in READS {
        let document = story.filled(document);
        let mut cells = Vec::new();
        for client in &clients {
            cells.push(read(client, &document).await);
        }
        rows.push(((*name).to_owned(), cells));
    }
    for (at, (name, document, _)) in mutations(&world, "").into_iter().enumerate() {
        let mut cells = Vec::new();
        for client in &clients {
            let id = draft(&world).await;
            let (_, _, variables) = mutations(&world, &id).swap_remove(at);
            cells.push(verdict(&post(client, document, variables).await));
        }
        rows.push((format!("Mutation.{name}"), cells));
    }
    judge(&rows);
    let line = |(name, cells): &(String, Vec<&str>)| {
        let cells: Vec<String> = cells.iter().map(|cell| format!("{cell:<16}")).collect();
        format!("{name:<40}{}", cells.join(" ").trim_end())
    };
    let head = CALLERS.map(|role| role.map_or("no key", Role::as_str)).to_vec();
    let head = line(&("operation".to_owned(), head));
    let lines: Vec<String> = std::iter::once(head).chain(rows.iter().map(line)).collect();
    insta::assert_snapshot!("roles", lines.join("\n"));
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Every operation and gated field is there, and answers as the schema says.
fn judge(rows: &[(String, Vec<&'static str>)]) {
    let schema = Sdl::read();
    let scopes = schema.scopes();
    let wanted: BTreeSet<String> =
        schema.operations().into_iter().chain(scopes.keys().cloned()).collect();
    assert_eq!(rows.iter().map(|(name, _)| name.clone()).collect::<BTreeSet<_>>(), wanted);
    for (name, cells) in rows {
        let scope = scopes.get(name).map(|scope| {
            let found = Scope::ALL.iter().find(|it| it.as_str().to_uppercase() == *scope);
            *found.unwrap_or_else(|| panic!("no such scope: {scope}"))
        });
        let expected = CALLERS.map(|role| match (role, scope) {
            (None, _) => UNAUTHENTICATED,
            (Some(role), Some(scope)) if !role.grants(scope) => FORBIDDEN,
            (Some(_), _) => ALLOWED,
        });
        assert_eq!(*cells, expected, "{name}");
    }
}

/// What came of a read or a subscription.
async fn read(client: &Client, document: &str) -> &'static str {
    if !document.starts_with("subscription") {
        let answer = post(client, document, json!({})).await;
        let verdict = verdict(&answer);
        let is_there = answer.to_string().contains(r#""probe":"#);
        assert!(verdict != ALLOWED || is_there, "{document} does not reach it: {answer}");
        return verdict;
    }
    let mut subscription = match client.subscribe(document, json!({})).await {
        Ok(subscription) => subscription,
        Err(Ended::Closed { code: 4403, .. }) => return UNAUTHENTICATED,
        Err(other) => panic!("{document}: {other}"),
    };
    match subscription.next_value().await {
        Some(Ok(payload)) => verdict(&payload),
        Some(Err(Ended::Refused(errors))) => verdict(&json!({ "errors": errors })),
        other => panic!("{document}: {other:?}"),
    }
}

fn verdict(answer: &Value) -> &'static str {
    let told = problems(answer);
    let has = |code: &str| told.iter().any(|problem| problem == &format!("! {code}"));
    match (has(UNAUTHENTICATED), has(FORBIDDEN)) {
        (true, _) => UNAUTHENTICATED,
        (_, true) => FORBIDDEN,
        _ => {
            assert!(!told.iter().any(|problem| problem.starts_with('!')), "{answer}");
            ALLOWED
        }
    }
}

/// What the reads ask about.
struct Story {
    campaign: String,
    subscriber: String,
    cursor: String,
}

impl Story {
    async fn tell(world: &World) -> Self {
        let query = "{ site { campaigns { liveCursor } } }";
        let before = post(world.client(), query, json!({})).await;
        let cursor = text(&before["data"]["site"]["campaigns"]["liveCursor"]);
        let campaign = activated(world, now()).await;
        world.run_until_idle().await.unwrap();
        let query = "{ site { subscribers(first: 1) { nodes { id } } } }";
        let answer = post(world.client(), query, json!({})).await;
        let subscriber = text(&answer["data"]["site"]["subscribers"]["nodes"][0]["id"]);
        Self { campaign, subscriber, cursor }
    }

    fn filled(&self, document: &str) -> String {
        let named = document.replace("CAMP", &self.campaign).replace("SUB", &self.subscriber);
        named.replace("CURSOR", &self.cursor)
    }
}
