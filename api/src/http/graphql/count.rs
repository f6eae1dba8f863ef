//! How many live connections are open, so that they have a bound and a shutdown can wait for the
//! last one. A socket is one, a stream of events another, and so is one that was reserved.
use std::sync::Arc;
use tokio::sync::watch;

/// The count of open sockets and streams of an endpoint; clones see the same count.
#[derive(Clone, Debug, Default)]
pub struct Sockets(Arc<watch::Sender<usize>>);

impl Sockets {
    /// How many are open now.
    pub fn open(&self) -> usize {
        *self.0.borrow()
    }

    /// Ends when none is open. To be awaited after the shutdown was signalled; a socket takes
    /// at most [`FAREWELL_TIMEOUT`](crate::http::graphql::limits::FAREWELL_TIMEOUT) per step of its
    /// closing.
    pub async fn drained(&self) {
        // The sender lives in `self`, so the wait cannot fail.
        let _ = self.0.subscribe().wait_for(|open| *open == 0).await;
    }

    /// Counts one more until the guard is dropped; `None` when `most` are open.
    pub(super) fn enter(&self, most: usize) -> Option<Guard> {
        let entered = self.0.send_if_modified(|open| {
            let room = *open < most;
            if room {
                *open = open.saturating_add(1);
            }
            room
        });
        entered.then(|| Guard(Self::clone(self)))
    }
}

/// One open socket or stream.
#[derive(Debug)]
pub(super) struct Guard(Sockets);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::Sockets;

    #[tokio::test]
    async fn counts_and_drains() {
        let sockets = Sockets::default();
        sockets.drained().await;
        let one = sockets.enter(2).unwrap();
        let two = sockets.enter(2).unwrap();
        assert!(sockets.enter(2).is_none());
        assert_eq!(sockets.open(), 2);
        drop(one);
        drop(two);
        sockets.drained().await;
        assert_eq!(sockets.open(), 0);
    }
}
