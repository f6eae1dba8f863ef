//! `graphql-transport-ws` (enisdenjo/graphql-ws, PROTOCOL.md): operations over one WebSocket.
//!
//! Three kinds of task serve a socket: one reads ([`session`]), one writes ([`writer`]), and each
//! operation has its own ([`operations`](super::operations)), so that none can hold up another.
//!
//! **Invariant:** reading never waits for writing.
//! **Invariant:** when the socket is gone, so is all that ran on it.
mod farewell;
mod protocol;
mod session;
mod writer;

use super::{
    limits::{Limits, READ_BUFFER_BYTES},
    shared::Shared,
};
use crate::http::auth::Authenticator;
use async_graphql::Executor;
use futures_util::StreamExt;
use poem::Upgraded;
use secrecy::SecretString;
use session::Session;
use std::sync::Arc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::protocol::{Role, WebSocketConfig},
};

/// An open socket.
type Stream = WebSocketStream<Upgraded>;

/// Serves a socket until it is closed. `token` is what the upgrade request carried.
pub(super) async fn serve<E: Executor, A: Authenticator>(
    stream: Upgraded,
    shared: Arc<Shared<E, A>>,
    token: Option<SecretString>,
) {
    let limits = shared.options.limits;
    let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config(&limits)));
    let (sink, mut input) = stream.await.split();
    let outbox = writer::start(sink, limits.write_timeout);
    let mut session = Session::new(shared, token, &outbox);
    let end = session.attend(&mut input).await;
    drop(session);
    farewell::part(end, outbox, input).await;
}

fn config(limits: &Limits) -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(limits.message_bytes))
        .max_frame_size(Some(limits.message_bytes))
        .read_buffer_size(READ_BUFFER_BYTES)
}
