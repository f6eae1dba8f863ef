//! Follow-ups: the next message to whoever accepted the one before it.
//!
//! **Invariant:** a follow-up is written in the transaction that learns of the acceptance, so that a
//! campaign never looks complete while one is owed.
//! **Invariant:** nobody gets one after a skip, a failure or an opt-out: only an acceptance leads here, and
//! whatever is known by then to stand against a follow-up skips it at once.

use super::{
    Result, Txn,
    counts::Deltas,
    plans::{active, insert, key, standing_of},
    prospects, revisions, subscribers,
};
use crate::ports::Ids;
use domain::{
    Instant,
    campaign::{CampaignStatus, Step},
    gate::{Consent, Previous},
    id::{MessageId, RevisionId},
    message::{MessageState, Standing},
    reason::MessageReason,
    template::{self, Template},
    text::Frame,
};
use entity::{
    campaign, campaign_revision, campaign_step,
    convert::{self, code, ms},
    message, subscriber,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};
use std::collections::{BTreeMap, HashMap, btree_map::Entry};
use uuid::Uuid;

/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;

/// What follows in a campaign.
struct Sequel {
    steps: Vec<Step>,
    frame: Frame,
}

impl Sequel {
    /// The step after that of `row`, with its delay in seconds.
    fn step_after(&self, row: &message::Model) -> Option<(&Step, i64)> {
        let position = row.step_position + 1;
        let next = self.steps.iter().find(|step| i64::from(step.position) == position)?;
        Some((next, next.delay_s?))
    }
}

/// Writes the follow-ups owed to messages of which it is learned for the first time that they were accepted
/// (their rows with `accepted_at` set and what was reserved for them), and settles in `deltas` what a trial
/// had reserved for them. Their subscribers must be locked.
pub(super) async fn begin(
    txn: &Txn,
    ids: &Ids,
    taken: &[message::Model],
    deltas: &mut Deltas,
    now: Instant,
) -> Result<()> {
    let mut sequels: BTreeMap<Uuid, Option<Sequel>> = BTreeMap::new();
    for row in taken {
        if let Entry::Vacant(unread) = sequels.entry(row.campaign_id) {
            unread.insert(sequel(txn, row.campaign_id).await?);
        }
    }
    let next = |row: &message::Model| {
        let sequel = sequels.get(&row.campaign_id)?.as_ref()?;
        Some((sequel, sequel.step_after(row)?))
    };
    let consents = consents(txn, taken.iter().filter(|row| next(row).is_some())).await?;
    let mut rows = Vec::new();
    for row in taken {
        let Some((sequel, (step, delay_s))) = next(row) else {
            deltas.spend(row, 0);
            continue;
        };
        let consent = consents.get(&row.id).copied().unwrap_or(Consent::Never);
        let outset = outset(row, step, consent, sequel)?;
        let follow_up = follow_up(ids, row, (step, delay_s), outset, now);
        deltas.spend(row, follow_up.reserved);
        deltas.add(key(&follow_up, standing_of(&follow_up)?));
        rows.push(active(follow_up));
    }
    insert(txn, "follow-ups", rows).await
}

/// What follows in a campaign; none when nothing does, or the campaign ended.
async fn sequel(txn: &Txn, campaign: Uuid) -> Result<Option<Sequel>> {
    let Some(revision) = running_with_steps(txn, campaign).await? else { return Ok(None) };
    let steps = revisions::steps(txn, RevisionId::from(revision)).await?;
    let revision = campaign_revision::Entity::find_by_id(revision).one(txn).await?;
    let frame = revision.map(|row| Frame { prefix: row.text_prefix, footer: row.text_footer });
    Ok(Some(Sequel { steps, frame: frame.unwrap_or_default() }))
}

/// The revision of a campaign that runs and has more than its first step: of most there is no more to read.
async fn running_with_steps(txn: &Txn, campaign: Uuid) -> Result<Option<Uuid>> {
    let running = CampaignStatus::RUNNING.map(CampaignStatus::as_str);
    let of_campaign = Expr::col((campaign_step::Entity, campaign_step::Column::RevisionId))
        .equals((campaign::Entity, campaign::Column::RevisionId));
    let later = Query::select()
        .expr(Expr::val(1))
        .from(campaign_step::Entity)
        .and_where(of_campaign)
        .and_where(Expr::col((campaign_step::Entity, campaign_step::Column::Position)).gt(0))
        .to_owned();
    let found: Option<Uuid> = campaign::Entity::find_by_id(campaign)
        .select_only()
        .column(campaign::Column::RevisionId)
        .filter(campaign::Column::Status.is_in(running))
        .filter(Expr::exists(later))
        .into_tuple()
        .one(txn)
        .await?;
    Ok(found)
}

