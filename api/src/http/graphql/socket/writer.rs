//! The one task that writes to a socket, and the three lanes that lead to it.
//!
//! **Invariant:** a close frame overtakes replies, and replies overtake the messages of operations.
use super::{Stream, protocol::Close};
use crate::http::graphql::{
    lane::{Lane, Queue, lane},
    limits::{FAREWELL_TIMEOUT, QUEUED_REPLIES},
    narrow::{Receiver, Sender, Unsent, narrow},
};
use futures_util::{SinkExt, stream::SplitSink};
use std::time::Duration;
use tokio::{task::JoinHandle, time::timeout};
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

/// The writing half of a socket.
pub(super) type Sink = SplitSink<Stream, Message>;

/// The lane of the protocol's own replies. Never waits.
#[derive(Clone)]
pub(super) struct Replies(Sender<String>);

impl Replies {
    /// Puts a reply in line. A client that asks on without reading fills the lane, and is refused.
    pub(super) fn send(&self, text: impl Into<String>) -> Result<(), Close> {
        match self.0.try_send(text.into()) {
            // The session sees by itself that the writer is gone.
            Ok(()) | Err(Unsent::Gone) => Ok(()),
            Err(Unsent::Full) => Err(Close::new(Close::POLICY, "Replies are not being read")),
        }
    }

    /// Ends when the writer has ended.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }
}

/// What leads to the writer.
pub(super) struct Outbox {
    close: Sender<Close>,
    replies: Replies,
    queue: Queue,
    task: JoinHandle<Option<Sink>>,
}

/// The writer's ends of the lanes.
struct Lanes {
    close: Receiver<Close>,
    replies: Receiver<String>,
    queue: Lane,
}

/// Starts the writer. It ends after a close frame, or when a write fails or takes too long.
pub(super) fn start(sink: Sink, write_timeout: Duration) -> Outbox {
    let (close, close_lane) = narrow(1);
    let (replies, reply_lane) = narrow(QUEUED_REPLIES);
    let (queue, queue_lane) = lane();
    let lanes = Lanes { close: close_lane, replies: reply_lane, queue: queue_lane };
    let task = tokio::spawn(write(sink, lanes, write_timeout));
    Outbox { close, replies: Replies(replies), queue, task }
}

impl Outbox {
    /// The lane of replies.
    pub(super) fn replies(&self) -> Replies {
        self.replies.clone()
    }

    /// The lane of the operations.
    pub(super) fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Writes the close frame as the last message; `None` when the client does not take it.
    pub(super) async fn close(mut self, close: Close) -> Option<Sink> {
        // The lane holds one and is used once: it is only ever refused when the writer is gone.
        let _ = self.close.try_send(close);
        match timeout(FAREWELL_TIMEOUT, &mut self.task).await {
            Ok(ended) => ended.ok().flatten(),
            Err(_elapsed) => {
                self.task.abort();
                None
            }
        }
    }

    /// Writes nothing more.
    pub(super) fn abort(self) {
        self.task.abort();
    }
}

/// The sink comes back only after a close frame went out.
async fn write(mut sink: Sink, mut lanes: Lanes, write_timeout: Duration) -> Option<Sink> {
    loop {
        let message = tokio::select! {
            biased;
            Some(Close { code, reason }) = lanes.close.recv() => {
                Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
            }
            Some(text) = lanes.replies.recv() => Message::text(text),
            Some(text) = lanes.queue.next() => Message::text(text),
            else => return None,
        };
        let last = message.is_close();
        if !matches!(timeout(write_timeout, sink.send(message)).await, Ok(Ok(()))) {
            tracing::debug!("a socket's client took a message too slowly or is gone");
            return None;
        }
        if last {
            return Some(sink);
        }
    }
}
