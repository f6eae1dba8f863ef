//! Direct texts: queued, claimed with their attempt written ahead, recorded, and found by receipts.
//!
//! **Invariant:** an attempt is committed before its request leaves, and one whose lease runs out leaves
//! the text unknown, never ready again.
//! **Invariant:** they are no messages: no count, no subscriber and no campaign changes with them.

use super::{
    Result, Txn, expect_rows,
    outcomes::{self, Outcome},
    trials,
};
use crate::ports::Ids;
use domain::{
    Instant,
    direct::DirectKind,
    id::{AttemptId, CampaignId, ConnectionId, DirectTextId, SiteId, StepId},
    message::{MessageState, Standing},
    phone::PhoneNumber,
    reason::MessageReason,
    text,
};
use entity::{
    convert::{self, instant, ms},
    direct_text,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, Condition, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, SimpleExpr},
};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// A text to queue.
#[derive(Clone)]
pub struct NewDirectText {
    /// The site.
    pub site_id: SiteId,
    /// What it is for.
    pub kind: DirectKind,
    /// The campaign and the step that a test is of.
    pub of: Option<(CampaignId, StepId)>,
    /// Whom to text.
    pub phone: PhoneNumber,
    /// The text as it goes out.
    pub text: String,
    /// A picture.
    pub media_url: Option<String>,
    /// Segments of a trial that it was charged.
    pub charged: i64,
}

/// A text as it stands.
#[derive(Clone)]
pub struct DirectText {
    /// The id.
    pub id: DirectTextId,
    /// The site.
    pub site_id: SiteId,
    /// What it is for.
    pub kind: DirectKind,
    /// Whom to text.
    pub phone: PhoneNumber,
    /// The text as it goes out.
    pub text: String,
    /// A picture.
    pub media_url: Option<String>,
    /// Billable segments, by our count.
    pub segments: i64,
    /// How often it was attempted.
    pub attempt_count: i64,
    /// How it stands.
    pub standing: Standing,
    /// The aggregator's own code for the reason.
    pub aggregator_code: Option<String>,
    /// Whether the answer to its latest attempt was that it is taken.
    pub was_accepted: bool,
}

/// Queues a text, due at once. Ring the direct texts' bell when it is committed, unless it is claimed in the
/// same transaction.
pub async fn queue(txn: &Txn, ids: &Ids, new: NewDirectText, now: Instant) -> Result<DirectText> {
    let segments = Ord::max(i64::from(text::measure(&new.text).segments), 1);
    let row = direct_text::ActiveModel {
        id: Set(ids.next::<DirectTextId>().0),
        site_id: Set(new.site_id.0),
        campaign_id: Set(new.of.map(|(campaign, _)| campaign.0)),
        step_id: Set(new.of.map(|(_, step)| step.0)),
        kind: Set(new.kind.as_str().to_owned()),
        phone: Set(new.phone.as_str().to_owned()),
        text: Set(new.text),
        media_url: Set(new.media_url),
        segments: Set(segments),
        charged: Set(new.charged),
        state: Set(MessageState::Queued.as_str().to_owned()),
        due_at: Set(ms(now)),
        attempt_count: Set(0),
        created_at: Set(ms(now)),
        updated_at: Set(ms(now)),
        ..Default::default()
    };
    read(row.insert(txn).await?)
}

fn read(row: direct_text::Model) -> Result<DirectText> {
    Ok(DirectText {
        id: row.id.into(),
        site_id: row.site_id.into(),
        kind: convert::code("direct_text", &row.kind)?,
        standing: standing_of(&row)?,
        was_accepted: row.outcome.as_deref() == Some(outcomes::ACCEPTED),
        phone: convert::phone("direct_text", &row.phone)?,
        text: row.text,
        media_url: row.media_url,
        segments: row.segments,
        attempt_count: row.attempt_count,
        aggregator_code: row.aggregator_code,
    })
}

fn standing_of(row: &direct_text::Model) -> Result<Standing> {
    Ok(Standing {
        state: convert::code("direct_text", &row.state)?,
        reason: convert::code_opt("direct_text", row.reason.as_deref())?,
    })
}

