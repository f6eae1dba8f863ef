//! Counts of messages, kept by the transactions that move them.
//!
//! **Invariant:** no read counts rows of the ledger: `message_count` is exact at every committed instant.
//! **Invariant:** every change of a count raises the campaign's progress version.

use super::{Result, Txn, expect_rows, trials};
use domain::{
    Instant,
    id::{CampaignId, SiteId, StepId},
    message::{MessageCounts, MessageState, Standing},
    reason::MessageReason,
};
use entity::{
    campaign_progress,
    convert::{code, instant},
    message, message_count,
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, OnConflict},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What messages are counted by. Its order is the order in which counts are locked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) site: Uuid,
    pub(super) campaign: Uuid,
    pub(super) step: Uuid,
    pub(super) time_zone: String,
    pub(super) state: MessageState,
    pub(super) reason: Option<MessageReason>,
}

impl Key {
    fn reason_text(&self) -> &'static str {
        self.reason.map_or("", MessageReason::as_str)
    }
}

/// Changes of counts, gathered while rows are moved, and of what is reserved for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Deltas {
    counts: BTreeMap<Key, i64>,
    /// Segments used and given back, by site.
    trials: BTreeMap<Uuid, (i64, i64)>,
}

impl Deltas {
    /// One more message under `key`.
    pub(super) fn add(&mut self, key: Key) {
        *self.counts.entry(key).or_default() += 1;
    }

    /// One message moves from one standing to another; all else of its key stays.
    pub(super) fn moved(&mut self, from: Key, to: Standing) {
        let to = Key { state: to.state, reason: to.reason, ..from.clone() };
        *self.counts.entry(from).or_default() -= 1;
        self.add(to);
    }

    /// Gives back what is reserved for a message that is not going to be taken. Its row must say so too.
    pub(super) fn unreserve(&mut self, row: &message::Model) {
        if row.reserved > 0 {
            self.trials.entry(row.site_id).or_default().1 += row.reserved;
        }
    }

    /// Turns what is reserved for a message that was taken into what is used, except for `kept` segments
    /// reserved for the steps after it; what neither takes is given back. Its row must say so too.
    pub(super) fn spend(&mut self, row: &message::Model, kept: i64) {
        if row.reserved > 0 {
            let used = Ord::min(row.segments.unwrap_or_default(), row.reserved - kept);
            let trial = self.trials.entry(row.site_id).or_default();
            trial.0 += used;
            trial.1 += row.reserved - kept - used;
        }
    }

    /// Writes the changes.
    pub(super) async fn apply(self, txn: &Txn) -> Result<()> {
        let mut campaigns = BTreeSet::new();
        // Counts that follow each other are raised together; the order stays that of the keys.
        let mut raised = Vec::new();
        for (key, delta) in self.counts.into_iter().filter(|(_, delta)| *delta != 0) {
            campaigns.insert(key.campaign);
            if delta > 0 {
                raised.push((key, delta));
            } else {
                raise(txn, std::mem::take(&mut raised)).await?;
                lower(txn, &key, delta).await?;
            }
        }
        raise(txn, raised).await?;
        for campaign in campaigns {
            touch(txn, campaign).await?;
        }
        for (site, (used, released)) in self.trials {
            trials::settle(txn, site, used, released).await?;
        }
        Ok(())
    }
}

/// Counts raised in one statement at the most; each binds seven values.
const RAISED_MAX: usize = 500;

/// Raises counts, which are in the order of their keys.
async fn raise(txn: &Txn, raised: Vec<(Key, i64)>) -> Result<()> {
    use message_count::Column;
    let row = |(key, delta): &(Key, i64)| message_count::ActiveModel {
        campaign_id: Set(key.campaign),
        step_id: Set(key.step),
        state: Set(key.state.as_str().to_owned()),
        reason: Set(key.reason_text().to_owned()),
        time_zone: Set(key.time_zone.clone()),
        site_id: Set(key.site),
        count: Set(*delta),
    };
    let sum = Expr::col((message_count::Entity, Column::Count))
        .add(Expr::col(("excluded", Column::Count)));
    let id = [Column::CampaignId, Column::StepId, Column::TimeZone, Column::State, Column::Reason];
    let on_conflict = OnConflict::columns(id).value(Column::Count, sum).to_owned();
    for raised in raised.chunks(RAISED_MAX) {
        message_count::Entity::insert_many(raised.iter().map(row))
            .on_conflict(on_conflict.clone())
            .exec_without_returning(txn)
            .await?;
    }
    Ok(())
}