/// Whether the recipients of messages may be texted, by the messages' ids.
async fn consents(
    txn: &Txn,
    rows: impl Iterator<Item = &message::Model>,
) -> Result<HashMap<Uuid, Consent>> {
    let mut by_site: BTreeMap<Uuid, Vec<&message::Model>> = BTreeMap::new();
    for row in rows {
        by_site.entry(row.site_id).or_default().push(row);
    }
    let mut consents = HashMap::new();
    for (site, rows) in by_site {
        let found = subscriber::Entity::find()
            .filter(subscriber::Column::Id.is_in(rows.iter().map(|row| row.subscriber_id)))
            .all(txn)
            .await?;
        let found: HashMap<Uuid, subscriber::Model> =
            found.into_iter().map(|row| (row.id, row)).collect();
        let phones = rows.iter().map(|row| row.phone.as_str());
        let opted_out = subscribers::opted_out(txn, site.into(), phones).await?;
        for row in rows {
            let is_out = opted_out.contains(&row.phone);
            let consent = match found.get(&row.subscriber_id) {
                Some(subscriber) => prospects::consent(subscriber, is_out)?,
                None => Consent::of(None, is_out, false),
            };
            consents.insert(row.id, consent);
        }
    }
    Ok(consents)
}

/// Where a follow-up starts, and the segments of its text: it waits for its time, unless something stands against it already.
struct Outset {
    standing: Standing,
    segments: Option<i64>,
}

/// Where the follow-up to `row` starts. Reasons have the gate's order.
fn outset(row: &message::Model, step: &Step, consent: Consent, sequel: &Sequel) -> Result<Outset> {
    let segments = segments(row, step, &sequel.frame)?;
    let previous = Previous {
        condition: step.condition,
        state: code("message", &row.state)?,
        // It was accepted this moment, as far as anybody knew; a reply is looked for when the time comes.
        has_replied: false,
    };
    let missing = segments.is_none().then_some(MessageReason::VariableMissing);
    let obstacle = consent.obstacle().or(missing).or(previous.obstacle());
    let standing = match obstacle {
        None => Standing::because(MessageState::Deferred, MessageReason::FollowUpDelay),
        Some(reason) => Standing::because(MessageState::Skipped, reason),
    };
    Ok(Outset { standing, segments })
}

/// The follow-up to `row`.
fn follow_up(
    ids: &Ids,
    row: &message::Model,
    (step, delay_s): (&Step, i64),
    Outset { standing, segments }: Outset,
    now: Instant,
) -> message::Model {
    let accepted_at = row.accepted_at.unwrap_or(ms(now));
    let spent = row.segments.unwrap_or_default();
    let is_to_go = standing.state.is_pending();
    message::Model {
        id: ids.next::<MessageId>().0,
        step_id: step.id.0,
        step_position: row.step_position + 1,
        state: standing.state.as_str().to_owned(),
        reason: standing.reason.map(|reason| reason.as_str().to_owned()),
        aggregator_code: None,
        due_at: accepted_at.saturating_add(delay_s.saturating_mul(SECOND_MS)),
        deferred_from: None,
        fence: 0,
        lease_until: None,
        attempt_count: 0,
        segments,
        connection_id: None,
        provider_id: None,
        accepted_at: None,
        delivered_at: None,
        passed_on_at: None,
        stopped_at: None,
        rule: None,
        blocked_by: None,
        blocked_at: None,
        reserved: if is_to_go { Ord::max(row.reserved - spent, 0) } else { 0 },
        evaluated_at: ms(now),
        previous_id: Some(row.id),
        resolve_at: None,
        resolve_tries: None,
        uncertain_at: None,
        updated_at: ms(now),
        ..row.clone()
    }
}

/// Segments of a step's text with the values frozen for the recipient; none where one is missing.
fn segments(row: &message::Model, step: &Step, frame: &Frame) -> Result<Option<i64>> {
    let Ok(template) = Template::parse(&step.body) else { return Ok(None) };
    let values = convert::values("message", "variables", row.variables.as_ref())?;
    let rendered = template::render(&template, frame, &values).ok();
    Ok(rendered.map(|rendered| i64::from(Ord::max(rendered.measure.segments, 1))))
}
