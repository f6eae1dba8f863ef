//! Claims: messages taken to be handed over, their attempts written ahead.
//!
//! **Invariant:** an attempt is committed before its request leaves.
//! **Invariant:** a lease that runs out makes a message unknown, never ready again.

use super::{
    Result, Txn,
    counts::Deltas,
    expect_rows, outcomes,
    plans::{self, key, standing_of},
    runs, subscribers,
};
use domain::{
    Instant,
    gate::{Facts, Verdict},
    id::{AttemptId, CampaignId, ConnectionId, MessageId},
    message::{MessageState, Standing},
    reason::MessageReason,
    subscriber::SubscriberStatus,
};
use entity::{
    attempt,
    convert::{instant, ms},
    message,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType},
};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// A message that may be claimed.
#[derive(Clone, Debug)]
pub struct Candidate {
    row: message::Model,
    standing: Standing,
}

impl Candidate {
    /// The message.
    pub fn id(&self) -> MessageId {
        self.row.id.into()
    }

    /// The number to text, in E.164.
    pub fn phone(&self) -> &str {
        &self.row.phone
    }

    /// The place of its step.
    pub fn step_position(&self) -> i64 {
        self.row.step_position
    }

    /// How often it was attempted before.
    pub fn attempt_count(&self) -> i64 {
        self.row.attempt_count
    }
}

/// A claim to write: a candidate and the attempt made of it.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The candidate.
    pub candidate: Candidate,
    /// The attempt's id.
    pub attempt_id: AttemptId,
    /// A digest of the request about to be made.
    pub request_digest: String,
    /// Billable segments of its text.
    pub segments: i64,
}

/// Takes up to `limit` due messages of a campaign. Those that `judge` no longer lets leave are put away;
/// answers also how many those were.
pub async fn candidates(
    txn: &Txn,
    campaign_id: CampaignId,
    limit: u64,
    now: Instant,
    judge: impl Fn(&Facts) -> Verdict,
) -> Result<(Vec<Candidate>, u64)> {
    let mut select = message::Entity::find()
        .filter(message::Column::CampaignId.eq(campaign_id.0))
        .filter(plans::in_states(&MessageState::PENDING))
        .filter(message::Column::DueAt.lte(ms(now)))
        .order_by_asc(message::Column::DueAt)
        .order_by_asc(message::Column::Id)
        .limit(limit);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked);
    }
    let rows = select.all(txn).await?;
    let Some(site_id) = rows.first().map(|row| row.site_id) else { return Ok((Vec::new(), 0)) };
    let statuses = subscribers::statuses(txn, rows.iter().map(|row| row.subscriber_id)).await?;
    let phones = rows.iter().map(|row| row.phone.as_str());
    let opted_out = subscribers::opted_out(txn, site_id.into(), phones).await?;
    let mut taken = Vec::with_capacity(rows.len());
    let mut skipped: BTreeMap<MessageReason, Vec<message::Model>> = BTreeMap::new();
    for row in rows {
        let facts = Facts {
            // A subscriber who was removed cannot consent.
            status: statuses
                .get(&row.subscriber_id)
                .copied()
                .unwrap_or(SubscriberStatus::Unsubscribed),
            has_opted_out: opted_out.contains(&row.phone),
            was_reached: false,
            due_at: instant(row.due_at),
            send_by: row.send_by.map(instant),
        };
        match judge(&facts) {
            Verdict::Send => taken.push(Candidate { standing: standing_of(&row)?, row }),
            Verdict::Skip(reason) => skipped.entry(reason).or_default().push(row),
        }
    }
    let put_away = skipped.values().map(Vec::len).sum::<usize>();
    skip(txn, skipped, now).await?;
    Ok((taken, u64::try_from(put_away).unwrap_or(u64::MAX)))
}

