//! Recovery: what a crash left in flight becomes unknown, never ready again.

use super::{Activity, Engine, Fault};
use crate::{
    db::{Db, attempts},
    ports::{Clock, Task},
};

/// Messages settled in one transaction.
const EXPIRE_BATCH_MAX: u64 = 500;

impl Engine {
    pub(super) async fn activate_recovery(&self) -> Result<Activity, Fault> {
        let lease_now = self.clock.lease_now();
        // Reading first leaves the one writer of SQLite to those who have something to write.
        if !attempts::has_expired(self.db.read(), lease_now).await? {
            return Ok(Activity::default());
        }
        let expired = expire(&self.db, &*self.clock, Some(lease_now)).await?;
        if expired > 0 {
            tracing::warn!(
                messages = expired,
                "leases ran out: the outcome of these messages is not known"
            );
            self.bells.ring(Task::Completer);
            self.hints.give();
        }
        Ok(Activity::done(expired))
    }

    /// Settles what a former incarnation of this process left in flight, before the engine starts. On
    /// SQLite this process is the only one there can be; on PostgreSQL another node may hold the leases,
    /// and they run out by themselves.
    pub async fn recover(&self) -> Result<u64, Fault> {
        let mut recovered = 0;
        while self.db.is_sqlite() {
            let batch = expire(&self.db, &*self.clock, None).await?;
            recovered += batch;
            if batch < EXPIRE_BATCH_MAX {
                break;
            }
        }
        recovered += self.recover_direct_texts().await?;
        if recovered > 0 {
            tracing::warn!(
                messages = recovered,
                "the process stopped in the middle of handing over: the outcome of these messages is not known"
            );
        }
        Ok(recovered)
    }
}

async fn expire(
    db: &Db,
    clock: &dyn Clock,
    lease_now: Option<domain::Instant>,
) -> Result<u64, Fault> {
    let txn = db.begin_write().await?;
    let expired = attempts::expire(&txn, lease_now, EXPIRE_BATCH_MAX, clock.now()).await?;
    txn.commit().await?;
    Ok(expired)
}
