//! What was written down of one message, for its history.

use super::{Result, bulk, decisions, each, receipts};
use domain::{
    history::{Attempt, AttemptOutcome, Decision, Receipt, Records, Subject},
    id::{MessageId, SiteId},
    message::Standing,
};
use entity::{
    attempt,
    convert::{code, code_opt, instant},
    message, receipt,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Order,
};
use std::collections::HashMap;

/// Decisions, attempts and receipts that are told of one message, of each the first: more than any message
/// comes to that is not attempted for hours.
pub const RECORDS_MAX: u64 = 200;

/// Reads what was written down of several messages of the sites given; those that are not there are left out.
pub async fn read_many(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[MessageId],
) -> Result<HashMap<MessageId, Records>> {
    let rows = message::Entity::find()
        .filter(bulk::among(connection, message::Column::Id, ids.iter().map(|id| id.0)))
        .filter(message::Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .all(connection)
        .await?;
    let ids: Vec<MessageId> = rows.iter().map(|row| row.id.into()).collect();
    let decisions = decisions::of_messages(connection, &ids, RECORDS_MAX).await?;
    let attempts = attempts(connection, &ids).await?;
    let receipts = receipts(connection, &ids).await?;
    let decision = |decided: decisions::Decided| Decision {
        at: decided.at,
        standing: decided.standing,
        rule: decided.rule.and_then(|rule| rule.parse().ok()),
    };
    let mut found = HashMap::new();
    let records = decisions.into_iter().zip(attempts).zip(receipts);
    for (row, ((decisions, attempts), receipts)) in rows.into_iter().zip(records) {
        let id = row.id.into();
        let decisions = decisions.into_iter().map(decision).collect();
        found.insert(id, Records { subject: subject(row)?, decisions, attempts, receipts });
    }
    Ok(found)
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

/// The attempts at each message, oldest first, in the order of `ids`.
async fn attempts(
    connection: &impl ConnectionTrait,
    ids: &[MessageId],
) -> Result<Vec<Vec<Attempt>>> {
    let of = |id: &MessageId| {
        attempt::Entity::find()
            .filter(attempt::Column::MessageId.eq(id.0))
            .order_by_asc(attempt::Column::Fence)
            .limit(RECORDS_MAX)
    };
    let order = [("fence", Order::Asc)];
    let lists = each::models(connection, ids.iter().map(of).collect(), &order).await?;
    let read = |row: attempt::Model| {
        let outcome = code_opt::<AttemptOutcome>("attempt", row.outcome.as_deref())?;
        Ok(Attempt {
            started_at: instant(row.started_at),
            ended: outcome.zip(row.ended_at.map(instant)),
            code: row.outcome_code,
        })
    };
    lists.into_iter().map(|rows| rows.into_iter().map(read).collect()).collect()
}

/// Receipts that were applied to each message, in the order of `ids`. One of a kind that this version does not
/// know proves nothing.
async fn receipts(
    connection: &impl ConnectionTrait,
    ids: &[MessageId],
) -> Result<Vec<Vec<Receipt>>> {
    let of = |id: &MessageId| {
        receipt::Entity::find()
            .filter(receipt::Column::MessageId.eq(id.0))
            .filter(receipt::Column::State.eq(receipts::APPLIED))
            .order_by_asc(receipt::Column::Id)
            .limit(RECORDS_MAX)
    };
    let order = [("id", Order::Asc)];
    let lists = each::models(connection, ids.iter().map(of).collect(), &order).await?;
    let read = |row: receipt::Model| {
        Some(Receipt {
            kind: row.kind.parse().ok()?,
            code: row.code,
            occurred_at: instant(row.occurred_at),
            received_at: instant(row.received_at),
        })
    };
    Ok(lists.into_iter().map(|rows| rows.into_iter().filter_map(read).collect()).collect())
}
