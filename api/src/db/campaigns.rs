//! Campaigns: reads within a caller's sites, and the one compare-and-set that moves a status.
//!
//! **Invariant:** a status changes only through [`move_on`], together with its event.

use super::{
    Result, Txn, bulk,
    counts::Deltas,
    each,
    events::{self, Cause, NewEvent},
    page::{self, Cursor, Page, PageRequest, Sort},
    trials,
};
use crate::ports::Ids;
use domain::{
    Instant,
    campaign::{Campaign, CampaignStatus, Trigger},
    event::CampaignEventKind,
    id::{CampaignId, RevisionId, SiteId},
    reason::StatusReason,
    schedule::Schedule,
};
use entity::{
    campaign, campaign_revision,
    convert::{self, ms},
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, Order, QueryFilter, QuerySelect, Select,
    UpdateMany,
    sea_query::{Expr, ExprTrait, Func, LockType, SimpleExpr},
};
use std::collections::HashMap;

/// Which campaigns to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Filter {
    /// In one of these statuses.
    pub statuses: Option<Vec<CampaignStatus>>,
    /// Whose name contains this, in any letter case.
    pub name_contains: Option<String>,
    /// First due at this instant or later.
    pub starts_from: Option<Instant>,
    /// First due before this instant.
    pub starts_until: Option<Instant>,
    /// Made at this instant or later.
    pub created_from: Option<Instant>,
    /// Made before this instant.
    pub created_until: Option<Instant>,
}

/// What campaigns can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderField {
    /// When they were made.
    CreatedAt,
    /// When they last changed.
    UpdatedAt,
    /// When they are first due; those without a schedule come last.
    StartsAt,
    /// Their names.
    Name,
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Smallest or oldest first.
    Asc,
    /// Largest or newest first.
    Desc,
}

/// How to sort campaigns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Sorting {
    /// What to sort by; ties are broken by id.
    pub field: OrderField,
    /// Which way.
    pub direction: Direction,
}

/// Makes a campaign.
pub async fn insert(txn: &Txn, new: &Campaign) -> Result<()> {
    campaign::ActiveModel {
        id: Set(new.id.0),
        site_id: Set(new.site_id.0),
        name: Set(new.name.clone()),
        status: Set(new.status.as_str().to_owned()),
        status_reason: Set(new.status_reason.map(|reason| reason.as_str().to_owned())),
        status_changed_at: Set(ms(new.status_changed_at)),
        revision: Set(new.revision),
        revision_id: Set(new.revision_id.0),
        duplicated_from: Set(new.duplicated_from.map(|id| id.0)),
        starts_at: Set(new.schedule.as_ref().map(|schedule| ms(schedule.starts_at))),
        excludes_reached: Set(new.excludes_reached),
        created_at: Set(ms(new.created_at)),
        updated_at: Set(ms(new.updated_at)),
        ..Default::default()
    }
    .insert(txn)
    .await?;
    Ok(())
}

/// One campaign of the sites given.
pub async fn find(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    id: CampaignId,
) -> Result<Option<Campaign>> {
    let select = campaign::Entity::find_by_id(id.0)
        .filter(campaign::Column::SiteId.is_in(sites.iter().map(|site| site.0)));
    one(connection, select).await
}

