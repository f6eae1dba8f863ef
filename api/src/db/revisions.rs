//! Revisions of campaigns: content, audiences, and what activation froze.
//!
//! **Invariant:** a frozen revision never changes; a draft's revision is the only one edited in place.

use super::{Result, Txn, bulk};
use crate::ports::Ids;
use domain::{
    Instant,
    audience::{Audience, AudienceRules},
    campaign::{Step, Targeting},
    id::{CampaignId, RevisionId, SiteId, StepId},
    rule_pack::RulePacks,
    schedule::Schedule,
    site::{QuietHours, Site},
    text::Frame,
};
use entity::{
    campaign_audience, campaign_revision, campaign_step,
    convert::{self, date_time_text, ms, rules_json, time_text},
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter,
    QueryOrder,
};
use std::collections::HashMap;

/// The content of a revision, without its steps' ids.
#[derive(Clone, Debug)]
pub struct Content {
    /// Its messages, the initial one first.
    pub steps: Vec<Step>,
    /// Who receives it.
    pub targeting: Targeting,
    /// Whether Smart Sending applies.
    pub uses_smart_sending: bool,
    /// Quiet hours of its own.
    pub quiet_hours: Option<QuietHours>,
}

/// When a revision that is frozen goes out.
#[derive(Clone, Copy, Debug)]
pub struct Timing<'a> {
    /// The schedule.
    pub schedule: &'a Schedule,
    /// Seconds by which it may start late; none for the service's own limit.
    pub max_lateness_s: Option<i64>,
}

/// Makes an unfrozen revision of a campaign with `content`; its steps get ids of their own.
pub async fn insert(
    txn: &Txn,
    ids: &Ids,
    (site_id, campaign_id): (SiteId, CampaignId),
    number: i64,
    content: &Content,
    now: Instant,
) -> Result<RevisionId> {
    let id: RevisionId = ids.next();
    campaign_revision::ActiveModel {
        id: Set(id.0),
        site_id: Set(site_id.0),
        campaign_id: Set(campaign_id.0),
        number: Set(number),
        uses_smart_sending: Set(content.uses_smart_sending),
        frozen_at: Set(None),
        mode: Set(None),
        local_date_time: Set(None),
        time_zone: Set(None),
        starts_at: Set(None),
        ends_at: Set(None),
        send_by: Set(None),
        quiet_hours_enabled: Set(false),
        quiet_hours_start: Set(None),
        quiet_hours_end: Set(None),
        has_rule_packs: Set(false),
        smart_sending_enabled: Set(false),
        smart_sending_window_s: Set(0),
        own_quiet_hours_start: Set(content.quiet_hours.map(|own| time_text(own.start()))),
        own_quiet_hours_end: Set(content.quiet_hours.map(|own| time_text(own.end()))),
        created_at: Set(ms(now)),
        ..Default::default()
    }
    .insert(txn)
    .await?;
    set_steps(txn, ids, site_id, id, &content.steps).await?;
    set_audiences(txn, site_id, id, &content.targeting).await?;
    Ok(id)
}

/// Sets the steps of an unfrozen revision in place of those now set.
pub async fn set_steps(
    txn: &Txn,
    ids: &Ids,
    site_id: SiteId,
    id: RevisionId,
    steps: &[Step],
) -> Result<()> {
    campaign_step::Entity::delete_many()
        .filter(campaign_step::Column::RevisionId.eq(id.0))
        .exec(txn)
        .await?;
    let rows = (0..).zip(steps).map(|(position, step)| campaign_step::ActiveModel {
        id: Set(ids.next::<StepId>().0),
        site_id: Set(site_id.0),
        revision_id: Set(id.0),
        position: Set(position),
        body: Set(step.body.clone()),
        media_url: Set(step.media_url.clone()),
        delay_s: Set(step.delay_s),
        condition: Set(step.condition.as_str().to_owned()),
    });
    campaign_step::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(())
}

