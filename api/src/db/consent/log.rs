//! The log of consent, read.
//!
//! **Invariant:** what an entry counts for is worked out from the time at which it happened, never from the
//! order in which entries came in.

use crate::db::{
    Result,
    page::{self, Cursor, Page, PageRequest, Sort},
    subscribers,
};
use domain::{
    Instant,
    consent::{ConsentEntry, ConsentKind, History},
    id::{SiteId, SubscriberId},
    subscriber::Subscriber,
};
use entity::{
    consent_log,
    convert::{self, code, instant, ms},
    opt_out,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, Order, QueryFilter, QuerySelect, sea_query::Expr,
};
use std::collections::HashMap;

/// What the log says of several phones; those of which it says nothing are left out.
pub async fn histories(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    phones: impl Iterator<Item = &str> + Clone,
) -> Result<HashMap<String, History>> {
    use consent_log::Column;
    const TABLE: &str = "consent_log";
    let mut histories: HashMap<String, History> = HashMap::new();
    let last: Vec<(String, String, String, i64)> = consent_log::Entity::find()
        .select_only()
        .columns([Column::Phone, Column::Kind, Column::Source])
        .column_as(Column::OccurredAt.max(), "last")
        .filter(Column::SiteId.eq(site_id.0))
        .filter(Column::Phone.is_in(phones.clone()))
        .group_by(Column::Phone)
        .group_by(Column::Kind)
        .group_by(Column::Source)
        .into_tuple()
        .all(connection)
        .await?;
    for (phone, kind, source, at) in last {
        let history = histories.entry(phone).or_default();
        history.note(code(TABLE, &kind)?, code(TABLE, &source)?, instant(at));
    }
    // An opt-out from before there was a log.
    let opted_out = opt_out::Entity::find()
        .filter(opt_out::Column::SiteId.eq(site_id.0))
        .filter(opt_out::Column::Phone.is_in(phones))
        .all(connection)
        .await?;
    for row in opted_out {
        let (source, at) = (code("opt_out", &row.source)?, instant(row.opted_out_at));
        histories.entry(row.phone).or_default().note(ConsentKind::OptedOut, source, at);
    }
    Ok(histories)
}

/// Whether a phone was answered when it last asked for help, since `since`.
pub async fn was_helped(
    connection: &impl ConnectionTrait,
    site_id: SiteId,
    phone: &str,
    since: Instant,
) -> Result<bool> {
    let found = consent_log::Entity::find()
        .filter(consent_log::Column::SiteId.eq(site_id.0))
        .filter(consent_log::Column::Phone.eq(phone))
        .filter(consent_log::Column::Kind.eq(ConsentKind::Help.as_str()))
        .filter(consent_log::Column::RecordedAt.gt(ms(since)))
        .limit(1)
        .one(connection)
        .await?;
    Ok(found.is_some())
}

/// A page of what was said of each subscriber's phone, newest first, also before it had this subscriber; of
/// those of other sites there is none.
pub async fn pages(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[SubscriberId],
    request: &PageRequest,
) -> Result<HashMap<SubscriberId, Page<ConsentEntry>>> {
    let found = subscribers::find_many(connection, sites, ids).await?;
    let list = |subscriber: &Subscriber| {
        consent_log::Entity::find()
            .filter(consent_log::Column::SiteId.eq(subscriber.site_id.0))
            .filter(consent_log::Column::Phone.eq(subscriber.phone.as_str()))
    };
    let lists = found.iter().map(list).collect();
    let sort = Sort {
        order: Order::Desc,
        ..Sort::by_id(
            Expr::col((consent_log::Entity, consent_log::Column::Id)),
            |row: &consent_log::Model| Cursor { value: String::new(), id: row.id },
        )
    };
    let pages = page::fetch_each(connection, lists, &sort, request).await?;
    let page =
        |(of, page): (&Subscriber, Page<consent_log::Model>)| Ok((of.id, page.try_map(read)?));
    found.iter().zip(pages).map(page).collect()
}

fn read(row: consent_log::Model) -> std::result::Result<ConsentEntry, convert::Corrupt> {
    const TABLE: &str = "consent_log";
    Ok(ConsentEntry {
        kind: code(TABLE, &row.kind)?,
        source: code(TABLE, &row.source)?,
        word: row.word,
        actor: row.actor,
        occurred_at: instant(row.occurred_at),
        recorded_at: instant(row.recorded_at),
    })
}
