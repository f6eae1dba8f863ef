//! Messages that were accepted and that nobody has spoken of since.
//!
//! **Invariant:** the row and its counts move in one transaction; a receipt that comes late still finds the
//! message and moves it on.

use super::{Result, Txn, counts::Deltas, plans};
use domain::{
    Instant,
    message::{MessageState, Standing},
    reason::MessageReason,
};
use entity::{
    convert::{instant, ms},
    message,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{LockBehavior, LockType},
};

/// When the message was accepted that has waited longest for a final receipt, over all campaigns.
pub async fn oldest(db: &impl ConnectionTrait) -> Result<Option<Instant>> {
    let oldest: Option<Option<i64>> = message::Entity::find()
        .select_only()
        .column(message::Column::AcceptedAt)
        .filter(plans::in_states(&[MessageState::Accepted]))
        .filter(message::Column::AcceptedAt.is_not_null())
        .order_by_asc(message::Column::AcceptedAt)
        .limit(1)
        .into_tuple()
        .one(db)
        .await?;
    Ok(oldest.flatten().map(instant))
}

/// Makes up to `limit` messages unconfirmed that were accepted at `accepted_by` or before and have no final
/// receipt. Answers how many.
pub async fn expire(txn: &Txn, accepted_by: Instant, limit: u64, now: Instant) -> Result<u64> {
    let mut select = message::Entity::find()
        .filter(plans::in_states(&[MessageState::Accepted]))
        .filter(message::Column::AcceptedAt.lte(ms(accepted_by)))
        .order_by_asc(message::Column::AcceptedAt)
        .order_by_asc(message::Column::Id)
        .limit(limit);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let rows = select.all(txn).await?;
    let to = Standing::because(MessageState::Unconfirmed, MessageReason::NoReceipt);
    let mut deltas = Deltas::default();
    plans::move_rows(txn, &rows, to, now, &mut deltas).await?;
    deltas.apply(txn).await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}
