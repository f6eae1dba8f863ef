//! The operations that run on a connection that several share, each a task of its own under the
//! client's id.
//!
//! **Invariant:** an operation ends with exactly one of its voice's two last words, unless its
//! client or the end of the connection stopped it; a panic ends it as a failure.
//! **Invariant:** an id is free again before the client can read that its operation has ended.
use super::{
    execute::Answer,
    lane::{Queue, Stopped},
    problem::{self, INTERNAL_MESSAGE, code},
    voice::Voice,
};
use async_graphql::ServerError;
use futures_util::{FutureExt, StreamExt, future::BoxFuture, stream::BoxStream};
use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::task::AbortHandle;

/// One that runs.
#[derive(Debug)]
struct Running {
    stopped: Stopped,
    task: AbortHandle,
}

/// The operations of one connection. Dropping it stops them all.
#[derive(Debug, Default)]
pub(super) struct Operations(Arc<Table>);

#[derive(Debug, Default)]
struct Table(Mutex<HashMap<String, Running>>);

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operations {
    /// Starts an operation, which `opening` opens, if its id is free and fewer than `most` run; its
    /// messages go into `queue`, in the words of `voice`.
    pub(super) fn start(
        &self,
        id: String,
        opening: Opening,
        queue: Queue,
        voice: &'static Voice,
        most: usize,
    ) -> Result<(), Unstarted> {
        let stopped = Stopped::default();
        let ticket =
            Ticket { id: id.clone(), stopped: stopped.clone(), table: Arc::clone(&self.0) };
        // Held over the spawning, so that the task cannot end before it is in the table.
        let mut running = self.0.lock();
        if running.contains_key(&id) {
            return Err(Unstarted::Duplicate);
        }
        if running.len() >= most {
            return Err(Unstarted::TooMany);
        }
        let task = tokio::spawn(run(opening, queue, voice, ticket)).abort_handle();
        running.insert(id, Running { stopped, task });
        Ok(())
    }

    /// Stops the operation of this id, if it runs.
    pub(super) fn stop(&self, id: &str) {
        if let Some(Running { stopped, task }) = self.0.lock().remove(id) {
            stopped.raise();
            task.abort();
        }
    }
}

impl Drop for Operations {
    fn drop(&mut self) {
        for (_, Running { stopped, task }) in self.0.lock().drain() {
            stopped.raise();
            task.abort();
        }
    }
}

/// A running operation's own place in the table.
struct Ticket {
    id: String,
    stopped: Stopped,
    table: Arc<Table>,
}

impl Ticket {
    /// Frees the id, unless it was freed and taken again.
    fn free(&self) {
        let mut running = self.table.lock();
        if running.get(&self.id).is_some_and(|own| own.stopped.is(&self.stopped)) {
            running.remove(&self.id);
        }
    }
}

/// What opens an operation: finds out whether it may run, and begins it.
pub(super) type Opening = BoxFuture<'static, Result<BoxStream<'static, Answer>, Unopened>>;

/// Why an operation was not started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unstarted {
    /// One of its id runs.
    Duplicate,
    /// As many run as may.
    TooMany,
}

/// Why an operation did not begin.
#[derive(Debug)]
pub(super) enum Unopened {
    /// It is refused.
    Refused(Vec<ServerError>),
    /// Its connection ends.
    Silently,
}

/// How an operation ended.
enum Ended {
    /// All its answers are in line.
    Completed,
    /// Nothing ran, or it cannot go on.
    Failed(Vec<ServerError>),
    /// Its connection ends.
    Silently,
}

async fn run(opening: Opening, queue: Queue, voice: &'static Voice, ticket: Ticket) {
    let ended = AssertUnwindSafe(tell(opening, &queue, voice, &ticket)).catch_unwind().await;
    let ended = ended.unwrap_or_else(|_panic| Ended::Failed(panicked()));
    ticket.free();
    let last = match ended {
        Ended::Completed => (voice.complete)(&ticket.id),
        Ended::Failed(errors) => (voice.failed)(&ticket.id, &errors),
        Ended::Silently => return,
    };
    queue.send(last, &ticket.stopped).await;
}

async fn tell(opening: Opening, queue: &Queue, voice: &Voice, ticket: &Ticket) -> Ended {
    let mut answers = match opening.await {
        Ok(answers) => answers,
        Err(Unopened::Refused(errors)) => return Ended::Failed(errors),
        Err(Unopened::Silently) => return Ended::Silently,
    };
    while let Some(answer) = answers.next().await {
        match answer {
            Answer::Refused(_, errors) => return Ended::Failed(errors),
            Answer::Executed(response) => {
                let next = (voice.next)(&ticket.id, &response);
                // Its text is all that waits for the client, who may be slow.
                drop(response);
                if !queue.send(next, &ticket.stopped).await {
                    return Ended::Silently;
                }
            }
        }
    }
    Ended::Completed
}

/// What an operation that panicked tells.
pub(super) fn panicked() -> Vec<ServerError> {
    tracing::error!("an operation panicked");
    vec![problem::error(code::INTERNAL, INTERNAL_MESSAGE)]
}
