//! Trials: segments reserved before messages leave, used when they are taken, given back when they are not.
//!
//! **Invariant:** used and reserved segments together never exceed the limit, by however many campaigns at
//! once: a reservation is one compare-and-set.

use super::{Result, Txn};
use domain::id::SiteId;
use entity::site;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait},
};
use uuid::Uuid;

/// Reserves `segments` of a site's trial; answers whether there were as many left.
pub(super) async fn reserve(txn: &Txn, site_id: SiteId, segments: i64) -> Result<bool> {
    use site::Column;
    if segments == 0 {
        return Ok(true);
    }
    let taken = Expr::col(Column::TrialUsed).add(Expr::col(Column::TrialReserved)).add(segments);
    let updated = site::Entity::update_many()
        .col_expr(Column::TrialReserved, Expr::col(Column::TrialReserved).add(segments))
        .filter(Column::Id.eq(site_id.0))
        .filter(Expr::expr(taken).lte(Expr::col(Column::TrialLimit)))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Turns `used` of a site's reserved segments into used ones, and gives `released` back.
pub(super) async fn settle(txn: &Txn, site_id: Uuid, used: i64, released: i64) -> Result<()> {
    use site::Column;
    let updated = site::Entity::update_many()
        .col_expr(Column::TrialUsed, Expr::col(Column::TrialUsed).add(used))
        .col_expr(Column::TrialReserved, Expr::col(Column::TrialReserved).sub(used + released))
        .filter(Column::Id.eq(site_id))
        .exec(txn)
        .await?;
    super::expect_rows("a trial", updated.rows_affected, 1)
}

/// Uses `segments` of a site's trial for texts that are no messages and leave now; answers whether there
/// were as many left.
pub async fn spend(txn: &Txn, site_id: SiteId, segments: i64) -> Result<bool> {
    use site::Column;
    let taken = Expr::col(Column::TrialUsed).add(Expr::col(Column::TrialReserved)).add(segments);
    let updated = site::Entity::update_many()
        .col_expr(Column::TrialUsed, Expr::col(Column::TrialUsed).add(segments))
        .filter(Column::Id.eq(site_id.0))
        .filter(Expr::expr(taken).lte(Expr::col(Column::TrialLimit)))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected == 1)
}

/// Gives back what was spent on a text that was certainly not taken.
pub(super) async fn give_back(txn: &Txn, site_id: Uuid, segments: i64) -> Result<()> {
    let used = Expr::col(site::Column::TrialUsed).sub(segments);
    let updated = site::Entity::update_many()
        .col_expr(site::Column::TrialUsed, used)
        .filter(site::Column::Id.eq(site_id))
        .exec(txn)
        .await?;
    super::expect_rows("a trial", updated.rows_affected, 1)
}
