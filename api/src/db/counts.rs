//! Counts of messages, kept by the transactions that move them.
//!
//! **Invariant:** no read counts rows of the ledger: `message_count` is exact at every committed instant.
//! **Invariant:** every change of a count raises the campaign's progress version.

use super::{
    Result, Txn,
    bulk::{self, Bulk, Id, Insert, Kind, Script},
    trials,
};
use domain::{
    Instant,
    id::{CampaignId, SiteId, StepId},
    message::{MessageCounts, MessageState, Standing},
    reason::MessageReason,
};
use entity::{
    campaign_progress,
    convert::{code, instant, ms},
    message, message_count,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, JoinType, QueryFilter, QuerySelect,
    RelationDef, UpdateMany,
    sea_query::{Expr, ExprTrait, Func, IntoCondition as _},
};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// What messages are counted by.
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
    /// What runs learned, by campaign.
    runs: BTreeMap<Uuid, RunNews>,
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

    /// A hand-over of a campaign began.
    pub(super) fn began(&mut self, campaign: Uuid, at: Instant) {
        self.runs.entry(campaign).or_default().began_at = Some(ms(at));
    }

    /// Messages of a campaign were accepted.
    pub(super) fn handed_over(&mut self, campaign: Uuid, at: Instant) {
        self.runs.entry(campaign).or_default().handed_over_at = Some(ms(at));
    }

    /// Gives back what is reserved for a message that is not going to be taken. Its row must say so too.
    pub(super) fn unreserve(&mut self, row: &message::Model) {
        if row.reserved > 0 {
            self.release(row.site_id, row.reserved);
        }
    }

    /// Gives segments that are reserved back to a site's trial.
    pub(super) fn release(&mut self, site: Uuid, segments: i64) {
        self.trials.entry(site).or_default().1 += segments;
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
        let mut script = Script::new(txn);
        self.write(&mut script);
        script.run(txn).await
    }

    /// Has the changes written by `script`.
    pub(super) fn write(self, script: &mut Script) {
        let changed: Vec<(Key, i64)> =
            self.counts.into_iter().filter(|(_, delta)| *delta != 0).collect();
        let mut runs = self.runs;
        for (key, _) in &changed {
            runs.entry(key.campaign).or_default();
        }
        let values: Vec<_> = changed.iter().map(value).collect();
        script.lock(&CHANGE, &values, KEYS);
        let (raised, lowered): (Vec<_>, Vec<_>) =
            changed.into_iter().partition(|(_, delta)| *delta > 0);
        script.insert(&RAISE, raised.iter().map(new_value));
        script.update(&CHANGE, lowered.iter().map(value));
        for (campaign, news) in runs {
            script.change_one("a campaign's progress", &touch(campaign, news));
        }
        for (site, (used, released)) in self.trials {
            script.change_one("a trial", &trials::settle(site, used, released));
        }
    }
}

/// Counts that are there and change by so much.
const CHANGE: Bulk = Bulk {
    what: "message counts",
    table: "message_count",
    which: "campaign_id = v.k AND step_id = v.c1 AND time_zone = v.c2 AND state = v.c3 \
            AND reason = v.c4",
    kinds: &[Kind::Id, Kind::Text, Kind::Text, Kind::Text, Kind::Number],
    set: "count = count + v.c5",
};
/// The key of a count, in the order in which counts are locked.
const KEYS: &str = "campaign_id, step_id, time_zone, state, reason";

fn value((key, delta): &(Key, i64)) -> (Id, Id, &str, &str, &str, i64) {
    let (campaign, step) = (bulk::id(key.campaign), bulk::id(key.step));
    (campaign, step, &key.time_zone, key.state.as_str(), key.reason_text(), *delta)
}

/// Counts that are raised, in the order of their keys; those that are not there begin.
const RAISE: Insert = Insert {
    what: "message counts",
    table: "message_count",
    columns: &[
        ("campaign_id", Kind::Id),
        ("step_id", Kind::Id),
        ("time_zone", Kind::Text),
        ("state", Kind::Text),
        ("reason", Kind::Text),
        ("count", Kind::Number),
        ("site_id", Kind::Id),
    ],
    on_conflict: Some(
        "(campaign_id, step_id, time_zone, state, reason) \
         DO UPDATE SET count = message_count.count + excluded.count",
    ),
};

fn new_value(raised: &(Key, i64)) -> impl Serialize {
    let (campaign, step, zone, state, reason, count) = value(raised);
    (campaign, step, zone, state, reason, count, bulk::id(raised.0.site))
}

/// What a campaign's run learns beside its counts, in ms.
#[derive(Clone, Copy, Debug, Default)]
struct RunNews {
    began_at: Option<i64>,
    handed_over_at: Option<i64>,
}

