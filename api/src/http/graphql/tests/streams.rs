//! Streams of one operation: server-sent events and multipart.
use super::{
    Toy,
    client::{Stream, whole_answer},
};
use std::{sync::atomic::Ordering, time::Duration};

const EVENTS: &str = "text/event-stream";
const PARTS: &str = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,\
                     application/graphql-response+json,application/json;q=0.9";
/// What opens multipart: an empty part, with the boundary after it.
const PART: &str = "\r\ncontent-type: application/json\r\n\r\n";
const BOUNDARY: &str = "\r\n--graphql";

fn tick(value: i32) -> String {
    format!("event: next\ndata: {{\"data\":{{\"ticks\":{value}}}}}\n\n")
}

fn part(json: &str) -> String {
    format!("{PART}{json}{BOUNDARY}")
}

#[tokio::test]
async fn events_follow_a_subscription() {
    let toy = Toy::start().await;
    let mut stream = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    assert_eq!(stream.status(), 200);
    assert_eq!(stream.header("content-type"), "text/event-stream; charset=utf-8");
    assert_eq!(stream.header("cache-control"), "no-cache, no-transform");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    assert_eq!(stream.until("\n\n").await.unwrap(), ":\n\n");
    assert_eq!(stream.event().await, tick(0));
    toy.world.ticks.send_replace(1);
    assert_eq!(stream.event().await, tick(1));
    toy.world.ticks.send_replace(-1);
    assert_eq!(stream.event().await, "event: complete\ndata: \n\n");
    assert_eq!(stream.event().await, "");
}

