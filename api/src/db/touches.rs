//! Touches: what each phone was sent lately, and what is being handed over to it at this moment.
//!
//! A subscriber's row carries the last message accepted, and the one that is being handed over: the
//! *reservation*. Whoever claims a message locks the row first, so of two campaigns that race for one phone
//! the second sees the first.
//!
//! **Invariant:** a reservation is made in the transaction that claims its message, and given back in the
//! one that learns that nothing was taken.
//! **Invariant:** who has no reservation has no message of unknown outcome or on its way. A row has room for one;
//! where there are several it says just that, and the messages tell which.

use super::{
    Result, Txn,
    bulk::{self, Bulk, Kind, Script},
    plans,
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
    sea_query::{Expr, ExprTrait},
};
use serde_json::json;
use std::collections::{BTreeSet, HashMap, HashSet};
use uuid::Uuid;

/// What stands for the message of a reservation where there are several; no message has this id.
const SEVERAL: Uuid = Uuid::nil();

/// Accepted messages of several subscribers within the longest window of any cap, and those that may have
/// been.
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

    /// A message other than `this` that is being handed over to a subscriber, or whose outcome is not known.
    pub(super) fn reservation(&self, row: &subscriber::Model, this: Uuid) -> Option<Touch> {
        if row.reserved_by == Some(SEVERAL) {
            return self.outstanding.get(&row.id).copied();
        }
        let reserved = row.reserved_by.zip(row.reserved_at).filter(|(message, _)| *message != this);
        reserved.map(|(message, at)| Touch { message: message.into(), at: instant(at) })
    }

    /// Whether a subscriber has no message on its way or of unknown outcome but those that are judged.
    pub(super) fn are_over(&self, subscriber: Uuid) -> bool {
        !self.outstanding.contains_key(&subscriber)
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
    /// or they are sent again all the same; and of those that are on their way the last. A subscriber's row names
    /// one at most, so whoever has one, is sent one again, or may be capped, is looked up.
    pub(super) async fn add_uncertain<'a>(
        &mut self,
        connection: &impl ConnectionTrait,
        (packs, is_resent): (RulePacks, impl Fn(&subscriber::Model) -> bool),
        rows: impl Iterator<Item = InRegion<'a>>,
        judged: &[message::Model],
        now: Instant,
    ) -> Result<()> {
        let rows = rows.filter(|known| {
            known.0.reserved_by.is_some() || is_resent(known.0) || may_be_capped(packs, *known)
        });
        let ids: BTreeSet<Uuid> = rows.map(|(row, _)| row.id).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let latest = Expr::col((message::Entity, message::Column::Fence))
            .equals((attempt::Entity, attempt::Column::Fence));
        let is_outstanding = plans::in_states(&[MessageState::InFlight, MessageState::Unknown]);
        let mut found: Vec<(Uuid, Uuid, i64, bool, bool)> = attempt::Entity::find()
            .select_only()
            .column(message::Column::SubscriberId)
            .column(message::Column::Id)
            .column(attempt::Column::StartedAt)
            .expr_as(is_outstanding.clone(), "is_outstanding")
            .expr_as(is_resent_message(), "is_resent")
            .inner_join(message::Entity)
            .filter(message::Column::SubscriberId.is_in(ids))
            .filter(latest)
            .filter(Condition::any().add(is_resent_message()).add(is_outstanding))
            .order_by_asc(attempt::Column::StartedAt)
            .into_tuple()
            .all(connection)
            .await?;
        found.retain(|found| judged.iter().all(|row| row.id != found.1));
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
    message::Entity::find()
        .filter(message::Column::SiteId.eq(site_id.0))
        .filter(bulk::among_texts(db, message::Column::Phone, phones))
        .filter(is_resent_message())
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
    Ok(select.all(txn).await?.into_iter().map(|row| (row.id, row)).collect())
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

/// Subscribers to whom a message is being handed over, each with what names several.
const RESERVE: Bulk = Bulk {
    what: "reservations",
    table: "subscriber",
    which: bulk::BY_ID,
    kinds: &[Kind::Id, Kind::Number, Kind::Id],
    set: "reserved_by = CASE WHEN reserved_by IS NULL OR reserved_by = v.c1 THEN v.c1 \
              ELSE v.c3 END, \
          reserved_at = v.c2",
};

/// Has it noted that messages are being handed over to subscribers whose rows are locked; `is_only` tells of each
/// whether it is known to be the only one of its subscriber, whatever the row says.
pub(super) fn reserve(
    script: &mut Script,
    messages: impl Iterator<Item = (Pair, bool)>,
    now: Instant,
) {
    let rows = messages.map(|(pair, is_only)| {
        let otherwise = if is_only { pair.message } else { SEVERAL };
        (
            pair,
            json!([
                bulk::id(pair.subscriber),
                bulk::id(pair.message),
                ms(now),
                bulk::id(otherwise)
            ]),
        )
    });
    write(script, &RESERVE, rows.collect());
}

/// Subscribers who were sent a message: the reservation goes if it is that message's, and an older touch
/// never takes the place of a newer one. A request that was repeated may have been taken when it was repeated last,
/// whatever is known to have begun it; where there were several, that may have been when the last of them began.
const ACCEPT: Bulk = Bulk {
    what: "touches",
    table: "subscriber",
    which: bulk::BY_ID,
    kinds: &[Kind::Id, Kind::Number, Kind::Id],
    set: "reserved_at = CASE WHEN reserved_by = v.c1 THEN NULL ELSE reserved_at END, \
          reserved_by = CASE WHEN reserved_by = v.c1 THEN NULL ELSE reserved_by END, \
          last_message_id = CASE \
              WHEN last_messaged_at >= v.c2 AND (reserved_by IS NULL OR reserved_by NOT IN (v.c1, v.c3) \
                  OR last_messaged_at >= reserved_at) THEN last_message_id \
              ELSE v.c1 END, \
          last_messaged_at = CASE \
              WHEN reserved_by IN (v.c1, v.c3) AND reserved_at > v.c2 \
                  AND (last_messaged_at IS NULL OR last_messaged_at < reserved_at) THEN reserved_at \
              WHEN last_messaged_at IS NULL OR last_messaged_at < v.c2 THEN v.c2 \
              ELSE last_messaged_at END",
};

/// Has `rows` written, each subscriber once a statement: a subscriber with several messages takes several.
fn write(script: &mut Script, bulk: &Bulk, rows: Vec<(Pair, serde_json::Value)>) {
    let rounds_max = rows.len();
    let mut rest = rows;
    // Each round writes at least one of them.
    for _ in 0..rounds_max {
        let mut seen = HashSet::new();
        let (round, later): (Vec<_>, Vec<_>) =
            rest.into_iter().partition(|(pair, _)| seen.insert(pair.subscriber));
        script.update(bulk, round.into_iter().map(|(_, row)| row).collect());
        if later.is_empty() {
            break;
        }
        rest = later;
    }
}

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

/// Gives back reservations of messages that were not taken.
pub(super) async fn release(txn: &Txn, messages: &[Pair]) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    subscriber::Entity::update_many()
        .col_expr(subscriber::Column::ReservedBy, Option::<Uuid>::None.into())
        .col_expr(subscriber::Column::ReservedAt, Option::<i64>::None.into())
        .filter(subscriber::Column::Id.is_in(messages.iter().map(|pair| pair.subscriber)))
        .filter(subscriber::Column::ReservedBy.is_in(messages.iter().map(|pair| pair.message)))
        .exec(txn)
        .await?;
    Ok(())
}

/// Has it noted that messages were accepted, each when it was, in ms: what Smart Sending looks at. Subscribers
/// must be locked.
pub(super) fn accepted(script: &mut Script, messages: Vec<(Pair, i64)>) {
    let several = bulk::id(SEVERAL);
    let rows = messages.into_iter().map(|(pair, at)| {
        (pair, json!([bulk::id(pair.subscriber), bulk::id(pair.message), at, several]))
    });
    write(script, &ACCEPT, rows.collect());
}

/// Whether a message in `state` may have been taken, so that its reservation stands.
pub(super) const fn keeps_reservation(state: MessageState) -> bool {
    matches!(state, MessageState::InFlight | MessageState::Unknown)
}
