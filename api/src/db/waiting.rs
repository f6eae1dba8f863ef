//! Until when the messages of a campaign wait, by what they wait for.
//!
//! **Invariant:** the cost does not grow with the campaign: a few short reads of the index of what is to be
//! handed over, from its end.

use super::{Result, each, plans};
use domain::{Instant, id::CampaignId, message::MessageState, reason::MessageReason};
use entity::{
    convert::{code_opt, instant},
    message,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QueryResult, QuerySelect,
    QueryTrait as _,
    sea_query::{Order, SelectStatement},
};
use std::collections::BTreeMap;

/// Messages read at once.
const PAGE: u64 = 32;
/// Pages read at most. Each goes on before the due times of the one before it: whole time zones share one.
const PAGES_MAX: usize = 32;

/// What waits, seen from the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// When the last message is due.
    pub last_due_at: Option<Instant>,
    /// When the last message is due that waits for each reason; a reason that was not come upon is left out.
    pub until: BTreeMap<MessageReason, Instant>,
    /// The most segments of a message that was come upon.
    pub segments_max: i64,
}

/// Reads until when messages of several campaigns wait, for each of their reasons where it is come upon. What
/// is read of all of them costs as many statements as what is read of one.
pub async fn read_many(
    connection: &impl ConnectionTrait,
    asked: &[(CampaignId, Vec<MessageReason>)],
) -> Result<Vec<Waits>> {
    let mut waits: Vec<Waits> = asked.iter().map(|_| Waits::default()).collect();
    let mut open: Vec<usize> = (0..asked.len()).collect();
    let mut before: Vec<Option<i64>> = vec![None; asked.len()];
    for _ in 0..PAGES_MAX {
        let campaigns = open.iter().filter_map(|at| Some((asked.get(*at)?.0, *before.get(*at)?)));
        let parts: Vec<SelectStatement> =
            campaigns.map(|(campaign, before)| last_pending(campaign, before)).collect();
        if parts.is_empty() {
            break;
        }
        let order = [("due_at", Order::Desc), ("id", Order::Desc)];
        let pages = each::rows(connection, parts, &order).await?;
        let mut still_open = Vec::new();
        for (at, rows) in open.into_iter().zip(pages) {
            let (Some(waits), Some((_, reasons))) = (waits.get_mut(at), asked.get(at)) else {
                continue;
            };
            let last = note(waits, &rows)?;
            let is_all = u64::try_from(rows.len()).is_ok_and(|read| read < PAGE);
            if !is_all && !reasons.iter().all(|reason| waits.until.contains_key(reason)) {
                still_open.push(at);
            }
            if let Some(before) = before.get_mut(at) {
                *before = last;
            }
        }
        open = still_open;
    }
    Ok(waits)
}

/// The last pending messages of a campaign that are due before an instant, in ms.
fn last_pending(campaign: CampaignId, before: Option<i64>) -> SelectStatement {
    use message::Column;
    let mut select = message::Entity::find()
        .select_only()
        .columns([Column::Id, Column::DueAt, Column::Reason, Column::Segments])
        .filter(Column::CampaignId.eq(campaign.0))
        .filter(plans::in_states(&MessageState::PENDING));
    if let Some(before) = before {
        select = select.filter(Column::DueAt.lt(before));
    }
    select.order_by_desc(Column::DueAt).order_by_desc(Column::Id).limit(PAGE).into_query()
}

/// Notes what a page of messages tells; answers when the last of them is due, in ms.
fn note(waits: &mut Waits, rows: &[QueryResult]) -> Result<Option<i64>> {
    let mut last = None;
    for row in rows {
        let (due_at, segments): (i64, Option<i64>) =
            (row.try_get("", "due_at")?, row.try_get("", "segments")?);
        let reason: Option<String> = row.try_get("", "reason")?;
        last = Some(due_at);
        let due_at = instant(due_at);
        waits.last_due_at.get_or_insert(due_at);
        waits.segments_max = waits.segments_max.max(segments.unwrap_or_default());
        if let Some(reason) = code_opt::<MessageReason>("message", reason.as_deref())? {
            waits.until.entry(reason).or_insert(due_at);
        }
    }
    Ok(last)
}
