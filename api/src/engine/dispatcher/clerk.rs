//! The clerk: a thread of its own for those who write records.
//!
//! Where there is one writer, whoever has it is waited for by everybody. Among the tasks that carry requests it would go
//! on only when its turn comes, after hundreds of them, a dozen times in each transaction. Here nobody is before it.
//!
//! A record that is under way holds its engine, and thereby this thread: in a process that goes on without stopping the
//! engine, it goes on too.
//!
//! **Invariant:** requests leave from where the engine was started, and never from here.

use super::Carrier;
use std::{fmt, io};
use tokio::runtime::{Builder, Handle, Runtime};

/// A thread for records; it ends when this is dropped.
pub(super) struct Clerk {
    desk: Option<Runtime>,
    requests: Handle,
}

impl fmt::Debug for Clerk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clerk").finish_non_exhaustive()
    }
}

impl Clerk {
    /// Starts the thread. Requests leave from the runtime that this is called on.
    pub(super) fn hire() -> io::Result<Self> {
        let mut desk = Builder::new_multi_thread();
        let desk = desk.worker_threads(1).thread_name("record").enable_all().build()?;
        Ok(Self { desk: Some(desk), requests: Handle::current() })
    }

    /// Has a record written.
    pub(super) fn record(&self, record: impl Future<Output = ()> + Send + 'static) {
        if let Some(desk) = &self.desk {
            desk.spawn(record);
        }
    }

    /// Sets a request on its way.
    pub(super) fn send(&self, carrier: Carrier) {
        self.requests.spawn(carrier);
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        // Whoever drops it may be a task, which must not wait for threads.
        if let Some(desk) = self.desk.take() {
            desk.shutdown_background();
        }
    }
}