async fn skip(
    txn: &Txn,
    skipped: BTreeMap<MessageReason, Vec<message::Model>>,
    now: Instant,
) -> Result<()> {
    let mut deltas = Deltas::default();
    for (reason, rows) in skipped {
        let to = Standing::because(MessageState::Skipped, reason);
        plans::move_rows(txn, &rows, to, now, &mut deltas).await?;
    }
    deltas.apply(txn).await
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

/// Writes claims: the messages are in flight, their attempts stand before any request leaves.
pub async fn claim(txn: &Txn, claims: &[Claim], claimer: Claimer<'_>, now: Instant) -> Result<()> {
    let Some(first) = claims.first() else { return Ok(()) };
    let to = Standing::plain(MessageState::InFlight);
    let mut deltas = Deltas::default();
    for claim in claims {
        deltas.moved(key(&claim.candidate.row, claim.candidate.standing), to);
        let segments = message::ActiveModel {
            id: Set(claim.candidate.row.id),
            segments: Set(Some(claim.segments)),
            ..Default::default()
        };
        if claim.candidate.row.segments != Some(claim.segments) {
            segments.update_without_returning(txn).await?;
        }
    }
    let updated = message::Entity::update_many()
        .col_expr(message::Column::State, to.state.as_str().into())
        .col_expr(message::Column::Reason, Option::<String>::None.into())
        .col_expr(message::Column::Fence, Expr::col(message::Column::Fence).add(1))
        .col_expr(message::Column::AttemptCount, Expr::col(message::Column::AttemptCount).add(1))
        .col_expr(message::Column::LeaseUntil, ms(claimer.lease_until).into())
        .col_expr(message::Column::ConnectionId, claimer.connection_id.0.into())
        .col_expr(message::Column::UpdatedAt, ms(now).into())
        .filter(message::Column::Id.is_in(claims.iter().map(|claim| claim.candidate.row.id)))
        .exec(txn)
        .await?;
    expect_rows(
        "claimed messages",
        updated.rows_affected,
        u64::try_from(claims.len()).unwrap_or(0),
    )?;
    let attempts = claims.iter().map(|claim| attempt::ActiveModel {
        id: Set(claim.attempt_id.0),
        site_id: Set(claim.candidate.row.site_id),
        campaign_id: Set(claim.candidate.row.campaign_id),
        message_id: Set(claim.candidate.row.id),
        fence: Set(claim.candidate.row.fence + 1),
        connection_id: Set(claimer.connection_id.0),
        node: Set(claimer.node.to_owned()),
        request_digest: Set(claim.request_digest.clone()),
        started_at: Set(ms(now)),
        outcome: Set(None),
        outcome_code: Set(None),
        ended_at: Set(None),
        provider_id: Set(None),
    });
    attempt::Entity::insert_many(attempts).exec_without_returning(txn).await?;
    deltas.apply(txn).await?;
    runs::note(txn, first.candidate.row.campaign_id, Some(now), None).await
}

/// Locks messages in order of id.
pub(super) async fn lock_messages(
    txn: &Txn,
    ids: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, message::Model>> {
    let mut select = message::Entity::find()
        .filter(message::Column::Id.is_in(ids))
        .order_by_asc(message::Column::Id);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(select.all(txn).await?.into_iter().map(|row| (row.id, row)).collect())
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

/// Makes up to `limit` messages unknown whose lease ran out before `lease_now`; with none given, all in
/// flight, which only the sole process of a database may ask for. Answers how many.
pub async fn expire(
    txn: &Txn,
    lease_now: Option<Instant>,
    limit: u64,
    now: Instant,
) -> Result<u64> {
    let to = Standing::because(MessageState::Unknown, MessageReason::EngineStopped);
    let mut select = message::Entity::find()
        .filter(plans::in_states(&[MessageState::InFlight]))
        .order_by_asc(message::Column::LeaseUntil)
        .limit(limit);
    if let Some(lease_now) = lease_now {
        select = select.filter(message::Column::LeaseUntil.lt(ms(lease_now)));
    }
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
    deltas.apply(txn).await?;
    Ok(u64::try_from(rows.len()).unwrap_or(u64::MAX))
}
