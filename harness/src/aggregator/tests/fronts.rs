//! Both fronts over real HTTP: they must not be told apart.

use std::sync::Mutex;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;
use crate::aggregator::front_wiremock::WiremockFront;
use crate::client::http_builder;

/// A running front: where it is, and what keeps it running.
struct Front {
    base: String,
    kept: Kept,
}

enum Kept {
    Wiremock(#[expect(dead_code, reason = "dropping it stops it")] WiremockFront),
    Hyper(oneshot::Sender<()>, JoinHandle<()>),
}

async fn fronts(aggregator: &dyn Fn() -> Aggregator) -> Vec<(Front, Aggregator)> {
    let first = aggregator();
    let wiremock = WiremockFront::start(first.clone()).await;
    let wiremock = Front { base: wiremock.base_url(), kept: Kept::Wiremock(wiremock) };
    let second = aggregator();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    let served = second.clone();
    let task = tokio::spawn(async move {
        front_hyper::serve(listener, served, async { drop(stopped.await) }).await;
    });
    vec![(wiremock, first), (Front { base, kept: Kept::Hyper(stop, task) }, second)]
}

impl Front {
    async fn post(&self, key: &str, body: Vec<u8>) -> Result<reqwest::Response, reqwest::Error> {
        let http = http_builder().timeout(Duration::from_secs(10)).build().unwrap();
        http.post(format!("{}/messages", self.base))
            .bearer_auth("t")
            .header("idempotency-key", key)
            .body(body)
            .send()
            .await
    }

