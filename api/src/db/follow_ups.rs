//! Follow-ups: the next message to whoever accepted the one before it.
//!
//! **Invariant:** a follow-up is written in the transaction that learns of the acceptance, so that a
//! campaign never looks complete while one is owed.
//! **Invariant:** nobody gets one after a skip, a failure or an opt-out: only an acceptance leads here.

use super::{
    Result, Txn,
    counts::Deltas,
    plans::{active, insert, key, standing_of},
    revisions,
};
use crate::ports::Ids;
use domain::{
    Instant,
    campaign::{CampaignStatus, Step},
    id::{MessageId, RevisionId},
    message::{MessageState, Standing},
    reason::MessageReason,
    template::{self, Template},
    text::Frame,
};
use entity::{
    campaign, campaign_revision,
    convert::{self, code, ms},
    message,
};
use sea_orm::EntityTrait;
use std::collections::{BTreeMap, btree_map::Entry};
use uuid::Uuid;

/// Milliseconds in a second.
const SECOND_MS: i64 = 1_000;

/// What follows in a campaign.
struct Sequel {
    steps: Vec<Step>,
    frame: Frame,
}

/// Writes the follow-ups owed to messages of which it is learned for the first time that they were accepted
/// (their rows as they were read, `accepted_at` set), and settles in `deltas` what a trial had reserved for
/// them.
pub(super) async fn begin(
    txn: &Txn,
    ids: &Ids,
    taken: &[message::Model],
    deltas: &mut Deltas,
    now: Instant,
) -> Result<()> {
    let mut sequels: BTreeMap<Uuid, Option<Sequel>> = BTreeMap::new();
    let mut rows = Vec::new();
    for row in taken {
        if let Entry::Vacant(unread) = sequels.entry(row.campaign_id) {
            unread.insert(sequel(txn, row.campaign_id).await?);
        }
        let sequel = sequels.get(&row.campaign_id).and_then(Option::as_ref);
        let follow_up =
            sequel.map(|sequel| follow_up(ids, row, sequel, now)).transpose()?.flatten();
        let Some(follow_up) = follow_up else {
            deltas.spend(row, 0);
            continue;
        };
        deltas.spend(row, follow_up.reserved);
        deltas.add(key(&follow_up, standing_of(&follow_up)?));
        rows.push(active(follow_up));
    }
    insert(txn, "follow-ups", rows).await
}

/// What follows in a campaign; none when nothing does, or the campaign ended.
async fn sequel(txn: &Txn, campaign: Uuid) -> Result<Option<Sequel>> {
    let Some(row) = campaign::Entity::find_by_id(campaign).one(txn).await? else { return Ok(None) };
    if !code::<CampaignStatus>("campaign", &row.status)?.is_running() {
        return Ok(None);
    }
    let steps = revisions::steps(txn, RevisionId::from(row.revision_id)).await?;
    if steps.len() < 2 {
        return Ok(None);
    }
    let revision = campaign_revision::Entity::find_by_id(row.revision_id).one(txn).await?;
    let frame = revision.map(|row| Frame { prefix: row.text_prefix, footer: row.text_footer });
    Ok(Some(Sequel { steps, frame: frame.unwrap_or_default() }))
}

/// The follow-up to `row`, if its step has one.
fn follow_up(
    ids: &Ids,
    row: &message::Model,
    sequel: &Sequel,
    now: Instant,
) -> Result<Option<message::Model>> {
    let position = row.step_position + 1;
    let next = sequel.steps.iter().find(|step| i64::from(step.position) == position);
    let Some((step, delay_s)) = next.and_then(|step| Some((step, step.delay_s?))) else {
        return Ok(None);
    };
    let segments = segments(row, step, &sequel.frame)?;
    let standing = match segments {
        Some(_) => Standing::because(MessageState::Deferred, MessageReason::FollowUpDelay),
        None => Standing::because(MessageState::Skipped, MessageReason::VariableMissing),
    };
    let accepted_at = row.accepted_at.unwrap_or(ms(now));
    let spent = row.segments.unwrap_or_default();
    Ok(Some(message::Model {
        id: ids.next::<MessageId>().0,
        step_id: step.id.0,
        step_position: position,
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
        rule: None,
        blocked_by: None,
        blocked_at: None,
        reserved: if segments.is_some() { (row.reserved - spent).max(0) } else { 0 },
        evaluated_at: ms(now),
        previous_id: Some(row.id),
        resolve_at: None,
        resolve_tries: None,
        updated_at: ms(now),
        ..row.clone()
    }))
}

/// Segments of a step's text with the values frozen for the recipient; none where one is missing.
fn segments(row: &message::Model, step: &Step, frame: &Frame) -> Result<Option<i64>> {
    let Ok(template) = Template::parse(&step.body) else { return Ok(None) };
    let values = convert::values("message", "variables", row.variables.as_ref())?;
    let rendered = template::render(&template, frame, &values).ok();
    Ok(rendered.map(|rendered| i64::from(rendered.measure.segments.max(1))))
}
