//! Claims: messages taken to be handed over, their attempts written ahead.
//!
//! **Invariant:** an attempt is committed before its request leaves.
//! **Invariant:** a lease that runs out makes a message unknown, never ready again.

mod due;

pub use due::{Candidate, Due, Judged, due};

use super::{
    Result, Txn,
    binding::Binding,
    bulk::{self, Bulk, Insert, Kind, Script},
    counts::Deltas,
    decisions::{self, Decision},
    outcomes::{self, Gate},
    paces::{self, Arrival},
    plans::{self, key},
    recipients::Found,
    trials,
};
use crate::ports::Ids;
use domain::{
    Instant,
    gate::{Judge, Verdict},
    id::{AttemptId, ConnectionId},
    message::{MessageState, Standing},
    reason::MessageReason,
};
use entity::{attempt, convert::ms, message};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{self, Expr, ExprTrait, Func, LockBehavior, LockType, Query, SimpleExpr},
};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// A claim to write: a candidate and the attempt made of it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The candidate.
    pub candidate: Candidate,
    /// The attempt's id.
    pub attempt_id: AttemptId,
    /// A digest of the request about to be made.
    pub request_digest: String,
    /// The request itself, which may have to be made again.
    pub request: String,
    /// Billable segments of its text.
    pub segments: i64,
}

/// Who claims, for which connection, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Claimer<'a> {
    /// The node, and its incarnation.
    pub node: &'a str,
    /// The connection that will carry the messages.
    pub connection_id: ConnectionId,
    /// When the lease runs out, in lease time.
    pub lease_until: Instant,
}

/// Messages that are claimed.
const CLAIM: Bulk = Bulk {
    what: "claimed messages",
    table: "message",
    which: bulk::BY_ID,
    kinds: &[Kind::Number, Kind::Number, Kind::Id, Kind::Number],
    set: "state = 'in_flight', reason = NULL, fence = fence + 1, \
          attempt_count = attempt_count + 1, segments = v.c1, lease_until = v.c2, \
          connection_id = v.c3, updated_at = v.c4",
};

/// Attempts that are about to be made.
const WRITE_AHEAD: Insert = Insert {
    what: "attempts",
    table: "attempt",
    columns: &[
        ("id", Kind::Id),
        ("site_id", Kind::Id),
        ("campaign_id", Kind::Id),
        ("message_id", Kind::Id),
        ("fence", Kind::Number),
        ("connection_id", Kind::Id),
        ("node", Kind::Text),
        ("request_digest", Kind::Text),
        ("started_at", Kind::Number),
        ("request", Kind::Text),
    ],
    on_conflict: None,
};

/// Claims to be written: the messages are in flight, their attempts stand before any request leaves, and the paces,
/// which are locked, have moved on to `arrivals`.
pub fn claim(
    txn: &Txn,
    claims: &[Claim],
    claimer: Claimer<'_>,
    arrivals: &[Arrival],
    now: Instant,
) -> Claiming {
    let mut script = Script::new(txn);
    let Some(first) = claims.first() else { return Claiming(script) };
    let to = Standing::plain(MessageState::InFlight);
    let mut deltas = Deltas::default();
    for claim in claims {
        deltas.moved(key(claim.candidate.row(), claim.candidate.standing()), to);
    }
    deltas.began(first.candidate.row().campaign_id, now);
    let connection = bulk::id(claimer.connection_id.0);
    let messages = claims.iter().map(|claim| {
        let id = bulk::id(claim.candidate.row().id);
        (id, claim.segments, ms(claimer.lease_until), connection, ms(now))
    });
    let attempts = claims.iter().map(|claim| {
        let row = claim.candidate.row();
        (
            bulk::id(claim.attempt_id.0),
            bulk::id(row.site_id),
            bulk::id(row.campaign_id),
            bulk::id(row.id),
            row.fence + 1,
            connection,
            claimer.node,
            claim.request_digest.as_str(),
            ms(now),
            claim.request.as_str(),
        )
    });
    script.update(&CLAIM, messages);
    script.insert(&WRITE_AHEAD, attempts);
    paces::move_on(&mut script, arrivals);
    deltas.write(&mut script);
    Claiming(script)
}

/// Claims that are not written yet.
#[must_use = "no request may leave before its claim is written"]
pub struct Claiming(Script);

impl Claiming {
    /// Writes them, in the transaction that found the messages.
    pub async fn write(self, txn: &Txn) -> Result<()> {
        self.0.run(txn).await
    }
}

/// Of messages whose outcome is not known, those that may be on their way at this moment.
pub(super) async fn may_repeat(
    txn: &Txn,
    binding: &Binding,
    rows: Vec<message::Model>,
    now: Instant,
) -> Result<HashSet<Uuid>> {
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let found = Found::of(txn, binding, &rows, now).await?;
    let mut judge = Judge::new(&binding.rules, now);
    let mut cleared = HashSet::new();
    for row in rows.iter().filter(|row| !found.is_unheard(row)) {
        if matches!(judge.verdict(&found.facts(binding, row)?), Verdict::Send) {
            cleared.insert(row.id);
        }
    }
    Ok(cleared)
}

/// A message whose outcome is not known, and the attempt that is repeated for the answer's sake.
pub(super) struct Repeat {
    /// The message, locked.
    pub(super) row: message::Model,
    /// Its latest attempt.
    pub(super) attempt_id: AttemptId,
}

