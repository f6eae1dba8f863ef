//! The client against servers written out by hand.

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use wiremock::matchers::{body_json, header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

type ServerSocket = WebSocketStream<TcpStream>;

#[tokio::test]
async fn a_query_is_posted_as_json_with_the_token() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(header("authorization", "Bearer t"))
        .and(header("content-type", "application/json"))
        .and(body_json(json!({ "query": "{ a }", "variables": { "b": 1 } })))
        .respond_with(ResponseTemplate::new(200).set_body_string(r#"{"data":{"a":1}}"#))
        .mount(&server)
        .await;
    let client = Client::new(server.uri(), Some("t".to_owned())).unwrap();
    let body = client.post("{ a }", json!({ "b": 1 })).await.unwrap();
    assert_eq!(body, json!({ "data": { "a": 1 } }));
    assert!(!format!("{client:?}").contains("\"t\""));
}

#[tokio::test]
async fn what_is_no_json_is_an_error_with_its_status() {
    let server = MockServer::start().await;
    let client = Client::new(server.uri(), None).unwrap();
    let error = client.send("{ a }", Value::Null).await.unwrap_err();
    assert!(matches!(error, Error::NotJson { status: 404, .. }), "{error:?}");
}

/// Serves one connection with `script` and answers the URL.
async fn server<F>(script: impl FnOnce(ServerSocket) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/graphql", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        #[expect(clippy::result_large_err, reason = "the signature that tungstenite calls")]
        let choose = |request: &Request, mut response: Response| {
            let protocol = request.headers().get("sec-websocket-protocol").unwrap().clone();
            response.headers_mut().insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        script(accept_hdr_async(stream, choose).await.unwrap()).await;
    });
    url
}

async fn say(socket: &mut ServerSocket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

async fn hear(socket: &mut ServerSocket) -> Value {
    let message = socket.next().await.unwrap().unwrap();
    serde_json::from_str(message.to_text().unwrap()).unwrap()
}

/// Takes the client's greeting and its operation.
async fn welcome(socket: &mut ServerSocket) -> Value {
    let init = hear(socket).await;
    assert_eq!(init["type"], "connection_init");
    assert_eq!(init["payload"]["authorization"], "Bearer t");
    say(socket, json!({ "type": "ping" })).await;
    assert_eq!(hear(socket).await["type"], "pong");
    say(socket, json!({ "type": "connection_ack" })).await;
    hear(socket).await
}

async fn client_of(url: String) -> Result<Subscription, Ended> {
    let client = Client::new(url, Some("t".to_owned())).unwrap();
    client.subscribe("subscription { a }", json!({ "b": 1 })).await
}

#[tokio::test]
async fn values_come_pings_are_answered_and_completion_is_told() {
    let url = server(|mut socket| async move {
        let start = welcome(&mut socket).await;
        assert_eq!(start["payload"]["variables"], json!({ "b": 1 }));
        let next = |n| json!({ "type": "next", "id": "1", "payload": { "data": { "a": n } } });
        say(&mut socket, next(1)).await;
        say(&mut socket, json!({ "type": "ping", "payload": { "x": 1 } })).await;
        assert_eq!(hear(&mut socket).await["type"], "pong");
        say(&mut socket, next(2)).await;
        say(&mut socket, json!({ "type": "complete", "id": "1" })).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let mut subscription = client_of(url).await.unwrap();
    for n in 1..=2 {
        let value = subscription.next_value().await.unwrap().unwrap();
        assert_eq!(value, json!({ "data": { "a": n } }));
    }
    assert!(matches!(subscription.next_value().await, Some(Err(Ended::Complete))));
    assert!(subscription.next_value().await.is_none());
}

#[tokio::test]
async fn a_close_code_is_told_before_and_after_the_acknowledgment() {
    let close =
        |code: u16| Message::Close(Some(CloseFrame { code: code.into(), reason: "no".into() }));
    let url = server(move |mut socket| async move {
        hear(&mut socket).await;
        socket.send(close(4403)).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let refused = client_of(url).await.unwrap_err();
    assert!(
        matches!(&refused, Ended::Closed { code: 4403, reason } if reason == "no"),
        "{refused}"
    );

    let url = server(move |mut socket| async move {
        welcome(&mut socket).await;
        socket.send(close(4400)).await.unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let mut subscription = client_of(url).await.unwrap();
    let ended = subscription.next_value().await.unwrap().unwrap_err();
    assert!(matches!(ended, Ended::Closed { code: 4400, .. }), "{ended}");
}

#[tokio::test]
async fn a_refused_operation_brings_its_errors() {
    let url = server(|mut socket| async move {
        welcome(&mut socket).await;
        let errors = json!([{ "message": "no" }]);
        say(&mut socket, json!({ "type": "error", "id": "1", "payload": errors })).await;
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    let mut subscription = client_of(url).await.unwrap();
    let ended = subscription.next_value().await.unwrap().unwrap_err();
    assert!(matches!(&ended, Ended::Refused(errors) if errors[0]["message"] == "no"), "{ended}");
}

#[tokio::test]
async fn closing_completes_the_operation_and_says_goodbye() {
    let (told, heard) = tokio::sync::oneshot::channel();
    let url = server(|mut socket| async move {
        welcome(&mut socket).await;
        let complete = hear(&mut socket).await;
        let goodbye = socket.next().await;
        told.send((complete, goodbye)).unwrap();
        while let Some(Ok(_)) = socket.next().await {}
    })
    .await;
    client_of(url).await.unwrap().close().await.unwrap();
    let (complete, goodbye) = heard.await.unwrap();
    assert_eq!(complete, json!({ "type": "complete", "id": "1" }));
    assert!(matches!(goodbye, Some(Ok(Message::Close(Some(frame)))) if frame.code == 1000.into()));
}

#[tokio::test]
async fn a_connection_that_breaks_is_lost() {
    let url = server(|mut socket| async move {
        welcome(&mut socket).await;
        drop(socket);
    })
    .await;
    let mut subscription = client_of(url).await.unwrap();
    let ended = subscription.next_value().await.unwrap().unwrap_err();
    assert!(matches!(ended, Ended::Lost), "{ended:?}");
}
