//! Receipts on the wire: whom they reach, how they are signed, and what happens if they are not
//! taken.

use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::contract::signing::{WebhookSecret, sign};
use crate::contract::{Event, EventType};
use crate::scenario::ForgedSignature;

/// A service that answers receipts with these statuses, one after the other, and then with 204.
async fn service(statuses: &[u16]) -> (MockServer, String) {
    let server = MockServer::start().await;
    for status in statuses {
        let answer = Mock::given(any()).respond_with(ResponseTemplate::new(*status));
        answer.up_to_n_times(1).mount(&server).await;
    }
    Mock::given(any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
    let url = format!("{}/hooks/generic/conn_1", server.uri());
    (server, url)
}

fn event(request: &Request) -> Event {
    serde_json::from_slice(&request.body).unwrap()
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name).map(|value| value.to_str().unwrap())
}

/// Whether a receipt is signed as it stands with the account's key.
fn is_genuine(request: &Request) -> bool {
    let secret = WebhookSecret::parse(&Settings::default().webhook_secret).unwrap();
    let id = header(request, "webhook-id").unwrap();
    let timestamp = header(request, "webhook-timestamp").unwrap().parse().unwrap();
    header(request, "webhook-signature") == Some(&sign(&secret, id, timestamp, &request.body))
}

fn age_s(request: &Request, now: DateTime<Utc>) -> i64 {
    now.timestamp() - header(request, "webhook-timestamp").unwrap().parse::<i64>().unwrap()
}

#[tokio::test]
async fn receipts_are_posted_in_due_order_signed_and_complete() {
    let (server, url) = service(&[]).await;
    let (aggregator, clock) = aggregator("{}");
    aggregator.core().handle(&post("k", &message(TO, &url)));
    assert_eq!(aggregator.next_due(), Some(start() + TimeDelta::milliseconds(300)));
    assert!(aggregator.deliver_due(clock.now()).await.is_empty());
    let now = clock.advance_by(TimeDelta::seconds(2));
    let deliveries = aggregator.deliver_due(now).await;
    let kinds: Vec<EventType> = deliveries.iter().map(|one| one.kind).collect();
    assert_eq!(kinds, [EventType::Sent, EventType::Delivered]);
    assert!(deliveries.iter().all(|one| one.outcome == Outcome::Answered(204) && !one.again));
    assert_eq!(aggregator.next_due(), None);

    let received = server.received_requests().await.unwrap();
    assert!(received.iter().all(is_genuine));
    assert_eq!(received[1].url.path(), "/hooks/generic/conn_1");
    let event = event(&received[1]);
    assert_eq!(event.timestamp, start() + TimeDelta::seconds(2));
    assert_eq!(event.data.reference, Some(format!("msg_{TO}")));
    assert_eq!((event.data.to.as_str(), event.data.from.as_str()), (TO, "+18885550100"));
    assert_eq!(Some(event.data.id), deliveries[1].message_id);
    assert_eq!(age_s(&received[1], now), 0);
}

#[tokio::test]
async fn a_receipt_that_failed_is_posted_again_with_its_id_and_not_for_ever() {
    let (server, url) = service(&[500, 503]).await;
    let yaml = "defaults: { receipts: [ { after: 0, status: delivered } ] }";
    let (aggregator, clock) = aggregator(yaml);
    aggregator.core().handle(&post("k", &message(TO, &url)));
    let mut outcomes = Vec::new();
    for _ in 0..20 {
        let Some(due) = aggregator.next_due() else { break };
        let deliveries = aggregator.deliver_due(clock.advance_to(due)).await;
        outcomes.extend(deliveries.into_iter().map(|one| (one.outcome, one.again)));
    }
    let answered = |status, again| (Outcome::Answered(status), again);
    assert_eq!(outcomes, [answered(500, true), answered(503, true), answered(204, false)]);
    assert_eq!(clock.now(), start() + TimeDelta::seconds(6));
    let received = server.received_requests().await.unwrap();
    let ids: std::collections::BTreeSet<_> =
        received.iter().map(|request| header(request, "webhook-id")).collect();
    assert_eq!((received.len(), ids.len()), (3, 1));
    assert!(received.iter().all(is_genuine));
}

#[tokio::test]
async fn a_service_that_is_gone_is_tried_six_times() {
    let (aggregator, clock) =
        aggregator("defaults: { receipts: [ { after: 0, status: delivered } ] }");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    aggregator.core().handle(&post("k", &message(TO, &url)));
    let mut tries = 0;
    while let Some(due) = aggregator.next_due() {
        for delivery in aggregator.deliver_due(clock.advance_to(due)).await {
            assert_eq!(delivery.outcome, Outcome::NoAnswer);
            tries += 1;
        }
    }
    assert_eq!(tries, 6);
    let last = aggregator.core().journal_since(0).pop().unwrap();
    assert!(last.to_string().ends_with("to …0142, try 6: no answer"), "{last}");
}

#[tokio::test]
async fn a_refused_receipt_is_not_posted_again() {
    let (_server, url) = service(&[401]).await;
    let (aggregator, clock) =
        aggregator("defaults: { receipts: [ { after: 0, status: delivered } ] }");
    aggregator.core().handle(&post("k", &message(TO, &url)));
    let deliveries = aggregator.deliver_due(clock.now()).await;
    assert_eq!((deliveries.len(), deliveries[0].again), (1, false));
    assert_eq!(aggregator.next_due(), None);
}

