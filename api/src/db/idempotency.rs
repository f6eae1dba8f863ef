//! Answers kept for repeated commands, so that a retry does nothing more.
//!
//! **Invariant:** the key is taken in the transaction that does the work: a crash leaves neither or both.

use super::{Result, Txn};
use domain::{Instant, access::CallerId, id::SiteId};
use entity::{convert::ms, idempotency};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, prelude::Json, sea_query::OnConflict,
};

/// How long an answer is kept.
const KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(24);

/// What a key was used for before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prior {
    /// Nothing: it is taken now, and [`keep`] must follow in the same transaction.
    Fresh,
    /// The same input, with this answer.
    Same(Json),
    /// Another input.
    Other,
}

/// One use of a key by a caller for an operation.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    /// The caller.
    pub caller: &'a CallerId,
    /// The command, such as `campaign_create`.
    pub operation: &'static str,
    /// The key the caller chose.
    pub key: &'a str,
    /// A digest of the input.
    pub digest: &'a str,
}

/// Takes the key, or says what it was used for. On PostgreSQL a concurrent use waits for the other's end.
pub async fn take(
    txn: &Txn,
    used: Use<'_>,
    site_id: Option<SiteId>,
    now: Instant,
) -> Result<Prior> {
    idempotency::Entity::delete_many()
        .filter(idempotency::Column::Caller.eq(used.caller.to_string()))
        .filter(idempotency::Column::CreatedAt.lt(ms(now - KEPT)))
        .exec(txn)
        .await?;
    let row = idempotency::ActiveModel {
        caller: Set(used.caller.to_string()),
        operation: Set(used.operation.to_owned()),
        idempotency_key: Set(used.key.to_owned()),
        site_id: Set(site_id.map(|site| site.0)),
        input_digest: Set(used.digest.to_owned()),
        answer: Set(Json::Null),
        created_at: Set(ms(now)),
    };
    let taken = idempotency::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    if taken == 1 {
        return Ok(Prior::Fresh);
    }
    let id = (used.caller.to_string(), used.operation.to_owned(), used.key.to_owned());
    let prior = idempotency::Entity::find_by_id(id).one(txn).await?;
    Ok(match prior {
        Some(prior) if prior.input_digest == used.digest => Prior::Same(prior.answer),
        _ => Prior::Other,
    })
}

/// Keeps the answer of a key just taken.
pub async fn keep(txn: &Txn, used: Use<'_>, answer: Json) -> Result<()> {
    let updated = idempotency::Entity::update_many()
        .col_expr(idempotency::Column::Answer, answer.into())
        .filter(idempotency::Column::Caller.eq(used.caller.to_string()))
        .filter(idempotency::Column::Operation.eq(used.operation))
        .filter(idempotency::Column::IdempotencyKey.eq(used.key))
        .exec(txn)
        .await?;
    super::expect_rows("a kept answer", updated.rows_affected, 1)
}
