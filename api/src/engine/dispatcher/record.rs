//! The record's transaction: outcomes are written, and the next messages of their campaign claimed along.
//!
//! The database and this process work at the same time: while rows are read, what came back is gathered; while it is
//! written, the next are judged and rendered. Else each would wait for the other, and everybody for both.
//!
//! **Invariant:** what is claimed along is judged by what was so before the record. The record then speaks of messages
//! in flight alone, all of them taken, and those that are claimed are not: none is in both, and a phone that is in both
//! is one with a message on its way.

use super::refill::Refill;
use crate::{
    db::{
        Txn, gate,
        outcomes::{self, Basis, Before, Ended, Gate, Record},
        receipts,
    },
    engine::{Engine, Fault},
    ports::Task,
    vitals::ReceiptFate,
};
use chrono::TimeDelta;
use domain::{
    Instant,
    id::{CampaignId, ConnectionId},
};
use futures_util::future::join;

impl Engine {
    /// Records by what is remembered of the claims; where that fails, since something else happened to a message
    /// or the next could not be claimed along, by what the rows say.
    pub(super) async fn record(
        &self,
        at: (CampaignId, ConnectionId),
        ended: &[Ended],
        (txn, mut refill): (Option<Txn>, Option<&mut Refill>),
        now: Instant,
    ) -> Result<Vec<TimeDelta>, Fault> {
        let along = refill.as_deref_mut();
        let recorded = self.record_by(Basis::Claims, at, ended, (txn, along), now).await;
        if recorded.is_ok() {
            return recorded;
        }
        if let Some(refill) = refill {
            refill.forget();
        }
        self.record_by(Basis::Rows, at, ended, (None, None), now).await
    }

    async fn record_by(
        &self,
        basis: Basis,
        (campaign, connection): (CampaignId, ConnectionId),
        ended: &[Ended],
        (txn, refill): (Option<Txn>, Option<&mut Refill>),
        now: Instant,
    ) -> Result<Vec<TimeDelta>, Fault> {
        let txn = match txn {
            Some(txn) => txn,
            None => self.db.begin_write().await?,
        };
        gate::enter(&txn, campaign).await?;
        let Before { gate, has_parked } = outcomes::look(&txn, campaign).await?;
        let mut refill = refill.filter(|_| gate == Gate::Open);
        let next = self.next(&txn, campaign, refill.as_deref_mut()).await?;
        // Of two that are joined the first is begun first.
        let gathered = async { Record::of(ended, (gate, basis), now) };
        let (found, record) = join(self.find_next(&txn, next), gathered).await;
        let record = record?;
        let found = found?.filter(|_| record.is_of_messages_in_flight());
        let prepared = async { self.prepare_next(&txn, found) };
        let (recorded, prepared) = join(record.write(&txn, &self.ids, now), prepared).await;
        let recorded = recorded?;
        let woken = if has_parked {
            receipts::unpark(&txn, connection, &recorded.accepted).await?
        } else {
            0
        };
        if let Some((refill, next)) = refill.zip(prepared?) {
            self.claim_next(&txn, refill, next).await?;
        }
        txn.commit().await?;
        self.vitals.metrics().receipts_settled(ReceiptFate::Woken, woken);
        if woken > 0 {
            self.bells.ring(Task::Receipts);
        }
        self.bells.ring(Task::Completer);
        self.hints.give();
        Ok(recorded.waits)
    }
}
