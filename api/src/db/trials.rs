//! Trials: segments reserved before messages leave, used when they are taken, given back when they are not.
//!
//! **Invariant:** used and reserved segments together never exceed the limit, by however many campaigns at
//! once: a reservation is one compare-and-set.

use super::{Result, Txn, counts::Deltas, plans};
use domain::{id::SiteId, message::MessageState};
use entity::{message, site};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    UpdateMany,
    sea_query::{Expr, ExprTrait, Func},
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
pub(super) fn settle(site_id: Uuid, used: i64, released: i64) -> UpdateMany<site::Entity> {
    use site::Column;
    site::Entity::update_many()
        .col_expr(Column::TrialUsed, Expr::col(Column::TrialUsed).add(used))
        .col_expr(Column::TrialReserved, Expr::col(Column::TrialReserved).sub(used + released))
        .filter(Column::Id.eq(site_id))
}

/// Rows that give back in one statement.
const LET_GO_BATCH: u64 = 5_000;

/// Gives back what is reserved for the steps after messages whose outcome is not known, of a campaign that has
/// ended: nothing follows them any more. What is reserved for the messages themselves stays; they may have
/// been taken.
pub(super) async fn let_sequels_go(txn: &Txn, campaign: Uuid, deltas: &mut Deltas) -> Result<()> {
    use message::Column;
    loop {
        let own = || Func::coalesce([Expr::col(Column::Segments), 0.into()]);
        let mut select = message::Entity::find()
            .filter(Column::CampaignId.eq(campaign))
            .filter(plans::in_states(&[MessageState::Unknown]))
            .filter(Expr::col(Column::Reserved).gt(own()))
            .order_by_asc(Column::Id)
            .limit(LET_GO_BATCH);
        if txn.get_database_backend() == DbBackend::Postgres {
            select = select.lock_exclusive();
        }
        let rows = select.all(txn).await?;
        if rows.is_empty() {
            return Ok(());
        }
        for row in &rows {
            deltas.release(row.site_id, row.reserved - row.segments.unwrap_or_default());
        }
        message::Entity::update_many()
            .col_expr(Column::Reserved, own().into())
            .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
            .exec(txn)
            .await?;
    }
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