/// These texts as they stand, in the order of `ids`.
pub async fn find_many(
    connection: &impl ConnectionTrait,
    ids: &[DirectTextId],
) -> Result<Vec<DirectText>> {
    let rows = direct_text::Entity::find()
        .filter(direct_text::Column::Id.is_in(ids.iter().map(|id| id.0)))
        .all(connection)
        .await?;
    let mut found: HashMap<Uuid, direct_text::Model> =
        rows.into_iter().map(|row| (row.id, row)).collect();
    ids.iter().filter_map(|id| found.remove(&id.0)).map(read).collect()
}

fn queued() -> Select<direct_text::Entity> {
    direct_text::Entity::find()
        .filter(in_state("queued"))
        .order_by_asc(direct_text::Column::DueAt)
        .order_by_asc(direct_text::Column::Id)
}

/// When the next queued text is due.
pub async fn next_due(connection: &impl ConnectionTrait) -> Result<Option<Instant>> {
    let next = queued().limit(1).one(connection).await?;
    Ok(next.map(|row| instant(row.due_at)))
}

/// Takes up to `limit` queued texts that are due and nobody else has.
pub async fn take_due(txn: &Txn, limit: u64, now: Instant) -> Result<Vec<DirectText>> {
    let mut select = queued().filter(direct_text::Column::DueAt.lte(ms(now))).limit(limit);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    select.all(txn).await?.into_iter().map(read).collect()
}

/// An attempt to write ahead.
#[derive(Clone, Debug)]
pub struct Claim<'a> {
    /// The text, queued.
    pub id: DirectTextId,
    /// The attempt's id.
    pub attempt_id: AttemptId,
    /// The connection that will carry it.
    pub connection_id: ConnectionId,
    /// A digest of the request about to be made.
    pub request_digest: &'a str,
    /// The node that claims, and its incarnation.
    pub node: &'a str,
    /// When the lease runs out, in lease time.
    pub lease_until: Instant,
}

/// Writes a claim: the text is in flight, its attempt stands before the request leaves.
pub async fn claim(txn: &Txn, claim: &Claim<'_>, now: Instant) -> Result<()> {
    use direct_text::Column;
    let updated = direct_text::Entity::update_many()
        .col_expr(Column::State, MessageState::InFlight.as_str().into())
        .col_expr(Column::Reason, Option::<String>::None.into())
        .col_expr(Column::AttemptCount, Expr::col(Column::AttemptCount).add(1))
        .col_expr(Column::AttemptId, claim.attempt_id.0.into())
        .col_expr(Column::ConnectionId, claim.connection_id.0.into())
        .col_expr(Column::Node, claim.node.into())
        .col_expr(Column::RequestDigest, claim.request_digest.into())
        .col_expr(Column::LeaseUntil, ms(claim.lease_until).into())
        .col_expr(Column::StartedAt, ms(now).into())
        .col_expr(Column::Outcome, Option::<String>::None.into())
        .col_expr(Column::OutcomeCode, Option::<String>::None.into())
        .col_expr(Column::EndedAt, Option::<i64>::None.into())
        .col_expr(Column::UpdatedAt, ms(now).into())
        .filter(Column::Id.eq(claim.id.0))
        .filter(in_state("queued"))
        .exec(txn)
        .await?;
    expect_rows("a claimed direct text", updated.rows_affected, 1)
}

/// Puts a queued text off, or ends it, when there is nothing to hand it over with.
pub async fn put_off(
    txn: &Txn,
    id: DirectTextId,
    until: Option<Instant>,
    now: Instant,
) -> Result<()> {
    use direct_text::Column;
    let mut update = direct_text::Entity::update_many()
        .col_expr(Column::AttemptCount, Expr::col(Column::AttemptCount).add(1))
        .col_expr(Column::UpdatedAt, ms(now).into())
        .filter(Column::Id.eq(id.0))
        .filter(in_state("queued"));
    update = match until {
        Some(until) => update.col_expr(Column::DueAt, ms(until).into()),
        None => update
            .col_expr(Column::State, MessageState::Undelivered.as_str().into())
            .col_expr(Column::Reason, MessageReason::AggregatorUnavailable.as_str().into()),
    };
    expect_rows("a direct text put off", update.exec(txn).await?.rows_affected, 1)
}

