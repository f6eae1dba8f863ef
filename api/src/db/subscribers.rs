//! Subscribers, their tags, and opt-outs by phone.

mod places;
mod tags;

pub use places::{InZones, locate_old, zones_of};
pub use tags::{forget_tags, set_tags, tags};

use super::{
    Result, Txn,
    audiences::{self, AsOf},
    bulk, each,
    page::{self, Cursor, Page, PageRequest, Sort},
};
use domain::{
    Instant,
    audience::AudienceRules,
    id::{SiteId, SubscriberId},
    phone::PhoneNumber,
    subscriber::{Subscriber, SubscriberStatus},
};
use entity::{
    convert::{self, ms, values_json},
    opt_out, subscriber,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    Select,
    prelude::Json,
    sea_query::{Expr, ExprTrait, OnConflict, Query, SelectStatement},
};
use std::collections::{BTreeMap, HashSet};

/// Which subscribers to keep.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these statuses.
    pub statuses: Option<Vec<SubscriberStatus>>,
    /// With at least one of these tags.
    pub tags_any: Option<Vec<String>>,
    /// With exactly this phone number.
    pub phone: Option<PhoneNumber>,
    /// Whether their words may be a wish to opt out and nobody has cleared them.
    pub is_suspected: Option<bool>,
    /// Selected by these rules.
    pub rules: Option<AudienceRules>,
    /// Taken to be in one of these zones.
    pub zones: Option<InZones>,
}

fn select(site_id: SiteId, filter: &Filter) -> Select<subscriber::Entity> {
    let mut select = subscriber::Entity::find().filter(subscriber::Column::SiteId.eq(site_id.0));
    if let Some(statuses) = &filter.statuses {
        select =
            select.filter(subscriber::Column::Status.is_in(statuses.iter().map(|s| s.as_str())));
    }
    if let Some(tags) = &filter.tags_any {
        select = select.filter(audiences::has_tag(tags, AsOf::Now));
    }
    if let Some(phone) = &filter.phone {
        select = select.filter(subscriber::Column::Phone.eq(phone.as_str()));
    }
    if let Some(is_suspected) = filter.is_suspected {
        let marked = subscriber::Column::SuspectedOptOutAt;
        let is_marked = if is_suspected { marked.is_not_null() } else { marked.is_null() };
        select = select.filter(is_marked);
    }
    if let Some(rules) = &filter.rules {
        select = select.filter(audiences::members(rules, AsOf::Now));
    }
    if let Some(zones) = &filter.zones {
        select = select.filter(places::is_in(zones));
    }
    select
}

/// A page of each list of subscribers of a site, by id, in the order asked.
pub async fn pages(
    connection: &impl ConnectionTrait,
    asked: &[(SiteId, Filter)],
    request: &PageRequest,
) -> Result<Vec<Page<Subscriber>>> {
    let sort = Sort::by_id(
        Expr::col((subscriber::Entity, subscriber::Column::Id)),
        |row: &subscriber::Model| Cursor { value: String::new(), id: row.id },
    );
    let lists = asked.iter().map(|(site, filter)| select(*site, filter)).collect();
    let pages = page::fetch_each(connection, lists, &sort, request).await?;
    let read = |page: Page<subscriber::Model>| Ok(page.try_map(convert::subscriber)?);
    pages.into_iter().map(read).collect()
}

/// How many subscribers of a site match, of each that is asked for.
pub async fn counts(
    connection: &impl ConnectionTrait,
    asked: &[(SiteId, Filter)],
) -> Result<Vec<i64>> {
    let lists = asked.iter().map(|(site, filter)| select(*site, filter)).collect();
    each::counts(connection, lists).await
}

/// The subscribers with these ids on the sites given, in no order.
pub async fn find_many(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[SubscriberId],
) -> Result<Vec<Subscriber>> {
    let rows = subscriber::Entity::find()
        .filter(bulk::among(connection, subscriber::Column::Id, ids.iter().map(|id| id.0)))
        .filter(subscriber::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(convert::subscriber).collect::<std::result::Result<_, _>>()?)
}

