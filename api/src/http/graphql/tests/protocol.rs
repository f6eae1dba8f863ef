//! `graphql-transport-ws`: the handshake, the messages and the close codes.
use super::{
    Toy,
    client::{Socket, refusal, whole_answer},
};
use crate::http::graphql::Options;
use serde_json::json;
use std::time::Duration;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;

const SUBPROTOCOL: (&str, &str) = ("sec-websocket-protocol", "graphql-transport-ws");

#[tokio::test]
async fn the_subprotocol_is_required() {
    let toy = Toy::start().await;
    assert_eq!(refusal(Socket::open(&toy, &[]).await), 400);
    let unknown = [("sec-websocket-protocol", "graphql-ws")];
    assert_eq!(refusal(Socket::open(&toy, &unknown).await), 400);
    let several = [("sec-websocket-protocol", "graphql-ws, graphql-transport-ws")];
    assert!(Socket::open(&toy, &several).await.is_ok());
}

#[tokio::test]
async fn a_foreign_origin_is_refused() {
    let toy = Toy::start().await;
    let foreign = [SUBPROTOCOL, ("origin", "https://evil.example")];
    assert_eq!(refusal(Socket::open(&toy, &foreign).await), 403);
    let own = format!("http://{}", toy.address);
    assert!(Socket::open(&toy, &[SUBPROTOCOL, ("origin", &own)]).await.is_ok());
    let allowed_origins = vec!["https://app.example".to_owned()];
    let toy = Toy::with(Options { allowed_origins, ..Options::default() }).await;
    assert_eq!(refusal(Socket::open(&toy, &foreign).await), 403);
    let listed = [SUBPROTOCOL, ("origin", "https://app.example")];
    assert!(Socket::open(&toy, &listed).await.is_ok());
}

#[tokio::test]
async fn only_version_13_opens() {
    let toy = Toy::start().await;
    let old = [SUBPROTOCOL, ("sec-websocket-version", "8")];
    assert_eq!(refusal(Socket::open(&toy, &old).await), 426);
    let key = [SUBPROTOCOL, ("sec-websocket-key", "short")];
    assert_eq!(refusal(Socket::open(&toy, &key).await), 400);
}

#[tokio::test]
async fn subscribe_before_init_closes_4401() {
    let toy = Toy::start().await;
    let mut socket = Socket::fresh(&toy).await;
    socket.subscribe("1", "{hello}").await;
    assert_eq!(socket.close_code().await, 4401);
}

#[tokio::test]
async fn subscribe_before_ack_closes_4401() {
    let toy = Toy::start().await;
    let (_gate, closed) = watch::channel(false);
    *toy.world.gate.lock().unwrap() = Some(closed);
    let mut socket = Socket::fresh(&toy).await;
    let payload = json!({"authorization": "Bearer good"});
    socket.send(json!({"type": "connection_init", "payload": payload})).await;
    // Pings are answered while the token is being checked.
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, json!({"type": "pong"}));
    socket.subscribe("1", "{hello}").await;
    assert_eq!(socket.close_code().await, 4401);
}

#[tokio::test]
async fn no_init_closes_4408() {
    let toy = Toy::limited(|limits| limits.init_timeout = Duration::from_millis(20)).await;
    assert_eq!(Socket::fresh(&toy).await.close_code().await, 4408);
}

#[tokio::test]
async fn a_second_init_closes_4429() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(socket.close_code().await, 4429);
}

#[tokio::test]
async fn a_refused_token_closes_4403() {
    let toy = Toy::start().await;
    for payload in [json!(null), json!({}), json!({"authorization": "Bearer bad"})] {
        let mut socket = Socket::fresh(&toy).await;
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(socket.close_code().await, 4403);
    }
}

#[tokio::test]
async fn a_token_that_cannot_be_checked_closes_1013() {
    let toy = Toy::start().await;
    for token in ["Bearer down", "Bearer panic"] {
        let mut socket = Socket::fresh(&toy).await;
        let payload = json!({ "authorization": token });
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(socket.close_code().await, 1013);
    }
}

#[tokio::test]
async fn the_token_may_come_with_the_upgrade() {
    let toy = Toy::start().await;
    let headers = [SUBPROTOCOL, ("authorization", "Bearer good")];
    let mut socket = Socket::open(&toy, &headers).await.unwrap();
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(socket.receive().await, json!({"type": "connection_ack"}));
    socket.subscribe("1", "{who}").await;
    assert_eq!(socket.receive().await["payload"]["data"], json!({"who": "good"}));
}

