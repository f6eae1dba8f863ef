//! The lane on which the messages of operations wait for the connection that they share.
//!
//! **Invariant:** a message of an operation that was stopped is not taken from its lane.
use super::{
    limits::QUEUED_MESSAGES,
    narrow::{Receiver, Sender, narrow},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Raised when an operation was stopped: by the client, or with its connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Stopped(Arc<AtomicBool>);

impl Stopped {
    /// Raises the flag.
    pub(super) fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether both are the flag of the same operation.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A message of an operation.
struct Queued {
    text: String,
    stopped: Stopped,
}

/// Where messages are put in line. Waits when the connection is slower than they are.
#[derive(Clone, Debug)]
pub(super) struct Queue(Sender<Queued>);

impl std::fmt::Debug for Queued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queued").field("bytes", &self.text.len()).finish_non_exhaustive()
    }
}

impl Queue {
    /// Puts a message in line; false when the connection is gone.
    pub(super) async fn send(&self, text: String, stopped: &Stopped) -> bool {
        self.0.send(Queued { text, stopped: stopped.clone() }).await
    }
}

/// Where they are taken from.
#[derive(Debug)]
pub(super) struct Lane(Receiver<Queued>);

impl Lane {
    /// The next message; none when nobody can put one in line any more.
    pub(super) async fn next(&mut self) -> Option<String> {
        loop {
            let Queued { text, stopped } = self.0.recv().await?;
            if !stopped.raised() {
                return Some(text);
            }
        }
    }
}

/// A lane for [`QUEUED_MESSAGES`].
pub(super) fn lane() -> (Queue, Lane) {
    let (queue, lane) = narrow(QUEUED_MESSAGES);
    (Queue(queue), Lane(lane))
}
