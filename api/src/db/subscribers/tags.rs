//! Tags of subscribers, those that were taken away included for as long as somebody may ask for them: a plan
//! finds its recipients by the tags they had when processing began, however long it takes.
//!
//! **Invariant:** a tag's past is written in the transaction that takes it away.
//! **Invariant:** what a plan that is not complete may ask for is never forgotten, and the rest is not kept.

use crate::db::{Result, Txn, runs};
use chrono::TimeDelta;
use domain::{
    Instant,
    id::{SiteId, SubscriberId},
    limits::{TAGS_MAX, UPSERT_MAX},
};
use entity::{convert::ms, subscriber_tag, subscriber_tag_past};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{ExprTrait, OnConflict},
};
use std::collections::BTreeMap;

/// How long the past is kept though no plan asks for it: a campaign whose activation is being committed at
/// this moment began at most so long ago by its clock.
const KEPT: TimeDelta = TimeDelta::hours(1);
/// Tags forgotten at once: as many as one call can take away, so that forgetting keeps up.
const FORGOTTEN_MAX: usize = UPSERT_MAX * TAGS_MAX;

/// Tags of several subscribers, sorted.
pub async fn tags(
    connection: &impl ConnectionTrait,
    ids: &[SubscriberId],
) -> Result<BTreeMap<SubscriberId, Vec<String>>> {
    let rows = subscriber_tag::Entity::find()
        .filter(subscriber_tag::Column::SubscriberId.is_in(ids.iter().map(|id| id.0)))
        .order_by_asc(subscriber_tag::Column::Tag)
        .all(connection)
        .await?;
    let mut tags: BTreeMap<SubscriberId, Vec<String>> = BTreeMap::new();
    for row in rows {
        tags.entry(row.subscriber_id.into()).or_default().push(row.tag);
    }
    Ok(tags)
}

/// Sets a subscriber's tags in place of those now set; the subscriber's row is locked, or new. Answers whether
/// one was taken away.
pub async fn set_tags(
    txn: &Txn,
    (site_id, id): (SiteId, SubscriberId),
    tags: &[String],
    now: Instant,
) -> Result<bool> {
    use subscriber_tag::Column;
    let known =
        subscriber_tag::Entity::find().filter(Column::SubscriberId.eq(id.0)).all(txn).await?;
    let is_new = |tag: &&String| !known.iter().any(|row| row.tag == **tag);
    let added = tags.iter().filter(is_new).map(|tag| subscriber_tag::ActiveModel {
        site_id: Set(site_id.0),
        subscriber_id: Set(id.0),
        tag: Set(tag.clone()),
        added_at: Set(ms(now)),
    });
    subscriber_tag::Entity::insert_many(added)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    let gone: Vec<&subscriber_tag::Model> =
        known.iter().filter(|row| !tags.contains(&row.tag)).collect();
    if gone.is_empty() {
        return Ok(false);
    }
    let past = gone.iter().map(|row| subscriber_tag_past::ActiveModel {
        site_id: Set(site_id.0),
        subscriber_id: Set(id.0),
        tag: Set(row.tag.clone()),
        added_at: Set(row.added_at),
        removed_at: Set(ms(now)),
    });
    subscriber_tag_past::Entity::insert_many(past)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    subscriber_tag::Entity::delete_many()
        .filter(Column::SubscriberId.eq(id.0))
        .filter(Column::Tag.is_in(gone.iter().map(|row| row.tag.as_str())))
        .exec(txn)
        .await?;
    Ok(true)
}

/// Forgets tags of a site that were taken away before any plan that is not complete began, the oldest first.
pub async fn forget_tags(txn: &Txn, site_id: SiteId, now: Instant) -> Result<()> {
    use subscriber_tag_past::Column;
    let recent = now - KEPT;
    let oldest_plan = runs::oldest_plan(txn, site_id).await?;
    let until = oldest_plan.map_or(recent, |began| std::cmp::Ord::min(began, recent));
    let is_over = || Column::SiteId.eq(site_id.0).and(Column::RemovedAt.lte(ms(until)));
    // No row is removed one by one: those up to the moment of the last that may go do.
    let last: Option<i64> = subscriber_tag_past::Entity::find()
        .select_only()
        .column(Column::RemovedAt)
        .filter(is_over())
        .order_by_asc(Column::RemovedAt)
        .offset(u64::try_from(FORGOTTEN_MAX).unwrap_or(u64::MAX))
        .limit(1)
        .into_tuple()
        .one(txn)
        .await?;
    subscriber_tag_past::Entity::delete_many()
        .filter(is_over())
        .filter(Column::RemovedAt.lte(last.unwrap_or(ms(until))))
        .exec(txn)
        .await?;
    Ok(())
}
