//! Touches: what each phone was sent lately, and what is being handed over to it at this moment.
//!
//! A subscriber's row carries the last message accepted. What is on its way to a phone, or of unknown outcome, is
//! asked of the messages themselves. Whoever claims a message locks the subscriber's row first, so of two
//! campaigns that race for one phone the second sees the first.
//!
//! **Invariant:** who claims asks after it has the row: no claim to the phone can come between.

use super::{
    Result, Txn,
    bulk::{self, Bulk, Kind, Script},
    lists, plans,
};
use domain::{
    Instant,
    frequency_cap::is_capped,
    gate::{CAP_WINDOW_MAX, RESERVATION_MAX, Touch},
    id::{MessageId, SiteId},
    message::MessageState,
    rule_pack::RulePacks,
};
use entity::{
    attempt,
    convert::{instant, ms},
    message, subscriber,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, ExprTrait, Func, SimpleExpr},
};
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// Accepted messages of several subscribers within the longest window of any cap, those that may have been, and
/// what is outstanding.
#[derive(Clone, Debug, Default)]
pub struct Touches {
    taken: HashMap<Uuid, Vec<Touch>>,
    /// The last message to each that is being handed over or whose outcome is not known, where one was looked for.
    outstanding: HashMap<Uuid, Touch>,
}

impl Touches {
    /// Those of one subscriber.
    pub fn of(&self, subscriber: Uuid) -> &[Touch] {
        self.taken.get(&subscriber).map_or(&[], Vec::as_slice)
    }

    /// The last message to a subscriber, other than those judged, that is being handed over or whose outcome is not
    /// known.
    pub(super) fn reservation(&self, subscriber: Uuid) -> Option<Touch> {
        self.outstanding.get(&subscriber).copied()
    }
}

/// The last message accepted for a subscriber.
pub(super) fn last(row: &subscriber::Model) -> Option<Touch> {
    let message = MessageId::from(row.last_message_id.unwrap_or_default());
    row.last_messaged_at.map(|at| Touch { message, at: instant(at) })
}

/// A subscriber, and the region that a message was planned for.
pub(super) type InRegion<'a> = (&'a subscriber::Model, Option<&'a str>);

/// Whether a cap may ask what was sent to a subscriber.
fn may_be_capped(packs: RulePacks, (row, region): InRegion<'_>) -> bool {
    let is_capped = |region: &str| region.parse().is_ok_and(|known| is_capped(packs, Some(known)));
    // Of a row that was not located yet nothing is known.
    let was_located = row.zone_source.is_some();
    [row.region.as_deref(), region].into_iter().flatten().any(is_capped)
        || (!was_located && packs != RulePacks::NONE)
}

/// Reads what subscribers were sent lately, where a cap may ask for it: nobody whom no message reached
/// within a cap's window is looked up.
pub(super) async fn recent<'a>(
    connection: &impl ConnectionTrait,
    packs: RulePacks,
    rows: impl Iterator<Item = InRegion<'a>>,
    now: Instant,
) -> Result<Touches> {
    let since = ms(now - CAP_WINDOW_MAX);
    let was_texted = |row: &subscriber::Model| row.last_messaged_at.is_some_and(|at| at > since);
    let rows = rows.filter(|known| was_texted(known.0) && may_be_capped(packs, *known));
    let ids: BTreeSet<Uuid> = rows.map(|(row, _)| row.id).collect();
    if ids.is_empty() {
        return Ok(Touches::default());
    }
    let accepted: Vec<(Uuid, Uuid, i64)> = message::Entity::find()
        .select_only()
        .columns([message::Column::SubscriberId, message::Column::Id, message::Column::AcceptedAt])
        .filter(message::Column::SubscriberId.is_in(ids))
        .filter(message::Column::AcceptedAt.gt(since))
        .order_by_asc(message::Column::AcceptedAt)
        .into_tuple()
        .all(connection)
        .await?;
    let mut touches = Touches::default();
    touches.extend(accepted);
    Ok(touches)
}

impl Touches {
    fn extend(&mut self, rows: Vec<(Uuid, Uuid, i64)>) {
        for (subscriber, message, at) in rows {
            let touch = Touch { message: message.into(), at: instant(at) };
            self.taken.entry(subscriber).or_default().push(touch);
        }
    }

