//! Touches: what each phone was sent lately, and what is being handed over to it at this moment.
//!
//! A subscriber's row carries the last message accepted, and the one that is being handed over: the
//! *reservation*. Whoever claims a message locks the row first, so of two campaigns that race for one phone
//! the second sees the first.
//!
//! **Invariant:** a reservation is made in the transaction that claims its message, and given back in the
//! one that learns that nothing was taken.

use super::{Result, Txn};
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
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait, Query, SimpleExpr},
};
use std::collections::HashMap;
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

/// Notes that messages are being handed over to subscribers whose rows are locked.
pub(super) async fn reserve(txn: &Txn, messages: &[Pair], now: Instant) -> Result<()> {
    if messages.is_empty() {
        return Ok(());
    }
    subscriber::Entity::update_many()
        .col_expr(subscriber::Column::ReservedBy, message_of(messages))
        .col_expr(subscriber::Column::ReservedAt, ms(now).into())
        .filter(subscriber::Column::Id.is_in(messages.iter().map(|pair| pair.subscriber)))
        .exec(txn)
        .await?;
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
    if messages.is_empty() {
        return Ok(());
    }
    release(txn, messages).await?;
    let is_older = Condition::any()
        .add(Expr::col(subscriber::Column::LastMessagedAt).is_null())
        .add(Expr::col(subscriber::Column::LastMessagedAt).lt(ms(at)));
    subscriber::Entity::update_many()
        .col_expr(subscriber::Column::LastMessagedAt, ms(at).into())
        .col_expr(subscriber::Column::LastMessageId, message_of(messages))
        .filter(subscriber::Column::Id.is_in(messages.iter().map(|pair| pair.subscriber)))
        .filter(is_older)
        .exec(txn)
        .await?;
    Ok(())
}

/// Which of `messages` is the subscriber's whose row is being written.
fn message_of(messages: &[Pair]) -> SimpleExpr {
    let query = Query::select()
        .column((message::Entity, message::Column::Id))
        .from(message::Entity)
        .and_where(
            Expr::col((message::Entity, message::Column::SubscriberId))
                .equals((subscriber::Entity, subscriber::Column::Id)),
        )
        .and_where(
            Expr::col((message::Entity, message::Column::Id))
                .is_in(messages.iter().map(|pair| pair.message)),
        )
        .order_by((message::Entity, message::Column::Id), sea_orm::Order::Asc)
        .limit(1)
        .to_owned();
    SimpleExpr::SubQuery(None, Box::new(query.into()))
}

/// Whether a message in `state` may have been taken, so that its reservation stands.
pub(super) const fn keeps_reservation(state: MessageState) -> bool {
    matches!(state, MessageState::InFlight | MessageState::Unknown)
}