/// Sets the audiences of an unfrozen revision in place of those now set.
pub async fn set_audiences(
    txn: &Txn,
    site_id: SiteId,
    id: RevisionId,
    targeting: &Targeting,
) -> Result<()> {
    campaign_audience::Entity::delete_many()
        .filter(campaign_audience::Column::RevisionId.eq(id.0))
        .exec(txn)
        .await?;
    let included = targeting.included.iter().map(|audience| (audience, false));
    let excluded = targeting.excluded.iter().map(|audience| (audience, true));
    let rows = (0..).zip(included.chain(excluded)).map(|(position, (audience, is_excluded))| {
        campaign_audience::ActiveModel {
            site_id: Set(site_id.0),
            revision_id: Set(id.0),
            audience_id: Set(audience.0),
            is_excluded: Set(is_excluded),
            position: Set(position),
            rules: Set(None),
        }
    });
    campaign_audience::Entity::insert_many(rows).exec_without_returning(txn).await?;
    Ok(())
}

/// Sets whether Smart Sending applies to an unfrozen revision.
pub async fn set_smart_sending(txn: &Txn, id: RevisionId, uses: bool) -> Result<()> {
    campaign_revision::ActiveModel {
        id: Set(id.0),
        uses_smart_sending: Set(uses),
        ..Default::default()
    }
    .update(txn)
    .await?;
    Ok(())
}

/// Sets the quiet hours of an unfrozen revision's own, or takes them away.
pub async fn set_quiet_hours(txn: &Txn, id: RevisionId, own: Option<QuietHours>) -> Result<()> {
    campaign_revision::ActiveModel {
        id: Set(id.0),
        own_quiet_hours_start: Set(own.map(|own| time_text(own.start()))),
        own_quiet_hours_end: Set(own.map(|own| time_text(own.end()))),
        ..Default::default()
    }
    .update(txn)
    .await?;
    Ok(())
}

/// Freezes a revision: its schedule, the site's settings as they are, and the definitions of its audiences.
pub async fn freeze(
    txn: &Txn,
    id: RevisionId,
    timing: Timing<'_>,
    site: &Site,
    audiences: &[Audience],
    now: Instant,
) -> Result<()> {
    let Timing { schedule, max_lateness_s } = timing;
    campaign_revision::ActiveModel {
        id: Set(id.0),
        frozen_at: Set(Some(ms(now))),
        mode: Set(Some(schedule.mode.as_str().to_owned())),
        local_date_time: Set(schedule.local_date_time.map(date_time_text)),
        time_zone: Set(schedule.zone.map(|zone| zone.name().to_owned())),
        if_passed: Set(schedule.if_passed.map(|policy| policy.as_str().to_owned())),
        launches_at: Set(Some(ms(schedule.launches_at))),
        site_time_zone: Set(Some(site.zone.name().to_owned())),
        starts_at: Set(Some(ms(schedule.starts_at))),
        ends_at: Set(Some(ms(schedule.ends_at))),
        send_by: Set(schedule.send_by.map(ms)),
        max_lateness_s: Set(max_lateness_s),
        quiet_hours_enabled: Set(site.quiet_hours.is_enabled()),
        quiet_hours_start: Set(Some(time_text(site.quiet_hours.start()))),
        quiet_hours_end: Set(Some(time_text(site.quiet_hours.end()))),
        rule_packs: Set(Some(site.rule_packs.to_string())),
        has_rule_packs: Set(site.rule_packs != RulePacks::NONE),
        smart_sending_enabled: Set(site.smart_sending.is_enabled),
        smart_sending_window_s: Set(site.smart_sending.window_s),
        text_prefix: Set(site.frame.prefix.clone()),
        text_footer: Set(site.frame.footer.clone()),
        ..Default::default()
    }
    .update(txn)
    .await?;
    for audience in audiences {
        campaign_audience::Entity::update_many()
            .col_expr(campaign_audience::Column::Rules, rules_json(&audience.rules).into())
            .filter(campaign_audience::Column::RevisionId.eq(id.0))
            .filter(campaign_audience::Column::AudienceId.eq(audience.id.0))
            .exec(txn)
            .await?;
    }
    Ok(())
}

/// The number of a revision: 1 for a campaign's first.
pub async fn number(connection: &impl ConnectionTrait, id: RevisionId) -> Result<i64> {
    let row = campaign_revision::Entity::find_by_id(id.0).one(connection).await?;
    Ok(row.map_or(0, |row| row.number))
}

/// What a frozen revision puts around its texts; none when it is not frozen, and the site's own applies.
pub async fn frozen_frame(
    connection: &impl ConnectionTrait,
    id: RevisionId,
) -> Result<Option<Frame>> {
    let row = campaign_revision::Entity::find_by_id(id.0).one(connection).await?;
    let frozen = row.filter(|row| row.frozen_at.is_some());
    Ok(frozen.map(|row| Frame { prefix: row.text_prefix, footer: row.text_footer }))
}

