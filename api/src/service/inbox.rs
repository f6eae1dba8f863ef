//! The door of the inbox: receipts that come in at once are stored by one commit.
//!
//! Each receipt is answered when it is stored, so each waits for a commit. Whoever has the turn stores what all
//! have brought meanwhile; a burst costs as many commits as fit into it, and a lone receipt waits for nobody.
//!
//! **Invariant:** nobody is told that a receipt is stored before it is committed.

use crate::{
    db::{
        Db, Error, Result,
        receipts::{self, NewReceipt},
    },
    ports::Clock,
};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::oneshot;

/// Receipts stored by one commit.
const BATCH_MAX: usize = 500;

/// A receipt, and who waits for it: whether it was new.
type Brought = (NewReceipt, oneshot::Sender<bool>);

/// Receipts that wait to be stored.
#[derive(Default)]
pub(super) struct Inbox {
    waiting: Mutex<Vec<Brought>>,
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Inbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inbox").finish_non_exhaustive()
    }
}

impl Inbox {
    /// Stores a receipt; answers whether it was new.
    pub(super) async fn store(
        &self,
        db: &Db,
        clock: &Arc<dyn Clock>,
        new: NewReceipt,
    ) -> Result<bool> {
        let (told, mut stored) = oneshot::channel();
        self.lock().push((new.clone(), told));
        {
            let _turn = self.turn.lock().await;
            if let Ok(is_new) = stored.try_recv() {
                return Ok(is_new);
            }
            let batch = self.take();
            if !batch.is_empty() {
                store_all(db, clock, batch).await?;
            }
        }
        // Whoever had the turn before failed or left, or the batch was full: it is stored by itself.
        match stored.try_recv() {
            Ok(is_new) => Ok(is_new),
            Err(_) => store_one(db, clock, new).await,
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Brought>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The receipts that were brought first.
    fn take(&self) -> Vec<Brought> {
        let mut waiting = self.lock();
        let count = BATCH_MAX.min(waiting.len());
        let rest = waiting.split_off(count);
        std::mem::replace(&mut *waiting, rest)
    }
}

async fn store_all(db: &Db, clock: &Arc<dyn Clock>, mut batch: Vec<Brought>) -> Result<()> {
    // In one order, so that two nodes with the same repeats never wait for each other in a circle.
    batch.sort_by(|(one, _), (other, _)| one.key().cmp(&other.key()));
    let txn = db.begin_write().await?;
    receipts::hold_writers(&txn, batch.iter().map(|(new, _)| new)).await?;
    let mut stored = Vec::with_capacity(batch.len());
    for (new, told) in batch {
        stored.push((receipts::insert(&txn, new, clock.now()).await?, told));
    }
    txn.commit().await.map_err(Error::from)?;
    for (is_new, told) in stored {
        // Somebody who hung up asks again, and is told that it is a repeat.
        let _ = told.send(is_new);
    }
    Ok(())
}

async fn store_one(db: &Db, clock: &Arc<dyn Clock>, new: NewReceipt) -> Result<bool> {
    let txn = db.begin_write().await?;
    receipts::hold_writers(&txn, std::iter::once(&new)).await?;
    let is_new = receipts::insert(&txn, new, clock.now()).await?;
    txn.commit().await.map_err(Error::from)?;
    Ok(is_new)
}