/// Puts messages in flight again under the attempts they were sent with.
pub(super) async fn reclaim(
    txn: &Txn,
    repeats: &[Repeat],
    claimer: Claimer<'_>,
    now: Instant,
) -> Result<()> {
    if repeats.is_empty() {
        return Ok(());
    }
    let rows: Vec<message::Model> = repeats.iter().map(|repeat| repeat.row.clone()).collect();
    let mut deltas = Deltas::default();
    let to = Standing::plain(MessageState::InFlight);
    plans::move_rows(txn, &rows, to, now, &mut deltas).await?;
    message::Entity::update_many()
        .col_expr(message::Column::LeaseUntil, ms(claimer.lease_until).into())
        .col_expr(message::Column::ResolveAt, Option::<i64>::None.into())
        .filter(message::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(txn)
        .await?;
    attempt::Entity::update_many()
        .col_expr(attempt::Column::Node, claimer.node.into())
        // What is repeated may arrive now: whoever asks what the phone is sent is told so.
        .col_expr(attempt::Column::RepeatedAt, ms(now).into())
        .filter(attempt::Column::Id.is_in(repeats.iter().map(|repeat| repeat.attempt_id.0)))
        .exec(txn)
        .await?;
    deltas.apply(txn).await
}

/// Whether the lease of a message in flight ran out before `lease_now`.
pub async fn has_expired(connection: &impl ConnectionTrait, lease_now: Instant) -> Result<bool> {
    let found = message::Entity::find()
        .filter(plans::in_states(&[MessageState::InFlight]))
        .filter(message::Column::LeaseUntil.lt(ms(lease_now)))
        .limit(1)
        .one(connection)
        .await?;
    Ok(found.is_some())
}

/// Which messages in flight nobody will record an outcome of.
#[derive(Clone, Copy, Debug)]
pub enum Orphaned<'a> {
    /// Those whose lease ran out before this lease time.
    Expired(Instant),
    /// All: only the sole process of a database may ask for that.
    All,
    /// Those of former incarnations of a node, which must be known to be dead.
    Of {
        /// What the node's incarnations are called up to a last hyphen.
        name: &'a str,
        /// The incarnation that asks.
        node: &'a str,
    },
}

impl Orphaned<'_> {
    fn condition(self) -> Condition {
        match self {
            Self::Expired(lease_now) => {
                Condition::all().add(message::Column::LeaseUntil.lt(ms(lease_now)))
            }
            Self::All => Condition::all(),
            Self::Of { name, node } => {
                Condition::all().add(Expr::exists(
                    Query::select()
                        .expr(Expr::val(1))
                        .from(attempt::Entity)
                        .and_where(of_message(attempt::Column::MessageId, message::Column::Id))
                        .and_where(of_message(attempt::Column::Fence, message::Column::Fence))
                        .and_where(Expr::col((attempt::Entity, attempt::Column::Node)).like(
                            sea_query::LikeExpr::new(format!("{}-%", escaped(name))).escape('!'),
                        ))
                        .and_where(Expr::col((attempt::Entity, attempt::Column::Node)).ne(node))
                        .to_owned(),
                ))
            }
        }
    }
}

/// A name with what `LIKE` would take for a wildcard escaped by `!`.
fn escaped(name: &str) -> String {
    let escape = |c: char| if matches!(c, '%' | '_' | '!') { vec!['!', c] } else { vec![c] };
    name.chars().flat_map(escape).collect()
}

fn of_message(attempts: attempt::Column, messages: message::Column) -> SimpleExpr {
    Expr::col((attempt::Entity, attempts)).equals((message::Entity, messages))
}

/// Makes up to `limit` messages unknown that are in flight and orphaned. Answers how many.
pub async fn expire(
    txn: &Txn,
    ids: &Ids,
    orphaned: Orphaned<'_>,
    limit: u64,
    now: Instant,
) -> Result<u64> {
    let to = Standing::because(MessageState::Unknown, MessageReason::EngineStopped);
    let mut select = message::Entity::find()
        .filter(plans::in_states(&[MessageState::InFlight]))
        .filter(orphaned.condition())
        .order_by_asc(message::Column::LeaseUntil)
        .limit(limit);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let rows = select.all(txn).await?;
    let mut deltas = Deltas::default();
    for row in &rows {
        attempt::Entity::update_many()
            .col_expr(attempt::Column::Outcome, outcomes::UNKNOWN.into())
            .col_expr(attempt::Column::EndedAt, ms(now).into())
            .filter(attempt::Column::MessageId.eq(row.id))
            .filter(attempt::Column::Fence.eq(row.fence))
            .filter(Expr::col(attempt::Column::Outcome).is_null())
            .exec(txn)
            .await?;
    }
    plans::move_rows(txn, &rows, to, now, &mut deltas).await?;
    let decisions = rows
        .iter()
        .map(|row| Decision { row, to, rule: None, due_at: row.due_at, is_by_caller: false })
        .collect();
    decisions::write(txn, ids, decisions, now).await?;
    // What became of them is asked for at once.
    message::Entity::update_many()
        .col_expr(message::Column::ResolveAt, ms(now).into())
        .col_expr(
            message::Column::ResolveTries,
            Func::coalesce([Expr::col(message::Column::ResolveTries), 0.into()]).add(1),
        )
        .filter(message::Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(txn)
        .await?;
    // A campaign that ended while they were in flight begins nothing after them.
    let reserving = rows.iter().filter(|row| row.reserved > 0).map(|row| row.campaign_id);
    for campaign in reserving.collect::<BTreeSet<_>>() {
        if matches!(outcomes::gate(txn, campaign.into()).await?, Gate::Closed(_)) {
            trials::let_sequels_go(txn, campaign, &mut deltas).await?;
        }
    }
    deltas.apply(txn).await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}
