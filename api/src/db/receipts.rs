//! The inbox of receipts: stored first, answered, applied later, and parked while their message is not known.
//!
//! **Invariant:** a receipt is stored once for each `webhook-id` of a connection, and never dropped.
//! **Invariant:** applying receipts in any order, any number of times, leads to the same message.

mod find;
mod texts;

pub(super) use texts::{all_heard, unheard};
pub use texts::{hold_writers, still_waits, waiting_texts};

use super::{
    Result, Txn,
    bulk::{self, Bulk, Kind, Script},
    consent::{self, Verdict},
    counts::Deltas,
    direct_texts, follow_ups, gate,
    plans::{key, standing_of},
    rows,
    touches::{self, Asked, Pair},
};
use crate::ports::Ids;
use domain::{
    Instant,
    id::{AttemptId, ConnectionId, ReceiptId, SiteId},
    message::{MessageState, Standing},
};
use entity::{
    convert::{instant, ms},
    direct_text, message, receipt,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait, Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict, Query, SimpleExpr},
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// A receipt or an inbound text, as the aggregator sent it.
#[derive(Clone)]
pub struct NewReceipt {
    /// The id.
    pub id: ReceiptId,
    /// The site of the connection.
    pub site_id: SiteId,
    /// The connection it came in on.
    pub connection_id: ConnectionId,
    /// What tells it from its repeats.
    pub dedupe_key: String,
    /// What it reports: a receipt kind, `received`, or a word this version does not know.
    pub kind: String,
    /// The aggregator's id of the message.
    pub provider_id: Option<String>,
    /// Our reference, echoed: the attempt's id.
    pub reference: Option<String>,
    /// The aggregator's code.
    pub code: Option<String>,
    /// Who texted, for an inbound text.
    pub phone: Option<String>,
    /// What they texted.
    pub text: Option<String>,
    /// When it happened, by the aggregator's account.
    pub occurred_at: Instant,
}

impl NewReceipt {
    /// What tells it from every other.
    pub fn key(&self) -> (ConnectionId, &str) {
        (self.connection_id, &self.dedupe_key)
    }
}

/// Where a receipt is.
const PENDING: &str = "pending";
pub(super) const APPLIED: &str = "applied";
const PARKED: &str = "parked";
const IGNORED: &str = "ignored";
/// What an inbound text is reported as.
const RECEIVED: &str = "received";

/// Stores a receipt; answers whether it was new.
pub async fn insert(txn: &Txn, new: NewReceipt, now: Instant) -> Result<bool> {
    let row = receipt::ActiveModel {
        id: Set(new.id.0),
        site_id: Set(new.site_id.0),
        connection_id: Set(new.connection_id.0),
        dedupe_key: Set(new.dedupe_key),
        kind: Set(new.kind),
        provider_id: Set(new.provider_id),
        reference: Set(new.reference),
        code: Set(new.code),
        phone: Set(new.phone),
        text: Set(new.text),
        occurred_at: Set(ms(new.occurred_at)),
        received_at: Set(ms(now)),
        state: Set(PENDING.to_owned()),
        message_id: Set(None),
        applied_at: Set(None),
    };
    let inserted = receipt::Entity::insert(row)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(txn)
        .await?;
    Ok(inserted == 1)
}

/// A stored receipt that waits to be applied.
#[derive(Clone)]
pub struct Waiting {
    /// The id.
    pub id: Uuid,
    /// The site.
    pub site_id: Uuid,
    /// What it reports.
    pub kind: String,
    /// The aggregator's code.
    pub code: Option<String>,
    /// Who texted.
    pub phone: Option<String>,
    /// What they texted.
    pub text: Option<String>,
    /// When it happened.
    pub occurred_at: Instant,
    connection_id: Uuid,
    provider_id: Option<String>,
    reference: Option<String>,
}

impl Waiting {
    /// The attempt whose id is echoed.
    fn attempt(&self) -> Option<Uuid> {
        self.reference.as_deref()?.parse::<AttemptId>().ok().map(|id| id.0)
    }

