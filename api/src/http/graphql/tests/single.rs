//! The single connection mode of GraphQL over server-sent events.
use super::{
    Toy,
    client::{Answer, JSON, KEY, Stream, request, request_with, whole_answer},
};
use reqwest::Method;
use serde_json::json;
use std::{sync::atomic::Ordering, time::Duration};

const OTHER: (&str, &str) = ("authorization", "Bearer other");

async fn reserve(toy: &Toy) -> String {
    let answer = request(toy, Method::PUT, &[KEY], "").await;
    assert_eq!(answer.status.as_u16(), 201, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    assert_eq!(answer.text.len(), 32);
    answer.text
}

async fn open(toy: &Toy, token: &str) -> Stream {
    Stream::get(toy, &[("token", token)]).await
}

async fn ask_as(toy: &Toy, key: (&str, &str), token: &str, id: &str, query: &str) -> Answer {
    let body = json!({ "query": query, "extensions": { "operationId": id } }).to_string();
    let headers = [JSON, key, ("x-graphql-event-stream-token", token)];
    request(toy, Method::POST, &headers, body).await
}

async fn ask(toy: &Toy, token: &str, id: &str, query: &str) -> u16 {
    ask_as(toy, KEY, token, id, query).await.status.as_u16()
}

async fn stop(toy: &Toy, key: (&str, &str), token: &str, id: &str) -> u16 {
    let headers = [key, ("x-graphql-event-stream-token", token)];
    request_with(toy, Method::DELETE, &[("operationId", id)], &headers, "").await.status.as_u16()
}

fn next(id: &str, payload: &str) -> String {
    format!("event: next\ndata: {{\"id\":\"{id}\",\"payload\":{payload}}}\n\n")
}

fn complete(id: &str) -> String {
    format!("event: complete\ndata: {{\"id\":\"{id}\"}}\n\n")
}

#[tokio::test]
async fn operations_share_a_stream() {
    let toy = Toy::start().await;
    let token = reserve(&toy).await;
    let mut stream = open(&toy, &token).await;
    assert_eq!((stream.status(), stream.until("\n\n").await.unwrap().as_str()), (200, ":\n\n"));
    assert_eq!(ask(&toy, &token, "t", "subscription{ticks}").await, 202);
    assert_eq!(stream.event().await, next("t", r#"{"data":{"ticks":0}}"#));
    assert_eq!(ask(&toy, &token, "q", "{hello}").await, 202);
    assert_eq!(stream.event().await, next("q", &whole_answer(r#"{"hello":"world"}"#)));
    assert_eq!(stream.event().await, complete("q"));
    toy.world.ticks.send_replace(1);
    assert_eq!(stream.event().await, next("t", r#"{"data":{"ticks":1}}"#));
    assert_eq!(stop(&toy, KEY, &token, "t").await, 200);
    toy.world.ticks.closed().await;
    assert_eq!(stop(&toy, KEY, &token, "t").await, 200);
    assert_eq!(ask(&toy, &token, "q", "{who}").await, 202);
    assert_eq!(stream.event().await, next("q", &whole_answer(r#"{"who":"good"}"#)));
}

#[tokio::test]
async fn what_runs_before_the_stream_opens_is_told_then() {
    let toy = Toy::start().await;
    let token = reserve(&toy).await;
    assert_eq!(ask(&toy, &token, "q", "{hello}").await, 202);
    let mut stream = open(&toy, &token).await;
    assert_eq!(stream.event().await, next("q", &whole_answer(r#"{"hello":"world"}"#)));
}

#[tokio::test]
async fn a_refused_operation_is_told_by_the_status_or_on_the_stream() {
    let toy = Toy::start().await;
    let token = reserve(&toy).await;
    let mut stream = open(&toy, &token).await;
    assert_eq!(ask(&toy, &token, "a", "{hello").await, 400);
    assert_eq!(ask(&toy, &token, "", "{hello}").await, 400);
    assert_eq!(ask(&toy, &token, &"x".repeat(257), "{hello}").await, 400);
    assert_eq!(ask(&toy, &token, "b", "{nope}").await, 202);
    let event = stream.event().await;
    assert!(
        event.contains("GRAPHQL_VALIDATION_FAILED") && event.contains(r#""id":"b""#),
        "{event}"
    );
    assert_eq!(stream.event().await, complete("b"));
    assert_eq!(ask(&toy, &token, "t", "subscription{forever}").await, 202);
    let twice = ask_as(&toy, KEY, &token, "t", "subscription{forever}").await;
    assert_eq!((twice.status.as_u16(), twice.code().as_str()), (409, "CONFLICT"));
}

#[tokio::test]
async fn a_stream_opens_once() {
    let toy = Toy::start().await;
    let token = reserve(&toy).await;
    let first = open(&toy, &token).await;
    assert_eq!(open(&toy, &token).await.status(), 409);
    drop(first);
    toy.sockets.drained().await;
    assert_eq!(open(&toy, &token).await.status(), 404);
    assert_eq!(ask(&toy, &token, "q", "{hello}").await, 404);
}

#[tokio::test]
async fn a_stream_is_there_for_its_own_key_alone() {
    let toy = Toy::start().await;
    let token = reserve(&toy).await;
    let missing = ask_as(&toy, OTHER, "0", "q", "{hello}").await;
    let foreign = ask_as(&toy, OTHER, &token, "q", "{hello}").await;
    assert_eq!((foreign.status.as_u16(), foreign.text), (404, missing.text));
    assert_eq!(stop(&toy, OTHER, &token, "q").await, 404);
    let parameters = [("token", token.as_str())];
    let headers = [OTHER, ("accept", "text/event-stream")];
    let answer = request_with(&toy, Method::GET, &parameters, &headers, "").await;
    assert_eq!(answer.status.as_u16(), 404);
    assert_eq!(open(&toy, &token).await.status(), 200);
}

#[tokio::test]
async fn strangers_reserve_nothing() {
    let toy = Toy::start().await;
    assert_eq!(request(&toy, Method::PUT, &[], "").await.status.as_u16(), 401);
    let token = reserve(&toy).await;
    toy.world.revoked.store(true, Ordering::SeqCst);
    assert_eq!(open(&toy, &token).await.status(), 401);
    assert_eq!(ask(&toy, &token, "q", "{hello}").await, 401);
    assert_eq!(stop(&toy, KEY, &token, "q").await, 401);
}

#[tokio::test]
async fn a_reservation_that_is_not_used_expires() {
    let toy = Toy::limited(|l| l.reservation_timeout = Duration::from_millis(50)).await;
    let token = reserve(&toy).await;
    toy.sockets.drained().await;
    assert_eq!(open(&toy, &token).await.status(), 404);
}

#[tokio::test]
async fn operations_on_a_stream_are_bounded() {
    let toy = Toy::limited(|limits| limits.operations = 1).await;
    let token = reserve(&toy).await;
    assert_eq!(ask(&toy, &token, "t", "subscription{forever}").await, 202);
    let more = ask_as(&toy, KEY, &token, "u", "subscription{forever}").await;
    assert_eq!((more.status.as_u16(), more.code().as_str()), (429, "RATE_LIMITED"));
    assert_eq!(more.header("retry-after"), "5");
}

#[tokio::test]
async fn what_runs_ends_with_the_key_and_with_the_service() {
    let toy = Toy::limited(|limits| limits.check_period = Duration::from_millis(20)).await;
    for ending in ["revoked", "shutdown"] {
        let token = reserve(&toy).await;
        let mut stream = open(&toy, &token).await;
        assert_eq!(ask(&toy, &token, "t", "subscription{ticks}").await, 202);
        assert_eq!(stream.event().await, next("t", r#"{"data":{"ticks":0}}"#));
        if ending == "revoked" {
            toy.world.revoked.store(true, Ordering::SeqCst);
        } else {
            toy.shutdown.send_replace(true);
        }
        assert_eq!(stream.event().await, "", "{ending}");
        toy.world.ticks.closed().await;
        toy.sockets.drained().await;
        toy.world.revoked.store(false, Ordering::SeqCst);
    }
}
