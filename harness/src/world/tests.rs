//! A world starts, runs a campaign to its end, keeps sites apart, and leaves nothing behind.

use serde_json::{Value, json};

use super::*;

const CREATE: &str = "mutation($input: CampaignCreateInput!) { campaignCreate(input: $input) \
    { campaign { id status } userErrors { code message field } } }";
const ACTIVATE: &str = "mutation($id: ID!) { campaignActivate(id: $id, input: { schedule: { now: \
    true } }) { campaign { status } userErrors { code message field } } }";

async fn create(world: &World) -> String {
    let input = json!({ "input": {
        "name": "Sale",
        "audienceIds": [world.audience("everyone").unwrap()],
        "steps": [{ "body": "20% off today" }],
    } });
    let answer = world.client().post(CREATE, input).await.unwrap();
    setup::text(&answer, "/data/campaignCreate/campaign/id").unwrap_or_else(|_| panic!("{answer}"))
}

#[tokio::test]
async fn a_campaign_runs_to_its_end_in_virtual_time() {
    let scenario = Scenario::default();
    let world = World::start(&scenario).await.unwrap();
    let id = create(&world).await;
    let answer = world.client().post(ACTIVATE, json!({ "id": id })).await.unwrap();
    let status = answer.pointer("/data/campaignActivate/campaign/status");
    assert_eq!(status, Some(&json!("PROCESSING")), "{answer}");
    world.run_until_idle().await.unwrap();
    assert_eq!(world.now(), scenario.start() + TimeDelta::seconds(2));
    let audit = world.audit(&id).await.unwrap();
    assert_eq!(audit.status, "SENT");
    assert_eq!(audit.count("delivered"), Some(5));
    assert_eq!(world.aggregator().core().summary().accepted, 5);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn sites_are_apart() {
    let scenario = Scenario::default();
    let world = World::start(&scenario).await.unwrap();
    let id = create(&world).await;
    let key = world.other_site_key(&scenario).await.unwrap();
    let other = world.client_with(Some(key)).unwrap();
    let query = "query($id: ID!) { campaign(id: $id) { id } }";
    let answer = other.post(query, json!({ "id": id })).await.unwrap();
    assert_eq!(answer.pointer("/data/campaign"), Some(&Value::Null), "{answer}");
    let nobody = world.client_with(None).unwrap();
    assert_eq!(nobody.send(query, json!({ "id": id })).await.unwrap().status, 401);
    world.stop().await.unwrap();
}
