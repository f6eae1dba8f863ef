//! Until when the messages of a campaign wait, by what they wait for.
//!
//! **Invariant:** the cost does not grow with the campaign: a few short reads of the index of what is to be
//! handed over, from its end.

use super::{Result, plans};
use domain::{Instant, id::CampaignId, message::MessageState, reason::MessageReason};
use entity::{
    convert::{code_opt, instant},
    message,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
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

/// Reads until when messages wait, for each of `reasons` where it is come upon.
pub async fn read(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    reasons: &[MessageReason],
) -> Result<Waits> {
    use message::Column;
    let mut waits = Waits::default();
    let mut before: Option<i64> = None;
    for _ in 0..PAGES_MAX {
        let mut select = message::Entity::find()
            .select_only()
            .column(Column::DueAt)
            .column(Column::Reason)
            .column(Column::Segments)
            .filter(Column::CampaignId.eq(campaign.0))
            .filter(plans::in_states(&MessageState::PENDING));
        if let Some(before) = before {
            select = select.filter(Column::DueAt.lt(before));
        }
        let rows: Vec<(i64, Option<String>, Option<i64>)> = select
            .order_by_desc(Column::DueAt)
            .order_by_desc(Column::Id)
            .limit(PAGE)
            .into_tuple()
            .all(connection)
            .await?;
        for (due_at, reason, segments) in &rows {
            let due_at = instant(*due_at);
            waits.last_due_at.get_or_insert(due_at);
            waits.segments_max = waits.segments_max.max(segments.unwrap_or_default());
            if let Some(reason) = code_opt::<MessageReason>("message", reason.as_deref())? {
                waits.until.entry(reason).or_insert(due_at);
            }
        }
        before = rows.last().map(|(due_at, ..)| *due_at);
        let is_all = u64::try_from(rows.len()).is_ok_and(|read| read < PAGE);
        if is_all || reasons.iter().all(|reason| waits.until.contains_key(reason)) {
            break;
        }
    }
    Ok(waits)
}