/// The campaigns with these ids on the sites given, in no order.
pub async fn find_many(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[CampaignId],
) -> Result<Vec<Campaign>> {
    let rows = campaign::Entity::find()
        .filter(bulk::among(connection, campaign::Column::Id, ids.iter().map(|id| id.0)))
        .filter(campaign::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .all(connection)
        .await?;
    with_revisions(connection, rows).await
}

/// One campaign of the sites given, locked against other writers until the transaction ends.
pub async fn lock(txn: &Txn, sites: &[SiteId], id: CampaignId) -> Result<Option<Campaign>> {
    let mut select = campaign::Entity::find_by_id(id.0)
        .filter(campaign::Column::SiteId.is_in(sites.iter().map(|site| site.0)));
    if txn.get_database_backend() == DbBackend::Postgres {
        // Rows that point to the campaign may still be written by others.
        select = select.lock(LockType::NoKeyUpdate);
    }
    one(txn, select).await
}

/// One campaign whatever its site: for the engine.
pub async fn find_any(
    connection: &impl ConnectionTrait,
    id: CampaignId,
) -> Result<Option<Campaign>> {
    one(connection, campaign::Entity::find_by_id(id.0)).await
}

async fn one(
    connection: &impl ConnectionTrait,
    select: Select<campaign::Entity>,
) -> Result<Option<Campaign>> {
    let Some(row) = select.one(connection).await? else { return Ok(None) };
    let mut campaigns = with_revisions(connection, vec![row]).await?;
    Ok(campaigns.pop())
}

async fn with_revisions(
    connection: &impl ConnectionTrait,
    rows: Vec<campaign::Model>,
) -> Result<Vec<Campaign>> {
    let ids = rows.iter().map(|row| row.revision_id);
    let revisions = campaign_revision::Entity::find()
        .filter(bulk::among(connection, campaign_revision::Column::Id, ids))
        .all(connection)
        .await?;
    let revisions: HashMap<_, _> = revisions.into_iter().map(|row| (row.id, row)).collect();
    let missing = convert::Corrupt::Value { table: "campaign", column: "revision_id" };
    let mut campaigns = Vec::with_capacity(rows.len());
    for row in rows {
        let Some(revision) = revisions.get(&row.revision_id) else { return Err(missing.into()) };
        campaigns.push(convert::campaign(row, revision)?);
    }
    Ok(campaigns)
}

fn select(site_id: SiteId, filter: &Filter) -> Select<campaign::Entity> {
    let mut select = campaign::Entity::find().filter(campaign::Column::SiteId.eq(site_id.0));
    if let Some(statuses) = &filter.statuses {
        select = select.filter(campaign::Column::Status.is_in(statuses.iter().map(|s| s.as_str())));
    }
    if filter.name_contains.as_deref().is_some_and(|part| part.contains('\0')) {
        // No name has a NUL, and PostgreSQL would not even be asked for one.
        select = select.filter(Expr::val(1).eq(0));
    } else if let Some(part) = &filter.name_contains {
        let name = Func::lower(Expr::col((campaign::Entity, campaign::Column::Name)));
        select = select.filter(
            Expr::expr(name).like(
                sea_orm::sea_query::LikeExpr::new(format!(
                    "%{}%",
                    escape_like(&part.to_lowercase())
                ))
                .escape('\\'),
            ),
        );
    }
    let bounds = [
        filter.starts_from.map(|at| campaign::Column::StartsAt.gte(ms(at))),
        filter.starts_until.map(|at| campaign::Column::StartsAt.lt(ms(at))),
        filter.created_from.map(|at| campaign::Column::CreatedAt.gte(ms(at))),
        filter.created_until.map(|at| campaign::Column::CreatedAt.lt(ms(at))),
    ];
    for bound in bounds.into_iter().flatten() {
        select = select.filter(bound);
    }
    select
}

fn escape_like(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// The position of a row.
type CursorOf = fn(&campaign::Model) -> Cursor;
/// Reads a position's sort value back.
type Parse = fn(&str) -> Option<sea_orm::Value>;

/// Where campaigns without a schedule sort: last, whichever way.
fn starts_at(order: &Order) -> (i64, CursorOf) {
    if *order == Order::Asc {
        (i64::MAX, |row| by(&row.starts_at.unwrap_or(i64::MAX), row))
    } else {
        (i64::MIN, |row| by(&row.starts_at.unwrap_or(i64::MIN), row))
    }
}

fn by(value: &impl ToString, row: &campaign::Model) -> Cursor {
    Cursor { value: value.to_string(), id: row.id }
}

fn sort(sorting: Sorting) -> Sort<campaign::Model> {
    let order = match sorting.direction {
        Direction::Asc => Order::Asc,
        Direction::Desc => Order::Desc,
    };
    let column = |column: campaign::Column| Expr::col((campaign::Entity, column));
    let number = |text: &str| text.parse::<i64>().ok().map(Into::into);
    let (value, parse, cursor): (SimpleExpr, Parse, CursorOf) = match sorting.field {
        OrderField::CreatedAt => {
            (column(campaign::Column::CreatedAt), number, |row| by(&row.created_at, row))
        }
        OrderField::UpdatedAt => {
            (column(campaign::Column::UpdatedAt), number, |row| by(&row.updated_at, row))
        }
        OrderField::StartsAt => {
            let (none, cursor) = starts_at(&order);
            let value = Func::coalesce([column(campaign::Column::StartsAt), Expr::val(none)]);
            (value.into(), number, cursor)
        }
        OrderField::Name => {
            (column(campaign::Column::Name), |text| Some(text.into()), |row| by(&row.name, row))
        }
    };
    Sort { value: Some(value), id: column(campaign::Column::Id), order, parse, cursor }
}

/// A page of each site's campaigns, in the order of `sites`.
pub async fn pages(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    filter: &Filter,
    sorting: Sorting,
    request: &PageRequest,
) -> Result<Vec<Page<Campaign>>> {
    let lists = sites.iter().map(|site| select(*site, filter)).collect();
    let pages = page::fetch_each(connection, lists, &sort(sorting), request).await?;
    page::map_all(pages, async |rows| with_revisions(connection, rows).await).await
}

/// How many campaigns match, of each site.
pub async fn counts(
    connection: &impl ConnectionTrait,
    asked: &[(SiteId, Filter)],
) -> Result<Vec<i64>> {
    let lists = asked.iter().map(|(site, filter)| select(*site, filter)).collect();
    each::counts(connection, lists).await
}

/// A move of a campaign to another status.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    /// What causes it: the table says where it leads.
    pub trigger: Trigger,
    /// Why, if there is a reason.
    pub reason: Option<StatusReason>,
    /// When.
    pub at: Instant,
}

/// Moves `campaign` on and logs it. Answers with the campaign as it now is, or with none when another
/// writer was first or the table has no such move: read again, and decide again.
pub async fn move_on(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    campaign: &Campaign,
    step: Move,
) -> Result<Option<Campaign>> {
    let Ok(to) = campaign.status.decide(step.trigger) else { return Ok(None) };
    let update = bump(campaign, step.at)
        .col_expr(campaign::Column::Status, to.as_str().into())
        .col_expr(campaign::Column::StatusReason, step.reason.map(StatusReason::as_str).into())
        .col_expr(campaign::Column::StatusChangedAt, ms(step.at).into());
    // Only a campaign that runs can be paused: with the run, the pause ends.
    let paused_at = campaign.paused_at.filter(|_| to.is_running());
    let update = update.col_expr(campaign::Column::PausedAt, paused_at.map(ms).into());
    if update.exec(txn).await?.rows_affected == 0 {
        return Ok(None);
    }
    let moved = Campaign {
        status: to,
        status_reason: step.reason,
        status_changed_at: step.at,
        revision: campaign.revision + 1,
        paused_at,
        updated_at: step.at,
        ..campaign.clone()
    };
    let event = NewEvent {
        site_id: campaign.site_id,
        campaign_id: campaign.id,
        sequence: moved.revision,
        kind: CampaignEventKind::StatusChanged,
        statuses: Some((campaign.status, to)),
        reason: step.reason,
        at: step.at,
    };
    events::append(txn, ids, cause, event).await?;
    if campaign.status.is_running() && !to.is_running() {
        let mut deltas = Deltas::default();
        trials::let_sequels_go(txn, campaign.id.0, &mut deltas).await?;
        deltas.apply(txn).await?;
    }
    Ok(Some(moved))
}

/// The compare-and-set of every change: the campaign is still in the status and at the revision read.
fn bump(campaign: &Campaign, at: Instant) -> UpdateMany<campaign::Entity> {
    campaign::Entity::update_many()
        .col_expr(campaign::Column::Revision, (campaign.revision + 1).into())
        .col_expr(campaign::Column::UpdatedAt, ms(at).into())
        .filter(campaign::Column::Id.eq(campaign.id.0))
        .filter(campaign::Column::Status.eq(campaign.status.as_str()))
        .filter(campaign::Column::Revision.eq(campaign.revision))
}

/// Gives a campaign a name and a revision in force, and logs the edit. None as in [`move_on`].
pub async fn edit(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    campaign: &Campaign,
    name: &str,
    revision_id: RevisionId,
    at: Instant,
) -> Result<bool> {
    let update = bump(campaign, at)
        .col_expr(campaign::Column::Name, name.into())
        .col_expr(campaign::Column::RevisionId, revision_id.0.into());
    let event = event(campaign, CampaignEventKind::Edited, at);
    change(txn, ids, cause, update, event).await
}

/// Gives a scheduled campaign a revision in force with another schedule, and logs that it was moved. False
/// when another writer was first.
pub async fn reschedule(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    campaign: &Campaign,
    revision_id: RevisionId,
    at: Instant,
) -> Result<bool> {
    let update = bump(campaign, at).col_expr(campaign::Column::RevisionId, revision_id.0.into());
    let event = event(campaign, CampaignEventKind::Rescheduled, at);
    change(txn, ids, cause, update, event).await
}

/// Pauses a campaign, and logs it; its gate must be closed. False when another writer was first.
pub async fn pause(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    campaign: &Campaign,
    at: Instant,
) -> Result<bool> {
    let update = bump(campaign, at).col_expr(campaign::Column::PausedAt, ms(at).into());
    let event = event(campaign, CampaignEventKind::Paused, at);
    change(txn, ids, cause, update, event).await
}

/// Lets a paused campaign go on, and logs it; its gate must be closed. False when another writer was first.
pub async fn resume(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    campaign: &Campaign,
    at: Instant,
) -> Result<bool> {
    let never: Option<i64> = None;
    let update = bump(campaign, at).col_expr(campaign::Column::PausedAt, never.into());
    let event = event(campaign, CampaignEventKind::Resumed, at);
    change(txn, ids, cause, update, event).await
}

/// The next event of a campaign that leaves its status as it is.
fn event(campaign: &Campaign, kind: CampaignEventKind, at: Instant) -> NewEvent {
    NewEvent {
        site_id: campaign.site_id,
        campaign_id: campaign.id,
        sequence: campaign.revision + 1,
        kind,
        statuses: None,
        reason: None,
        at,
    }
}

async fn change(
    txn: &Txn,
    ids: &Ids,
    cause: &Cause,
    update: UpdateMany<campaign::Entity>,
    event: NewEvent,
) -> Result<bool> {
    if update.exec(txn).await?.rows_affected == 0 {
        return Ok(false);
    }
    events::append(txn, ids, cause, event).await?;
    Ok(true)
}

/// Points a campaign to another revision with its schedule, without an event of its own: the caller logs
/// the change it is part of.
pub async fn set_revision(
    txn: &Txn,
    id: CampaignId,
    revision_id: RevisionId,
    schedule: Option<&Schedule>,
) -> Result<()> {
    let updated = campaign::Entity::update_many()
        .col_expr(campaign::Column::RevisionId, revision_id.0.into())
        .col_expr(campaign::Column::StartsAt, schedule.map(|at| ms(at.starts_at)).into())
        .col_expr(campaign::Column::LaunchesAt, schedule.map(|at| ms(at.launches_at)).into())
        .filter(campaign::Column::Id.eq(id.0))
        .exec(txn)
        .await?;
    super::expect_rows("a campaign's revision", updated.rows_affected, 1)
}

/// Removes a campaign with its revisions; its events stay.
pub async fn delete(txn: &Txn, id: CampaignId) -> Result<()> {
    let deleted = campaign::Entity::delete_by_id(id.0).exec(txn).await?;
    super::expect_rows("a deleted campaign", deleted.rows_affected, 1)
}