/// A revision's steps, in order.
pub async fn steps(connection: &impl ConnectionTrait, id: RevisionId) -> Result<Vec<Step>> {
    let rows = campaign_step::Entity::find()
        .filter(campaign_step::Column::RevisionId.eq(id.0))
        .order_by_asc(campaign_step::Column::Position)
        .all(connection)
        .await?;
    Ok(rows.into_iter().map(convert::step).collect::<std::result::Result<_, _>>()?)
}

/// The steps of several revisions of the sites given, in order.
pub async fn steps_of(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[RevisionId],
) -> Result<HashMap<RevisionId, Vec<Step>>> {
    use campaign_step::Column;
    let rows = campaign_step::Entity::find()
        .filter(bulk::among(connection, Column::RevisionId, ids.iter().map(|id| id.0)))
        .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .order_by_asc(Column::Position)
        .all(connection)
        .await?;
    let mut steps: HashMap<RevisionId, Vec<Step>> = HashMap::new();
    for row in rows {
        steps.entry(row.revision_id.into()).or_default().push(convert::step(row)?);
    }
    Ok(steps)
}

/// What several frozen revisions of the sites given put around their texts; those not frozen are left out.
pub async fn frozen_frames(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[RevisionId],
) -> Result<HashMap<RevisionId, Frame>> {
    use campaign_revision::Column;
    let rows = campaign_revision::Entity::find()
        .filter(bulk::among(connection, Column::Id, ids.iter().map(|id| id.0)))
        .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .filter(Column::FrozenAt.is_not_null())
        .all(connection)
        .await?;
    let frame = |row: campaign_revision::Model| {
        (row.id.into(), Frame { prefix: row.text_prefix, footer: row.text_footer })
    };
    Ok(rows.into_iter().map(frame).collect())
}

/// The audiences of several revisions of the sites given, in the order set.
pub async fn targetings(
    connection: &impl ConnectionTrait,
    sites: &[SiteId],
    ids: &[RevisionId],
) -> Result<HashMap<RevisionId, Targeting>> {
    use campaign_audience::Column;
    let rows = campaign_audience::Entity::find()
        .filter(bulk::among(connection, Column::RevisionId, ids.iter().map(|id| id.0)))
        .filter(Column::SiteId.is_in(sites.iter().map(|site| site.0)))
        .order_by_asc(Column::Position)
        .all(connection)
        .await?;
    let mut targetings: HashMap<RevisionId, Targeting> = HashMap::new();
    for row in rows {
        target(targetings.entry(row.revision_id.into()).or_default(), &row);
    }
    Ok(targetings)
}

fn target(targeting: &mut Targeting, row: &campaign_audience::Model) {
    let list = if row.is_excluded { &mut targeting.excluded } else { &mut targeting.included };
    list.push(row.audience_id.into());
}

/// A revision's audiences, in the order set.
pub async fn targeting(connection: &impl ConnectionTrait, id: RevisionId) -> Result<Targeting> {
    let rows = campaign_audience::Entity::find()
        .filter(campaign_audience::Column::RevisionId.eq(id.0))
        .order_by_asc(campaign_audience::Column::Position)
        .all(connection)
        .await?;
    let mut targeting = Targeting::default();
    for row in &rows {
        target(&mut targeting, row);
    }
    Ok(targeting)
}

/// The definitions a frozen revision selects and leaves out by.
#[derive(Clone, Debug, Default)]
pub struct FrozenRules {
    /// Whoever one of these selects receives it…
    pub included: Vec<AudienceRules>,
    /// …unless one of these selects them too.
    pub excluded: Vec<AudienceRules>,
}

/// Reads the definitions a revision froze.
pub async fn frozen_rules(
    connection: &impl ConnectionTrait,
    id: RevisionId,
) -> Result<FrozenRules> {
    let rows = campaign_audience::Entity::find()
        .filter(campaign_audience::Column::RevisionId.eq(id.0))
        .all(connection)
        .await?;
    let mut rules = FrozenRules::default();
    for row in rows {
        let Some(json) = row.rules else { continue };
        let list = if row.is_excluded { &mut rules.excluded } else { &mut rules.included };
        list.push(convert::rules("campaign_audience", &json)?);
    }
    Ok(rules)
}
