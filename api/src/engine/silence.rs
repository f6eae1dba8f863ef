//! Silence: what was accepted and that nobody has spoken of for too long becomes unconfirmed.
//!
//! A spam filter that drops a text does not say so; for the campaign that is no failure, and for the people
//! who wait it must have an end.

use super::{Activity, Engine, Fault, span};
use crate::db::silence;

/// Messages settled in one transaction.
const SILENCE_BATCH_MAX: u64 = 500;

impl Engine {
    pub(super) async fn activate_silence(&self) -> Result<Activity, Fault> {
        let (now, patience) = (self.clock.now(), span(self.settings.unconfirmed_after));
        // Reading first leaves the one writer of SQLite to those who have something to write.
        let oldest = silence::oldest(self.db.read()).await?;
        let next_at = oldest.map(|accepted_at| accepted_at + patience);
        if next_at.is_none_or(|next_at| next_at > now) {
            return Ok(Activity { done: 0, next_at });
        }
        let txn = self.db.begin_write().await?;
        let done = silence::expire(&txn, now - patience, SILENCE_BATCH_MAX, now).await?;
        txn.commit().await?;
        if done > 0 {
            tracing::info!(
                messages = done,
                "no receipt came in time: these messages are unconfirmed"
            );
            self.hints.give();
        }
        Ok(Activity::done(done))
    }
}
