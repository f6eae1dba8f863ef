//! The operations that run on a socket, each a task of its own under the client's id.
//!
//! **Invariant:** an operation ends with exactly one of `complete` and `error`, unless its client
//! or the end of the socket stopped it; a panic ends it with `error`.
//! **Invariant:** an id is free again before the client can read that its operation has ended.
use super::{
    protocol,
    writer::{Queue, Stopped},
};
use crate::http::{
    auth::{AuthRefusal, Authenticator},
    graphql::{
        execute::{Answer, run_stream},
        prepare::prepare,
        problem::{self, INTERNAL_MESSAGE, code},
        shared::Shared,
    },
};
use async_graphql::{Executor, Request, ServerError};
use futures_util::{FutureExt, StreamExt};
use secrecy::SecretString;
use std::{
    collections::HashMap,
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::mpsc, task::AbortHandle};

/// One that runs.
struct Running {
    stopped: Stopped,
    task: AbortHandle,
}

/// The operations of one socket. Dropping it stops them all.
#[derive(Default)]
pub(super) struct Operations(Arc<Table>);

#[derive(Default)]
struct Table(Mutex<HashMap<String, Running>>);

impl Table {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Operations {
    /// Whether one of this id runs.
    pub(super) fn has(&self, id: &str) -> bool {
        self.0.lock().contains_key(id)
    }

    /// How many run.
    pub(super) fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Starts `task` under an id that is free.
    pub(super) fn start<E: Executor, A: Authenticator>(&self, id: String, task: Task<E, A>) {
        let stopped = Stopped::default();
        let ticket =
            Ticket { id: id.clone(), stopped: stopped.clone(), table: Arc::clone(&self.0) };
        // Held over the spawning, so that the task cannot end before it is in the table.
        let mut running = self.0.lock();
        let task = tokio::spawn(task.run(ticket)).abort_handle();
        running.insert(id, Running { stopped, task });
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

/// What an operation needs to run.
pub(super) struct Task<E: Executor, A: Authenticator> {
    pub(super) shared: Arc<Shared<E, A>>,
    pub(super) token: Option<SecretString>,
    pub(super) request: Request,
    pub(super) queue: Queue,
    /// Where to tell that the token is refused: that ends the socket, not the operation alone.
    pub(super) refusals: mpsc::Sender<AuthRefusal>,
}

/// How an operation ended.
enum Ended {
    /// All its answers are in line.
    Completed,
    /// Nothing ran, or it cannot go on.
    Failed(Vec<ServerError>),
    /// The socket ends.
    Silently,
}

impl<E: Executor, A: Authenticator> Task<E, A> {
    async fn run(self, ticket: Ticket) {
        let queue = self.queue.clone();
        let ended = AssertUnwindSafe(self.answer(&ticket)).catch_unwind().await;
        let ended = ended.unwrap_or_else(|_panic| {
            tracing::error!("an operation panicked");
            Ended::Failed(vec![problem::error(code::INTERNAL, INTERNAL_MESSAGE)])
        });
        ticket.free();
        let last = match ended {
            Ended::Completed => protocol::complete(&ticket.id),
            Ended::Failed(errors) => protocol::error(&ticket.id, &errors),
            Ended::Silently => return,
        };
        queue.send(last, &ticket.stopped).await;
    }

    async fn answer(self, ticket: &Ticket) -> Ended {
        let Self { shared, token, mut request, queue, refusals } = self;
        let caller = match shared.caller(token.as_ref()).await {
            Ok(caller) => caller,
            Err(refusal) => {
                // A socket that no longer listens is ending already.
                let _ = refusals.send(refusal).await;
                return Ended::Silently;
            }
        };
        if let Err(problem) = prepare(&mut request) {
            return Ended::Failed(problem.into_errors());
        }
        let mut answers = run_stream(&shared.executor, request.data(caller));
        while let Some(answer) = answers.next().await {
            match answer {
                Answer::Refused(errors) => return Ended::Failed(errors),
                Answer::Executed(response) => {
                    let next = protocol::next(&ticket.id, &response);
                    if !queue.send(next, &ticket.stopped).await {
                        return Ended::Silently;
                    }
                }
            }
        }
        Ended::Completed
    }
}