#[tokio::test]
async fn forged_receipts_are_wrong_each_in_its_way() {
    let (server, url) = service(&[]).await;
    let yaml = "
defaults: { receipts: [] }
receipt_faults:
  forged:
    - { at: 1s, status: failed, code: SpamFiltered, signature: none }
    - { at: 2s, status: delivered, signature: wrong_key }
    - { at: 3s, status: delivered, signature: valid_then_tampered_body }
    - { at: 4s, for: random, status: delivered, signature: stale }
";
    let (aggregator, clock) = aggregator(yaml);
    aggregator.core().handle(&post("k", &message(TO, &url)));
    let mut deliveries = Vec::new();
    while let Some(due) = aggregator.next_due() {
        deliveries.extend(aggregator.deliver_due(clock.advance_to(due)).await);
    }
    let received = server.received_requests().await.unwrap();
    assert_eq!(header(&received[0], "webhook-signature"), None);
    assert_eq!(event(&received[0]).data.code.as_deref(), Some("SpamFiltered"));
    assert!(header(&received[1], "webhook-signature").is_some() && !is_genuine(&received[1]));
    assert!(!is_genuine(&received[2]));
    assert_eq!(event(&received[2]).kind, EventType::Delivered);
    assert!(is_genuine(&received[3]));
    assert_eq!(age_s(&received[3], clock.now()), 3600);
    assert_eq!(deliveries[0].forged, Some(ForgedSignature::None));
    assert!(deliveries.iter().all(|one| one.message_id.is_some()));
    // What a lie says happened did not happen.
    let found = body(&aggregator.core().handle(&get(&format!("msg_{TO}"))));
    assert_eq!(found["messages"][0]["status"], "queued");
}

#[tokio::test]
async fn a_forgery_with_nothing_to_forge_goes_nowhere() {
    let (aggregator, clock) = aggregator("receipt_faults: { forged: [ { at: 1s } ] }");
    let deliveries = aggregator.deliver_due(clock.advance_by(TimeDelta::seconds(1))).await;
    assert_eq!(deliveries[0].outcome, Outcome::Nowhere);
}

#[tokio::test]
async fn unknown_messages_and_texts_go_to_the_last_callback_url() {
    let (server, url) = service(&[]).await;
    let yaml = "
defaults: { receipts: [] }
receipt_faults: { unknown_message: [ { at: 1s, id: agg_unknown, status: delivered } ] }
inbound: [ { at: 2s, from: '+14155550111', body: STOP } ]
";
    let (aggregator, clock) = aggregator(yaml);
    aggregator.core().handle(&post("k", &message(TO, &url)));
    aggregator.deliver_due(clock.advance_by(TimeDelta::seconds(2))).await;
    let received = server.received_requests().await.unwrap();
    assert!(received.iter().all(is_genuine));
    let (unknown, text) = (event(&received[0]), event(&received[1]));
    assert_eq!((unknown.kind, unknown.data.id.as_str()), (EventType::Delivered, "agg_unknown"));
    assert_eq!(text.kind, EventType::Received);
    assert_eq!((text.data.from.as_str(), text.data.to.as_str()), ("+14155550111", "+18885550100"));
    assert_eq!(text.data.text.as_deref(), Some("STOP"));
    assert_eq!(text.timestamp, start() + TimeDelta::seconds(2));
    let last = aggregator.core().journal_since(0).pop().unwrap();
    assert!(last.to_string().ends_with("→ text from …0111: 204"), "{last}");
}

#[tokio::test]
async fn in_real_time_receipts_come_by_themselves() {
    let (server, url) = service(&[]).await;
    let yaml = "
defaults: { receipts: [ { after: 1ms, status: sent }, { after: 2ms, status: delivered } ] }";
    let scenario = Scenario::parse("test", yaml).unwrap();
    let settings = Settings { token: "t".to_owned(), ..Settings::default() };
    let clock = Arc::new(crate::clock::WallClock);
    let aggregator = Aggregator::new(settings, scenario.script(), clock).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = aggregator.clone();
    let task = tokio::spawn(async move {
        running.run_in_real_time(async { drop(stopped.await) }).await;
    });
    for n in 0..20 {
        let to = format!("+141555501{n:02}");
        assert_eq!(
            aggregator.core().handle(&post(&n.to_string(), &message(&to, &url))).status,
            202
        );
    }
    let all = async {
        while server.received_requests().await.unwrap().len() < 40 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), all).await.unwrap();
    stop.send(()).unwrap();
    task.await.unwrap();
    assert!(server.received_requests().await.unwrap().iter().all(is_genuine));
}

/// Goal: a restarted aggregator still owes what it owed, and repeats nothing the service stored. Method: one
/// message taken, one of its two receipts posted, and a second aggregator on the same file.
#[tokio::test]
async fn a_restarted_aggregator_remembers_what_it_took_and_still_owes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("memory.jsonl");
    let (_server, url) = service(&[]).await;
    let clock = Arc::new(VirtualClock::new(start()));
    let make = || {
        let script = Script::plain(0, start());
        let settings = Settings { token: "t".to_owned(), ..Settings::default() };
        Aggregator::with_memory(settings, script, clock.clone(), &file).unwrap()
    };
    let first = make();
    let body = message(TO, &url);
    assert_eq!(first.core().handle(&post("k1", &body)).status, 202);
    clock.advance_by(TimeDelta::seconds(1));
    assert_eq!(first.deliver_due(clock.now()).await.len(), 1);
    drop(first);

    let second = make();
    assert_eq!(second.core().summary().accepted, 1);
    assert_eq!(second.core().handle(&post("k1", &body)).status, 202, "the key still holds");
    assert_eq!(second.core().summary().accepted, 1, "and takes nothing anew");
    clock.advance_by(TimeDelta::seconds(5));
    let delivered = second.deliver_due(clock.now()).await;
    assert_eq!(delivered.len(), 1);
    assert_eq!(delivered[0].kind, EventType::Delivered);
    drop(second);
    assert_eq!(make().next_due(), None, "all was posted");
}
