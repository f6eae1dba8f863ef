//! Rows of the ledger, written back many at once after they were locked and changed.
//!
//! **Invariant:** a row is written back by the transaction that locked it, so that what it does not change
//! stays as it was read.

use super::{
    Result, Txn,
    bulk::{self, Bulk, Kind, Script},
    lists,
};
use entity::message;
use sea_orm::{ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::json;
use std::collections::HashMap;
use uuid::Uuid;

/// What hand-overs and receipts change of a message. The identity, the recipient and the plan stay.
const WRITE_BACK: Bulk = Bulk {
    what: "messages written back",
    table: "message",
    which: bulk::BY_ID,
    kinds: &[
        Kind::Text,
        Kind::Text,
        Kind::Text,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Text,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Number,
        Kind::Number,
    ],
    set: "state = v.c1, reason = v.c2, aggregator_code = v.c3, due_at = v.c4, deferred_from = v.c5, \
          attempt_count = v.c6, lease_until = v.c7, segments = v.c8, provider_id = v.c9, \
          accepted_at = v.c10, delivered_at = v.c11, passed_on_at = v.c12, stopped_at = v.c13, \
          reserved = v.c14, updated_at = v.c15, resolve_at = v.c16, resolve_tries = v.c17",
};

/// Locks messages in order of id.
pub(super) async fn lock(
    txn: &Txn,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, message::Model>> {
    let mut select = message::Entity::find()
        .filter(bulk::among(txn, message::Column::Id, ids))
        .order_by_asc(message::Column::Id);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(lists::all(txn, select).await?.into_iter().map(|row| (row.id, row)).collect())
}

/// Has what changed of `rows` written back, which are locked.
pub(super) fn write_back<'a>(script: &mut Script, rows: impl Iterator<Item = &'a message::Model>) {
    let values = rows.map(|row| {
        json!([
            bulk::id(row.id),
            row.state,
            row.reason,
            row.aggregator_code,
            row.due_at,
            row.deferred_from,
            row.attempt_count,
            row.lease_until,
            row.segments,
            row.provider_id,
            row.accepted_at,
            row.delivered_at,
            row.passed_on_at,
            row.stopped_at,
            row.reserved,
            row.updated_at,
            row.resolve_at,
            row.resolve_tries,
        ])
    });
    script.update(&WRITE_BACK, values);
}