    async fn stop(self) {
        if let Kept::Hyper(stop, task) = self.kept {
            stop.send(()).unwrap();
            task.await.unwrap();
        }
    }
}

fn bytes(to: &str, callback_url: &str) -> Vec<u8> {
    serde_json::to_vec(&message(to, callback_url)).unwrap()
}

#[tokio::test]
async fn a_round_trip_is_taken_looked_up_and_replayed() {
    for (front, aggregator) in fronts(&|| aggregator("{}").0).await {
        let first = front.post("k", bytes(TO, NOWHERE)).await.unwrap();
        assert_eq!(first.status(), 202);
        assert_eq!(first.headers()["content-type"], "application/json");
        let first = first.bytes().await.unwrap();
        let second = front.post("k", bytes(TO, NOWHERE)).await.unwrap();
        assert_eq!(second.bytes().await.unwrap(), first);
        let other = front.post("k", bytes("+14155550143", NOWHERE)).await.unwrap();
        assert_eq!(other.status(), 422);
        assert_eq!(other.headers()["content-type"], "application/problem+json");

        let http = http_builder().build().unwrap();
        let url = format!("{}/messages?reference=msg_%2B14155550142", front.base);
        let found = http.get(&url).bearer_auth("t").send().await.unwrap();
        let found: Value = serde_json::from_slice(&found.bytes().await.unwrap()).unwrap();
        let first: Value = serde_json::from_slice(&first).unwrap();
        assert_eq!(found["messages"][0]["id"], first["id"]);
        assert_eq!(http.get(&url).send().await.unwrap().status(), 401);
        assert_eq!(aggregator.core().ledger().total(), 1);
        front.stop().await;
    }
}

#[tokio::test]
async fn a_closed_connection_is_an_error_and_the_message_was_taken() {
    let yaml = "rules: [ { limit: 1, accepts: true, transport: close_after_read } ]";
    for (front, aggregator) in fronts(&|| aggregator(yaml).0).await {
        let error = front.post("k", bytes(TO, NOWHERE)).await.unwrap_err();
        assert!(!error.is_connect() && !error.is_timeout(), "{error:?}");
        assert_eq!(aggregator.core().ledger().total(), 1);
        assert_eq!(front.post("k", bytes(TO, NOWHERE)).await.unwrap().status(), 202);
        assert_eq!(aggregator.core().ledger().total(), 1);
        front.stop().await;
    }
}

#[tokio::test]
async fn a_hang_outlasts_an_impatient_caller() {
    let yaml = "rules: [ { accepts: true, transport: { hang: 20s } } ]";
    for (front, aggregator) in fronts(&|| aggregator(yaml).0).await {
        let http = http_builder().timeout(Duration::from_millis(200)).build().unwrap();
        let request = http.post(format!("{}/messages", front.base)).bearer_auth("t");
        let request = request.header("idempotency-key", "k").body(bytes(TO, NOWHERE));
        assert!(request.send().await.unwrap_err().is_timeout());
        assert_eq!(aggregator.core().ledger().total(), 1);
        front.stop().await;
    }
}

#[tokio::test]
async fn a_receipt_before_the_response_arrives_before_it() {
    let order: Arc<Mutex<Vec<&str>>> = Arc::default();
    let service = MockServer::start().await;
    let seen = Arc::clone(&order);
    let answer = move |_: &wiremock::Request| {
        seen.lock().unwrap().push("receipt");
        ResponseTemplate::new(204)
    };
    Mock::given(any()).respond_with(answer).mount(&service).await;
    let yaml = "receipt_faults: { before_response: { percent: 100 } }";
    for (front, aggregator) in fronts(&|| aggregator(yaml).0).await {
        order.lock().unwrap().clear();
        let response = front.post("k", bytes(TO, &service.uri())).await.unwrap();
        order.lock().unwrap().push("response");
        assert_eq!(response.status(), 202);
        assert_eq!(*order.lock().unwrap(), ["receipt", "response"]);
        let words: Vec<String> =
            aggregator.core().journal_since(0).iter().map(Entry::words).collect();
        assert!(words[1].starts_with("→ receipt sent of agg_"), "{words:?}");
        front.stop().await;
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    for (front, aggregator) in fronts(&|| aggregator("{}").0).await {
        let mut long = message(TO, NOWHERE);
        long["text"] = Value::from("x".repeat(64 * 1024));
        let response = front.post("k", serde_json::to_vec(&long).unwrap()).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(aggregator.core().ledger().total(), 0);
        front.stop().await;
    }
}

#[tokio::test]
async fn a_stopped_front_answers_nobody() {
    let mut running = fronts(&|| aggregator("{}").0).await;
    let (front, _) = running.pop().unwrap();
    let base = front.base.clone();
    assert_eq!(front.post("k", bytes(TO, NOWHERE)).await.unwrap().status(), 202);
    front.stop().await;
    let http = http_builder().build().unwrap();
    assert!(http.get(base).send().await.unwrap_err().is_connect());
}

/// Goal: a journal says when a request is over, also where nobody is left to be answered. Method: a caller
/// that waits less long than the script hangs, recorded to a file.
#[tokio::test]
async fn a_caller_that_gives_up_is_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.jsonl");
    let clock = Arc::new(crate::clock::WallClock);
    let kind = crate::record::ClockKind::Real;
    let recorder = crate::record::Recorder::append("aggregator", &path, clock, kind).unwrap();
    let script = "rules: [{ transport: { hang: 30s }, accepts: true }]";
    let mut fronts = fronts(&|| aggregator(script).0).await;
    let (front, aggregator) = fronts.pop().unwrap();
    aggregator.core().record_to(recorder);
    let http = http_builder().timeout(Duration::from_millis(300)).build().unwrap();
    let request = http.post(format!("{}/messages", front.base)).bearer_auth("t");
    let request = request.header("idempotency-key", "k").body(bytes(TO, NOWHERE));
    assert!(request.send().await.unwrap_err().is_timeout());
    front.stop().await;
    let journal = std::fs::read_to_string(&path).unwrap();
    let facts: Vec<Value> =
        journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = facts
        .iter()
        .map(|line| line["fact"].as_object().unwrap().keys().next().unwrap().as_str())
        .collect();
    assert_eq!(kinds, ["journal", "begun", "read", "decided", "answered"]);
    assert_eq!(facts[3]["fact"]["decided"]["did"], "accepted");
    assert_eq!(facts[3]["fact"]["decided"].get("status"), None);
    assert!(crate::check::check_file(&path).unwrap().is_clean());
}
