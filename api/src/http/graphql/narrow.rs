//! A bounded channel that is small while nothing waits in it. Every socket has several, most of them empty for as
//! long as it lives, and tokio's takes a block of 32 messages and some cache lines the moment it is made.
//!
//! **Invariant:** no more messages wait than the channel was made for.
//! **Invariant:** an empty channel keeps room for [`KEPT`] messages at most, however many have waited in it.
//! **Invariant:** whoever waits, to send or to receive, is woken when the other side is gone.
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{Notify, Semaphore, TryAcquireError};

/// Messages for which room is kept while none waits.
const KEPT: usize = 4;

/// What both sides share.
#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    /// The places that are free; closed when the receiver is gone.
    room: Semaphore,
    /// Tells the receiver that a message came, or that the last sender is gone.
    came: Notify,
    /// Tells the senders that the receiver is gone.
    ended: Notify,
}

#[derive(Debug)]
struct State<T> {
    /// As many as have a place.
    waiting: VecDeque<T>,
    senders: usize,
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into the place that was taken for it.
    fn put(&self, message: T) {
        self.lock().waiting.push_back(message);
        self.came.notify_one();
    }
}

/// A channel in which `most` messages may wait.
pub(super) fn narrow<T>(most: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State { waiting: VecDeque::new(), senders: 1 }),
        room: Semaphore::new(most),
        came: Notify::new(),
        ended: Notify::new(),
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// Why a message was not sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsent {
    /// As many wait as may.
    Full,
    /// The receiver is gone.
    Gone,
}

/// Where messages are put in.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Puts a message in once there is a place; false when the receiver is gone.
    pub(super) async fn send(&self, message: T) -> bool {
        let Ok(place) = self.0.room.acquire().await else { return false };
        // The receiver gives the place back with the message.
        place.forget();
        self.0.put(message);
        true
    }

    /// Puts a message in if there is a place.
    pub(super) fn try_send(&self, message: T) -> Result<(), Unsent> {
        let place = self.0.room.try_acquire().map_err(|refusal| match refusal {
            TryAcquireError::NoPermits => Unsent::Full,
            TryAcquireError::Closed => Unsent::Gone,
        })?;
        place.forget();
        self.0.put(message);
        Ok(())
    }

    /// Ends when the receiver is gone.
    pub(super) async fn closed(&self) {
        // Made before the look, so that what ends in between is heard.
        let ended = self.0.ended.notified();
        if !self.0.room.is_closed() {
            ended.await;
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.senders = state.senders.saturating_sub(1);
        if state.senders == 0 {
            self.0.came.notify_one();
        }
    }
}

/// Where they are taken out.
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// The next message; none when every sender is gone and nothing waits.
    pub(super) async fn recv(&mut self) -> Option<T> {
        loop {
            {
                let mut state = self.0.lock();
                if let Some(message) = state.waiting.pop_front() {
                    if state.waiting.is_empty() {
                        state.waiting.shrink_to(KEPT);
                    }
                    self.0.room.add_permits(1);
                    return Some(message);
                }
                if state.senders == 0 {
                    return None;
                }
            }
            // What comes before this waits leaves a permit, which ends the wait.
            self.0.came.notified().await;
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.room.close();
        self.0.ended.notify_waiters();
        // Dropped outside of the lock: messages may hold senders of their own.
        let left = std::mem::take(&mut self.0.lock().waiting);
        drop(left);
    }
}

#[cfg(test)]
mod tests {
    use super::{KEPT, Unsent, narrow};
    use futures_util::FutureExt as _;

    #[tokio::test]
    async fn messages_come_in_order_and_never_more_than_may_wait() {
        let (sender, mut receiver) = narrow(2);
        assert_eq!((sender.try_send(1), sender.try_send(2)), (Ok(()), Ok(())));
        assert_eq!(sender.try_send(3), Err(Unsent::Full));
        let mut third = Box::pin(sender.send(3));
        assert_eq!(third.as_mut().now_or_never(), None);
        assert_eq!(receiver.recv().await, Some(1));
        assert!(third.await);
        assert_eq!((receiver.recv().await, receiver.recv().await), (Some(2), Some(3)));
        assert_eq!(receiver.recv().now_or_never(), None);
    }

    #[tokio::test]
    async fn what_many_messages_took_is_given_back() {
        let (sender, mut receiver) = narrow(32);
        for number in 0..32 {
            assert_eq!(sender.try_send(number), Ok(()));
        }
        while receiver.recv().now_or_never().is_some() {}
        assert!(sender.0.lock().waiting.capacity() <= KEPT);
    }

    #[tokio::test]
    async fn a_send_that_was_given_up_takes_no_place() {
        let (sender, mut receiver) = narrow(1);
        assert!(sender.send(1).await);
        assert_eq!(sender.send(2).now_or_never(), None);
        assert_eq!(receiver.recv().await, Some(1));
        assert_eq!(sender.try_send(3), Ok(()));
        assert_eq!(receiver.recv().await, Some(3));
    }

    #[tokio::test]
    async fn the_receiver_hears_what_comes_and_that_all_senders_are_gone() {
        let (sender, mut receiver) = narrow(1);
        let other = sender.clone();
        let receiving = tokio::spawn(async move {
            let first = receiver.recv().await;
            (first, receiver.recv().await)
        });
        tokio::task::yield_now().await;
        drop(sender);
        assert!(other.send(1).await);
        tokio::task::yield_now().await;
        drop(other);
        assert_eq!(receiving.await.unwrap(), (Some(1), None));
    }

    #[tokio::test]
    async fn senders_hear_that_the_receiver_is_gone() {
        let (sender, receiver) = narrow(1);
        assert!(sender.send(1).await);
        assert_eq!(sender.closed().now_or_never(), None);
        let other = sender.clone();
        let waiting = tokio::spawn(async move {
            let sent = other.send(2).await;
            other.closed().await;
            sent
        });
        tokio::task::yield_now().await;
        drop(receiver);
        assert!(!waiting.await.unwrap());
        sender.closed().await;
        assert_eq!(sender.try_send(3), Err(Unsent::Gone));
    }
}
