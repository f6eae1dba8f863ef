//! What a query costs in statements: as many for twenty of a list as for two, whatever is asked of each.
//!
//! The cases are made from schema.graphql. A type is reached by the shortest way from the root that leads through
//! a list whose length can be chosen, and each of its fields is asked for at the end of that way, in a query of its
//! own. Longer ways are made of such steps: what is asked for at one moment is answered as one.
//!
//! **Invariant:** every object type is reached, or named in [`APART`]; every field is answered with something at
//! least once, or named in [`EMPTY`]. A new list or field without a case fails.

mod cases;
mod story;

use std::collections::{BTreeMap, BTreeSet};

use domain::access::Role;
use domain::id::SiteId;
use futures_util::future::join_all;
use harness::client::Client;
use harness::world::World;
use serde_json::{Value, json};

use crate::sdl::Sdl;
use cases::Case;

/// The lengths of the list.
const FEW: usize = 2;
const MANY: usize = 20;

/// How often a case is tried: a machine that stands still in the middle of an answer may have what is asked for at
/// one moment answered in two. The fewest statements of all tries count.
const TRIES_MAX: usize = 5;

/// Types that no list leads to, and why.
const APART: &[(&str, &str)] = &[
    ("ApiKey", "of a caller there is one"),
    ("CampaignChange", "told one by one"),
    ("CampaignEstimate", "worked out for one campaign at a time"),
    ("EngineStatus", "of a process there is one"),
    ("EstimatedSending", "part of an estimate"),
    ("Money", "part of an estimate"),
    ("RecipientDecision", "part of an explanation"),
    ("RecipientExplanation", "worked out for one recipient at a time"),
    ("Reconciler", "asks no database"),
    ("TestText", "answers a mutation, and is all there"),
    ("Viewer", "of a caller there is one"),
];

/// Types of which the story has nobody: aggregators here have no status page.
const UNTOLD: [&str; 1] = ["AggregatorIncident"];

/// Fields of which the story has nothing to tell: each is part of a row that others of the type are read from.
const EMPTY: &[&str] = &[
    "Aggregator.statusPageUrl",
    "AggregatorHealthDetails.incident",
    "AggregatorHealthDetails.since",
    "AggregatorIncident.title",
    "AggregatorIncident.url",
    "AudienceRules.subscribedFrom",
    "AudienceRules.subscribedUntil",
    "AudienceRules.tagsAny",
    "AudienceRules.tagsNone",
    "Campaign.maxLateness",
    "CampaignDelay.since",
    "CampaignDelay.url",
    "CampaignEvent.reason",
    "CampaignProgress.undelivered",
    "CampaignSchedule.ifPassed",
    "CampaignSchedule.localDateTime",
    "CampaignSchedule.sendBy",
    "CampaignSchedule.timeZone",
    "CampaignStatusReason.remedy",
    "ConsentEntry.word",
    "Message.acceptedAt",
    "Message.aggregatorMessageId",
    "Message.deliveredAt",
    "MessageHop.at",
    "MessagePreview.problem",
    "MessagePreview.unknownVariables",
    "MessageReason.aggregatorCode",
    "MessageReason.remedy",
    "MessageStep.mediaUrl",
    "SendingDetails.completedAt",
    "SendingDetails.startedAt",
    "Site.countries",
    "Site.textFooter",
    "Subscriber.possibleOptOutAt",
    "Subscriber.unsubscribedAt",
    "TrialAllowance.endsAt",
];

/// What a case came to with a list of one length.
struct Cost {
    statements: u64,
    answer: Value,
}

async fn cost(world: &World, client: &Client, case: &Case, length: usize) -> Cost {
    let variables = json!({ "site": world.site_id(), "n": length });
    let before = world.db().statements_run();
    let answer = client.post(&case.document, variables).await.unwrap();
    let statements = world.db().statements_run() - before;
    assert!(answer.get("errors").is_none(), "{}: {answer}\n{}", case.name, case.document);
    Cost { statements, answer: answer["data"].clone() }
}

