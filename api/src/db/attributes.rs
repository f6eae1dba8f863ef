//! Attributes of subscribers, as texts use them: which ones a site's subscribers have, how long their
//! values are, and those of single subscribers.
//!
//! **Invariant:** what is noted of an attribute only grows: it is never shorter than a value that a
//! subscriber has. Values that went away may be in it still.

use super::{Result, Txn, bulk};
use domain::{id::SiteId, phone::PhoneNumber, template::Extent};
use entity::{convert, site_attribute, subscriber};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    prelude::Json,
    sea_query::{Expr, OnConflict},
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Names asked for in one statement.
const NAMES_MAX: usize = 500;

/// The longer of the noted units and the new ones.
const LONGER_UNITS: &str = "CASE WHEN excluded.units_max > site_attribute.units_max \
    THEN excluded.units_max ELSE site_attribute.units_max END";
/// Likewise of septets, where none means that a value is not of GSM 03.38.
const LONGER_SEPTETS: &str = "CASE WHEN excluded.septets_max IS NULL OR site_attribute.septets_max IS NULL \
    THEN NULL WHEN excluded.septets_max > site_attribute.septets_max \
    THEN excluded.septets_max ELSE site_attribute.septets_max END";

/// How long the values of these attributes are on a site; those that no subscriber has are left out.
pub async fn extents(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    names: &[&str],
) -> Result<BTreeMap<String, Extent>> {
    let mut found = BTreeMap::new();
    for names in names.chunks(NAMES_MAX) {
        let rows = site_attribute::Entity::find()
            .filter(site_attribute::Column::SiteId.eq(site_id.0))
            .filter(site_attribute::Column::Name.is_in(names.iter().copied()))
            .all(connection)
            .await?;
        found.extend(rows.into_iter().map(extent));
    }
    Ok(found)
}

/// The same of several sites, of the names that any of them is asked for.
pub async fn extents_of(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    names: &BTreeSet<&str>,
) -> Result<HashMap<SiteId, BTreeMap<String, Extent>>> {
    use site_attribute::Column;
    let mut found: HashMap<SiteId, BTreeMap<String, Extent>> = HashMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let rows = site_attribute::Entity::find()
        .filter(bulk::among(connection, Column::SiteId, sites.iter().map(|site| site.0)))
        .filter(bulk::among_texts(connection, Column::Name, names.iter().copied()))
        .all(connection)
        .await?;
    for row in rows {
        let (site, (name, extent)) = (row.site_id.into(), extent(row));
        found.entry(site).or_default().insert(name, extent);
    }
    Ok(found)
}

fn extent(row: site_attribute::Model) -> (String, Extent) {
    let number = |units: i64| u32::try_from(units).unwrap_or(u32::MAX);
    let septets = row.septets_max.map(number);
    (row.name, Extent { septets, units: number(row.units_max) })
}

/// Notes the attributes that subscribers of a site are given. What is known already is not written.
pub async fn note<'a>(
    txn: &Txn,
    site_id: SiteId,
    given: impl IntoIterator<Item = &'a BTreeMap<String, String>>,
) -> Result<()> {
    let mut seen: BTreeMap<&str, Extent> = BTreeMap::new();
    for (name, value) in given.into_iter().flatten() {
        let extent = seen.entry(name).or_default();
        *extent = extent.join(Extent::of(value));
    }
    let names: Vec<&str> = seen.keys().copied().collect();
    let known = extents(txn, site_id, &names).await?;
    seen.retain(|name, extent| known.get(*name).is_none_or(|known| known.join(*extent) != *known));
    for (name, extent) in seen {
        let row = site_attribute::ActiveModel {
            site_id: Set(site_id.0),
            name: Set(name.to_owned()),
            septets_max: Set(extent.septets.map(i64::from)),
            units_max: Set(extent.units.into()),
        };
        let key = [site_attribute::Column::SiteId, site_attribute::Column::Name];
        let longer = OnConflict::columns(key)
            .value(site_attribute::Column::UnitsMax, Expr::cust(LONGER_UNITS))
            .value(site_attribute::Column::SeptetsMax, Expr::cust(LONGER_SEPTETS))
            .to_owned();
        site_attribute::Entity::insert(row).on_conflict(longer).exec_without_returning(txn).await?;
    }
    Ok(())
}

/// The attributes of those subscribers of a site that have one of `phones`, by phone.
pub async fn by_phone(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    phones: &[PhoneNumber],
) -> Result<BTreeMap<String, BTreeMap<String, String>>> {
    let rows: Vec<(String, Option<Json>)> = subscriber::Entity::find()
        .select_only()
        .column(subscriber::Column::Phone)
        .column(subscriber::Column::Attributes)
        .filter(subscriber::Column::SiteId.eq(site_id.0))
        .filter(subscriber::Column::Phone.is_in(phones.iter().map(PhoneNumber::as_str)))
        .into_tuple()
        .all(connection)
        .await?;
    let read = |(phone, attributes): (String, Option<Json>)| {
        Ok((phone, convert::values("subscriber", "attributes", attributes.as_ref())?))
    };
    rows.into_iter().map(read).collect()
}
