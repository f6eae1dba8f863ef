//! Receipts: applies what came in.

use super::{Activity, Engine, Fault};
use crate::{
    db::receipts::{self, Waiting},
    ports::Task,
    vitals::ReceiptFate,
};
use domain::{message::Standing, receipt::ReceiptKind};

impl Engine {
    pub(super) async fn activate_receipts(&self) -> Result<Activity, Fault> {
        let limit = self.settings.receipt_batch_max;
        let mut activity = Activity::default();
        // Reading first leaves the one writer of SQLite to those who have something to write.
        if receipts::has_waiting(self.db.read()).await? {
            activity = activity.and(self.apply_receipts(limit).await?);
            // A text locks rows in an order of its own: each has a transaction of its own.
            let mut heard = 0;
            for text in receipts::waiting_texts(self.db.read(), limit).await? {
                let acted = self.hear(text).await?;
                heard += acted.done;
                activity = activity.and(acted);
            }
            if heard > 0 {
                // Messages to whoever texted were held back until now.
                self.bells.ring(Task::Dispatcher);
                self.bells.ring(Task::Resolver);
            }
        } else if receipts::has_known_parked(self.db.read()).await? {
            let txn = self.db.begin_write().await?;
            let woken = receipts::unpark_known(&txn, limit).await?;
            txn.commit().await?;
            self.vitals.metrics().receipts_settled(ReceiptFate::Woken, woken);
            activity = activity.and(Activity::done(woken));
        }
        if activity.done > 0 {
            self.bells.ring(Task::Completer);
            self.hints.give();
        }
        Ok(activity)
    }

    async fn apply_receipts(&self, limit: u64) -> Result<Activity, Fault> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        let waiting = receipts::take(&txn, limit).await?;
        let done = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        let mut evidence: Vec<(Waiting, Standing)> = Vec::with_capacity(waiting.len());
        for receipt in waiting {
            match receipt.kind.parse::<ReceiptKind>() {
                Ok(kind) => {
                    let standing = kind.standing(receipt.code.as_deref());
                    evidence.push((receipt, standing));
                }
                Err(unknown) => {
                    tracing::warn!(error = %unknown, "a receipt of an unknown kind is kept unapplied");
                    receipts::ignore(&txn, receipt.id, now).await?;
                }
            }
        }
        let of_known_kind = u64::try_from(evidence.len()).unwrap_or(u64::MAX);
        let parked = receipts::apply(&txn, &self.ids, &evidence, now).await?;
        txn.commit().await?;
        let metrics = self.vitals.metrics();
        metrics.receipts_settled(ReceiptFate::Applied, of_known_kind.saturating_sub(parked));
        metrics.receipts_settled(ReceiptFate::Parked, parked);
        metrics.receipts_settled(ReceiptFate::Ignored, done.saturating_sub(of_known_kind));
        Ok(Activity::done(done))
    }
}