    /// It, and what it proves, for another table than the messages'.
    fn about_another(&self, standing: Standing) -> direct_texts::Evidence<'_> {
        direct_texts::Evidence {
            receipt: self.id,
            connection: self.connection_id,
            attempt: self.attempt(),
            provider_id: self.provider_id.as_deref(),
            code: self.code.as_deref(),
            standing,
        }
    }
}

/// Receipts and texts that wait to be applied.
pub(super) fn waiting() -> Select<receipt::Entity> {
    receipt::Entity::find().filter(in_state(PENDING))
}

/// Whether a receipt waits.
pub async fn has_waiting(connection: &impl ConnectionTrait) -> Result<bool> {
    Ok(waiting().limit(1).one(connection).await?.is_some())
}

/// Takes up to `limit` receipts that wait, the first stored first.
pub async fn take(txn: &Txn, limit: u64) -> Result<Vec<Waiting>> {
    let mut select = receipt::Entity::find()
        .filter(in_state(PENDING))
        .filter(receipt::Column::Kind.ne(RECEIVED))
        .order_by_asc(receipt::Column::Id)
        .limit(limit);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    Ok(select.all(txn).await?.into_iter().map(read).collect())
}

fn read(row: receipt::Model) -> Waiting {
    Waiting {
        id: row.id,
        site_id: row.site_id,
        kind: row.kind,
        code: row.code,
        phone: row.phone,
        text: row.text,
        occurred_at: instant(row.occurred_at),
        connection_id: row.connection_id,
        provider_id: row.provider_id,
        reference: row.reference,
    }
}

/// Applies receipts with what each proves; those whose message is not known yet are parked. Answers with how
/// many were.
pub async fn apply(
    txn: &Txn,
    ids: &Ids,
    receipts: &[(Waiting, Standing)],
    now: Instant,
) -> Result<u64> {
    let (found, campaigns) =
        find::messages(txn, receipts.iter().map(|(receipt, _)| receipt)).await?;
    // What follows an acceptance is written while the campaign cannot be stopped. Always in one order.
    for campaign in campaigns {
        gate::enter(txn, campaign.into()).await?;
    }
    let mut messages = rows::lock(txn, found.values().map(|about| about.message)).await?;
    let mut deltas = Deltas::default();
    let mut news = News::default();
    let (mut others, mut applied) = (Vec::new(), Vec::new());
    for (receipt, evidence) in receipts {
        let about = found.get(&receipt.id);
        let row = about.and_then(|about| Some((about, messages.get_mut(&about.message)?)));
        let Some((about, row)) = row else {
            others.push(receipt.about_another(*evidence));
            continue;
        };
        let before = standing_of(row)?;
        let after = before.join(*evidence);
        if after != before {
            deltas.moved(key(row, before), after);
        }
        news.note(row, receipt, about.asked.unwrap_or(Asked::new(ms(now), None)));
        news.verdicts.extend(Verdict::of_receipt(
            row,
            (before, *evidence, after),
            receipt.code.as_deref(),
            (receipt.id, receipt.occurred_at),
        ));
        merge(row, receipt, *evidence, after, now);
        applied.push((receipt.id, row.id));
    }
    let changed: BTreeSet<Uuid> = applied.iter().map(|(_, message)| *message).collect();
    let mut script = Script::new(txn);
    rows::write_back(&mut script, changed.iter().filter_map(|id| messages.get(id)));
    script.update(&SETTLE, applied.iter().map(|applied| settled(applied, now)));
    script.flush(txn).await?;
    for (connection, provider_ids) in &news.named {
        unpark(txn, (*connection).into(), provider_ids).await?;
    }
    let taken = news.taken(&messages);
    let texted =
        news.taken.iter().filter_map(|it| Some((Pair::from(messages.get(&it.id)?), it.at)));
    let touched = taken.iter().map(|row| row.subscriber_id);
    touches::hold(txn, touched.chain(news.verdicts.iter().map(Verdict::subscriber_id))).await?;
    touches::accepted(&mut script, texted.collect());
    follow_ups::begin(txn, ids, &taken, &mut deltas, now).await?;
    consent::write_back(txn, ids, &news.verdicts, &mut deltas, now).await?;
    for campaign in &news.campaigns {
        deltas.handed_over(*campaign, now);
    }
    deltas.write(&mut script);
    script.run(txn).await?;
    // What is about no message may be about a direct text.
    let noted = direct_texts::note(txn, &others, now).await?;
    let mut parked = 0;
    for other in others {
        let is_noted = noted.contains(&other.receipt);
        parked += u64::from(!is_noted);
        let state = if is_noted { APPLIED } else { PARKED };
        settle(txn, other.receipt, state, None, now).await?;
    }
    Ok(parked)
}

