//! The plan is a partition of the audience: whoever is in it has exactly one message, in exactly one state.

use std::fmt::Write as _;

use api::ports::Task;
use harness::world::World;
use serde_json::{Value, json};

use crate::common::{ACTIVATE, CREATE, done, now, post, text, world};

/// Stories, each with people and rules of its own.
const STORIES: u64 = 12;
/// Batches of one plan at the most.
const BATCHES_MAX: usize = 100;
/// The parts of the counts.
const PARTS: [&str; 10] = [
    "deferred",
    "queued",
    "inFlight",
    "accepted",
    "delivered",
    "undelivered",
    "unconfirmed",
    "unknown",
    "skipped",
    "canceled",
];
const PROGRESS: &str = "query($id: ID!) { campaign(id: $id) { status progress { recipientCount counts { \
    total deferred queued inFlight accepted delivered undelivered unconfirmed unknown skipped canceled } \
    skipped { reason count } } } }";

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let at = self.below(u64::try_from(choices.len()).unwrap());
        choices[usize::try_from(at).unwrap()]
    }
}

/// A story of many kinds of people, and how many of them the campaign's audience has.
fn story(dice: &mut Dice) -> (String, u64) {
    let mut story = format!(
        "engine: {{ plan_batch: {}, max_in_flight: {} }}\n",
        1 + dice.below(7),
        1 + dice.below(9)
    );
    let quiet = dice.one_of(&["off", "{}", "{ start: '00:00', end: '23:59' }"]);
    let smart = dice.one_of(&["off", "8h"]);
    let countries = dice.one_of(&["[US]", "[US, CA]", "[]"]);
    let packs = dice.one_of(&["[]", "[us_federal]", "[us_fl, us_tx]"]);
    writeln!(
        story,
        "site: {{ quiet_hours: {quiet}, smart_sending: {smart}, countries: {countries}, \
         rule_packs: {packs} }}\nsubscribers:"
    )
    .unwrap();
    let areas = ["415", "212", "305", "512", "808", "416", "441", "800"];
    let mut selected = 0;
    for area in &areas[..=usize::try_from(dice.below(8)).unwrap()] {
        let count = dice.below(9);
        let tags = dice.one_of(&["[]", "[vip]", "[vip, gone]", "[gone]"]);
        let name = dice.one_of(&["{}", "{ first_name: Ada }"]);
        let out = dice.one_of(&["false", "false", "true"]);
        selected += if tags.contains("vip") { count } else { 0 };
        writeln!(
            story,
            "  - {{ count: {count}, area: {area}, tags: {tags}, attributes: {name}, \
             unsubscribed: {out} }}"
        )
        .unwrap();
    }
    story.push_str("audiences:\n  everyone: { tags_any: [vip] }\n  gone: { tags_any: [gone] }\n");
    (story, selected)
}

async fn activate(world: &World, body: &str) -> String {
    let input = json!({
        "name": "Sale",
        "audienceIds": [world.audience("everyone").unwrap()],
        "excludedAudienceIds": [world.audience("gone").unwrap()],
        "usesSmartSending": true,
        "steps": [{ "body": body }],
    });
    let made = done(world.client(), CREATE, json!({ "input": input })).await;
    let id = text(&made["campaign"]["id"]);
    done(world.client(), ACTIVATE, json!({ "id": id, "input": now() })).await;
    id
}

/// Holds the counts to their sum; answers the recipients planned so far.
async fn held(world: &World, id: &str) -> u64 {
    let answer = post(world.client(), PROGRESS, json!({ "id": id })).await;
    let progress = &answer["data"]["campaign"]["progress"];
    let count = |path: &str| progress.pointer(path).and_then(Value::as_u64).unwrap();
    let recipients = count("/recipientCount");
    let parts: u64 = PARTS.iter().map(|part| count(&format!("/counts/{part}"))).sum();
    assert_eq!((parts, count("/counts/total")), (recipients, recipients), "{answer}");
    let skipped = progress["skipped"].as_array().unwrap().iter();
    let skipped: u64 = skipped.map(|one| one["count"].as_u64().unwrap()).sum();
    assert_eq!(skipped, count("/counts/skipped"), "{answer}");
    recipients
}

/// Goal: the plan always sums to the audience. Method: stories with people, rules and batches by chance, two
/// campaigns each, so that the second is bound by the first; the sums after every batch, after every look of
/// the engine that follows, and in the end, against the number that the story was written with.
#[tokio::test]
async fn the_plan_sums_to_the_audience() {
    let mut largest = 0;
    for seed in 0..STORIES {
        let (story, selected) = story(&mut Dice(seed));
        let world = world(&story).await;
        for body in ["20% off today", "Hi {{ first_name }}, 20% off"] {
            let id = activate(&world, body).await;
            for _ in 0..BATCHES_MAX {
                let planned = held(&world, &id).await;
                if world.activate(Task::Planner).await.unwrap().done == 0 {
                    assert_eq!(planned, selected, "seed {seed}:\n{story}");
                    break;
                }
            }
            while world.step_engine().await.unwrap().done > 0 {
                held(&world, &id).await;
            }
            world.run_until_idle().await.unwrap();
            assert_eq!(held(&world, &id).await, selected, "seed {seed}:\n{story}");
        }
        largest = largest.max(selected);
        world.stop().await.unwrap();
    }
    assert!(largest > 10, "{largest}");
}
