//! Receipts as strangers post them: what is not signed, late, too long or unreadable is refused, what
//! is repeated counts once, and what is early waits.

use chrono::{DateTime, Utc};
use domain::id::{AttemptId, ConnectionId};
use entity::{attempt, message, receipt};
use harness::aggregator::Settings;
use harness::client::http_builder;
use harness::contract::signing::{
    WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, WebhookSecret, sign,
};
use harness::scenario::Scenario;
use harness::world::World;
use sea_orm::EntityTrait as _;
use serde_json::{Value, json};

use crate::common::{Rows, UPSERT, activated, connection, done, figures, now, post, status, world};

/// Aggregators whose receipts never come by themselves.
const SILENT: &str = "subscribers: [{ count: 2 }]\ndefaults: { receipts: [] }\n";
/// Another secret than the one agreed on.
const WRONG_SECRET: &str = "whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";

/// A delivery to be posted.
pub(crate) struct Delivery {
    id: String,
    at: DateTime<Utc>,
    body: Vec<u8>,
    secret: String,
    connection: String,
}

impl Delivery {
    pub(crate) async fn of(world: &World, id: &str, body: &Value) -> Self {
        Self {
            id: id.to_owned(),
            at: world.now(),
            body: body.to_string().into_bytes(),
            secret: Settings::default().webhook_secret,
            connection: connection(world).await,
        }
    }

    fn signature(&self) -> String {
        let secret = WebhookSecret::parse(&self.secret).unwrap();
        sign(&secret, &self.id, self.at.timestamp(), &self.body)
    }

    pub(crate) async fn post(&self, world: &World) -> u16 {
        self.post_signed(world, &self.signature(), &self.body).await
    }

    async fn post_signed(&self, world: &World, signature: &str, body: &[u8]) -> u16 {
        let headers = [
            (WEBHOOK_ID, self.id.clone()),
            (WEBHOOK_TIMESTAMP, self.at.timestamp().to_string()),
            (WEBHOOK_SIGNATURE, signature.to_owned()),
        ];
        self.post_with(world, &headers, body).await
    }

    async fn post_with(&self, world: &World, headers: &[(&str, String)], body: &[u8]) -> u16 {
        let url = format!("{}/hooks/generic/{}", world.url(), self.connection);
        let mut request = http_builder().build().unwrap().post(url).body(body.to_vec());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        assert_eq!(response.text().await.unwrap(), "", "nothing is told to strangers");
        status
    }
}

/// An event of the contract, about a message of this id at the aggregator.
pub(crate) fn event(kind: &str, id: &str) -> Value {
    json!({
        "type": kind,
        "timestamp": "2026-11-23T15:00:00Z",
        "data": { "id": id, "reference": null, "to": "+14155550100", "from": "+18885550100" },
    })
}

fn inbound(from: &str, words: &str) -> Value {
    json!({
        "type": "message.received",
        "timestamp": "2026-11-23T15:00:00Z",
        "data": { "id": "in_1", "to": "+18885550100", "from": from, "text": words },
    })
}

/// The states of the receipts that are kept, in order of their arrival.
async fn inbox(world: &World) -> Vec<(String, String)> {
    let rows = receipt::Entity::find().all(world.db().read()).await.unwrap();
    let mut rows: Vec<_> = rows.into_iter().map(|row| (row.id, row.kind, row.state)).collect();
    rows.sort();
    rows.into_iter().map(|(_, kind, state)| (kind, state)).collect()
}

/// Goal: nobody but the aggregator is believed. Method: every way to get it wrong; none leaves a row.
#[tokio::test]
async fn only_what_the_aggregator_signed_now_is_taken() {
    let world = world("subscribers: []\n").await;
    let good = Delivery::of(&world, "e1", &event("message.delivered", "m1")).await;
    let before = Rows::of(&world).await;
    let signature = good.signature();
    let all = [
        (WEBHOOK_ID, good.id.clone()),
        (WEBHOOK_TIMESTAMP, good.at.timestamp().to_string()),
        (WEBHOOK_SIGNATURE, signature.clone()),
    ];
    assert_eq!(good.post_with(&world, &[], &good.body).await, 401, "no headers");
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        let (name, _) = some.remove(left_out);
        assert_eq!(good.post_with(&world, &some, &good.body).await, 401, "without {name}");
    }
    for forged in ["", "v1,", "v1", "v2,x", "v1,AAAA", &signature.replace("v1", "v2"), "v1,é"] {
        assert_eq!(good.post_signed(&world, forged, &good.body).await, 401, "{forged}");
    }
    let tampered = [good.body.as_slice(), b" "].concat();
    assert_eq!(good.post_signed(&world, &signature, &tampered).await, 401, "tampered");
    let wrong = Delivery { secret: WRONG_SECRET.to_owned(), ..of(&good) };
    assert_eq!(wrong.post(&world).await, 401, "another secret");
    let other_id = Delivery { id: "e2".to_owned(), ..of(&good) };
    assert_eq!(other_id.post_signed(&world, &signature, &good.body).await, 401, "another id");
    for seconds in [-301, 301, -86_400] {
        let at = good.at + chrono::TimeDelta::seconds(seconds);
        assert_eq!(Delivery { at, ..of(&good) }.post(&world).await, 401, "{seconds} s off");
    }
    let long_id = Delivery { id: "e".repeat(256), ..of(&good) };
    assert_eq!(long_id.post(&world).await, 401, "an id of 256");
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    for seconds in [-300, 300] {
        let at = good.at + chrono::TimeDelta::seconds(seconds);
        let id = format!("at {seconds}");
        assert_eq!(Delivery { id, at, ..of(&good) }.post(&world).await, 204, "{seconds} s off");
    }
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// The same delivery once more.
fn of(delivery: &Delivery) -> Delivery {
    let Delivery { id, at, body, secret, connection } = delivery;
    let (id, body) = (id.clone(), body.clone());
    Delivery { id, at: *at, body, secret: secret.clone(), connection: connection.clone() }
}