/// What the case costs for a few and for many, the fewest of some tries each.
async fn costs(world: &World, client: &Client, case: &Case) -> (Cost, Cost) {
    let mut few = cost(world, client, case, FEW).await;
    let mut many = cost(world, client, case, MANY).await;
    for _ in 1..TRIES_MAX {
        if many.statements <= few.statements {
            break;
        }
        let (again, more) =
            (cost(world, client, case, FEW).await, cost(world, client, case, MANY).await);
        few.statements = few.statements.min(again.statements);
        many.statements = many.statements.min(more.statements);
    }
    (few, many)
}

/// Goal: no query asks the database once for each of what it found. Method: the world has twenty of everything; each
/// field of each type is asked for two and for twenty, and the statements are counted.
#[tokio::test]
async fn a_longer_list_costs_no_more_statements() {
    let world = crate::common::world(story::WORLD).await;
    let client = story::tell(&world).await;
    // A key's first use in a minute is written down.
    client.post("{ __typename }", json!({})).await.unwrap();
    let sdl = Sdl::read();
    let cases = cases::all(&sdl);
    let mut dear = Vec::new();
    let mut found: BTreeMap<&str, bool> = BTreeMap::new();
    for case in &cases {
        let (few, many) = costs(&world, &client, case).await;
        if many.statements > few.statements {
            let (few, many) = (few.statements, many.statements);
            dear.push(format!("{}: {few} statements for two, {many} for twenty", case.name));
        }
        let (two, twenty) = (case.objects(&few.answer), case.objects(&many.answer));
        if two >= twenty && !UNTOLD.contains(&case.of.as_str()) {
            dear.push(format!("{}: {two} and {twenty} of them\n{}", case.name, case.document));
        }
        *found.entry(&case.name).or_default() |= case.is_told(&many.answer);
    }
    assert!(dear.is_empty(), "{}", dear.join("\n"));
    let empty: Vec<&str> =
        found.iter().filter(|(_, told)| !**told).map(|(name, _)| *name).collect();
    assert_eq!(empty, EMPTY, "fields of which the story has nothing to tell");
    world.stop().await.unwrap();
}

/// Goal: requests that come in at one moment ask for their keys together, and each is told of its own. Method: holders
/// of three keys and of none ask at once; the statements are counted.
#[tokio::test]
async fn keys_are_asked_for_together_and_their_holders_told_apart() {
    let world = crate::common::world(story::WORLD).await;
    let site: SiteId = world.site_id().parse().unwrap();
    let mut held = Vec::new();
    for (role, sites) in
        [(Role::Admin, vec![site]), (Role::Viewer, vec![site]), (Role::Admin, vec![])]
    {
        held.push((crate::common::key(&world, role, &sites).await, Some((role, sites))));
    }
    held.push(("sk_nobody".to_owned(), None));
    let app = world.app();
    let ask = async |token: &str| app.service().authenticate(token).await.unwrap();
    for (token, _) in &held {
        // A key's first use in a minute is written down.
        ask(token).await.ok();
    }
    let before = world.db().statements_run();
    let many: Vec<_> = held.iter().cycle().take(MANY).collect();
    let told = join_all(many.iter().map(|(token, _)| ask(token))).await;
    assert_eq!(world.db().statements_run() - before, 1, "statements for {MANY} who ask");
    for ((_, holder), told) in many.into_iter().zip(told) {
        let told = told.ok().map(|actor| (actor.role, actor.sites().to_vec()));
        assert_eq!(told, *holder);
    }
    world.stop().await.unwrap();
}

/// Goal: a type without a case is noticed.
#[test]
fn every_type_has_a_case_or_a_reason() {
    let sdl = Sdl::read();
    let reached: BTreeSet<String> = cases::all(&sdl).into_iter().map(|case| case.of).collect();
    let missing = sdl.objects().filter(|name| !reached.contains(*name) && !cases::is_part(name));
    let apart: Vec<&str> = APART.iter().map(|(name, _)| *name).collect();
    assert_eq!(missing.collect::<Vec<_>>(), apart, "types that no list leads to");
}