/// An attempt that ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The text.
    pub id: DirectTextId,
    /// The attempt.
    pub attempt_id: AttemptId,
    /// What it proved.
    pub outcome: Outcome,
}

/// Records how an attempt ended; recording it again changes nothing. What was certainly not taken gives a
/// trial back what it was charged, unless it is tried again. Answers with the aggregator's id if it is new.
pub async fn record(txn: &Txn, ended: &Ended, now: Instant) -> Result<Option<String>> {
    let mut rows =
        locked(txn, Condition::all().add(direct_text::Column::Id.eq(ended.id.0))).await?;
    let open = |row: &direct_text::Model| {
        row.attempt_id == Some(ended.attempt_id.0)
            && row.outcome.as_deref().is_none_or(|known| known == outcomes::UNKNOWN)
    };
    let Some(row) = rows.pop().filter(open) else { return Ok(None) };
    let before = standing_of(&row)?;
    let is_waiting = matches!(before.state, MessageState::InFlight | MessageState::Unknown);
    let after = match ended.outcome.evidence() {
        Some(evidence) => before.join(evidence),
        None if is_waiting => Standing::plain(MessageState::Queued),
        None => before,
    };
    let is_over = matches!(ended.outcome, Outcome::Rejected { .. } | Outcome::GivenUp { .. });
    let gives_back = is_over && after.state == MessageState::Undelivered && row.charged > 0;
    let code = ended.outcome.code();
    direct_text::ActiveModel {
        id: Set(row.id),
        state: Set(after.state.as_str().to_owned()),
        reason: Set(after.reason.map(|reason| reason.as_str().to_owned())),
        aggregator_code: code.map_or(NotSet, |code| Set(Some(code.to_owned()))),
        charged: if gives_back { Set(0) } else { NotSet },
        due_at: match ended.outcome {
            Outcome::NotSent { retry_at, .. } => Set(ms(retry_at)),
            _ => NotSet,
        },
        lease_until: Set(None),
        outcome: Set(Some(ended.outcome.as_str().to_owned())),
        outcome_code: Set(code.map(str::to_owned)),
        ended_at: Set(Some(ms(now))),
        provider_id: match ended.outcome.provider_id() {
            Some(id) => Set(Some(id.to_owned())),
            None => NotSet,
        },
        updated_at: Set(ms(now)),
        ..Default::default()
    }
    .update_without_returning(txn)
    .await?;
    if gives_back {
        trials::give_back(txn, row.site_id, row.charged).await?;
    }
    Ok(ended.outcome.provider_id().map(str::to_owned))
}

/// Locks the texts of a condition, by id.
async fn locked(txn: &Txn, condition: Condition) -> Result<Vec<direct_text::Model>> {
    let mut select =
        direct_text::Entity::find().filter(condition).order_by_asc(direct_text::Column::Id);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(select.all(txn).await?)
}

/// Whether the lease of a text in flight ran out before `lease_now`.
pub async fn has_expired(connection: &impl ConnectionTrait, lease_now: Instant) -> Result<bool> {
    let found = direct_text::Entity::find()
        .filter(in_state("in_flight"))
        .filter(direct_text::Column::LeaseUntil.lt(ms(lease_now)))
        .limit(1)
        .one(connection)
        .await?;
    Ok(found.is_some())
}

