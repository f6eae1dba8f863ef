//! Recovery: what a crash left in flight becomes unknown, never ready again.

use super::{Activity, Engine, Fault};
use crate::{db::attempts, ports::Task};

/// Messages settled in one transaction.
const EXPIRE_BATCH_MAX: u64 = 500;

impl Engine {
    pub(super) async fn activate_recovery(&self) -> Result<Activity, Fault> {
        let lease_now = self.clock.lease_now();
        // Reading first leaves the one writer of SQLite to those who have something to write.
        if !attempts::has_expired(self.db.read(), lease_now).await? {
            return Ok(Activity::default());
        }
        let expired = self.expire(Some(lease_now)).await?;
        if expired > 0 {
            tracing::warn!(
                messages = expired,
                "leases ran out: the outcome of these messages is not known"
            );
            self.bells.ring(Task::Resolver);
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
            let batch = self.expire(None).await?;
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

    async fn expire(&self, lease_now: Option<domain::Instant>) -> Result<u64, Fault> {
        let (now, limit) = (self.clock.now(), EXPIRE_BATCH_MAX);
        let txn = self.db.begin_write().await?;
        let expired = attempts::expire(&txn, &self.ids, lease_now, limit, now).await?;
        txn.commit().await?;
        Ok(expired)
    }
}