#[tokio::test]
async fn parts_follow_a_subscription_each_on_time() {
    let toy = Toy::start().await;
    let mut stream = Stream::post(&toy, PARTS, "subscription{ticks}").await;
    let kind = "multipart/mixed; boundary=\"graphql\"; subscriptionSpec=1.0";
    assert_eq!((stream.status(), stream.header("content-type")), (200, kind));
    let opening = format!("--graphql{PART}{{}}");
    assert_eq!(stream.until(BOUNDARY).await.unwrap(), opening + BOUNDARY);
    // The boundary after a part is there before the next part is.
    assert_eq!(stream.until(BOUNDARY).await.unwrap(), part(r#"{"payload":{"data":{"ticks":0}}}"#));
    toy.world.ticks.send_replace(1);
    assert_eq!(stream.until(BOUNDARY).await.unwrap(), part(r#"{"payload":{"data":{"ticks":1}}}"#));
    toy.world.ticks.send_replace(-1);
    assert_eq!(stream.rest().await, "--\r\n");
}

#[tokio::test]
async fn a_stream_opens_by_get() {
    let toy = Toy::start().await;
    let mut stream = Stream::get(&toy, &[("query", "subscription{ticks}")]).await;
    assert_eq!(stream.event().await, tick(0));
}

#[tokio::test]
async fn a_query_and_a_mutation_stream_where_nothing_else_is_accepted() {
    let toy = Toy::start().await;
    let stream = Stream::post(&toy, EVENTS, "{hello}").await;
    let complete = "event: complete\ndata: \n\n";
    let hello = whole_answer(r#"{"hello":"world"}"#);
    let next = format!("event: next\ndata: {hello}\n\n");
    assert_eq!(stream.rest().await, format!(":\n\n{next}{complete}"));
    let stream = Stream::post(&toy, EVENTS, "mutation{rename(name:\"x\")}").await;
    assert!(stream.rest().await.ends_with(complete));
    assert_eq!(*toy.world.renames.borrow(), ["x"]);
    let whole = Stream::post(&toy, PARTS, "{hello}").await;
    assert_eq!(whole.rest().await, hello);
}

#[tokio::test]
async fn what_is_refused_is_told_in_the_words_of_the_stream() {
    let toy = Toy::start().await;
    for (query, code) in [
        ("subscription{", "GRAPHQL_PARSE_FAILED"),
        ("subscription{nope}", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription{ticks forever}", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription{refused}", "FORBIDDEN"),
    ] {
        let stream = Stream::post(&toy, EVENTS, query).await;
        assert_eq!(stream.status(), 200);
        let text = stream.rest().await;
        let (next, complete) = text.strip_prefix(":\n\n").unwrap().split_once("\n\n").unwrap();
        assert!(
            next.starts_with("event: next\ndata: {\"errors\":[") && next.contains(code),
            "{next}"
        );
        assert!(!next.contains("\"data\":null"), "{next}");
        assert_eq!(complete, "event: complete\ndata: \n\n");
        let only = "multipart/mixed;subscriptionSpec=1.0";
        let text = Stream::post(&toy, only, query).await.rest().await;
        assert!(text.contains(r#"{"payload":{"errors":["#) && text.contains(code), "{text}");
        assert!(text.ends_with("\r\n--graphql--\r\n"), "{text}");
    }
}

#[tokio::test]
async fn a_panic_ends_a_stream_as_a_failure() {
    let toy = Toy::start().await;
    let text = Stream::post(&toy, EVENTS, "subscription{panicking}").await.rest().await;
    assert!(text.contains("INTERNAL") && !text.contains("the stream panics"), "{text}");
    assert!(text.ends_with("event: complete\ndata: \n\n"), "{text}");
}

#[tokio::test]
async fn strangers_open_no_stream() {
    let toy = Toy::start().await;
    toy.world.revoked.store(true, Ordering::SeqCst);
    let stream = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    assert_eq!((stream.status(), stream.header("www-authenticate")), (401, "Bearer"));
    assert_eq!(stream.header("content-type"), "application/json; charset=utf-8");
}

#[tokio::test]
async fn a_stream_that_has_nothing_to_tell_says_so() {
    let toy = Toy::limited(|limits| limits.idle_period = Duration::from_millis(20)).await;
    let mut stream = Stream::post(&toy, EVENTS, "subscription{forever}").await;
    for _ in 0..3 {
        assert_eq!(stream.until("\n\n").await.unwrap(), ":\n\n");
    }
    let mut stream = Stream::post(&toy, PARTS, "subscription{forever}").await;
    stream.until(BOUNDARY).await.unwrap();
    for _ in 0..3 {
        assert_eq!(stream.until(BOUNDARY).await.unwrap(), part("{}"));
    }
}

#[tokio::test]
async fn a_revoked_token_ends_streams() {
    let toy = Toy::limited(|limits| limits.check_period = Duration::from_millis(20)).await;
    let mut events = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    assert_eq!(events.event().await, tick(0));
    let mut parts = Stream::post(&toy, PARTS, "subscription{ticks}").await;
    parts.until("ticks").await.unwrap();
    toy.world.revoked.store(true, Ordering::SeqCst);
    assert_eq!(events.event().await, "");
    let text = parts.rest().await;
    assert!(text.contains(r#""payload":null"#) && text.contains("UNAUTHENTICATED"), "{text}");
    assert!(text.ends_with("\r\n--graphql--\r\n"), "{text}");
    toy.world.ticks.closed().await;
    toy.sockets.drained().await;
}

#[tokio::test]
async fn a_token_that_reaches_other_than_it_did_ends_streams() {
    let toy = Toy::limited(|limits| limits.check_period = Duration::from_millis(20)).await;
    let mut events = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    assert_eq!(events.event().await, tick(0));
    toy.world.reach.store(2, Ordering::SeqCst);
    assert_eq!(events.event().await, "");
}

/// Without its last word, so that the client knows that there is more and comes back for it.
#[tokio::test]
async fn shutdown_breaks_streams_off() {
    let toy = Toy::start().await;
    let mut events = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    assert_eq!(events.event().await, tick(0));
    let mut parts = Stream::post(&toy, PARTS, "subscription{ticks}").await;
    parts.until("ticks").await.unwrap();
    parts.until(BOUNDARY).await.unwrap();
    assert_eq!(toy.sockets.open(), 2);
    toy.shutdown.send_replace(true);
    assert_eq!(events.event().await, "");
    assert_eq!(parts.rest().await, "");
    toy.sockets.drained().await;
    toy.world.ticks.closed().await;
    let late = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    assert_eq!((late.status(), late.header("retry-after")), (503, "5"));
}

/// Goal: what runs ends when its client goes, and not when a write fails. Method: nothing is
/// written.
#[tokio::test]
async fn operations_end_with_their_stream() {
    let toy = Toy::limited(|limits| limits.idle_period = Duration::from_hours(1)).await;
    let mut stream = Stream::post(&toy, EVENTS, "subscription{ticks}").await;
    assert_eq!(stream.event().await, tick(0));
    drop(stream);
    toy.world.ticks.closed().await;
    toy.sockets.drained().await;
}

/// The stream is moved on by its reader alone, so what is made is what the buffers take.
#[tokio::test]
async fn a_stream_that_is_not_read_is_cut() {
    let toy = Toy::limited(|limits| limits.write_timeout = Duration::from_millis(50)).await;
    let stream = Stream::post(&toy, EVENTS, "subscription{flood}").await;
    assert_eq!(stream.status(), 200);
    toy.sockets.drained().await;
    let made = *toy.world.flooded.borrow();
    assert!((1..500).contains(&made), "{made} events were made");
}

#[tokio::test]
async fn streams_are_bounded() {
    let toy = Toy::limited(|limits| limits.sockets = 1).await;
    let first = Stream::post(&toy, EVENTS, "subscription{forever}").await;
    let second = Stream::post(&toy, EVENTS, "subscription{forever}").await;
    assert_eq!((second.status(), second.header("retry-after")), (503, "5"));
    drop(first);
    toy.sockets.drained().await;
    assert_eq!(Stream::post(&toy, EVENTS, "subscription{forever}").await.status(), 200);
}
