//! A client of the toy: HTTP by reqwest, sockets by tokio-tungstenite.
use super::Toy;
use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, Response, StatusCode, header::HeaderMap};
use serde_json::{Value as Json, json};
use std::{sync::Once, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        http::{HeaderName, HeaderValue},
    },
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer, read whole.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.text).unwrap()
    }

    /// The code of the first error.
    pub(super) fn code(&self) -> String {
        self.json()["errors"][0]["extensions"]["code"].as_str().unwrap().to_owned()
    }
}

/// The whole answer to a query that costs nothing, with this data.
pub(super) fn whole_answer(data: &str) -> String {
    let cost = r#"{"requestedQueryCost":0,"maximumQueryCost":1000}"#;
    format!(r#"{{"data":{data},"extensions":{{"cost":{cost}}}}}"#)
}

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
pub(super) const KEY: (&str, &str) = ("authorization", "Bearer good");
pub(super) const NEW: (&str, &str) = ("accept", "application/graphql-response+json");

pub(super) async fn request(
    toy: &Toy,
    method: Method,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Answer {
    whole(send(toy, method, "", headers, body).await).await
}

/// The same with these parameters in the URL.
pub(super) async fn request_with(
    toy: &Toy,
    method: Method,
    parameters: &[(&str, &str)],
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Answer {
    whole(send(toy, method, &encoded(parameters), headers, body).await).await
}

async fn whole(response: Response) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    Answer { status, headers, text: response.text().await.unwrap() }
}

/// The parameters as a URL holds them: each byte that is no letter or digit as `%XX`.
fn encoded(parameters: &[(&str, &str)]) -> String {
    let escape = |text: &str| -> String {
        text.bytes()
            .map(|byte| {
                let plain = byte.is_ascii_alphanumeric();
                if plain { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            })
            .collect()
    };
    let pairs: Vec<String> =
        parameters.iter().map(|(name, value)| format!("{name}={}", escape(value))).collect();
    format!("?{}", pairs.join("&"))
}

async fn send(
    toy: &Toy,
    method: Method,
    query: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> Response {
    static TLS: Once = Once::new();
    // The second installer of a process is refused, which is as good.
    TLS.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/graphql{query}", toy.address);
    let mut request = client.request(method, url).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// An answer that goes on.
pub(super) struct Stream {
    response: Response,
    /// What was received and not yet taken.
    text: String,
}

impl Stream {
    /// Asks by POST for this document, and a stream of this media type.
    pub(super) async fn post(toy: &Toy, accept: &str, query: &str) -> Self {
        let body = json!({ "query": query }).to_string();
        let response = send(toy, Method::POST, "", &[JSON, KEY, ("accept", accept)], body).await;
        Self { response, text: String::new() }
    }

    /// Opens a stream by GET.
    pub(super) async fn get(toy: &Toy, parameters: &[(&str, &str)]) -> Self {
        let headers = [KEY, ("accept", "text/event-stream")];
        let response = send(toy, Method::GET, &encoded(parameters), &headers, "").await;
        Self { response, text: String::new() }
    }

    pub(super) fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.response.headers().get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// What comes next, up to and with `end`; none when the stream ends first, and had nothing
    /// more.
    pub(super) async fn until(&mut self, end: &str) -> Option<String> {
        loop {
            if let Some(place) = self.text.find(end) {
                let rest = self.text.split_off(place + end.len());
                return Some(std::mem::replace(&mut self.text, rest));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.unwrap().unwrap();
            let Some(chunk) = chunk else {
                assert_eq!(self.text, "", "the stream broke off in the middle of a word");
                return None;
            };
            self.text.push_str(str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next event that is no comment; an empty text when the stream ends.
    pub(super) async fn event(&mut self) -> String {
        loop {
            let event = self.until("\n\n").await.unwrap_or_default();
            if event != ":\n\n" {
                return event;
            }
        }
    }

    /// The rest of the stream.
    pub(super) async fn rest(mut self) -> String {
        while let Some(chunk) = timeout(PATIENCE, self.response.chunk()).await.unwrap().unwrap() {
            self.text.push_str(str::from_utf8(&chunk).unwrap());
        }
        self.text
    }
}

/// A POST of this document and these variables by a known caller.
pub(super) async fn post(
    toy: &Toy,
    extra: &[(&str, &str)],
    query: &str,
    variables: Json,
) -> Answer {
    let headers = [&[JSON, KEY], extra].concat();
    let body = json!({ "query": query, "variables": variables }).to_string();
    request(toy, Method::POST, &headers, body).await
}

/// A socket of the client.
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// Opens a socket with these headers.
    pub(super) async fn open(toy: &Toy, headers: &[(&str, &str)]) -> Result<Self, Box<Error>> {
        let mut request = format!("ws://{}/graphql", toy.address).into_client_request().unwrap();
        for (name, value) in headers {
            let name = HeaderName::try_from(*name).unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        let (stream, response) = connect_async(request).await?;
        assert_eq!(response.headers()["sec-websocket-protocol"], "graphql-transport-ws");
        Ok(Self(stream))
    }

    /// A socket that has said nothing yet.
    pub(super) async fn fresh(toy: &Toy) -> Self {
        Self::open(toy, &[("sec-websocket-protocol", "graphql-transport-ws")]).await.unwrap()
    }

    /// A socket that was acknowledged.
    pub(super) async fn ready(toy: &Toy) -> Self {
        let mut socket = Self::fresh(toy).await;
        let payload = json!({"authorization": "Bearer good"});
        socket.send(json!({"type": "connection_init", "payload": payload})).await;
        assert_eq!(socket.receive().await, json!({"type": "connection_ack"}));
        socket
    }

    pub(super) async fn send(&mut self, message: Json) {
        self.raw(Message::text(message.to_string())).await;
    }

    pub(super) async fn raw(&mut self, message: Message) {
        self.0.send(message).await.unwrap();
    }

    pub(super) async fn subscribe(&mut self, id: &str, query: &str) {
        let payload = json!({ "query": query });
        self.send(json!({"type": "subscribe", "id": id, "payload": payload})).await;
    }

    async fn frame(&mut self) -> Message {
        timeout(PATIENCE, self.0.next()).await.unwrap().unwrap().unwrap()
    }

    /// The next message, which must be text.
    pub(super) async fn receive(&mut self) -> Json {
        serde_json::from_str(&self.receive_text().await).unwrap()
    }

    pub(super) async fn receive_text(&mut self) -> String {
        match self.frame().await {
            Message::Text(text) => text.to_string(),
            other => panic!("not a text message: {other:?}"),
        }
    }

    /// The next messages up to the close frame, and its code. The connection ends after it.
    pub(super) async fn closed(&mut self) -> (Vec<Json>, u16) {
        let mut before = Vec::new();
        loop {
            match self.frame().await {
                Message::Text(text) => before.push(serde_json::from_str(&text).unwrap()),
                Message::Close(Some(frame)) => {
                    assert!(frame.reason.len() <= 123);
                    let end = timeout(PATIENCE, self.0.next()).await.unwrap();
                    assert!(end.is_none_or(|end| end.is_err()), "a frame after the close frame");
                    return (before, frame.code.into());
                }
                other => panic!("not a close frame: {other:?}"),
            }
        }
    }

    /// How the connection broke, after all that was received; none when it ended as TCP ends one.
    pub(super) async fn broken(mut self) -> Option<std::io::ErrorKind> {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap() {
                Some(Ok(_)) => {}
                Some(Err(Error::Io(fault))) => return Some(fault.kind()),
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// The code of the close frame, which is the next message.
    pub(super) async fn close_code(&mut self) -> u16 {
        let (before, code) = self.closed().await;
        assert_eq!(before, Vec::<Json>::new());
        code
    }
}

/// The status with which an upgrade was refused.
pub(super) fn refusal(opened: Result<Socket, Box<Error>>) -> u16 {
    match opened.map_err(|error| *error) {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("the socket opened"),
    }
}
