//! The other side of planning: the same rows, put into the same table by nothing but `insert_many`.
//!
//! **Invariant:** what is measured is a transaction, its inserts and its commit; reading the rows to insert
//! is not.

use super::Error;
use api::db::Db;
use entity::message;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _,
    QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use std::time::{Duration, Instant};

/// Rows of one statement at the most: SQLite binds 32,766 values in one, and a row has 36.
const STATEMENT_ROWS_MAX: usize = 800;

/// Inserts into `to` the messages of `from`, in their order, `batch` rows to a transaction; answers how many
/// there were and how long that took.
pub(super) async fn insert(from: &Db, to: &Db, batch: u16) -> Result<(u64, Duration), Error> {
    let (mut after, mut rows, mut took) = (None, 0, Duration::ZERO);
    loop {
        let mut select = message::Entity::find();
        if let Some(after) = after {
            select = select.filter(message::Column::Id.gt(after));
        }
        let select = select.order_by_asc(message::Column::Id).limit(u64::from(batch));
        let found = select.all(from.read()).await?;
        let Some(last) = found.last() else { return Ok((rows, took)) };
        after = Some(last.id);
        rows += u64::try_from(found.len()).unwrap_or(u64::MAX);
        let statements: Vec<Vec<message::ActiveModel>> =
            found.chunks(STATEMENT_ROWS_MAX).map(|rows| rows.iter().map(new).collect()).collect();
        let began = Instant::now();
        let txn = to.begin_write().await?;
        for rows in statements {
            message::Entity::insert_many(rows).exec_without_returning(&txn).await?;
        }
        txn.commit().await?;
        took += began.elapsed();
    }
}

fn new(row: &message::Model) -> message::ActiveModel {
    row.clone().into_active_model().reset_all()
}
