//! The log of changes of sites' settings: rows are only added.

use super::{
    Result, Txn,
    events::Cause,
    page::{self, Cursor, Page, PageRequest, Sort},
};
use crate::ports::Ids;
use domain::{
    Instant,
    id::SiteId,
    setting::{LoggedChange, SettingChange},
};
use entity::{
    convert::{self, code, instant, ms},
    site_change,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter,
    sea_query::Expr,
};
use uuid::Uuid;

/// Logs what was changed of a site; there must be something.
pub async fn append(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    site_id: SiteId,
    changes: &[SettingChange],
    now: Instant,
) -> Result<()> {
    let rows = changes.iter().map(|change| site_change::ActiveModel {
        id: Set(ids.next::<Uuid>()),
        site_id: Set(site_id.0),
        setting: Set(change.setting.as_str().to_owned()),
        before: Set(change.before.clone()),
        after: Set(change.after.clone()),
        actor_kind: Set(cause.kind.as_str().to_owned()),
        actor_name: Set(cause.name.clone()),
        changed_at: Set(ms(now)),
    });
    site_change::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(())
}

/// A page of what was changed of each site, newest first, in the order of `sites`.
pub async fn pages(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    request: &PageRequest,
) -> Result<Vec<Page<LoggedChange>>> {
    let list =
        |site: &SiteId| site_change::Entity::find().filter(site_change::Column::SiteId.eq(site.0));
    let lists = sites.iter().map(list).collect();
    let sort = Sort {
        order: Order::Desc,
        ..Sort::by_id(
            Expr::col((site_change::Entity, site_change::Column::Id)),
            |row: &site_change::Model| Cursor { value: String::new(), id: row.id },
        )
    };
    let pages = page::fetch_each(connection, lists, &sort, request).await?;
    let read_all = |page: Page<site_change::Model>| Ok(page.try_map(read)?);
    pages.into_iter().map(read_all).collect()
}

fn read(row: site_change::Model) -> std::result::Result<LoggedChange, convert::Corrupt> {
    const TABLE: &str = "site_change";
    Ok(LoggedChange {
        change: SettingChange {
            setting: code(TABLE, &row.setting)?,
            before: row.before,
            after: row.after,
        },
        actor_kind: code(TABLE, &row.actor_kind)?,
        actor_name: row.actor_name,
        changed_at: instant(row.changed_at),
    })
}