    /// Adds messages other than `judged` that may have been taken: nobody has known for long what became of them,
    /// or they are sent again all the same; and of those that are outstanding the last. `is_asked` tells whose
    /// messages are looked at.
    pub(super) async fn add_uncertain(
        &mut self,
        connection: &impl ConnectionTrait,
        is_asked: impl Fn(&message::Model) -> bool,
        judged: &[message::Model],
        now: Instant,
    ) -> Result<()> {
        let asked = judged.iter().filter(|row| is_asked(row));
        let ids: BTreeSet<Uuid> = asked.map(|row| row.subscriber_id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let latest = Expr::col((message::Entity, message::Column::Fence))
            .equals((attempt::Entity, attempt::Column::Fence));
        let began = Func::coalesce([
            Expr::col((attempt::Entity, attempt::Column::RepeatedAt)),
            Expr::col((attempt::Entity, attempt::Column::StartedAt)),
        ]);
        let mut found: Vec<(Uuid, Uuid, i64, bool, bool)> = attempt::Entity::find()
            .select_only()
            .column(message::Column::SubscriberId)
            .column(message::Column::Id)
            .expr_as(began, "began")
            .expr_as(is_outstanding(), "is_outstanding")
            .expr_as(is_resent_message(), "is_resent")
            .inner_join(message::Entity)
            .filter(message::Column::SubscriberId.is_in(ids))
            .filter(latest)
            .filter(Condition::any().add(is_resent_message()).add(is_outstanding()))
            .into_tuple()
            .all(connection)
            .await?;
        found.retain(|found| judged.iter().all(|row| row.id != found.1));
        found.sort_unstable_by_key(|found| (found.2, found.1));
        let long_ago = ms(now - RESERVATION_MAX);
        for (subscriber, id, at, is_outstanding, is_resent) in found {
            if is_outstanding {
                let touch = Touch { message: id.into(), at: instant(at) };
                self.outstanding.insert(subscriber, touch);
            }
            if is_resent || at <= long_ago {
                self.extend(vec![(subscriber, id, at)]);
            }
        }
        Ok(())
    }
}

/// Whether a message is being handed over, or its outcome is not known.
fn is_outstanding() -> SimpleExpr {
    plans::in_states(&[MessageState::InFlight, MessageState::Unknown])
}

/// Messages to these phones of a site that are being handed over, or whose outcome is not known.
pub(super) fn outstanding<'a>(
    db: &impl ConnectionTrait,
    site_id: SiteId,
    phones: impl Iterator<Item = &'a str>,
) -> Select<message::Entity> {
    to_phones(db, site_id, phones).filter(is_outstanding())
}

/// Of a message that is or was sent again, whether its earlier attempt may still be all that was taken of it.
fn is_resent_message() -> Condition {
    Condition::all()
        .add(message::Column::UncertainAt.is_not_null())
        .add(message::Column::AcceptedAt.is_null())
}

/// Messages to these phones of a site that are or were sent again although an earlier attempt may have been taken.
pub(super) fn resent<'a>(
    db: &impl ConnectionTrait,
    site_id: SiteId,
    phones: impl Iterator<Item = &'a str>,
) -> Select<message::Entity> {
    to_phones(db, site_id, phones).filter(is_resent_message())
}

/// Messages to these phones of a site.
fn to_phones<'a>(
    db: &impl ConnectionTrait,
    site_id: SiteId,
    phones: impl Iterator<Item = &'a str>,
) -> Select<message::Entity> {
    message::Entity::find().filter(message::Column::SiteId.eq(site_id.0)).filter(bulk::among_texts(
        db,
        message::Column::Phone,
        phones,
    ))
}

/// Reads subscribers by id, and locks them, in order, to the end of the transaction.
pub(super) async fn lock(
    txn: &Txn,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, subscriber::Model>> {
    let mut select = subscriber::Entity::find()
        .filter(bulk::among(txn, subscriber::Column::Id, ids))
        .order_by_asc(subscriber::Column::Id);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(lists::all(txn, select).await?.into_iter().map(|row| (row.id, row)).collect())
}

/// Locks subscribers, in order, to the end of the transaction, where there is anybody to lock them against: the
/// one writer of SQLite has them to itself.
pub(super) async fn hold(txn: &Txn, ids: impl Iterator<Item = Uuid>) -> Result<()> {
    if txn.get_database_backend() == DbBackend::Postgres {
        let _ids: Vec<Uuid> = subscriber::Entity::find()
            .select_only()
            .column(subscriber::Column::Id)
            .filter(bulk::among(txn, subscriber::Column::Id, ids))
            .order_by_asc(subscriber::Column::Id)
            .lock_exclusive()
            .into_tuple()
            .all(txn)
            .await?;
    }
    Ok(())
}

/// Subscribers who were sent a message: an older touch never takes the place of a newer one.
const ACCEPT: Bulk = Bulk {
    what: "touches",
    table: "subscriber",
    which: bulk::BY_ID,
    kinds: &[Kind::Id, Kind::Number],
    set: "last_message_id = CASE WHEN last_messaged_at >= v.c2 THEN last_message_id ELSE v.c1 END, \
          last_messaged_at = CASE WHEN last_messaged_at >= v.c2 THEN last_messaged_at ELSE v.c2 END",
};

/// A message and its subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) message: Uuid,
    pub(super) subscriber: Uuid,
}

impl From<&message::Model> for Pair {
    fn from(row: &message::Model) -> Self {
        Self { message: row.id, subscriber: row.subscriber_id }
    }
}

/// Has it noted that messages may last have been taken at their instants, in ms: what Smart Sending looks at.
/// Subscribers must be locked; one with several messages takes several statements.
pub(super) fn accepted(script: &mut Script, messages: Vec<(Pair, i64)>) {
    let rounds_max = messages.len();
    let mut rest = messages;
    // Each round writes at least one of them.
    for _ in 0..rounds_max {
        let mut seen = HashSet::new();
        let (round, later): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(pair, _)| seen.insert(pair.subscriber));
        let values =
            round.iter().map(|(pair, at)| (bulk::id(pair.subscriber), bulk::id(pair.message), *at));
        script.update(&ACCEPT, values);
        if later.is_empty() {
            break;
        }
        rest = later;
    }
}

/// When an attempt may have been taken, in ms: it counts as taken when it first was asked for, whenever that is
/// found out, and for its phone when it last was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) first: i64,
    pub(super) last: i64,
}

impl Asked {
    pub(super) fn new(started_at: i64, repeated_at: Option<i64>) -> Self {
        Self { first: started_at, last: std::cmp::max(started_at, repeated_at.unwrap_or_default()) }
    }
}
