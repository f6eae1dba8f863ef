//! Rows that this version never writes: from another hand, or from an import past the service.
//!
//! Goal: what no caller can bring about does no harm. Method: write it into the tables.

use api::ports::Task;
use entity::{message, subscriber};
use harness::world::World;
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, DbErr, EntityTrait as _};
use serde_json::{Value, json};

use crate::common::{activated, at, now, post, status, world};

const SKIPPED: &str = "query($id: ID!) { campaign(id: $id) { progress { recipientCount counts { total \
    delivered skipped } skipped { reason count } } } }";

/// The rows of the site's subscribers, by phone.
async fn subscribers(world: &World) -> Vec<subscriber::Model> {
    let mut rows = subscriber::Entity::find().all(world.db().read()).await.unwrap();
    rows.sort_by(|one, other| one.phone.cmp(&other.phone));
    rows
}

/// Writes a row like that of a subscriber, but for its id and phone.
async fn write(world: &World, like: &subscriber::Model, phone: &str) -> Result<(), DbErr> {
    let txn = world.db().begin_write().await.unwrap();
    let mut row = subscriber::ActiveModel::from(like.clone());
    // An id of its own, next to the other's.
    row.id = Set(uuid::Uuid::from_u128(like.id.as_u128().wrapping_add(1)));
    row.phone = Set(phone.to_owned());
    row.insert(&txn).await?;
    txn.commit().await
}

/// What a campaign did with its recipients.
async fn progress(world: &World, id: &str) -> Value {
    let answer = post(world.client(), SKIPPED, json!({ "id": id })).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["campaign"]["progress"].clone()
}

fn all_but_one(reason: &str) -> Value {
    json!({
        "recipientCount": 3,
        "counts": { "total": 3, "delivered": 2, "skipped": 1 },
        "skipped": [{ "reason": reason, "count": 1 }],
    })
}

#[tokio::test]
async fn a_number_that_cannot_exist_is_skipped() {
    let world = world("subscribers: [{ count: 2 }]").await;
    let rows = subscribers(&world).await;
    write(&world, &rows[0], "415-555-0199").await.unwrap();
    let id = activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    assert_eq!(progress(&world, &id).await, all_but_one("INVALID_PHONE_NUMBER"));
    assert_eq!(status(&world, &id).await, "SENT");
    assert_eq!(world.aggregator().core().summary().accepted, 2);
    // The last look at the ledger reads every number, and the API cannot show this one.
    world.stop().await.unwrap_err();
}

/// Nobody is texted twice: neither can a site have a number twice, nor a campaign.
#[tokio::test]
async fn a_number_is_nobody_elses() {
    let world = world("subscribers: [{ count: 2 }]").await;
    let rows = subscribers(&world).await;
    write(&world, &rows[0], &rows[0].phone).await.unwrap_err();
    let id = activated(&world, at("2026-11-23T12:00:00")).await;
    world.drive(Some("2026-11-23T16:50:00Z".parse().unwrap()), &mut ()).await.unwrap();
    let rows = message::Entity::find().all(world.db().read()).await.unwrap();
    assert_eq!(rows.len(), 2, "planned, and not sent yet");
    let txn = world.db().begin_write().await.unwrap();
    let mut second = message::ActiveModel::from(rows[0].clone());
    second.id = Set(uuid::Uuid::from_u128(rows[0].id.as_u128().wrapping_add(1)));
    second.insert(&txn).await.unwrap_err();
    txn.rollback().await.unwrap();
    world.run_until_idle().await.unwrap();
    assert_eq!(
        progress(&world, &id).await["counts"],
        json!({ "total": 2, "delivered": 2, "skipped": 0 })
    );
    world.stop().await.unwrap();
}

#[tokio::test]
async fn who_is_gone_by_the_hand_over_is_skipped() {
    let world = world("subscribers: [{ count: 3 }]").await;
    let id = activated(&world, now()).await;
    world.activate(Task::Planner).await.unwrap();
    let rows = subscribers(&world).await;
    let txn = world.db().begin_write().await.unwrap();
    subscriber::Entity::delete_by_id(rows[1].id).exec(&txn).await.unwrap();
    txn.commit().await.unwrap();
    world.run_until_idle().await.unwrap();
    assert_eq!(progress(&world, &id).await, all_but_one("NOT_SUBSCRIBED"));
    assert_eq!(world.aggregator().core().summary().accepted, 2);
    // The last look at the ledger reads the subscriber of every message, and one has none.
    world.stop().await.unwrap_err();
}
