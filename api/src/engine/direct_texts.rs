//! Direct texts: hands over those that are queued, and settles those whose lease ran out.
//!
//! Tests are handed over by the service, for the caller who waits; what is found here of them is what a
//! crash left in flight.

use super::{Activity, Engine, Fault};
use crate::{
    db::direct_texts::{self, DirectText},
    direct::Route,
};
use domain::id::SiteId;
use std::collections::BTreeMap;

/// Texts handed over together.
const BATCH_MAX: u64 = 20;
/// Texts settled in one transaction.
const EXPIRE_BATCH_MAX: u64 = 500;

impl Engine {
    pub(super) async fn activate_direct_texts(&self) -> Result<Activity, Fault> {
        let expired = self.expire_direct_texts().await?;
        let now = self.clock.now();
        // Reading first leaves the one writer of SQLite to those who have something to write.
        let next_at = direct_texts::next_due(self.db.read()).await?;
        if next_at.is_none_or(|due_at| due_at > now) {
            return Ok(Activity { done: expired, next_at });
        }
        let txn = self.db.begin_write().await?;
        let due = direct_texts::take_due(&txn, BATCH_MAX, now).await?;
        let done = u64::try_from(due.len()).unwrap_or(u64::MAX);
        let mut by_site: BTreeMap<SiteId, Vec<DirectText>> = BTreeMap::new();
        for text in due {
            by_site.entry(text.site_id).or_default().push(text);
        }
        let mut handovers = Vec::new();
        for (site_id, texts) in by_site {
            let route = Route::of(&txn, site_id).await?;
            for text in texts {
                match &route {
                    Some(route) => {
                        handovers.push(self.direct.claim(&txn, text, route, now).await?);
                    }
                    None => self.direct.put_off(&txn, &text, now).await?,
                }
            }
        }
        txn.commit().await?;
        self.direct.hand_over(handovers).await?;
        Ok(Activity::done(expired.saturating_add(done)))
    }

    async fn expire_direct_texts(&self) -> Result<u64, Fault> {
        let lease_now = self.clock.lease_now();
        if !direct_texts::has_expired(self.db.read(), lease_now).await? {
            return Ok(0);
        }
        let txn = self.db.begin_write().await?;
        let (limit, now) = (EXPIRE_BATCH_MAX, self.clock.now());
        let expired = direct_texts::expire(&txn, Some(lease_now), limit, now).await?;
        txn.commit().await?;
        Ok(expired)
    }

    /// Settles what a former incarnation of this process left in flight. On PostgreSQL another node may
    /// hold the leases, and they run out by themselves.
    pub(super) async fn recover_direct_texts(&self) -> Result<u64, Fault> {
        let mut recovered = 0;
        while self.db.is_sqlite() {
            let txn = self.db.begin_write().await?;
            let now = self.clock.now();
            let batch = direct_texts::expire(&txn, None, EXPIRE_BATCH_MAX, now).await?;
            txn.commit().await?;
            recovered += batch;
            if batch < EXPIRE_BATCH_MAX {
                break;
            }
        }
        Ok(recovered)
    }
}
