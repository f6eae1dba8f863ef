//! What was written down of one message, for its history.

use super::{Result, decisions, receipts};
use domain::{
    history::{Attempt, AttemptOutcome, Decision, Receipt, Records, Subject},
    id::MessageId,
    message::Standing,
};
use entity::{
    attempt,
    convert::{code, code_opt, instant},
    message, receipt,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// Decisions, attempts and receipts that are told of one message, of each the first: more than any message
/// comes to that is not attempted for hours.
pub const RECORDS_MAX: u64 = 200;

/// Reads what was written down of a message; none when there is no such message.
pub async fn read(connection: &impl ConnectionTrait, id: MessageId) -> Result<Option<Records>> {
    let Some(row) = message::Entity::find_by_id(id.0).one(connection).await? else {
        return Ok(None);
    };
    let decisions = decisions::of_message(connection, id, RECORDS_MAX).await?;
    let decision = |decided: decisions::Decided| Decision {
        at: decided.at,
        standing: decided.standing,
        rule: decided.rule.and_then(|rule| rule.parse().ok()),
    };
    Ok(Some(Records {
        subject: subject(row)?,
        decisions: decisions.into_iter().map(decision).collect(),
        attempts: attempts(connection, id).await?,
        receipts: of_message(connection, id).await?,
    }))
}

fn subject(row: message::Model) -> Result<Subject> {
    const TABLE: &str = "message";
    Ok(Subject {
        // A message of an older version does not say when it was planned.
        evaluated_at: (row.evaluated_at > 0).then(|| instant(row.evaluated_at)),
        is_follow_up: row.previous_id.is_some(),
        standing: Standing {
            state: code(TABLE, &row.state)?,
            reason: code_opt(TABLE, row.reason.as_deref())?,
        },
        rule: row.rule.and_then(|rule| rule.parse().ok()),
        due_at: instant(row.due_at),
        deferred_from: row.deferred_from.map(instant),
        updated_at: instant(row.updated_at),
    })
}

async fn attempts(connection: &impl ConnectionTrait, id: MessageId) -> Result<Vec<Attempt>> {
    let rows = attempt::Entity::find()
        .filter(attempt::Column::MessageId.eq(id.0))
        .order_by_asc(attempt::Column::Fence)
        .limit(RECORDS_MAX)
        .all(connection)
        .await?;
    let read = |row: attempt::Model| {
        let outcome = code_opt::<AttemptOutcome>("attempt", row.outcome.as_deref())?;
        Ok(Attempt {
            started_at: instant(row.started_at),
            ended: outcome.zip(row.ended_at.map(instant)),
            code: row.outcome_code,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Receipts that were applied to a message. One of a kind that this version does not know proves nothing.
async fn of_message(connection: &impl ConnectionTrait, id: MessageId) -> Result<Vec<Receipt>> {
    let rows = receipt::Entity::find()
        .filter(receipt::Column::MessageId.eq(id.0))
        .filter(receipt::Column::State.eq(receipts::APPLIED))
        .order_by_asc(receipt::Column::Id)
        .limit(RECORDS_MAX)
        .all(connection)
        .await?;
    let read = |row: receipt::Model| {
        Some(Receipt {
            kind: row.kind.parse().ok()?,
            code: row.code,
            occurred_at: instant(row.occurred_at),
            received_at: instant(row.received_at),
        })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}
