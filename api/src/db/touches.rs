//! Touches: what each phone was sent lately, and what is being handed over to it at this moment.
//!
//! A subscriber's row carries the last message accepted, and the one that is being handed over: the
//! *reservation*. Whoever claims a message locks the row first, so of two campaigns that race for one phone
//! the second sees the first.
//!
//! **Invariant:** a reservation is made in the transaction that claims its message, and given back in the
//! one that learns that nothing was taken.

use super::{
    Result, Txn,
    bulk::{self, Bulk, Kind},
};
use domain::{
    Instant,
    gate::{CAP_WINDOW_MAX, Touch},
    id::MessageId,
    message::MessageState,
    rule_pack::RulePacks,
};
use entity::{
    convert::{instant, ms},
    message, subscriber,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde_json::json;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Accepted messages of several subscribers within the longest window of any cap.
#[derive(Clone, Debug, Default)]
pub struct Touches(HashMap<Uuid, Vec<Touch>>);

impl Touches {
    /// Those of one subscriber.
    pub fn of(&self, subscriber: Uuid) -> &[Touch] {
        self.0.get(&subscriber).map_or(&[], Vec::as_slice)
    }
}

/// The last message accepted for a subscriber.
pub(super) fn last(row: &subscriber::Model) -> Option<Touch> {
    let message = MessageId::from(row.last_message_id.unwrap_or_default());
    row.last_messaged_at.map(|at| Touch { message, at: instant(at) })
}

/// A message other than `this` that is being handed over to a subscriber, or whose outcome is not known.
pub(super) fn reservation(row: &subscriber::Model, this: Uuid) -> Option<Touch> {
    let reserved = row.reserved_by.zip(row.reserved_at).filter(|(message, _)| *message != this);
    reserved.map(|(message, at)| Touch { message: message.into(), at: instant(at) })
}

/// Reads what subscribers were sent lately, where a cap may ask for it: nobody whom no message reached
/// within a cap's window is looked up.
pub(super) async fn recent<'a>(
    connection: &impl ConnectionTrait,
    packs: RulePacks,
    rows: impl Iterator<Item = &'a subscriber::Model>,
    now: Instant,
) -> Result<Touches> {
    let since = ms(now - CAP_WINDOW_MAX);
    let was_texted = |row: &&subscriber::Model| row.last_messaged_at.is_some_and(|at| at > since);
    let ids: Vec<Uuid> = rows.filter(was_texted).map(|row| row.id).collect();
    if ids.is_empty() || packs == RulePacks::NONE {
        return Ok(Touches::default());
    }
    let accepted = message::Entity::find()
        .filter(message::Column::SubscriberId.is_in(ids))
        .filter(message::Column::AcceptedAt.gt(since))
        .order_by_asc(message::Column::AcceptedAt)
        .all(connection)
        .await?;
    let mut touches: HashMap<Uuid, Vec<Touch>> = HashMap::new();
    for row in accepted {
        let Some(at) = row.accepted_at else { continue };
        let touch = Touch { message: row.id.into(), at: instant(at) };
        touches.entry(row.subscriber_id).or_default().push(touch);
    }
    Ok(Touches(touches))
}

/// Reads subscribers by id, and locks them, in order, to the end of the transaction.
pub(super) async fn lock(
    txn: &Txn,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, subscriber::Model>> {
    let mut select = subscriber::Entity::find()
        .filter(subscriber::Column::Id.is_in(ids))
        .order_by_asc(subscriber::Column::Id);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(select.all(txn).await?.into_iter().map(|row| (row.id, row)).collect())
}

/// Subscribers to whom a message is being handed over.
const RESERVE: Bulk = Bulk {
    what: "reservations",
    table: "subscriber",
    kinds: &[Kind::Id, Kind::Number],
    set: "reserved_by = v.c1, reserved_at = v.c2",
};

/// Notes that messages are being handed over to subscribers whose rows are locked.
pub(super) async fn reserve(txn: &Txn, messages: &[Pair], now: Instant) -> Result<()> {
    write(txn, &RESERVE, messages, now).await
}

/// Subscribers who were sent a message: the reservation goes if it is that message's, and an older touch
/// never takes the place of a newer one.
const ACCEPT: Bulk = Bulk {
    what: "touches",
    table: "subscriber",
    kinds: &[Kind::Id, Kind::Number],
    set: "reserved_at = CASE WHEN reserved_by = v.c1 THEN NULL ELSE reserved_at END, \
          reserved_by = CASE WHEN reserved_by = v.c1 THEN NULL ELSE reserved_by END, \
          last_message_id = CASE WHEN last_messaged_at IS NULL OR last_messaged_at < v.c2 \
              THEN v.c1 ELSE last_message_id END, \
          last_messaged_at = CASE WHEN last_messaged_at IS NULL OR last_messaged_at < v.c2 \
              THEN v.c2 ELSE last_messaged_at END",
};

/// Writes `pairs`, each subscriber once a statement: a subscriber with several messages takes several.
async fn write(txn: &Txn, bulk: &Bulk, pairs: &[Pair], at: Instant) -> Result<()> {
    let mut rest: Vec<Pair> = pairs.to_vec();
    // Each round writes at least one of them.
    for _ in 0..pairs.len() {
        let mut seen = HashSet::new();
        let (round, later): (Vec<Pair>, Vec<Pair>) =
            rest.into_iter().partition(|pair| seen.insert(pair.subscriber));
        let values = round
            .iter()
            .map(|pair| json!([bulk::id(pair.subscriber), bulk::id(pair.message), ms(at)]));
        bulk.update(txn, values.collect()).await?;
        if later.is_empty() {
            break;
        }
        rest = later;
    }
    Ok(())
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

/// Notes that messages were accepted: what Smart Sending looks at. Subscribers must be locked.
pub(super) async fn accepted(txn: &Txn, messages: &[Pair], at: Instant) -> Result<()> {
    write(txn, &ACCEPT, messages, at).await
}

/// Whether a message in `state` may have been taken, so that its reservation stands.
pub(super) const fn keeps_reservation(state: MessageState) -> bool {
    matches!(state, MessageState::InFlight | MessageState::Unknown)
}
