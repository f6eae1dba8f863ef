//! The streams of the single connection mode: reserved, then opened, with the operations that run
//! on each.
//!
//! **Invariant:** a stream is opened once, and within its time, by the key that reserved it.
//! **Invariant:** when a stream is gone, so is all that ran on it.
use crate::http::graphql::{
    count::Guard,
    lane::{Lane, Queue, lane},
    operations::{Opening, Operations, Unstarted},
    quota::Share,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// Bytes of a token, all of them random.
const TOKEN_BYTES: usize = 16;

/// The streams of an endpoint that are reserved or open.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Reservations(Arc<Mutex<HashMap<String, Reservation>>>);

/// The places of a stream: among all, and among its key's.
pub(super) type Held = (Guard, Share);

#[derive(Debug)]
struct Reservation {
    /// The account of the key that made it.
    account: Uuid,
    queue: Queue,
    operations: Operations,
    /// What the stream needs that is still to be opened.
    waiting: Option<(Lane, Held)>,
}

/// Why a stream could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missed {
    /// It is not there, or it is another's: the two are told alike.
    Unknown,
    /// It was opened already.
    Open,
}

/// A stream that was opened. It is forgotten when this is dropped.
#[derive(Debug)]
pub(super) struct Opened {
    reservations: Reservations,
    token: String,
    _held: Held,
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.reservations.lock().remove(&self.token);
    }
}

impl Reservations {
    /// Reserves a stream for `account` and tells its token.
    pub(super) fn reserve(&self, account: Uuid, held: Held) -> String {
        let token = format!("{:0width$x}", rand::random::<u128>(), width = TOKEN_BYTES * 2);
        let (queue, lane) = lane();
        let operations = Operations::default();
        let waiting = Some((lane, held));
        self.lock().insert(token.clone(), Reservation { account, queue, operations, waiting });
        token
    }

    /// Forgets a stream that was never opened.
    pub(super) fn expire(&self, token: &str) {
        let mut all = self.lock();
        if all.get(token).is_some_and(|reservation| reservation.waiting.is_some()) {
            all.remove(token);
        }
    }

    /// Opens the stream: what is to be told on it, and what to hold meanwhile.
    pub(super) fn open(&self, token: &str, account: Uuid) -> Result<(Lane, Opened), Missed> {
        let mut all = self.lock();
        let reservation = find(&mut all, token, account)?;
        let (lane, held) = reservation.waiting.take().ok_or(Missed::Open)?;
        let (reservations, token) = (self.clone(), token.to_owned());
        Ok((lane, Opened { reservations, token, _held: held }))
    }

    /// Whether `account` has this stream.
    pub(super) fn has(&self, token: &str, account: Uuid) -> Result<(), Missed> {
        find(&mut self.lock(), token, account).map(drop)
    }

    /// Starts an operation on a stream, of which at most `most` run.
    pub(super) fn start(
        &self,
        token: &str,
        account: Uuid,
        (id, opening): (String, Opening),
        most: usize,
    ) -> Result<Result<(), Unstarted>, Missed> {
        let mut all = self.lock();
        let reservation = find(&mut all, token, account)?;
        let (queue, voice) = (reservation.queue.clone(), super::Wire::SharedEvents.voice());
        Ok(reservation.operations.start(id, opening, queue, voice, most))
    }

    /// Stops an operation, if it runs.
    pub(super) fn stop(&self, token: &str, account: Uuid, id: &str) -> Result<(), Missed> {
        find(&mut self.lock(), token, account)?.operations.stop(id);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Reservation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<'a>(
    all: &'a mut HashMap<String, Reservation>,
    token: &str,
    account: Uuid,
) -> Result<&'a mut Reservation, Missed> {
    let own = all.get_mut(token).filter(|reservation| reservation.account == account);
    own.ok_or(Missed::Unknown)
}