/// What receipts tell beside the message's state: an acceptance whose own answer was lost or is late.
#[derive(Default)]
struct News {
    /// Messages that are now known to have been taken.
    taken: Vec<Taken>,
    /// The campaigns of these messages.
    campaigns: BTreeSet<Uuid>,
    /// What was said of numbers themselves.
    verdicts: Vec<Verdict>,
    /// Ids of the aggregator's that became known, by connection: receipts may be parked for them.
    named: BTreeMap<Uuid, Vec<String>>,
}

/// A message that is now known to have been taken.
struct Taken {
    id: Uuid,
    /// What was reserved for it.
    reserved: i64,
    /// When it may last have been, in ms.
    at: i64,
}

impl News {
    /// Looks at a message before a receipt is merged into it. The first that proves that the aggregator took
    /// it, should its answer never come, proves that it did so when it was asked.
    fn note(&mut self, row: &mut message::Model, receipt: &Waiting, asked: Asked) {
        if row.accepted_at.is_none() {
            row.accepted_at = Some(asked.first);
            self.taken.push(Taken { id: row.id, reserved: row.reserved, at: asked.last });
            self.campaigns.insert(row.campaign_id);
        }
        if let (None, Some(provider_id)) = (&row.provider_id, &receipt.provider_id) {
            self.named.entry(receipt.connection_id).or_default().push(provider_id.clone());
        }
    }

    /// The messages now known to have been taken, as all receipts left them, but with what was reserved.
    fn taken(&self, messages: &HashMap<Uuid, message::Model>) -> Vec<message::Model> {
        let with_reserved = |Taken { id, reserved, .. }: &Taken| {
            Some(message::Model { reserved: *reserved, ..messages.get(id)?.clone() })
        };
        self.taken.iter().filter_map(with_reserved).collect()
    }
}

fn merge(
    row: &mut message::Model,
    receipt: &Waiting,
    evidence: Standing,
    after: Standing,
    now: Instant,
) {
    let earliest = |known: Option<i64>| known.into_iter().chain([ms(receipt.occurred_at)]).min();
    match evidence.state {
        // A receipt that proves no more than this says that the aggregator passed it on.
        MessageState::Accepted => row.passed_on_at = earliest(row.passed_on_at),
        MessageState::Undelivered => row.stopped_at = earliest(row.stopped_at),
        _ => {}
    }
    after.state.as_str().clone_into(&mut row.state);
    row.reason = after.reason.map(|reason| reason.as_str().to_owned());
    row.updated_at = ms(now);
    row.reserved = 0;
    if after.state != MessageState::Unknown {
        (row.resolve_at, row.resolve_tries) = (None, None);
    }
    if row.provider_id.is_none() {
        row.provider_id.clone_from(&receipt.provider_id);
    }
    if after.state == MessageState::Delivered && row.delivered_at.is_none() {
        row.delivered_at = Some(ms(receipt.occurred_at));
    }
    if after.state == MessageState::Undelivered && receipt.code.is_some() {
        row.aggregator_code.clone_from(&receipt.code);
    }
}

/// Notes that there is nothing to apply.
pub async fn ignore(txn: &Txn, id: Uuid, now: Instant) -> Result<()> {
    settle(txn, id, IGNORED, None, now).await
}

/// Notes that an inbound text was acted on.
pub async fn done(txn: &Txn, id: Uuid, now: Instant) -> Result<()> {
    settle(txn, id, APPLIED, None, now).await
}