fn touch(campaign: Uuid, news: RunNews) -> UpdateMany<campaign_progress::Entity> {
    use campaign_progress::Column;
    let mut update = campaign_progress::Entity::update_many()
        .col_expr(Column::Version, Expr::col(Column::Version).add(1));
    if let Some(at) = news.began_at {
        let first = Func::coalesce([Expr::col(Column::StartedAt), at.into()]);
        update = update.col_expr(Column::StartedAt, first.into());
    }
    if let Some(at) = news.handed_over_at {
        update = update.col_expr(Column::HandedOverAt, at.into());
    }
    update.filter(Column::CampaignId.eq(campaign))
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

/// How many of the messages counted match.
pub fn count(counted: &[Counted], filter: &Filter) -> i64 {
    let keeps = |entry: &&Counted| {
        filter.step.is_none_or(|step| step == entry.step_id)
            && filter.states.as_ref().is_none_or(|states| states.contains(&entry.standing.state))
            && filter.reasons.as_ref().is_none_or(|reasons| {
                entry.standing.reason.is_some_and(|reason| reasons.contains(&reason))
            })
            && filter.zones.as_ref().is_none_or(|zones| zones.contains(&entry.time_zone.as_str()))
    };
    counted.iter().filter(keeps).map(|entry| entry.count).sum()
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
    select.all(connection).await?.into_iter().map(counted).collect()
}

/// A count of a campaign, all its time zones taken together, beside how far the engine is with it.
#[derive(FromQueryResult)]
struct SumRow {
    #[sea_orm(nested)]
    run: campaign_progress::Model,
    step_id: Option<Uuid>,
    state: Option<String>,
    reason: Option<String>,
    sum: Option<i64>,
}

/// How far the engine is with several campaigns of the sites given, and their counts, all of one moment; those not
/// processed yet are left out. All time zones of a campaign are taken together, and theirs left out: a hundred
/// campaigns in ten zones have thousands of counts, and a list of campaigns shows a dozen each.
pub async fn sums(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    campaigns: &[CampaignId],
) -> Result<Vec<(Run, Vec<Counted>)>> {
    use campaign_progress::Column as Of;
    use message_count::Column;
    let counted: RelationDef = campaign_progress::Entity::belongs_to(message_count::Entity)
        .from(Of::CampaignId)
        .to(Column::CampaignId)
        .on_condition(|_, counted| Expr::col((counted, Column::Count)).gt(0).into_condition())
        .into();
    // A sum of PostgreSQL's is a numeric unless it is said not to be.
    let sum = Expr::expr(Column::Count.sum()).cast_as("bigint");
    let rows: Vec<SumRow> = campaign_progress::Entity::find()
        .columns([Column::StepId, Column::State, Column::Reason])
        .expr_as(sum, "sum")
        .join(JoinType::LeftJoin, counted)
        .filter(bulk::among(connection, Of::CampaignId, campaigns.iter().map(|id| id.0)))
        .filter(Of::SiteId.is_in(sites.iter().map(|site| site.0)))
        .group_by(Of::CampaignId)
        .group_by(Column::StepId)
        .group_by(Column::State)
        .group_by(Column::Reason)
        .into_model()
        .all(connection)
        .await?;
    let mut sums: HashMap<Uuid, (Run, Vec<Counted>)> = HashMap::new();
    for SumRow { run, step_id, state, reason, sum } in rows {
        let (_, counted) = sums.entry(run.campaign_id).or_insert_with(|| (run.into(), Vec::new()));
        if let (Some(step), Some(state), Some(count)) = (step_id, state, sum) {
            let standing = standing(&state, reason.as_deref().unwrap_or_default())?;
            let time_zone = String::new();
            counted.push(Counted { step_id: step.into(), time_zone, standing, count });
        }
    }
    Ok(sums.into_values().collect())
}

/// The counts of several campaigns of the sites given, zone by zone.
pub async fn read_many(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    campaigns: &[CampaignId],
) -> Result<HashMap<CampaignId, Vec<Counted>>> {
    use message_count::Column;
    let rows = message_count::Entity::find()
        .filter(bulk::among(connection, Column::CampaignId, campaigns.iter().map(|id| id.0)))
        .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .filter(Column::Count.gt(0))
        .all(connection)
        .await?;
    let mut counts: HashMap<CampaignId, Vec<Counted>> = HashMap::new();
    for row in rows {
        counts.entry(row.campaign_id.into()).or_default().push(counted(row)?);
    }
    Ok(counts)
}

fn counted(row: message_count::Model) -> Result<Counted> {
    let (step_id, standing) = (row.step_id.into(), standing(&row.state, &row.reason)?);
    Ok(Counted { step_id, time_zone: row.time_zone, standing, count: row.count })
}

fn standing(state: &str, reason: &str) -> Result<Standing> {
    let reason = Some(reason).filter(|text| !text.is_empty());
    let reason = reason.map(|text| code("message_count", text)).transpose()?;
    Ok(Standing { state: code("message_count", state)?, reason })
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
    Ok(campaign_progress::Entity::find_by_id(campaign.0).one(connection).await?.map(Run::from))
}

/// How far the engine is with several campaigns of the sites given; those not processed yet are left out.
pub async fn runs(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    campaigns: &[CampaignId],
) -> Result<HashMap<CampaignId, Run>> {
    use campaign_progress::Column;
    let rows = campaign_progress::Entity::find()
        .filter(bulk::among(connection, Column::CampaignId, campaigns.iter().map(|id| id.0)))
        .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(|row| (row.campaign_id.into(), row.into())).collect())
}

impl From<campaign_progress::Model> for Run {
    fn from(row: campaign_progress::Model) -> Self {
        Self {
            campaign_id: row.campaign_id.into(),
            site_id: row.site_id.into(),
            version: row.version,
            recipient_count: row.recipient_count,
            processing_at: instant(row.processing_at),
            plan_cursor: row.plan_cursor,
            planned_at: row.planned_at.map(instant),
            started_at: row.started_at.map(instant),
            handed_over_at: row.handed_over_at.map(instant),
        }
    }
}
