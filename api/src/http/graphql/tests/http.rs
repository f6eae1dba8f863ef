//! POST and GET: what is accepted, what is refused and with which status.
use super::{
    Toy,
    client::{Answer, JSON, KEY, NEW, post, request, request_with, whole_answer},
};
use crate::http::graphql::Options;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::sync::atomic::Ordering;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

#[tokio::test]
async fn a_query_is_answered() {
    let toy = Toy::start().await;
    let answer = post(&toy, &[], "{b:hello a:who}", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.text, whole_answer(r#"{"b":"world","a":"good"}"#));
    assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
    assert_eq!(answer.header("vary"), "Accept");
}

#[tokio::test]
async fn the_newer_media_type_is_served() {
    let toy = Toy::start().await;
    let answer = post(&toy, &[NEW], "query($n:Int!){echo(n:$n)}", json!({"n": 3})).await;
    assert_eq!(answer.text, whole_answer(r#"{"echo":3}"#));
    assert_eq!(answer.header("content-type"), "application/graphql-response+json; charset=utf-8");
}

#[tokio::test]
async fn a_mutation_runs() {
    let toy = Toy::start().await;
    let answer = post(&toy, &[], "mutation{rename(name:\"x\")}", json!({})).await;
    assert_eq!(answer.json()["data"], json!({"rename": "x"}));
    assert_eq!(answer.json()["extensions"]["cost"]["requestedQueryCost"], 10);
    assert_eq!(*toy.world.renames.borrow(), ["x"]);
}

/// A refused document is a 400 with the newer media type, a 200 with the older, and has no data.
async fn is_refused(query: &str, variables: serde_json::Value, code: &str) {
    let toy = Toy::start().await;
    for (extra, status) in [(vec![NEW], 400), (vec![], 200)] {
        let answer = post(&toy, &extra, query, variables.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
        assert_eq!(answer.code(), code, "{}", answer.text);
        assert_eq!(answer.json().get("data"), None, "{}", answer.text);
    }
    assert!(toy.world.renames.borrow().is_empty());
}

#[tokio::test]
async fn a_syntax_error_is_refused() {
    is_refused("{hello", json!({}), "GRAPHQL_PARSE_FAILED").await;
}

#[tokio::test]
async fn an_invalid_document_is_refused() {
    is_refused("{helo}", json!({}), "GRAPHQL_VALIDATION_FAILED").await;
    is_refused("{echo(n:\"x\")}", json!({}), "BAD_USER_INPUT").await;
}

#[tokio::test]
async fn a_missing_variable_is_refused_before_anything_runs() {
    let query = "mutation($n:String!){a:rename(name:\"x\") b:rename(name:$n)}";
    is_refused(query, json!({}), "BAD_USER_INPUT").await;
    is_refused(query, json!({"n": null}), "BAD_USER_INPUT").await;
}

#[tokio::test]
async fn a_variable_of_the_wrong_type_is_refused_before_anything_runs() {
    let query = "mutation($n:String!){a:rename(name:\"x\") b:rename(name:$n)}";
    is_refused(query, json!({"n": 1}), "BAD_USER_INPUT").await;
}

#[tokio::test]
async fn an_ambiguous_operation_is_refused() {
    is_refused("query A{hello} query B{hello}", json!({}), "OPERATION_RESOLUTION_FAILURE").await;
}

#[tokio::test]
async fn a_failed_field_is_an_execution_error() {
    let toy = Toy::start().await;
    for extra in [vec![NEW], vec![]] {
        let answer = post(&toy, &extra, "{hello broken}", json!({})).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.json()["data"], json!(null));
        assert_eq!(answer.json()["errors"][0]["path"], json!(["broken"]));
        assert_eq!(answer.code(), "BROKEN");
        assert!(answer.text.starts_with(r#"{"errors":"#), "{}", answer.text);
    }
}

#[tokio::test]
async fn what_comes_from_inside_stays_inside() {
    let toy = Toy::start().await;
    let answer = post(&toy, &[], "{leaky}", json!({})).await;
    assert_eq!(answer.code(), "INTERNAL");
    assert!(!answer.text.contains("disk"), "{}", answer.text);
}

#[tokio::test]
async fn a_panic_is_a_500_and_the_service_lives_on() {
    let toy = Toy::start().await;
    let answer = post(&toy, &[], "{defect}", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (500, "INTERNAL"));
    assert!(!answer.text.contains("panics"), "{}", answer.text);
    assert_eq!(post(&toy, &[], "{hello}", json!({})).await.status, StatusCode::OK);
}

#[tokio::test]
async fn only_json_is_read() {
    let toy = Toy::start().await;
    let body = r#"{"query":"mutation{rename(name:\"x\")}"}"#;
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ] {
        let answer = request(&toy, Method::POST, &[("content-type", kind), KEY], body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (415, "BAD_REQUEST"));
    }
    let answer = request(&toy, Method::POST, &[KEY], body).await;
    assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(toy.world.renames.borrow().is_empty());
}

#[tokio::test]
async fn ill_formed_parameters_are_a_400_in_both_media_types() {
    let toy = Toy::start().await;
    for body in ["", "{", "[]", r#"[{"query":"{hello}"}]"#, "{}", r#"{"query":1}"#] {
        for extra in [vec![JSON, KEY, NEW], vec![JSON, KEY]] {
            let answer = request(&toy, Method::POST, &extra, body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
            assert_eq!(answer.code(), "BAD_REQUEST", "{body}");
            assert_eq!(answer.json().get("data"), None);
        }
    }
}

#[tokio::test]
async fn an_over_long_body_is_refused() {
    let toy = Toy::start().await;
    for length in [256 * 1024 + 1, 3 * 1024 * 1024] {
        let body = " ".repeat(length);
        let answer = request(&toy, Method::POST, &[JSON, KEY], body).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "BAD_REQUEST"));
    }
    let query = r#"{"query":"{hello}"}"#;
    let exact = format!("{query}{}", " ".repeat(256 * 1024 - query.len()));
    assert_eq!(request(&toy, Method::POST, &[JSON, KEY], exact).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_over_long_chunked_body_is_refused() {
    let toy = Toy::start().await;
    let mut stream = TcpStream::connect(toy.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                authorization: Bearer good\r\ntransfer-encoding: chunked\r\n\
                connection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..5 {
        stream.write_all(chunk.as_bytes()).await.unwrap();
    }
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_refused() {
    let toy =
        Toy::limited(|limits| limits.body_timeout = std::time::Duration::from_millis(20)).await;
    let mut stream = TcpStream::connect(toy.address).await.unwrap();
    let head = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                authorization: Bearer good\r\ncontent-length: 10\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
}

#[tokio::test]
async fn an_accept_that_cannot_be_served_is_a_406() {
    let toy = Toy::start().await;
    let answer = post(&toy, &[("accept", "text/html")], "{hello}", json!({})).await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (406, "BAD_REQUEST"));
}

#[tokio::test]
async fn a_subscription_that_accepts_no_stream_is_a_406() {
    let toy = Toy::start().await;
    for accept in
        ["application/json", "application/graphql-response+json", "multipart/mixed, application/*"]
    {
        let answer = post(&toy, &[("accept", accept)], "subscription{ticks}", json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (406, "BAD_REQUEST"));
        for way in ["text/event-stream", "subscriptionSpec=1.0", "graphql-transport-ws"] {
            assert!(answer.text.contains(way), "{}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_query_runs_by_get() {
    let toy = Toy::start().await;
    let query = ("query", "query A($n:Int!){b:hello a:echo(n:$n)} query B{hello}");
    let parameters = [query, ("variables", r#"{"n":3}"#), ("operationName", "A")];
    for (headers, kind) in [
        (vec![KEY], "application/json; charset=utf-8"),
        (vec![KEY, NEW], "application/graphql-response+json; charset=utf-8"),
    ] {
        let answer = request_with(&toy, Method::GET, &parameters, &headers, "").await;
        assert_eq!(answer.text, whole_answer(r#"{"b":"world","a":3}"#));
        assert_eq!(answer.header("content-type"), kind);
    }
}

#[tokio::test]
async fn a_mutation_does_not_run_by_get() {
    let toy = Toy::start().await;
    for headers in [vec![KEY], vec![KEY, NEW], vec![KEY, ("accept", "text/event-stream")]] {
        let parameters = [("query", "mutation{rename(name:\"x\")}")];
        let answer = request_with(&toy, Method::GET, &parameters, &headers, "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (405, "BAD_REQUEST"));
        assert_eq!(answer.header("allow"), "POST");
        assert_eq!(answer.json().get("data"), None);
    }
    assert!(toy.world.renames.borrow().is_empty());
}

#[tokio::test]
async fn a_get_is_refused_like_a_post() {
    let toy = Toy::start().await;
    let asked = async |parameters: &[(&str, &str)], headers: &[(&str, &str)]| {
        let answer = request_with(&toy, Method::GET, parameters, headers, "").await;
        (answer.status.as_u16(), answer.code())
    };
    let code = |status: u16, code: &str| (status, code.to_owned());
    let hello = [("query", "{hello}")];
    assert_eq!(asked(&[], &[KEY, NEW]).await, code(400, "BAD_REQUEST"));
    assert_eq!(asked(&[("query", "{a")], &[KEY, NEW]).await, code(400, "GRAPHQL_PARSE_FAILED"));
    assert_eq!(asked(&[("query", "{a}")], &[KEY]).await, code(200, "GRAPHQL_VALIDATION_FAILED"));
    assert_eq!(asked(&hello, &[NEW]).await, code(401, "UNAUTHENTICATED"));
    assert_eq!(asked(&hello, &[KEY, ("accept", "text/html")]).await, code(406, "BAD_REQUEST"));
    let twice = [("query", "{hello}"), ("query", "{who}")];
    assert_eq!(asked(&twice, &[KEY]).await, code(400, "BAD_REQUEST"));
}

#[tokio::test]
async fn other_methods_are_a_405() {
    let toy = Toy::start().await;
    for method in [Method::PATCH, Method::OPTIONS, Method::TRACE] {
        let answer = request(&toy, method, &[KEY], "").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (405, "BAD_REQUEST"));
        assert_eq!(answer.header("allow"), "GET, POST, PUT, DELETE");
    }
}

fn is_unauthenticated(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (401, "UNAUTHENTICATED"));
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    assert_eq!(answer.json().get("data"), None);
}

#[tokio::test]
async fn strangers_are_refused() {
    let toy = Toy::start().await;
    let body = r#"{"query":"{hello}"}"#;
    is_unauthenticated(&request(&toy, Method::POST, &[JSON], body).await);
    for value in ["Bearer bad", "Basic good", "good", "Bearer "] {
        let headers = [JSON, NEW, ("authorization", value)];
        is_unauthenticated(&request(&toy, Method::POST, &headers, body).await);
    }
    toy.world.revoked.store(true, Ordering::SeqCst);
    is_unauthenticated(&request(&toy, Method::POST, &[JSON, KEY], body).await);
}

#[tokio::test]
async fn a_key_that_cannot_be_checked_is_a_503() {
    let toy = Toy::start().await;
    for value in ["Bearer down", "Bearer panic"] {
        let headers = [JSON, ("authorization", value)];
        let answer = request(&toy, Method::POST, &headers, r#"{"query":"{hello}"}"#).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (503, "UNAVAILABLE"));
        assert_eq!(answer.header("retry-after"), "1");
    }
}

#[tokio::test]
async fn the_errors_of_an_answer_are_bounded() {
    let toy = Toy::start().await;
    let names: Vec<String> = (0..500).map(|n| format!("nope{n}")).collect();
    let query = format!("{{{}}}", names.join(" "));
    let answer = post(&toy, &[NEW], &query, json!({})).await;
    assert_eq!(answer.json()["errors"].as_array().unwrap().len(), 20);
}

/// A document of 600 brackets gets through the parser and overruns the stack behind it, which no
/// panic handler can catch.
#[tokio::test]
async fn a_deeply_nested_document_does_not_end_the_service() {
    let toy = Toy::start().await;
    for (depth, code) in [
        (98, "BAD_USER_INPUT"),
        (99, "GRAPHQL_PARSE_FAILED"),
        (600, "GRAPHQL_PARSE_FAILED"),
        (50_000, "GRAPHQL_PARSE_FAILED"),
    ] {
        let query = format!("{{echo(n:{}{})}}", "[".repeat(depth), "]".repeat(depth));
        let answer = post(&toy, &[NEW], &query, json!({})).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{depth}");
    }
}

/// Goal: a browser lets pages of listed origins call and read, and no others. Method: what it asks
/// before (a preflight) and what it looks for in an answer, for an origin that is listed and one
/// that is not.
#[tokio::test]
async fn pages_of_listed_origins_may_call() {
    let allowed_origins = vec!["https://app.example".to_owned()];
    let toy = Toy::with(Options { allowed_origins, ..Options::default() }).await;
    let (ours, foreign) = (("origin", "https://app.example"), ("origin", "https://evil.example"));
    let asks = ("access-control-request-method", "POST");
    let preflight = request(&toy, Method::OPTIONS, &[ours, asks], "").await;
    assert_eq!(preflight.status, StatusCode::NO_CONTENT);
    assert_eq!(preflight.header("access-control-allow-origin"), "https://app.example");
    assert!(preflight.header("access-control-allow-headers").contains("authorization"));
    assert!(preflight.header("access-control-allow-methods").contains("DELETE"));
    let answer = post(&toy, &[ours], "{hello}", json!({})).await;
    assert_eq!(answer.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(answer.header("access-control-expose-headers"), "retry-after, www-authenticate");
    let varied: Vec<_> = answer.headers.get_all("vary").iter().collect();
    assert_eq!(varied, ["Accept", "origin"]);
    let refused = request(&toy, Method::OPTIONS, &[foreign, asks], "").await;
    assert_eq!(refused.status, StatusCode::METHOD_NOT_ALLOWED);
    for headers in [vec![foreign], vec![]] {
        let answer = post(&toy, &headers, "{hello}", json!({})).await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}