async fn settle(
    txn: &Txn,
    id: Uuid,
    state: &'static str,
    message: Option<Uuid>,
    now: Instant,
) -> Result<()> {
    let updated = receipt::Entity::update_many()
        .col_expr(receipt::Column::State, state.into())
        .col_expr(receipt::Column::MessageId, message.into())
        .col_expr(receipt::Column::AppliedAt, ms(now).into())
        .filter(receipt::Column::Id.eq(id))
        .exec(txn)
        .await?;
    super::expect_rows("a receipt", updated.rows_affected, 1)
}

/// Receipts that were applied to messages.
const SETTLE: Bulk = Bulk {
    what: "receipts applied",
    table: "receipt",
    which: bulk::BY_ID,
    kinds: &[Kind::Id, Kind::Number],
    set: "state = 'applied', message_id = v.c1, applied_at = v.c2",
};

/// What [`SETTLE`] writes of a receipt and its message.
fn settled((receipt, message): &(Uuid, Uuid), now: Instant) -> Value {
    json!([bulk::id(*receipt), bulk::id(*message), ms(now)])
}

/// Wakes receipts that were parked for messages of a connection whose ids have become known; answers how
/// many.
pub async fn unpark(txn: &Txn, connection: ConnectionId, known: &[String]) -> Result<u64> {
    if known.is_empty() {
        return Ok(0);
    }
    let woken = receipt::Entity::update_many()
        .col_expr(receipt::Column::State, PENDING.into())
        .filter(in_state(PARKED))
        .filter(receipt::Column::ConnectionId.eq(connection.0))
        .filter(bulk::among_texts(
            txn,
            receipt::Column::ProviderId,
            known.iter().map(String::as_str),
        ))
        .exec(txn)
        .await?;
    Ok(woken.rows_affected)
}

/// Whether any receipt is parked, as a number: 1 or 0.
pub(super) fn some_parked() -> SimpleExpr {
    let parked = receipt::Entity::find().select_only().expr(Expr::val(1)).filter(in_state(PARKED));
    let parked = Expr::exists(parked.into_query());
    Expr::case(parked, 1).finally(0).cast_as("BIGINT")
}

/// Parked receipts whose message is known after all: its id was recorded while they were being parked.
fn known_parked(limit: u64) -> Select<receipt::Entity> {
    use {direct_text::Column as Direct, message::Column as Message};
    let messages = (message::Entity, Message::ConnectionId, Message::ProviderId);
    let direct_texts = (direct_text::Entity, Direct::ConnectionId, Direct::ProviderId);
    let known = Condition::any().add(known_in(messages)).add(known_in(direct_texts));
    receipt::Entity::find().filter(in_state(PARKED)).filter(known).limit(limit)
}

/// Whether a row of a table has the id at the aggregator that a receipt names.
fn known_in<E: EntityTrait>((table, connection, id): (E, E::Column, E::Column)) -> SimpleExpr {
    let known = Query::select()
        .expr(Expr::val(1))
        .from(table)
        .and_where(
            Expr::col((table, connection)).equals((receipt::Entity, receipt::Column::ConnectionId)),
        )
        .and_where(Expr::col((table, id)).equals((receipt::Entity, receipt::Column::ProviderId)))
        .to_owned();
    Expr::exists(known)
}

/// Whether a parked receipt's message is known after all.
pub async fn has_known_parked(connection: &impl ConnectionTrait) -> Result<bool> {
    Ok(known_parked(1).one(connection).await?.is_some())
}

/// Wakes parked receipts whose message is known after all; answers how many.
pub async fn unpark_known(txn: &Txn, limit: u64) -> Result<u64> {
    let known = known_parked(limit).all(txn).await?;
    let woken = receipt::Entity::update_many()
        .col_expr(receipt::Column::State, PENDING.into())
        .filter(receipt::Column::Id.is_in(known.iter().map(|row| row.id)))
        .filter(in_state(PARKED))
        .exec(txn)
        .await?;
    Ok(woken.rows_affected)
}

/// The state as a literal: a bound value would keep both databases from the partial indexes.
fn in_state(state: &'static str) -> SimpleExpr {
    Expr::col((receipt::Entity, receipt::Column::State)).eq(Expr::cust(format!("'{state}'")))
}
