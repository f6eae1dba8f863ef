//! Whom a campaign selects: its audiences' members at the moment processing began, however long the plan takes
//! and whatever becomes of their tags meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use api::ports::Task;
use chrono::TimeDelta;
use entity::subscriber_tag_past;
use harness::world::World;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::common::{ACTIVATE, AUDIENCE, CREATE, UPSERT, done, now, post, text, world};

/// Subscribers, and how many the planner works out at once.
const PEOPLE: usize = 16;
const STORY: &str = "
engine: { plan_batch: 2 }
subscribers: [{ count: 16 }]
";
/// Campaigns, one after the other.
const CAMPAIGNS: usize = 8;
/// The tags that there are.
const TAGS: [&str; 3] = ["a", "b", "c"];
/// Batches of one plan at the most.
const BATCHES_MAX: usize = 20;
const RECIPIENTS: &str = "query($id: ID!) { campaign(id: $id) { \
    messages(first: 100) { nodes { reason { code } subscriber { phoneNumber } } } } }";

/// Tags by phone.
type Tagged = BTreeMap<String, BTreeSet<&'static str>>;

/// Numbers that look random and are the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn tags(&mut self) -> BTreeSet<&'static str> {
        TAGS.into_iter().filter(|_| self.below(2) == 0).collect()
    }
}

fn phone(n: usize) -> String {
    format!("+141555501{n:02}")
}

/// Gives somebody other tags, a millisecond after all that happened before.
async fn tag(world: &World, phone: &str, tags: &BTreeSet<&'static str>) {
    world.advance_by(TimeDelta::milliseconds(1));
    let rows = json!([{ "phoneNumber": phone, "tags": tags }]);
    done(world.client(), UPSERT, json!({ "input": { "subscribers": rows } })).await;
}

async fn audience(world: &World, name: &str, rules: Value) -> String {
    let input = json!({ "input": { "name": name, "rules": rules } });
    text(&done(world.client(), AUDIENCE, input).await["audience"]["id"])
}

/// Makes a campaign for an audience without another, and activates it.
async fn activate(world: &World, included: &str, excluded: &str) -> String {
    let input = json!({
        "name": "Sale",
        "audienceIds": [included],
        "excludedAudienceIds": [excluded],
        "steps": [{ "body": "20% off today" }],
    });
    let made = done(world.client(), CREATE, json!({ "input": input })).await;
    let id = text(&made["campaign"]["id"]);
    world.advance_by(TimeDelta::milliseconds(1));
    done(world.client(), ACTIVATE, json!({ "id": id, "input": now() })).await;
    id
}

/// Whom the campaign planned: by phone, whether they are left out.
async fn recipients(world: &World, id: &str) -> BTreeMap<String, bool> {
    let answer = post(world.client(), RECIPIENTS, json!({ "id": id })).await;
    let nodes = answer["data"]["campaign"]["messages"]["nodes"].as_array().cloned().unwrap();
    let one = |node: &Value| {
        (text(&node["subscriber"]["phoneNumber"]), node["reason"]["code"] == "EXCLUDED")
    };
    nodes.iter().map(one).collect()
}

/// Goal: recipients are those of the moment processing began. Method: between two batches of two, somebody's
/// tags change at random, taken away, given, given back; many plans are compared with the tags that were set
/// when each began.
#[tokio::test]
async fn recipients_are_those_of_the_moment_processing_began() {
    let world = world(STORY).await;
    let mut dice = Dice(7);
    let mut tagged: Tagged = (0..PEOPLE).map(|n| (phone(n), dice.tags())).collect();
    for (phone, tags) in &tagged {
        tag(&world, phone, tags).await;
    }
    let rules = json!({ "tagsAny": ["a", "b"], "tagsNone": ["c"] });
    let included = audience(&world, "some", rules).await;
    let excluded = audience(&world, "not these", json!({ "tagsAll": ["a", "b"] })).await;
    let mut changed = 0;
    for round in 0..CAMPAIGNS {
        let id = activate(&world, &included, &excluded).await;
        let has = |tags: &BTreeSet<&str>, tag: &str| tags.contains(tag);
        let selected =
            tagged.iter().filter(|(_, tags)| (has(tags, "a") || has(tags, "b")) && !has(tags, "c"));
        let wanted: BTreeMap<String, bool> = selected
            .map(|(phone, tags)| (phone.clone(), has(tags, "a") && has(tags, "b")))
            .collect();
        for _ in 0..BATCHES_MAX {
            for _ in 0..4 {
                let who = phone(dice.below(PEOPLE));
                let tags = dice.tags();
                tag(&world, &who, &tags).await;
                changed += usize::from(tagged.insert(who, tags.clone()) != Some(tags));
            }
            if world.activate(Task::Planner).await.unwrap().done == 0 {
                break;
            }
        }
        assert_eq!(recipients(&world, &id).await, wanted, "round {round}");
        world.run_until_idle().await.unwrap();
    }
    assert!(changed > 100, "{changed}");
    world.stop().await.unwrap();
}

/// How many tags are remembered that were taken away.
async fn remembered(world: &World) -> usize {
    subscriber_tag_past::Entity::find().all(world.db().read()).await.unwrap().len()
}

/// Goal: what was is kept for the plans that ask for it, and no longer. Method: take tags away before, during
/// and long after a plan that stands still for a day.
#[tokio::test]
async fn what_no_plan_asks_for_is_forgotten() {
    let world = world(STORY).await;
    let (all, none) = (BTreeSet::from(TAGS), BTreeSet::new());
    for n in 0..4 {
        tag(&world, &phone(n), &all).await;
    }
    let rules = json!({ "tagsAny": ["a"] });
    let included = audience(&world, "some", rules).await;
    let excluded = audience(&world, "not these", json!({ "tagsAny": ["x"] })).await;
    tag(&world, &phone(0), &none).await;
    assert_eq!(remembered(&world).await, 3);
    world.advance_by(TimeDelta::hours(2));
    let id = activate(&world, &included, &excluded).await;
    tag(&world, &phone(1), &none).await;
    assert_eq!(remembered(&world).await, 3, "those from before the plan are forgotten");
    world.advance_by(TimeDelta::hours(24));
    tag(&world, &phone(2), &none).await;
    assert_eq!(remembered(&world).await, 6, "the plan may ask for the others");
    world.run_until_idle().await.unwrap();
    let wanted: Vec<String> = (1..4).map(phone).collect();
    assert_eq!(recipients(&world, &id).await.into_keys().collect::<Vec<_>>(), wanted);
    world.advance_by(TimeDelta::hours(2));
    tag(&world, &phone(3), &BTreeSet::from(["a", "b"])).await;
    assert_eq!(remembered(&world).await, 1, "the last alone, for it was just taken");
    world.stop().await.unwrap();
}
