//! Recovery: what a crash left in flight becomes unknown, never ready again.

use super::{Activity, Engine, Fault};
use crate::{
    db::attempts::{self, Orphaned},
    ports::Task,
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
        let expired = self.expire(Orphaned::Expired(lease_now)).await?;
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

    /// Settles what a former incarnation of this process left in flight, before the engine starts. On SQLite
    /// this process is the only one there can be. On PostgreSQL another node may hold leases, which run out by
    /// themselves; those of this very node are settled at once if `is_known_dead` says that its former
    /// incarnation cannot be at work any more.
    pub async fn recover(&self, is_known_dead: bool) -> Result<u64, Fault> {
        let node = self.settings.node.as_str();
        let name = node.rsplit_once('-').map_or(node, |(name, _)| name);
        let mut recovered = 0;
        loop {
            let orphaned = match (self.db.is_sqlite(), is_known_dead) {
                (true, _) => Orphaned::All,
                (false, true) => Orphaned::Of { name, node },
                (false, false) => break,
            };
            let batch = self.expire(orphaned).await?;
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

    async fn expire(&self, orphaned: Orphaned<'_>) -> Result<u64, Fault> {
        let (now, limit) = (self.clock.now(), EXPIRE_BATCH_MAX);
        let txn = self.db.begin_write().await?;
        let expired = attempts::expire(&txn, &self.ids, orphaned, limit, now).await?;
        txn.commit().await?;
        Ok(expired)
    }
}
