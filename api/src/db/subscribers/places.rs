//! Where subscribers are taken to be, as statements ask for it.
//!
//! A row keeps the zones that its clues told when it was last written, so that statements can group and
//! select by them. Whoever has the row itself asks the clues again.
//!
//! **Invariant:** the site's own zone is kept with no row, so that a subscriber of whom nothing tells is in
//! the zone that the site has now.

use super::super::{Db, Result};
use domain::{
    id::SiteId,
    place::{TimeZoneSource, ZoneSet},
    subscriber::Subscriber,
    zone::Zone,
};
use entity::{
    convert::{self, Corrupt},
    subscriber,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LikeExpr, SimpleExpr},
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Rows of an older version that are located in one transaction.
const LOCATE_BATCH: u64 = 500;

/// Sets of zones read at the most: the tables of area codes and postal codes, and the zones that can be given,
/// make up fewer.
const ZONES_DISTINCT_MAX: u64 = 2_000;

/// What a row keeps of a place.
pub(super) struct Stored {
    pub(super) zones: Option<String>,
    pub(super) source: Option<String>,
    pub(super) region: Option<String>,
}

/// What the row of a subscriber keeps.
pub(super) fn stored(subscriber: &Subscriber) -> Stored {
    let place = subscriber.place(Zone::UTC);
    let is_known = place.source != TimeZoneSource::Site;
    Stored {
        zones: is_known.then(|| place.zones.to_string()),
        source: Some(place.source.as_str().to_owned()),
        region: place.region.map(|region| region.to_string()),
    }
}

/// Zones to look for subscribers in.
#[derive(Clone, Debug)]
pub struct InZones {
    /// The zones.
    pub zones: Vec<Zone>,
    /// The zone of the site: of those of whom nothing tells.
    pub site: Zone,
}

/// The condition, on the table of subscribers, that holds for those whose principal zone is one of these.
pub(super) fn is_in(wanted: &InZones) -> Condition {
    let column = || Expr::col((subscriber::Entity, subscriber::Column::Zones));
    let is_principal = |zone: &Zone| {
        let first = format!("{} %", zone.name().replace('_', "\\_"));
        column().eq(zone.name()).or(column().like(LikeExpr::new(first).escape('\\')))
    };
    let mut any = wanted.zones.iter().map(is_principal).fold(Condition::any(), Condition::add);
    if wanted.zones.contains(&wanted.site) {
        any = any.add(column().is_null());
    }
    // No zone is no subscriber, where an empty condition would be everybody.
    any.add(SimpleExpr::from(false))
}

/// How many of a site's subscribers that `members` holds for have each set of zones, the largest group
/// first. `members` is a condition on the table of subscribers, such as an audience's; `site` is the zone
/// of those of whom nothing tells. One row is read for each set, of which there are as many as the tables
/// of area codes and postal codes have, and those that were given: a few hundred.
pub async fn zones_of(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    members: Condition,
    site: Zone,
) -> Result<Vec<(ZoneSet, i64)>> {
    let rows: Vec<(Option<String>, i64)> = subscriber::Entity::find()
        .select_only()
        .column(subscriber::Column::Zones)
        .column_as(subscriber::Column::Id.count(), "members")
        .filter(subscriber::Column::SiteId.eq(site_id.0))
        .filter(members)
        .group_by(subscriber::Column::Zones)
        .limit(ZONES_DISTINCT_MAX)
        .into_tuple()
        .all(connection)
        .await?;
    let mut groups: BTreeMap<String, (ZoneSet, i64)> = BTreeMap::new();
    for (zones, members) in rows {
        let zones = zones.map_or(Ok(ZoneSet::from(site)), |text| read(&text))?;
        let group = groups.entry(zones.to_string()).or_insert((zones, 0));
        group.1 = group.1.saturating_add(members);
    }
    let mut groups: Vec<(ZoneSet, i64)> = groups.into_values().collect();
    groups.sort_by_key(|(_, members)| std::cmp::Reverse(*members));
    Ok(groups)
}

fn read(text: &str) -> Result<ZoneSet> {
    let corrupt = |_invalid| Corrupt::Value { table: "subscriber", column: "zones" };
    Ok(text.parse().map_err(corrupt)?)
}

/// Writes where they are to the rows of a version that did not, batch by batch.
pub async fn locate_old(db: &Db) -> Result<()> {
    let mut after = None;
    loop {
        after = locate_batch(db, after).await?;
        if after.is_none() {
            return Ok(());
        }
    }
}

/// Locates the rows of one batch; answers the last one's id, none after the last batch.
async fn locate_batch(db: &Db, after: Option<Uuid>) -> Result<Option<Uuid>> {
    let mut select = subscriber::Entity::find().filter(subscriber::Column::ZoneSource.is_null());
    if let Some(after) = after {
        select = select.filter(subscriber::Column::Id.gt(after));
    }
    let select = select.order_by_asc(subscriber::Column::Id).limit(LOCATE_BATCH);
    if select.clone().limit(1).one(db.read()).await?.is_none() {
        return Ok(None);
    }
    let txn = db.begin_write().await?;
    let rows = select.lock_exclusive().all(&txn).await?;
    let last = rows.last().map(|row| row.id);
    for row in rows {
        let place = stored(&convert::subscriber(row.clone())?);
        subscriber::ActiveModel {
            id: Set(row.id),
            zones: Set(place.zones),
            zone_source: Set(place.source),
            region: Set(place.region),
            ..Default::default()
        }
        .update(&txn)
        .await?;
    }
    txn.commit().await?;
    Ok(last)
}