/// Makes up to `limit` texts unknown whose lease ran out before `lease_now`; with none given, all in flight,
/// which only the sole process of a database may ask for. Answers how many.
pub async fn expire(
    txn: &Txn,
    lease_now: Option<Instant>,
    limit: u64,
    now: Instant,
) -> Result<u64> {
    use direct_text::Column;
    let mut select = direct_text::Entity::find()
        .filter(in_state("in_flight"))
        .order_by_asc(Column::LeaseUntil)
        .limit(limit);
    if let Some(lease_now) = lease_now {
        select = select.filter(Column::LeaseUntil.lt(ms(lease_now)));
    }
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let rows = select.all(txn).await?;
    let updated = direct_text::Entity::update_many()
        .col_expr(Column::State, MessageState::Unknown.as_str().into())
        .col_expr(Column::Reason, MessageReason::EngineStopped.as_str().into())
        .col_expr(Column::Outcome, outcomes::UNKNOWN.into())
        .col_expr(Column::EndedAt, ms(now).into())
        .col_expr(Column::UpdatedAt, ms(now).into())
        .filter(Column::Id.is_in(rows.iter().map(|row| row.id)))
        .exec(txn)
        .await?;
    Ok(updated.rows_affected)
}

/// A receipt that may be about a direct text.
#[derive(Clone)]
pub(super) struct Evidence<'a> {
    /// The receipt.
    pub(super) receipt: Uuid,
    /// The connection it came in on.
    pub(super) connection: Uuid,
    /// The attempt it names.
    pub(super) attempt: Option<Uuid>,
    /// The aggregator's id that it names.
    pub(super) provider_id: Option<&'a str>,
    /// The aggregator's code.
    pub(super) code: Option<&'a str>,
    /// What it proves.
    pub(super) standing: Standing,
}

impl Evidence<'_> {
    fn is_about(&self, row: &direct_text::Model) -> bool {
        let by_echo = self.attempt.is_some() && row.attempt_id == self.attempt;
        let by_id = self.provider_id.is_some() && row.provider_id.as_deref() == self.provider_id;
        row.connection_id == Some(self.connection) && (by_echo || by_id)
    }
}

/// Notes receipts on the direct texts that they are about. Answers with those that are about one.
pub(super) async fn note(
    txn: &Txn,
    receipts: &[Evidence<'_>],
    now: Instant,
) -> Result<HashSet<Uuid>> {
    use direct_text::Column;
    if receipts.is_empty() {
        return Ok(HashSet::new());
    }
    let attempts = receipts.iter().filter_map(|receipt| receipt.attempt);
    let ids = receipts.iter().filter_map(|receipt| receipt.provider_id);
    let connections = receipts.iter().map(|receipt| receipt.connection);
    let by_id = Condition::all()
        .add(Column::ConnectionId.is_in(connections))
        .add(Column::ProviderId.is_in(ids));
    let about = Condition::any().add(Column::AttemptId.is_in(attempts)).add(by_id);
    let mut rows = locked(txn, about).await?;
    let mut noted = HashSet::new();
    for receipt in receipts {
        let Some(row) = rows.iter_mut().find(|row| receipt.is_about(row)) else { continue };
        let before = standing_of(row)?;
        let after = before.join(receipt.standing);
        after.state.as_str().clone_into(&mut row.state);
        row.reason = after.reason.map(|reason| reason.as_str().to_owned());
        if after != before && after.state == MessageState::Undelivered {
            row.aggregator_code = receipt.code.map(str::to_owned);
        }
        if row.provider_id.is_none() {
            row.provider_id = receipt.provider_id.map(str::to_owned);
        }
        direct_text::ActiveModel {
            id: Set(row.id),
            state: Set(row.state.clone()),
            reason: Set(row.reason.clone()),
            aggregator_code: Set(row.aggregator_code.clone()),
            provider_id: Set(row.provider_id.clone()),
            updated_at: Set(ms(now)),
            ..Default::default()
        }
        .update_without_returning(txn)
        .await?;
        noted.insert(receipt.receipt);
    }
    Ok(noted)
}

/// The state as a literal: a bound value would keep both databases from the partial indexes.
fn in_state(state: &'static str) -> SimpleExpr {
    Expr::col((direct_text::Entity, direct_text::Column::State))
        .eq(Expr::cust(format!("'{state}'")))
}