async fn lower(txn: &Txn, key: &Key, delta: i64) -> Result<()> {
    use message_count::Column;
    let updated = message_count::Entity::update_many()
        .col_expr(Column::Count, Expr::col(Column::Count).add(delta))
        .filter(Column::CampaignId.eq(key.campaign))
        .filter(Column::StepId.eq(key.step))
        .filter(Column::TimeZone.eq(key.time_zone.as_str()))
        .filter(Column::State.eq(key.state.as_str()))
        .filter(Column::Reason.eq(key.reason_text()))
        .exec(txn)
        .await?;
    expect_rows("a message count", updated.rows_affected, 1)
}

async fn touch(txn: &Txn, campaign: Uuid) -> Result<()> {
    use campaign_progress::Column;
    let updated = campaign_progress::Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1))
        .filter(Column::CampaignId.eq(campaign))
        .exec(txn)
        .await?;
    expect_rows("a campaign's progress", updated.rows_affected, 1)
}

/// Which messages to count.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// In one of these states.
    pub states: Option<Vec<MessageState>>,
    /// With one of these reasons.
    pub reasons: Option<Vec<MessageReason>>,
    /// Of this step.
    pub step: Option<StepId>,
    /// In one of these time zones.
    pub zones: Option<Vec<&'static str>>,
}

/// How many messages of a campaign match.
pub async fn count(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    filter: &Filter,
) -> Result<i64> {
    let counted = read(connection, campaign, filter.step).await?;
    let keeps = |entry: &&Counted| {
        filter.states.as_ref().is_none_or(|states| states.contains(&entry.standing.state))
            && filter.reasons.as_ref().is_none_or(|reasons| {
                entry.standing.reason.is_some_and(|reason| reasons.contains(&reason))
            })
            && filter.zones.as_ref().is_none_or(|zones| zones.contains(&entry.time_zone.as_str()))
    };
    Ok(counted.iter().filter(keeps).map(|entry| entry.count).sum())
}

/// One count.
#[derive(Clone, Debug)]
pub struct Counted {
    /// The step.
    pub step_id: StepId,
    /// The time zone.
    pub time_zone: String,
    /// The state, with its reason.
    pub standing: Standing,
    /// How many messages.
    pub count: i64,
}

/// A campaign's counts, or those of one step.
pub async fn read(
    connection: &impl ConnectionTrait,
    campaign: CampaignId,
    step: Option<StepId>,
) -> Result<Vec<Counted>> {
    let mut select = message_count::Entity::find()
        .filter(message_count::Column::CampaignId.eq(campaign.0))
        .filter(message_count::Column::Count.gt(0));
    if let Some(step) = step {
        select = select.filter(message_count::Column::StepId.eq(step.0));
    }
    let rows = select.all(connection).await?;
    let read = |row: message_count::Model| {
        let reason = Some(row.reason.as_str()).filter(|text| !text.is_empty());
        let standing = Standing {
            state: code("message_count", &row.state)?,
            reason: reason.map(|text| code("message_count", text)).transpose()?,
        };
        let step_id = row.step_id.into();
        Ok(Counted { step_id, time_zone: row.time_zone, standing, count: row.count })
    };
    rows.into_iter().map(read).collect()
}

/// Counts as a partition.
pub fn partition(counted: &[Counted]) -> MessageCounts {
    let mut counts = MessageCounts::default();
    for entry in counted {
        counts.add(entry.standing.state, entry.count);
    }
    counts
}

/// How far the engine is with a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The campaign.
    pub campaign_id: CampaignId,
    /// The site.
    pub site_id: SiteId,
    /// Grows with every change of a count.
    pub version: i64,
    /// Recipients planned so far.
    pub recipient_count: i64,
    /// When processing began: who subscribed later is no recipient.
    pub processing_at: Instant,
    /// The last subscriber planned.
    pub plan_cursor: Option<Uuid>,
    /// When the plan was complete.
    pub planned_at: Option<Instant>,
    /// When the first hand-over began.
    pub started_at: Option<Instant>,
    /// When a message was last accepted.
    pub handed_over_at: Option<Instant>,
}

/// How far the engine is with a campaign; none before it is processed.
pub async fn run(connection: &impl ConnectionTrait, campaign: CampaignId) -> Result<Option<Run>> {
    let row = campaign_progress::Entity::find_by_id(campaign.0).one(connection).await?;
    Ok(row.map(|row| Run {
        campaign_id: row.campaign_id.into(),
        site_id: row.site_id.into(),
        version: row.version,
        recipient_count: row.recipient_count,
        processing_at: instant(row.processing_at),
        plan_cursor: row.plan_cursor,
        planned_at: row.planned_at.map(instant),
        started_at: row.started_at.map(instant),
        handed_over_at: row.handed_over_at.map(instant),
    }))
}
