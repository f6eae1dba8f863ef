//! One subscription over graphql-transport-ws, on a connection of its own.
//!
//! A task of its own reads the connection, so that pings are answered and values kept while the
//! caller does something else. **Invariant:** a subscription ends once, with the reason; what was
//! received before it ended is not lost.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::{SinkExt as _, Stream, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// The sub-protocol.
const PROTOCOL: &str = "graphql-transport-ws";
/// The id of the one operation of a connection.
const OPERATION: &str = "1";
/// How many values wait for a caller who does not read; one more ends the subscription.
const VALUES_MAX: usize = 16_384;
/// How long the connection and its acknowledgment may take.
const CONNECT_WAIT: Duration = Duration::from_secs(15);
/// How long the server may take to close once it was asked to.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Why a subscription ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The server said that there is nothing more.
    #[error("the subscription is complete")]
    Complete,
    /// The server refused the operation: the errors it gave.
    #[error("the subscription was refused: {0}")]
    Refused(Value),
    /// The server closed the connection.
    #[error("the server closed the connection with {code} `{reason}`")]
    Closed {
        /// The close code, for instance 4403.
        code: u16,
        /// What it said.
        reason: String,
    },
    /// The connection broke without a word.
    #[error("the connection was lost")]
    Lost,
    /// The connection could not be made, or failed.
    #[error("the connection failed")]
    Failed(#[source] WsError),
    /// The server said something that the protocol does not know here.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// The server took too long.
    #[error("the server took too long to {0}")]
    Late(&'static str),
    /// The caller left too many values unread.
    #[error("more than {VALUES_MAX} values were left unread")]
    TooSlow,
}

/// A running subscription: a stream of payloads, then the reason why it ended, then nothing.
#[derive(Debug)]
pub struct Subscription {
    values: mpsc::Receiver<Value>,
    ended: Option<oneshot::Receiver<Ended>>,
    stop: Option<oneshot::Sender<()>>,
    reader: JoinHandle<()>,
}

impl Subscription {
    /// The next payload (`data`, `errors`), or why there will be none; nothing once that was said.
    pub async fn next_value(&mut self) -> Option<Result<Value, Ended>> {
        self.next().await
    }

    /// Ends the operation and closes the connection in order; waits until the server has agreed.
    pub async fn close(mut self) -> Result<(), Ended> {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
        let reader = &mut self.reader;
        match tokio::time::timeout(CLOSE_WAIT, reader).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Ended::Late("close")),
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl Stream for Subscription {
    type Item = Result<Value, Ended>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(self.values.poll_recv(context));
        if let Some(value) = next {
            return Poll::Ready(Some(Ok(value)));
        }
        let Some(ended) = self.ended.as_mut() else { return Poll::Ready(None) };
        let reason = std::task::ready!(Pin::new(ended).poll(context));
        self.ended = None;
        Poll::Ready(Some(Err(reason.unwrap_or(Ended::Lost))))
    }
}

/// Connects to `url` (`ws://…`), shows the token, and starts the operation.
pub async fn subscribe(
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> Result<Subscription, Ended> {
    let opened = tokio::time::timeout(CONNECT_WAIT, open(url, token, query, variables)).await;
    let Ok(opened) = opened else { return Err(Ended::Late("connect")) };
    let socket = opened?;
    let (value_sender, values) = mpsc::channel(VALUES_MAX);
    let (ended_sender, ended) = oneshot::channel();
    let (stop, stopped) = oneshot::channel();
    let reader = tokio::spawn(async move {
        let reason = read(socket, &value_sender, stopped).await;
        ended_sender.send(reason).ok();
    });
    Ok(Subscription { values, ended: Some(ended), stop: Some(stop), reader })
}

async fn open(
    url: &str,
    token: Option<&str>,
    query: &str,
    variables: Value,
) -> Result<Socket, Ended> {
    let mut request = url.into_client_request().map_err(Ended::Failed)?;
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(PROTOCOL));
    let (mut socket, _) = connect_async(request).await.map_err(Ended::Failed)?;
    let payload = match token {
        Some(token) => json!({ "authorization": format!("Bearer {token}") }),
        None => json!({}),
    };
    send(&mut socket, &json!({ "type": "connection_init", "payload": payload })).await?;
    acknowledged(&mut socket).await?;
    let payload = json!({ "query": query, "variables": variables });
    let start = json!({ "type": "subscribe", "id": OPERATION, "payload": payload });
    send(&mut socket, &start).await?;
    Ok(socket)
}

/// Reads until the server acknowledges the connection. The caller bounds the time.
async fn acknowledged(socket: &mut Socket) -> Result<(), Ended> {
    loop {
        let Some(message) = receive(socket).await? else { continue };
        match kind(&message) {
            "connection_ack" => return Ok(()),
            "ping" => send(socket, &json!({ "type": "pong" })).await?,
            "pong" => {}
            other => return Err(Ended::Protocol(format!("`{other}` before `connection_ack`"))),
        }
    }
}

/// Reads values until the operation ends or the caller stops it; answers why it ended.
async fn read(
    mut socket: Socket,
    values: &mpsc::Sender<Value>,
    mut stopped: oneshot::Receiver<()>,
) -> Ended {
    loop {
        let received = tokio::select! {
            // A subscription that is dropped aborts this task; only `close` gets here.
            _ = &mut stopped => {
                send(&mut socket, &json!({ "type": "complete", "id": OPERATION })).await.ok();
                close(&mut socket).await;
                return Ended::Complete;
            }
            received = receive(&mut socket) => received,
        };
        match received {
            Ok(None) => {}
            Err(ended) => return ended,
            Ok(Some(message)) => {
                if let Err(ended) = take(&mut socket, message, values).await {
                    close(&mut socket).await;
                    return ended;
                }
            }
        }
    }
}

/// Takes one message of the protocol.
async fn take(
    socket: &mut Socket,
    mut message: Value,
    values: &mpsc::Sender<Value>,
) -> Result<(), Ended> {
    let payload = message.get_mut("payload").map(Value::take).unwrap_or_default();
    match kind(&message) {
        "next" => values.try_send(payload).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Ended::TooSlow,
            mpsc::error::TrySendError::Closed(_) => Ended::Complete,
        }),
        "error" => Err(Ended::Refused(payload)),
        "complete" => Err(Ended::Complete),
        "ping" => send(socket, &json!({ "type": "pong" })).await,
        "pong" => Ok(()),
        other => Err(Ended::Protocol(format!("`{other}` is no message of a server"))),
    }
}

