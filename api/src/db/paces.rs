//! Paces: what senders and accounts with a limit have used of it, by all nodes together.
//!
//! **Invariant:** a pace is read and moved on by the transaction that claims, its row locked: of two nodes the
//! second sees what the first took.

use super::{
    Result, Txn,
    bulk::{self, Insert, Kind, Script},
};
use chrono::DateTime;
use domain::Instant;
use entity::pace;
use sea_orm::{
    ActiveValue::Set, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, sea_query::OnConflict,
};
use serde_json::json;
use uuid::Uuid;

/// Whoever has a pace, and when their next segment would arrive if each took its time.
pub type Arrival = (Uuid, Instant);

/// Reads the paces of `ids`, and locks them, in order, to the end of the transaction. Of those that never sent
/// anything there is none.
pub async fn lock(txn: &Txn, ids: &[Uuid]) -> Result<Vec<Arrival>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = locked(txn, ids).await?;
    // A row that is not there cannot be locked; on SQLite the one writer has them to itself.
    if found.len() == ids.len() || txn.get_database_backend() != DbBackend::Postgres {
        return Ok(found);
    }
    let rows = ids.iter().map(|id| pace::ActiveModel { id: Set(*id), arrival_us: Set(0) });
    pace::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    locked(txn, ids).await
}

async fn locked(txn: &Txn, ids: &[Uuid]) -> Result<Vec<Arrival>> {
    let mut select = pace::Entity::find()
        .filter(bulk::among(txn, pace::Column::Id, ids.iter().copied()))
        .order_by_asc(pace::Column::Id);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    let arrival = |row: pace::Model| {
        let at = DateTime::from_timestamp_micros(row.arrival_us).unwrap_or_default();
        (row.id, at)
    };
    Ok(select.all(txn).await?.into_iter().map(arrival).collect())
}

/// Paces that moved on.
const MOVE_ON: Insert = Insert {
    what: "paces",
    table: "pace",
    columns: &[("id", Kind::Id), ("arrival_us", Kind::Number)],
    on_conflict: Some("(id) DO UPDATE SET arrival_us = excluded.arrival_us"),
};

/// Has paces moved on, whose rows are locked.
pub(super) fn move_on(script: &mut Script, arrivals: &[Arrival]) {
    let value = |(id, at): &Arrival| json!([bulk::id(*id), at.timestamp_micros()]);
    script.insert(&MOVE_ON, arrivals.iter().map(value));
}