#[tokio::test]
async fn what_cannot_be_read_or_placed_is_refused() {
    let world = world("subscribers: []\n").await;
    let good = Delivery::of(&world, "e1", &event("message.delivered", "m1")).await;
    let before = Rows::of(&world).await;
    let random = "conn_0190a5b20000700080000000000000ff";
    for connection in [random, "conn_x", "x", &good.connection.to_uppercase(), &world.site_id()] {
        let lost = Delivery { connection: connection.to_owned(), ..of(&good) };
        assert_eq!(lost.post(&world).await, 404, "{connection}");
    }
    for garbage in ["", "{", "null", "[]", "{}", "\u{0}", "{\"type\": 1}", "{\"type\": \"x\"}"] {
        let garbage = Delivery { body: garbage.as_bytes().to_vec(), ..of(&good) };
        assert_eq!(garbage.post(&world).await, 400, "{:?}", garbage.body);
    }
    let not_utf8 = Delivery { body: vec![0xff, 0xfe], ..of(&good) };
    assert_eq!(not_utf8.post(&world).await, 400);
    let mut long = good.body.clone();
    long.resize(64 * 1024 + 1, b' ');
    assert_eq!(Delivery { body: long.clone(), ..of(&good) }.post(&world).await, 413);
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    long.pop();
    assert_eq!(Delivery { body: long, ..of(&good) }.post(&world).await, 204, "64 KiB fit");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: whatever comes to the door that is not a receipt of ours changes nothing, and is counted by what it
/// was. Method: one of each, a good one twice; one that names another site's message on a connection of its
/// own is kept apart and moves nothing.
#[tokio::test]
async fn bad_receipts_change_nothing_and_are_counted() {
    let world = world(SILENT).await;
    activated(&world, now()).await;
    world.run_now().await.unwrap();
    let taken = message::Entity::find().all(world.db().read()).await.unwrap();
    let attempts = attempt::Entity::find().all(world.db().read()).await.unwrap();
    let good = Delivery::of(&world, "e1", &event("message.delivered", "m1")).await;
    let before = Rows::of(&world).await;
    let wrong = Delivery { secret: WRONG_SECRET.to_owned(), ..of(&good) };
    assert_eq!(wrong.post(&world).await, 401);
    assert_eq!(Delivery { body: b"{}".to_vec(), ..of(&good) }.post(&world).await, 400);
    let long = Delivery { body: vec![b' '; 64 * 1024 + 1], ..of(&good) };
    assert_eq!(long.post(&world).await, 413);
    let nowhere = "conn_0190a5b20000700080000000000000ff".to_owned();
    assert_eq!(Delivery { connection: nowhere, ..of(&good) }.post(&world).await, 404);
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);

    let scenario = Scenario::parse("it", "scenario: 1\n").unwrap();
    world.other_site_key(&scenario).await.unwrap();
    let rows = entity::aggregator_connection::Entity::find().all(world.db().read()).await.unwrap();
    let ours: ConnectionId = good.connection.parse().unwrap();
    let other = rows.into_iter().find(|row| row.id != ours.0).unwrap();
    let mut about_ours = event("message.failed", taken[0].provider_id.as_deref().unwrap());
    about_ours["data"]["reference"] = json!(AttemptId(attempts[0].id).to_string());
    let foreign = Delivery::of(&world, "e2", &about_ours).await;
    let foreign = Delivery { connection: ConnectionId(other.id).to_string(), ..foreign };
    assert_eq!(foreign.post(&world).await, 204);
    let unknown = Delivery::of(&world, "e3", &event("message.delivered", "nobody's")).await;
    for _ in 0..2 {
        assert_eq!(unknown.post(&world).await, 204);
    }
    world.activate(api::ports::Task::Receipts).await.unwrap();
    assert_eq!(message::Entity::find().all(world.db().read()).await.unwrap(), taken);

    let figures = figures(world.url()).await;
    let door = |result| figures.sum("sendoff_receipts_total", &[result]);
    let results = ["forged", "unreadable", "too_large", "unknown_connection"].map(door);
    assert_eq!(results, [1; 4]);
    assert_eq!(["stored", "repeated", "fault"].map(door), [2, 1, 0]);
    assert_eq!(figures.sum("sendoff_receipts_settled_total", &["parked"]), 2);
    assert_eq!(figures.sum("sendoff_receipts_settled_total", &["applied"]), 0);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a receipt is kept once however often it is posted, and one for a message that nobody knows
/// waits and harms nothing.
#[tokio::test]
async fn a_repeat_is_kept_once_and_a_stranger_waits() {
    let world = world("subscribers: []\n").await;
    let delivery = Delivery::of(&world, "e1", &event("message.delivered", "m1")).await;
    for _ in 0..3 {
        assert_eq!(delivery.post(&world).await, 204);
    }
    let other_body = event("message.failed", "m1").to_string().into_bytes();
    assert_eq!(Delivery { body: other_body, ..of(&delivery) }.post(&world).await, 204);
    let strange = Delivery::of(&world, "e2", &event("message.levitated", "m1")).await;
    assert_eq!(strange.post(&world).await, 204, "a type of a later version");
    world.run_until_idle().await.unwrap();
    let kept = [("delivered", "parked"), ("levitated", "ignored")];
    assert_eq!(inbox(&world).await, kept.map(|(a, b)| (a.to_owned(), b.to_owned())));
    world.stop().await.unwrap();
}

/// Goal: whatever a signed receipt holds, it is stored and answered: one that could not be would come
/// again for ever. Method: NULs and endless ids, which PostgreSQL or an index refuse.
#[tokio::test]
async fn any_signed_text_can_be_kept() {
    let world = world("subscribers: []\n").await;
    let mut odd = event("message.delivered\u{0}", &"\u{0}m".repeat(1_000));
    odd["data"]["reference"] = json!("r\u{0}".repeat(1_000));
    odd["data"]["code"] = json!("c\u{0}".repeat(1_000));
    let delivery = Delivery::of(&world, "e1", &odd).await;
    assert_eq!(delivery.post(&world).await, 204);
    let text = inbound("+14155550100\u{0}", "\u{0}hello");
    assert_eq!(Delivery::of(&world, "e2", &text).await.post(&world).await, 204);
    let nobody = inbound("not a number", "STOP");
    assert_eq!(Delivery::of(&world, "e3", &nobody).await.post(&world).await, 204);
    world.run_until_idle().await.unwrap();
    assert_eq!(inbox(&world).await.len(), 3);
    world.stop().await.unwrap();
}

/// Goal: STOP means stop: nothing is sent to that phone any more, by any campaign, and being added
/// again does not bring it back.
#[tokio::test]
async fn a_stop_ends_what_is_pending_and_outlives_the_subscriber() {
    let world = world(SILENT).await;
    let id = activated(&world, now()).await;
    world.activate(api::ports::Task::Planner).await.unwrap();
    let stop = Delivery::of(&world, "e1", &inbound("+14155550100", " stop. ")).await;
    assert_eq!(stop.post(&world).await, 204);
    world.activate(api::ports::Task::Receipts).await.unwrap();
    world.run_until_idle().await.unwrap();
    assert_eq!(status(&world, &id).await, "SENT");
    assert_eq!(world.aggregator().core().summary().accepted, 1);
    let query = "query($id: ID!) { campaign(id: $id) { progress { counts { unconfirmed skipped } \
        skipped { reason count } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    let wanted = json!({
        "counts": { "unconfirmed": 1, "skipped": 1 },
        "skipped": [{ "reason": "UNSUBSCRIBED", "count": 1 }],
    });
    assert_eq!(answer["data"]["campaign"]["progress"], wanted);

    // A phone that nobody knows can opt out before it is ever added.
    let unknown = Delivery::of(&world, "e2", &inbound("+14155550177", "UNSUBSCRIBE")).await;
    assert_eq!(unknown.post(&world).await, 204);
    world.run_until_idle().await.unwrap();
    let rows = json!([{ "phoneNumber": "+14155550100" }, { "phoneNumber": "+14155550177" }]);
    let input = json!({ "input": { "subscribers": rows } });
    let kept = done(world.client(), UPSERT, input).await;
    for one in kept["subscribers"].as_array().unwrap() {
        assert_eq!(one["status"], "UNSUBSCRIBED");
    }
    let again = activated(&world, now()).await;
    world.run_until_idle().await.unwrap();
    assert_eq!(status(&world, &again).await, "SENT");
    assert_eq!(world.aggregator().core().summary().accepted, 2, "the other one only");
    world.stop().await.unwrap();
}

/// Goal: a text that does not opt out changes nobody's consent.
#[tokio::test]
async fn any_other_text_is_no_stop() {
    let world = world(SILENT).await;
    let other = Delivery::of(&world, "e1", &inbound("+14155550100", "please stop it")).await;
    assert_eq!(other.post(&world).await, 204);
    world.run_until_idle().await.unwrap();
    let query = "{ site { subscribers(filter: { statuses: [SUBSCRIBED] }) { totalCount } } }";
    let answer = post(world.client(), query, json!({})).await;
    assert_eq!(answer["data"]["site"]["subscribers"]["totalCount"], 2);
    world.stop().await.unwrap();
}
