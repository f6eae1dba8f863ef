//! Inbound texts in the inbox: they are answered when they are stored, and acted on a moment later.
//!
//! **Invariant:** nothing is handed over to a phone whose text was stored and is not acted on yet: it may be
//! a STOP. The text's own transaction holds the subscriber, as every claim does, so each comes wholly before
//! the other.

use super::{NewReceipt, PENDING, RECEIVED, Waiting, in_state, read};
use crate::db::{Result, Txn, bulk, touches};
use domain::id::SiteId;
use entity::{message, receipt, subscriber};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, Query, SimpleExpr},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Up to `limit` inbound texts that wait, the first stored first.
pub async fn waiting_texts(connection: &impl ConnectionTrait, limit: u64) -> Result<Vec<Waiting>> {
    let rows = receipt::Entity::find()
        .filter(waits())
        .order_by_asc(receipt::Column::Id)
        .limit(limit)
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(read).collect())
}

/// Takes one receipt if it still waits and nobody else has it.
pub async fn still_waits(txn: &Txn, id: Uuid) -> Result<bool> {
    let mut select =
        receipt::Entity::find().filter(in_state(PENDING)).filter(receipt::Column::Id.eq(id));
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    Ok(select.one(txn).await?.is_some())
}

/// Waits for claims of messages to those who texted, and keeps others from beginning, until the
/// transaction that stores the texts ends.
pub async fn hold_writers(txn: &Txn, news: impl Iterator<Item = &NewReceipt>) -> Result<()> {
    let mut phones: BTreeMap<SiteId, BTreeSet<&str>> = BTreeMap::new();
    for new in news.filter(|new| new.kind == RECEIVED) {
        phones.entry(new.site_id).or_default().extend(new.phone.as_deref());
    }
    // On SQLite the one writer has them to itself.
    if phones.is_empty() || txn.get_database_backend() != DbBackend::Postgres {
        return Ok(());
    }
    let of_site = |(site, phones): (SiteId, BTreeSet<&str>)| {
        Condition::all()
            .add(subscriber::Column::SiteId.eq(site.0))
            .add(subscriber::Column::Phone.is_in(phones))
    };
    let writers = phones.into_iter().fold(Condition::any(), |any, one| any.add(of_site(one)));
    let ids: Vec<Uuid> = subscriber::Entity::find()
        .select_only()
        .column(subscriber::Column::Id)
        .filter(writers)
        .into_tuple()
        .all(txn)
        .await?;
    touches::hold(txn, ids.into_iter()).await
}

/// Texts from these phones of a site that are not acted on yet.
pub(in crate::db) fn unheard<'a>(
    txn: &Txn,
    site_id: SiteId,
    phones: impl Iterator<Item = &'a str>,
) -> Select<receipt::Entity> {
    receipt::Entity::find()
        .filter(waits())
        .filter(receipt::Column::SiteId.eq(site_id.0))
        .filter(bulk::among_texts(txn, receipt::Column::Phone, phones))
}

/// That no text of a message's phone is left to act on.
pub(in crate::db) fn all_heard() -> SimpleExpr {
    let of_message = |receipts: receipt::Column, messages: message::Column| {
        Expr::col((receipt::Entity, receipts)).equals((message::Entity, messages))
    };
    let waiting = Query::select()
        .expr(Expr::val(1))
        .from(receipt::Entity)
        .cond_where(waits())
        .and_where(of_message(receipt::Column::SiteId, message::Column::SiteId))
        .and_where(of_message(receipt::Column::Phone, message::Column::Phone))
        .to_owned();
    Expr::exists(waiting).not()
}

/// That a receipt is a text that waits, in literals, for the partial index.
fn waits() -> Condition {
    let kind = Expr::col((receipt::Entity, receipt::Column::Kind));
    Condition::all().add(in_state(PENDING)).add(kind.eq(Expr::cust(format!("'{RECEIVED}'"))))
}
