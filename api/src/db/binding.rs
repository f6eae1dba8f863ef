//! What binds a campaign's messages: the frozen revision, and whatever of the site has grown stricter since.
//!
//! **Invariant:** a setting that was loosened after activation does not loosen a campaign under way.

use super::{Result, campaigns, revisions, sites};
use domain::{
    campaign::{Campaign, Step},
    gate::Rules,
    rule_pack::RulePacks,
    schedule::Schedule,
    site::{QuietHours, Site, SmsPlanStatus},
    template::Template,
    text::Frame,
    zone::Zone,
};
use entity::{campaign_revision, convert};
use sea_orm::{ConnectionTrait, EntityTrait};

/// What every message of a campaign is made of and judged by.
#[derive(Clone, Debug)]
pub struct Binding {
    /// The campaign.
    pub campaign: Campaign,
    /// Its site as it is now.
    pub site: Site,
    /// The rules that bind.
    pub rules: Rules,
    /// When initial messages are due.
    pub schedule: Option<Schedule>,
    /// The zone of recipients of whom nothing is known: the site's when the campaign was activated.
    pub zone: Zone,
    /// Its messages, each with its text taken apart.
    pub steps: Vec<(Step, Template)>,
    /// What stands around every text.
    pub frame: Frame,
}

impl Binding {
    /// The step at `position`.
    pub fn step(&self, position: i64) -> Option<&(Step, Template)> {
        self.steps.iter().find(|(step, _)| i64::from(step.position) == position)
    }

    /// Whether segments are reserved before a message leaves.
    pub fn is_on_trial(&self) -> bool {
        self.site.plan == SmsPlanStatus::Trial
    }
}

/// Reads what binds a campaign; none where the campaign or its site is gone, or a text of it cannot be
/// understood, which composing it refused.
pub async fn read(
    connection: &impl ConnectionTrait,
    campaign: Campaign,
) -> Result<Option<Binding>> {
    let Some(site) = sites::find(connection, campaign.site_id).await? else { return Ok(None) };
    let revision = campaign_revision::Entity::find_by_id(campaign.revision_id.0);
    let Some(revision) = revision.one(connection).await? else { return Ok(None) };
    let steps = revisions::steps(connection, campaign.revision_id).await?;
    let parsed = steps.into_iter().map(|step| Ok((Template::parse(&step.body)?, step)));
    let parsed: std::result::Result<Vec<_>, domain::template::TemplateProblem> = parsed.collect();
    let Ok(parsed) = parsed else { return Ok(None) };
    let zone = revision.site_time_zone.as_deref();
    let zone = zone.map(|text| convert::zone("campaign_revision", text)).transpose()?;
    Ok(Some(Binding {
        rules: rules(&campaign, &revision, &site)?,
        schedule: campaign.schedule.clone(),
        zone: zone.unwrap_or(site.zone),
        steps: parsed.into_iter().map(|(template, step)| (step, template)).collect(),
        frame: frame(&revision, &site),
        campaign,
        site,
    }))
}

/// As [`read`], of the campaign as the database has it now.
pub async fn find(
    connection: &impl ConnectionTrait,
    id: domain::id::CampaignId,
) -> Result<Option<Binding>> {
    match campaigns::find_any(connection, id).await? {
        Some(campaign) => read(connection, campaign).await,
        None => Ok(None),
    }
}

fn rules(campaign: &Campaign, revision: &campaign_revision::Model, site: &Site) -> Result<Rules> {
    let is_frozen = revision.frozen_at.is_some();
    let frozen = convert::rules::frozen_quiet_hours(revision)?;
    let mut site_quiet_hours: Vec<QuietHours> = frozen.into_iter().collect();
    if site.quiet_hours.is_enabled() && !site_quiet_hours.contains(&site.quiet_hours) {
        site_quiet_hours.push(site.quiet_hours);
    }
    let frozen_packs =
        if is_frozen { convert::rules::frozen_rule_packs(revision)? } else { RulePacks::NONE };
    Ok(Rules {
        site_quiet_hours,
        own_quiet_hours: convert::rules::own_quiet_hours(revision)?,
        packs: frozen_packs.union(site.rule_packs),
        smart_sending: smart_sending(campaign, revision, site),
    })
}

/// The longer of the window that was frozen and the one that is set now.
fn smart_sending(
    campaign: &Campaign,
    revision: &campaign_revision::Model,
    site: &Site,
) -> Option<chrono::TimeDelta> {
    let frozen = revision.smart_sending_enabled.then_some(revision.smart_sending_window_s);
    let current = site.smart_sending.is_enabled.then_some(site.smart_sending.window_s);
    let longest = frozen.into_iter().chain(current).max().filter(|seconds| *seconds > 0);
    longest.filter(|_| campaign.uses_smart_sending).map(chrono::TimeDelta::seconds)
}

/// What was frozen; of a draft, what the site has now.
fn frame(revision: &campaign_revision::Model, site: &Site) -> Frame {
    if revision.frozen_at.is_some() {
        let (prefix, footer) = (revision.text_prefix.clone(), revision.text_footer.clone());
        Frame { prefix, footer }
    } else {
        site.frame.clone()
    }
}
