//! Taking receipts in: verified, stored, answered; the engine applies them later.

use super::{Fault, Service};
use crate::{
    db::{admin, receipts},
    ports::{RawReceipt, ReceiptRefusal, Task},
};
use domain::{id::ConnectionId, phone::PhoneNumber};

/// What became of a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptAnswer {
    /// It is stored.
    Stored,
    /// It was stored before.
    Repeated,
}

/// Why a receipt was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReceiptRefused {
    /// There is no such connection.
    UnknownConnection,
    /// It is not what it says it is.
    Refused(ReceiptRefusal),
}

impl Service {
    /// Stores a receipt that came in on `connection_id` (none when its text is no id).
    pub async fn receipt_take(
        &self,
        connection_id: Option<ConnectionId>,
        raw: &RawReceipt<'_>,
    ) -> Result<Result<ReceiptAnswer, ReceiptRefused>, Fault> {
        let connection = match connection_id {
            Some(id) => admin::find_connection(self.db.read(), id).await?,
            None => None,
        };
        let Some(connection) = connection else {
            return Ok(Err(ReceiptRefused::UnknownConnection));
        };
        let read = match self.aggregator.read_receipt(&connection, raw, self.clock.now()) {
            Ok(read) => read,
            Err(refusal) => return Ok(Err(ReceiptRefused::Refused(refusal))),
        };
        // In the form that messages are kept in: a claim looks for texts of its phones.
        let phone = read.from.map(|from| match PhoneNumber::normalize(&from) {
            Ok(phone) => phone.as_str().to_owned(),
            Err(_) => from,
        });
        let new = receipts::NewReceipt {
            id: self.ids.next(),
            site_id: connection.site_id,
            connection_id: connection.id,
            dedupe_key: read.dedupe_key,
            kind: read.kind,
            provider_id: read.provider_id,
            reference: read.reference,
            code: read.code,
            phone,
            text: read.text,
            occurred_at: read.occurred_at,
        };
        if !self.inbox.store(&self.db, &self.clock, new).await? {
            return Ok(Ok(ReceiptAnswer::Repeated));
        }
        self.bells.ring(Task::Receipts);
        Ok(Ok(ReceiptAnswer::Stored))
    }
}
