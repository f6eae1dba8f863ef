//! The audit: who did what. Rows are only added, and removed when they are old.

use super::{
    Result, Txn,
    page::{self, Cursor, Page, PageRequest, Sort},
};
use crate::ports::Ids;
use domain::{
    Instant,
    audit::{AuditEntry, AuditOperation},
    id::SiteId,
};
use entity::{
    audit_entry::{ActiveModel, Column, Entity, Model},
    convert::{self, code, instant, ms},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Order, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, LockBehavior, LockType},
};
use uuid::Uuid;

/// Entries that one command removes: more than it adds, so that the rest goes in time.
const SWEPT_MAX: u64 = 20;

/// Which entries to keep. Every condition given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// By this caller.
    pub actor: Option<String>,
    /// To this object.
    pub object: Option<String>,
    /// One of these.
    pub operations: Option<Vec<AuditOperation>>,
    /// Not before this.
    pub from: Option<Instant>,
    /// Before this.
    pub until: Option<Instant>,
}

/// Adds an entry.
pub async fn append(txn: &Txn, ids: &Ids, entry: &AuditEntry) -> Result<()> {
    let row = ActiveModel {
        id: Set(ids.next::<Uuid>()),
        site_id: Set(entry.site_id.0),
        actor: Set(entry.actor.to_string()),
        actor_name: Set(entry.actor_name.clone()),
        operation: Set(entry.operation.as_str().to_owned()),
        object_id: Set(entry.object_id.clone()),
        outcome: Set(entry.outcome.as_str().to_owned()),
        occurred_at: Set(ms(entry.occurred_at)),
    };
    Entity::insert(row).exec_without_returning(txn).await?;
    Ok(())
}

/// Removes some of the entries from before `until`, of any site; those that another removes are left to it.
pub async fn sweep(txn: &Txn, until: Instant) -> Result<()> {
    let mut old = Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::OccurredAt.lt(ms(until)))
        .order_by_asc(Column::OccurredAt)
        .limit(SWEPT_MAX);
    if txn.get_database_backend() == DbBackend::Postgres {
        old = old.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let old: Vec<Uuid> = old.into_tuple().all(txn).await?;
    if !old.is_empty() {
        Entity::delete_many().filter(Column::Id.is_in(old)).exec(txn).await?;
    }
    Ok(())
}

/// What was done on each site, newest first, in the order of `sites`.
pub async fn pages(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    filter: &Filter,
    request: &PageRequest,
) -> Result<Vec<Page<AuditEntry>>> {
    let lists = sites.iter().map(|site| entries(*site, filter)).collect();
    let sort = Sort {
        order: Order::Desc,
        ..Sort::by_id(Expr::col((Entity, Column::Id)), |row: &Model| Cursor {
            value: String::new(),
            id: row.id,
        })
    };
    let pages = page::fetch_each(connection, lists, &sort, request).await?;
    let read_all = |page: Page<Model>| Ok(page.try_map(read)?);
    pages.into_iter().map(read_all).collect()
}

fn entries(site_id: SiteId, filter: &Filter) -> Select<Entity> {
    let mut select = Entity::find().filter(Column::SiteId.eq(site_id.0));
    if let Some(actor) = &filter.actor {
        select = select.filter(Column::Actor.eq(actor));
    }
    if let Some(object) = &filter.object {
        select = select.filter(Column::ObjectId.eq(object));
    }
    if let Some(operations) = &filter.operations {
        let codes = operations.iter().map(|operation| operation.as_str());
        select = select.filter(Column::Operation.is_in(codes));
    }
    if let Some(from) = filter.from {
        select = select.filter(Column::OccurredAt.gte(ms(from)));
    }
    if let Some(until) = filter.until {
        select = select.filter(Column::OccurredAt.lt(ms(until)));
    }
    select
}

fn read(row: Model) -> std::result::Result<AuditEntry, convert::Corrupt> {
    const TABLE: &str = "audit_entry";
    Ok(AuditEntry {
        site_id: row.site_id.into(),
        actor: row
            .actor
            .parse()
            .map_err(|_none| convert::Corrupt::Value { table: TABLE, column: "actor" })?,
        actor_name: row.actor_name,
        operation: code(TABLE, &row.operation)?,
        object_id: row.object_id,
        outcome: code(TABLE, &row.outcome)?,
        occurred_at: instant(row.occurred_at),
    })
}
