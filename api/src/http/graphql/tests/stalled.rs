//! What is left of a connection whose client reads nothing: over every transport, nothing.
//!
//! **Invariant:** nothing here reads before its connection was given up.
use super::{Toy, client::Socket};
use serde_json::json;
use std::{
    io::{Error, ErrorKind},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// The time for a write, and for a test to see how its connection ended.
const WRITE_TIMEOUT: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(10);
const FLOOD: &str = "subscription{flood}";
/// More of its events than the system keeps, so that the writer waits.
const EVENTS: usize = 33;

async fn toy() -> Toy {
    Toy::limited(|limits| limits.write_timeout = WRITE_TIMEOUT).await
}

/// How a stream of this media type ends whose client has read nothing until it was given up.
async fn end_of_stream(accept: &str) -> Result<(), Error> {
    let toy = toy().await;
    let body = json!({ "query": FLOOD }).to_string();
    let head = format!(
        "POST /graphql HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer good\r\nAccept: {accept}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut client = TcpStream::connect(toy.address).await?;
    client.write_all(format!("{head}{body}").as_bytes()).await?;
    toy.world.flooded.subscribe().wait_for(|made| *made > 1).await.unwrap();
    timeout(PATIENCE, toy.sockets.drained()).await?;
    let mut all = Vec::new();
    timeout(PATIENCE, client.read_to_end(&mut all)).await??;
    Ok(())
}

#[tokio::test]
async fn nothing_is_left_of_streams() {
    let parts = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json";
    for accept in ["text/event-stream", parts] {
        let fault = end_of_stream(accept).await.unwrap_err();
        assert_eq!(fault.kind(), ErrorKind::ConnectionReset, "{accept}");
    }
}

#[tokio::test]
async fn nothing_is_left_of_sockets() {
    let toy = toy().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("f", FLOOD).await;
    toy.world.flooded.subscribe().wait_for(|made| *made > EVENTS).await.unwrap();
    timeout(PATIENCE, toy.sockets.drained()).await.unwrap();
    assert_eq!(socket.broken().await, Some(ErrorKind::ConnectionReset));
}