fn kind(message: &Value) -> &str {
    message.get("type").and_then(Value::as_str).unwrap_or_default()
}

async fn send(socket: &mut Socket, message: &Value) -> Result<(), Ended> {
    socket.send(Message::text(message.to_string())).await.map_err(Ended::Failed)
}

/// The next message of the protocol; nothing for a frame that carries none.
async fn receive(socket: &mut Socket) -> Result<Option<Value>, Ended> {
    match socket.next().await {
        None => Err(Ended::Lost),
        Some(Err(WsError::ConnectionClosed | WsError::AlreadyClosed | WsError::Protocol(_))) => {
            Err(Ended::Lost)
        }
        Some(Err(error)) => Err(Ended::Failed(error)),
        Some(Ok(Message::Close(frame))) => {
            let (code, reason) = frame
                .map_or((u16::from(CloseCode::Status), String::new()), |frame| {
                    (u16::from(frame.code), frame.reason.to_string())
                });
            Err(Ended::Closed { code, reason })
        }
        Some(Ok(Message::Text(text))) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Ended::Protocol(format!("not json: {error}"))),
        Some(Ok(_)) => Ok(None),
    }
}

/// Closes in order: says so, then reads until the server has said so too.
async fn close(socket: &mut Socket) {
    let frame = CloseFrame { code: CloseCode::Normal, reason: "".into() };
    if socket.close(Some(frame)).await.is_err() {
        return;
    }
    let agreed = async { while let Some(Ok(_)) = socket.next().await {} };
    // A server that does not agree is left to itself.
    tokio::time::timeout(CLOSE_WAIT, agreed).await.ok();
}
