//! Receipts: applies what came in, and acts on texts that opt out.

use super::{Activity, Engine, Fault};
use crate::{
    db::{
        plans,
        receipts::{self, Waiting},
    },
    ports::Task,
};
use domain::{
    id::ReceiptId, message::Standing, phone::PhoneNumber, receipt::ReceiptKind, subscriber,
};

impl Engine {
    pub(super) async fn activate_receipts(&self) -> Result<Activity, Fault> {
        let limit = self.settings.receipt_batch_max;
        let mut activity = Activity::default();
        // Reading first leaves the one writer of SQLite to those who have something to write.
        if receipts::has_waiting(self.db.read()).await? {
            activity = activity.and(self.apply_receipts(limit).await?);
            // A text locks rows in an order of its own: each has a transaction of its own.
            for text in receipts::waiting_texts(self.db.read(), limit).await? {
                activity = activity.and(self.hear(text).await?);
            }
        } else if receipts::has_known_parked(self.db.read()).await? {
            let txn = self.db.begin_write().await?;
            let woken = receipts::unpark_known(&txn, limit).await?;
            txn.commit().await?;
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
        receipts::apply(&txn, &self.ids, &evidence, now).await?;
        txn.commit().await?;
        Ok(Activity::done(done))
    }

    /// Acts on an inbound text: one that opts out stops everything to that phone that has not left, in the
    /// transaction that records it.
    async fn hear(&self, text: Waiting) -> Result<Activity, Fault> {
        let now = self.clock.now();
        let said = text.text.as_deref().unwrap_or_default();
        let txn = self.db.begin_write().await?;
        if !receipts::still_waits(&txn, text.id).await? {
            return Ok(Activity::default());
        }
        let phone = text.phone.as_deref().map(PhoneNumber::normalize);
        match phone {
            Some(Ok(phone)) if subscriber::opts_out(said) => {
                let site = text.site_id.into();
                plans::opt_out(&txn, site, phone.as_str(), "inbound_text", now).await?;
                receipts::done(&txn, text.id, now).await?;
            }
            Some(Ok(_)) => receipts::ignore(&txn, text.id, now).await?,
            Some(Err(_)) | None => {
                let receipt = ReceiptId(text.id);
                tracing::warn!(receipt.id = %receipt, "a text came from no number that can be read");
                receipts::ignore(&txn, text.id, now).await?;
            }
        }
        txn.commit().await?;
        Ok(Activity::done(1))
    }
}