#[tokio::test]
async fn what_the_protocol_does_not_know_closes_4400() {
    let toy = Toy::start().await;
    for text in ["{", "1", r#"{"type":"start","id":"1"}"#, r#"{"type":"subscribe","id":"1"}"#] {
        let mut socket = Socket::ready(&toy).await;
        socket.raw(Message::text(text)).await;
        assert_eq!(socket.close_code().await, 4400, "{text}");
    }
    let mut socket = Socket::ready(&toy).await;
    socket.raw(Message::binary(b"{}".to_vec())).await;
    assert_eq!(socket.close_code().await, 4400);
}

#[tokio::test]
async fn a_running_id_closes_4409_with_a_reason_that_fits() {
    let toy = Toy::start().await;
    for id in ["1".to_owned(), "é".repeat(200)] {
        let mut socket = Socket::ready(&toy).await;
        socket.subscribe(&id, "subscription{forever}").await;
        socket.subscribe(&id, "subscription{forever}").await;
        assert_eq!(socket.close_code().await, 4409);
    }
}

#[tokio::test]
async fn an_over_long_message_closes_1009() {
    let toy = Toy::start().await;
    for length in [256 * 1024 + 1, 3 * 1024 * 1024] {
        let mut socket = Socket::ready(&toy).await;
        socket.raw(Message::text(" ".repeat(length))).await;
        assert_eq!(socket.close_code().await, 1009);
    }
}

#[tokio::test]
async fn ping_is_answered_with_its_payload() {
    let toy = Toy::start().await;
    let mut socket = Socket::fresh(&toy).await;
    socket.send(json!({"type": "ping", "payload": {"at": 7}})).await;
    assert_eq!(socket.receive().await, json!({"type": "pong", "payload": {"at": 7}}));
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, json!({"type": "pong"}));
    socket.send(json!({"type": "pong"})).await;
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn a_query_is_next_then_complete_and_its_id_is_free_again() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    for _ in 0..2 {
        socket.subscribe("a", "{z:hello b:who}").await;
        let payload = whole_answer(r#"{"z":"world","b":"good"}"#);
        let next = format!(r#"{{"type":"next","id":"a","payload":{payload}}}"#);
        assert_eq!(socket.receive_text().await, next);
        assert_eq!(socket.receive().await, json!({"type": "complete", "id": "a"}));
    }
}

#[tokio::test]
async fn an_execution_error_is_next_and_complete() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("a", "{broken}").await;
    let next = socket.receive().await;
    assert_eq!((&next["type"], &next["payload"]["data"]), (&json!("next"), &json!(null)));
    assert_eq!(next["payload"]["errors"][0]["extensions"]["code"], "BROKEN");
    assert_eq!(socket.receive().await, json!({"type": "complete", "id": "a"}));
}

#[tokio::test]
async fn a_request_error_is_error_without_complete() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    for (query, code) in [
        ("{hello", "GRAPHQL_PARSE_FAILED"),
        ("{helo}", "GRAPHQL_VALIDATION_FAILED"),
        ("query($n:Int!){echo(n:$n)}", "BAD_USER_INPUT"),
        ("query A{hello} query B{hello}", "OPERATION_RESOLUTION_FAILURE"),
        ("subscription{a:ticks b:ticks}", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription{refused}", "FORBIDDEN"),
    ] {
        socket.subscribe("a", query).await;
        let error = socket.receive().await;
        assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("a")), "{query}");
        assert_eq!(error["payload"][0]["extensions"]["code"], code, "{query}");
    }
    // No `complete` came in between: the next message is the answer to this.
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn a_panic_is_error_and_the_socket_lives_on() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("q", "{defect}").await;
    let error = socket.receive().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("q")));
    assert_eq!(error["payload"][0]["extensions"]["code"], "INTERNAL");
    socket.subscribe("s", "subscription{panicking}").await;
    assert_eq!(socket.receive().await["payload"], json!({"data": {"panicking": 1}}));
    assert_eq!(socket.receive().await["type"], "error");
    socket.subscribe("q", "{hello}").await;
    assert_eq!(socket.receive().await["payload"]["data"], json!({"hello": "world"}));
}
