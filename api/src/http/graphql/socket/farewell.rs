//! How a socket ends: the close frame out, the answer to it in, then the connection.
use super::{
    Stream,
    protocol::Close,
    writer::{Outbox, Sink},
};
use crate::http::graphql::limits::{DISCARD_BYTES, FAREWELL_TIMEOUT};
use futures_util::{StreamExt, stream::SplitStream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink as nowhere},
    time::timeout,
};

/// Why a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// The connection broke, or its client takes no more.
    Gone,
    /// The client closed.
    ByClient,
    /// We close.
    ByUs(Close),
}

impl From<Close> for End {
    fn from(close: Close) -> Self {
        Self::ByUs(close)
    }
}

/// Ends a socket. Takes at most two [`FAREWELL_TIMEOUT`]s.
pub(super) async fn part(end: End, outbox: Outbox, mut input: SplitStream<Stream>) {
    match end {
        End::Gone => outbox.abort(),
        End::ByClient => {
            outbox.abort();
            // Reading on is what writes the answer to the client's close frame.
            finish_reading(&mut input).await;
        }
        End::ByUs(close) => {
            tracing::debug!(code = close.code, reason = %close.reason, "closing a socket");
            let broken = matches!(close.code, Close::TOO_LONG | Close::FRAMING | Close::NOT_TEXT);
            match outbox.close(close).await {
                Some(sink) if broken => discard(input, sink).await,
                Some(_sink) => finish_reading(&mut input).await,
                None => {}
            }
        }
    }
}

/// Reads until the client has answered the close frame.
async fn finish_reading(input: &mut SplitStream<Stream>) {
    let ended = async { while let Some(Ok(_)) = input.next().await {} };
    // A client that does not answer is cut.
    let _ = timeout(FAREWELL_TIMEOUT, ended).await;
}

/// Throws away what is still being sent after a message that cannot be read. Closing with bytes
/// unread would reset the connection, and the client would lose the close frame.
async fn discard(input: SplitStream<Stream>, sink: Sink) {
    let Ok(mut stream) = input.reunite(sink) else { return };
    let raw = stream.get_mut();
    let rest = async {
        raw.shutdown().await?;
        let most = u64::try_from(DISCARD_BYTES).unwrap_or(u64::MAX);
        copy(&mut raw.take(most), &mut nowhere()).await
    };
    // The client may be gone already; there is nothing left to save.
    let _ = timeout(FAREWELL_TIMEOUT, rest).await;
}
