//! Trusted documents and the keeping back of the schema, over each transport.
use super::{
    Toy,
    client::{JSON, KEY, NEW, Socket, Stream, post, request, request_with},
};
use crate::http::graphql::{Options, Trusted};
use reqwest::Method;
use serde_json::json;
use std::sync::Arc;

fn manifest() -> Options {
    let text = json!({ "hello": "{hello}", "rename": "mutation{rename(name:\"x\")}" }).to_string();
    let trusted = Some(Arc::new(Trusted::parse(&text).unwrap()));
    Options { trusted, ..Options::default() }
}

#[tokio::test]
async fn only_known_documents_run() {
    let toy = Toy::with(manifest()).await;
    let named = json!({ "documentId": "hello" }).to_string();
    let answer = request(&toy, Method::POST, &[JSON, KEY, NEW], named).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["data"]["hello"]), (200, &json!("world")));
    assert_eq!(post(&toy, &[NEW], "{hello}", json!({})).await.status.as_u16(), 200);
    for unknown in ["{who}", "{hello }", "{__schema{types{name}}}", "mutation{rename(name:\"y\")}"]
    {
        let answer = post(&toy, &[NEW], unknown, json!({})).await;
        let told = (answer.status.as_u16(), answer.code());
        assert_eq!(told, (400, "DOCUMENT_NOT_TRUSTED".to_owned()), "{unknown}");
        let text = Stream::post(&toy, "text/event-stream", unknown).await.rest().await;
        assert!(text.contains("DOCUMENT_NOT_TRUSTED"), "{text}");
    }
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("a", "{who}").await;
    let refused = socket.receive().await;
    assert_eq!(refused["payload"][0]["extensions"]["code"], "DOCUMENT_NOT_TRUSTED", "{refused}");
    socket
        .send(json!({ "id": "b", "type": "subscribe", "payload": { "documentId": "hello" } }))
        .await;
    assert_eq!(socket.receive().await["payload"]["data"]["hello"], "world");
    assert!(toy.world.renames.borrow().is_empty());
}

/// A document that is named obeys the same rules as one that is sent.
#[tokio::test]
async fn a_named_document_is_asked_by_get() {
    let toy = Toy::with(manifest()).await;
    let get = async |id: &str| {
        request_with(&toy, Method::GET, &[("documentId", id)], &[KEY, NEW], "").await
    };
    assert_eq!(get("hello").await.status.as_u16(), 200);
    assert_eq!(get("rename").await.status.as_u16(), 405);
    assert_eq!(get("nothing").await.code(), "DOCUMENT_NOT_TRUSTED");
    assert!(toy.world.renames.borrow().is_empty());
}

#[tokio::test]
async fn the_schema_is_kept_back() {
    let toy = Toy::with(Options { introspection: false, ..Options::default() }).await;
    for query in ["{__schema{types{name}}}", "{hello x:__type(name:\"Query\"){name}}"] {
        let answer = post(&toy, &[NEW], query, json!({})).await;
        assert_eq!(answer.code(), "GRAPHQL_VALIDATION_FAILED", "{query}");
    }
    assert_eq!(post(&toy, &[NEW], "{__typename hello}", json!({})).await.status.as_u16(), 200);
}
