//! Receipts: applies what came in, and acts on texts that opt out.

use super::{Activity, Engine, Fault};
use crate::{
    db::{
        Txn, plans,
        receipts::{self, Waiting},
        subscribers,
    },
    ports::Task,
};
use domain::{message::Standing, reason::MessageReason, receipt::ReceiptKind, subscriber};

/// What an inbound text is reported as.
const RECEIVED: &str = "received";

impl Engine {
    pub(super) async fn activate_receipts(&self) -> Result<Activity, Fault> {
        let now = self.clock.now();
        // Reading first leaves the one writer of SQLite to those who have something to write.
        if !receipts::has_waiting(self.db.read()).await? {
            return Ok(Activity::default());
        }
        let txn = self.db.begin_write().await?;
        let waiting = receipts::take(&txn, self.settings.receipt_batch_max).await?;
        let done = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        if done == 0 {
            return Ok(Activity::default());
        }
        let mut evidence: Vec<(Waiting, Standing)> = Vec::with_capacity(waiting.len());
        for receipt in waiting {
            match receipt.kind.parse::<ReceiptKind>() {
                Ok(kind) => {
                    let standing = kind.standing(receipt.code.as_deref());
                    evidence.push((receipt, standing));
                }
                Err(_) if receipt.kind == RECEIVED => self.hear(&txn, &receipt).await?,
                Err(unknown) => {
                    tracing::warn!(error = %unknown, "a receipt of an unknown kind is kept unapplied");
                    receipts::ignore(&txn, receipt.id, now).await?;
                }
            }
        }
        receipts::apply(&txn, &evidence, now).await?;
        txn.commit().await?;
        self.bells.ring(Task::Completer);
        self.hints.give();
        Ok(Activity::done(done))
    }

    /// Acts on an inbound text: one that opts out stops everything to that phone that has not left, in the
    /// transaction that records it.
    async fn hear(&self, txn: &Txn, receipt: &Waiting) -> Result<(), Fault> {
        let now = self.clock.now();
        let (Some(phone), Some(text)) = (&receipt.phone, &receipt.text) else {
            return Ok(receipts::ignore(txn, receipt.id, now).await?);
        };
        if !subscriber::opts_out(text) {
            return Ok(receipts::ignore(txn, receipt.id, now).await?);
        }
        let site = receipt.site_id;
        subscribers::opt_out(txn, site.into(), phone, "inbound_text", now).await?;
        plans::skip_phone(txn, site, phone, MessageReason::Unsubscribed, now).await?;
        Ok(receipts::done(txn, receipt.id, now).await?)
    }
}
