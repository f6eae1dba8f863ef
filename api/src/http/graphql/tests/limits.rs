//! What a key may ask for and have open, over each transport: which limit it is, its value, what
//! was found.
use super::{
    Toy,
    client::{Answer, JSON, KEY, NEW, Socket, Stream, post, request},
};
use crate::http::graphql::Rate;
use reqwest::Method;
use serde_json::{Value as Json, json};
use std::time::Duration;

const EVENTS: &str = "text/event-stream";
const OTHER: (&str, &str) = ("authorization", "Bearer other");

fn limit(answer: &Answer) -> Json {
    answer.json()["errors"][0]["extensions"]["limit"].clone()
}

#[tokio::test]
async fn an_answer_tells_its_cost() {
    let toy = Toy::start().await;
    let query = "query($n:Int){shops(first:$n){total nodes{total}}}";
    let answer = post(&toy, &[], query, json!({"n": 10})).await;
    let cost = json!({"requestedQueryCost": 11, "maximumQueryCost": 1000});
    assert_eq!(answer.json()["extensions"]["cost"], cost);
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("q", "{shops{nodes{total}}}").await;
    let next = socket.receive().await;
    assert_eq!(next["payload"]["extensions"]["cost"]["requestedQueryCost"], 26);
}

#[tokio::test]
async fn what_costs_too_much_does_not_run() {
    let toy = Toy::start().await;
    let answer = post(&toy, &[NEW], "{shops(first:100){nodes{total}}}", json!({})).await;
    assert_eq!(answer.status.as_u16(), 200, "{}", answer.text);
    let twelve: Vec<String> =
        (0..12).map(|n| format!("a{n}:shops(first:100){{nodes{{total}}}}")).collect();
    let twelve = format!("{{{}}}", twelve.join(" "));
    let answer = post(&toy, &[NEW], &twelve, json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "COST_EXCEEDED"));
    assert_eq!(limit(&answer), json!({"name": "COST", "maximum": 1000, "found": 1212}));
    let text = Stream::post(&toy, EVENTS, &twelve).await.rest().await;
    assert!(
        text.contains("COST_EXCEEDED") && text.ends_with("event: complete\ndata: \n\n"),
        "{text}"
    );
}

#[tokio::test]
async fn a_body_that_is_too_long_says_how_long_it_is() {
    let toy = Toy::start().await;
    let answer = request(&toy, Method::POST, &[JSON, KEY], " ".repeat(300_000)).await;
    assert_eq!(limit(&answer), json!({"name": "BODY_BYTES", "maximum": 262_144, "found": 300_000}));
}

#[tokio::test]
async fn a_query_that_takes_too_long_is_given_up() {
    let toy = Toy::limited(|limits| limits.request_timeout = Duration::from_millis(20)).await;
    let answer = post(&toy, &[], "{stuck}", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "TIMEOUT"));
    assert_eq!(limit(&answer), json!({"name": "REQUEST_MS", "maximum": 20}));
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("q", "{stuck}").await;
    assert_eq!(socket.receive().await["payload"][0]["extensions"]["code"], "TIMEOUT");
    // A subscription may last.
    let mut stream = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    stream.event().await;
    tokio::time::timeout(Duration::from_millis(40), stream.event()).await.unwrap_err();
}

/// Points that come back so slowly that none does while the test lasts.
async fn slow(burst: u32) -> Toy {
    Toy::limited(|limits| limits.rate = Rate { per_s: 1, burst }).await
}

#[tokio::test]
async fn a_key_that_asks_too_fast_is_told_when_to_come_back() {
    let toy = slow(1_000).await;
    let query = "{shops(first:99){nodes{total}}}";
    for _ in 0..10 {
        assert_eq!(post(&toy, &[], query, json!({})).await.status.as_u16(), 200);
    }
    for extra in [vec![], vec![NEW], vec![("accept", EVENTS)]] {
        let answer = post(&toy, &extra, query, json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "RATE_LIMITED"));
        let wait: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=100).contains(&wait), "{wait}");
        let told = limit(&answer);
        assert_eq!((&told["name"], &told["maximum"]), (&json!("RATE"), &json!(1000)));
        assert_eq!(told["retryAfterSeconds"], wait);
    }
    let body = json!({ "query": query }).to_string();
    let other = request(&toy, Method::POST, &[JSON, OTHER], body).await;
    assert_eq!(other.status.as_u16(), 200, "another key has its own points");
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("q", query).await;
    let error = socket.receive().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("q")));
    assert_eq!(error["payload"][0]["extensions"]["code"], "RATE_LIMITED");
}

#[tokio::test]
async fn a_refused_document_costs_a_point() {
    let toy = slow(2).await;
    assert_eq!(post(&toy, &[], "{", json!({})).await.code(), "GRAPHQL_PARSE_FAILED");
    // Where the machine is busy a point may come back in between.
    let mut code = String::new();
    for _ in 0..50 {
        code = post(&toy, &[], "{", json!({})).await.code();
        if code != "GRAPHQL_PARSE_FAILED" {
            break;
        }
    }
    assert_eq!(code, "RATE_LIMITED");
}

#[tokio::test]
async fn connections_of_a_key_are_bounded_whatever_they_are() {
    let toy = Toy::limited(|limits| limits.connections_of_key = 3).await;
    let socket = Socket::ready(&toy).await;
    let stream = Stream::post(&toy, EVENTS, "subscription{forever}").await;
    assert_eq!(request(&toy, Method::PUT, &[KEY], "").await.status.as_u16(), 201);
    let mut more = Socket::fresh(&toy).await;
    let payload = json!({"authorization": "Bearer good"});
    more.send(json!({"type": "connection_init", "payload": payload})).await;
    assert_eq!(more.close_code().await, 1013);
    let one = Stream::post(&toy, EVENTS, "subscription{forever}").await;
    assert_eq!((one.status(), one.header("retry-after")), (429, "5"));
    let reservation = request(&toy, Method::PUT, &[KEY], "").await;
    assert_eq!(reservation.code(), "RATE_LIMITED");
    assert_eq!(limit(&reservation), json!({"name": "CONNECTIONS_PER_KEY", "maximum": 3}));
    assert_eq!(request(&toy, Method::PUT, &[OTHER], "").await.status.as_u16(), 201);
    drop((socket, stream));
}

#[tokio::test]
async fn operations_of_a_key_are_bounded_over_all_its_connections() {
    let toy = Toy::limited(|limits| limits.operations_of_key = 2).await;
    let mut first = Socket::ready(&toy).await;
    first.subscribe("t", "subscription{ticks}").await;
    first.receive().await;
    let mut second = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    second.event().await;
    let answer = post(&toy, &[], "{hello}", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (429, "RATE_LIMITED"));
    assert_eq!(limit(&answer), json!({"name": "OPERATIONS_PER_KEY", "maximum": 2}));
    assert_eq!(answer.header("retry-after"), "5");
    toy.world.ticks.send_replace(-1);
    assert_eq!(first.receive().await["type"], "complete");
    assert_eq!(second.rest().await, "event: complete\ndata: \n\n");
    assert_eq!(post(&toy, &[], "{hello}", json!({})).await.status.as_u16(), 200);
}