/// One subscriber of the sites given.
pub async fn find(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    id: SubscriberId,
) -> Result<Option<Subscriber>> {
    let row = subscriber::Entity::find_by_id(id.0)
        .filter(subscriber::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .one(connection)
        .await?;
    Ok(row.map(convert::subscriber).transpose()?)
}

/// The subscribers of a site that have one of `phones`, by phone.
pub async fn find_by_phones(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    phones: &[PhoneNumber],
) -> Result<BTreeMap<PhoneNumber, Subscriber>> {
    by_phone(with_phones(site_id, phones).all(connection).await?)
}

/// The subscribers of a site that have one of `phones`, by phone, locked: who writes back what a caller
/// left out must not undo what another wrote meanwhile.
pub async fn lock_by_phones(
    txn: &Txn,
    site_id: SiteId,
    phones: &[PhoneNumber],
) -> Result<BTreeMap<PhoneNumber, Subscriber>> {
    let mut select = with_phones(site_id, phones).order_by_asc(subscriber::Column::Id);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    by_phone(select.all(txn).await?)
}

fn with_phones(site_id: SiteId, phones: &[PhoneNumber]) -> Select<subscriber::Entity> {
    subscriber::Entity::find()
        .filter(subscriber::Column::SiteId.eq(site_id.0))
        .filter(subscriber::Column::Phone.is_in(phones.iter().map(PhoneNumber::as_str)))
}

fn by_phone(rows: Vec<subscriber::Model>) -> Result<BTreeMap<PhoneNumber, Subscriber>> {
    let mut found = BTreeMap::new();
    for row in rows {
        let subscriber = convert::subscriber(row)?;
        found.insert(subscriber.phone.clone(), subscriber);
    }
    Ok(found)
}

/// Adds a subscriber, unless the site has its number already; answers whether it was added.
pub async fn insert(txn: &Txn, new: &Subscriber, now: Instant) -> Result<bool> {
    let place = places::stored(new);
    let row = subscriber::ActiveModel {
        id: Set(new.id.0),
        site_id: Set(new.site_id.0),
        phone: Set(new.phone.as_str().to_owned()),
        status: Set(new.status.as_str().to_owned()),
        time_zone: Set(new.zone.map(|zone| zone.name().to_owned())),
        observed_time_zone: Set(new.observed_zone.map(|zone| zone.name().to_owned())),
        postal_code: Set(new.postal_code.clone()),
        attributes: Set(attributes(new)),
        zones: Set(place.zones),
        zone_source: Set(place.source),
        region: Set(place.region),
        subscribed_at: Set(ms(new.subscribed_at)),
        unsubscribed_at: Set(new.unsubscribed_at.map(ms)),
        last_messaged_at: Set(new.last_messaged_at.map(ms)),
        suspected_opt_out_at: Set(new.suspected_opt_out_at.map(ms)),
        created_at: Set(ms(now)),
        updated_at: Set(ms(now)),
        ..Default::default()
    };
    let added = subscriber::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(added == 1)
}

/// The attributes as the row holds them: none for none.
fn attributes(subscriber: &Subscriber) -> Option<Json> {
    let attributes = &subscriber.attributes;
    (!attributes.is_empty()).then(|| values_json(attributes))
}

/// Writes back what an upsert may change: where the subscriber is, the attributes, the time of consent.
pub async fn update(txn: &Txn, changed: &Subscriber, now: Instant) -> Result<()> {
    let place = places::stored(changed);
    subscriber::ActiveModel {
        id: Set(changed.id.0),
        time_zone: Set(changed.zone.map(|zone| zone.name().to_owned())),
        observed_time_zone: Set(changed.observed_zone.map(|zone| zone.name().to_owned())),
        postal_code: Set(changed.postal_code.clone()),
        attributes: Set(attributes(changed)),
        zones: Set(place.zones),
        zone_source: Set(place.source),
        region: Set(place.region),
        subscribed_at: Set(ms(changed.subscribed_at)),
        updated_at: Set(ms(now)),
        ..Default::default()
    }
    .update(txn)
    .await?;
    Ok(())
}

/// The opt-out of the phone of a subscriber's row, in a statement that reads the table of subscribers.
pub(super) fn opt_out_of_row() -> SelectStatement {
    let is_same = |of_opt_out, of_row| {
        Expr::col((opt_out::Entity, of_opt_out)).equals((subscriber::Entity, of_row))
    };
    Query::select()
        .expr(Expr::val(1))
        .from(opt_out::Entity)
        .and_where(is_same(opt_out::Column::SiteId, subscriber::Column::SiteId))
        .and_where(is_same(opt_out::Column::Phone, subscriber::Column::Phone))
        .to_owned()
}

/// Which of `phones` opted out of the site's texts.
pub async fn opted_out(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    phones: impl Iterator<Item = &str>,
) -> Result<HashSet<String>> {
    let rows = opted_out_among(connection, site_id, phones).all(connection).await?;
    Ok(rows.into_iter().map(|row| row.phone).collect())
}

/// Opt-outs of these phones of a site.
pub(super) fn opted_out_among<'a>(
    db: &impl ConnectionTrait,
    site_id: SiteId,
    phones: impl Iterator<Item = &'a str>,
) -> Select<opt_out::Entity> {
    opt_out::Entity::find().filter(opt_out::Column::SiteId.eq(site_id.0)).filter(bulk::among_texts(
        db,
        opt_out::Column::Phone,
        phones,
    ))
}
