//! Composing: making a draft, changing it, removing it.

use super::{
    super::{
        check::{CAMPAIGN, Problems, choose_site},
        secrets::InputDigest,
    },
    CampaignError, Changes, NewCampaign, NewStep, Outcome, Refused, check_action, check_revision,
    not_found,
    once::{Once, answer, answered},
};
use crate::{
    db::{
        Error, Txn, audiences, campaigns,
        events::{self, NewEvent},
        revisions::{self, Content},
    },
    service::{Actor, Fault, NewQuietHours, Service, audit::Act},
};
use domain::{
    audit::AuditOperation,
    campaign::{Campaign, CampaignAction, CampaignStatus, Step, Targeting},
    event::CampaignEventKind,
    id::{AudienceId, CampaignId, SiteId, StepId},
    limits::AUDIENCES_MAX,
    site::QuietHours,
};
use std::collections::{BTreeSet, HashSet};
use uuid::Uuid;

/// The audiences a caller named, not yet looked up.
struct Named<'a> {
    included: Option<&'a [Option<AudienceId>]>,
    excluded: Option<&'a [Option<AudienceId>]>,
}

impl Service {
    /// Makes a draft.
    pub async fn campaign_create(&self, actor: &Actor, input: NewCampaign) -> Refused<Campaign> {
        let (missing, unnamed) = (CampaignError::NotFound, CampaignError::SiteRequired);
        let site_id = match choose_site(actor, input.site_id, missing, unnamed) {
            Ok(site_id) => site_id,
            Err(refusal) => return Ok(Err(vec![refusal])),
        };
        let mut problems = Problems::new(CAMPAIGN);
        problems.name("input.name", &input.name);
        problems.steps("input.steps", &input.steps);
        problems.quiet_hours("input.quietHours", input.quiet_hours);
        let named = Named {
            included: Some(&input.audience_ids),
            excluded: Some(&input.excluded_audience_ids),
        };
        let now = self.clock.now();
        let digest = digest(&input, site_id);
        let once = Once::new(actor, "campaign_create", input.idempotency_key.as_deref(), &digest);
        let txn = self.db.begin_write().await?;
        match once.take(&txn, site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return self.replay(&txn, actor, &prior).await,
            Ok(None) => {}
        }
        check_audiences(&txn, site_id, &named, &mut problems).await?;
        if let Err(refusals) = problems.check() {
            return Ok(Err(refusals));
        }
        let content = Content {
            steps: steps(&input.steps),
            targeting: targeting(&named, &Targeting::default()),
            uses_smart_sending: input.uses_smart_sending,
            quiet_hours: own(input.quiet_hours),
        };
        let campaign = self.insert_draft(&txn, actor, site_id, &input.name, &content, None).await?;
        once.keep(&txn, answer(campaign.id)).await?;
        self.note(&txn, actor, Act::to(&campaign, AuditOperation::CampaignCreate), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.hints.give();
        Ok(Ok(campaign))
    }

    /// Makes a draft with `content`, and logs that it was made.
    pub(super) async fn insert_draft(
        &self,
        txn: &Txn,
        actor: &Actor,
        site_id: SiteId,
        name: &str,
        content: &Content,
        copied: Option<(CampaignId, bool)>,
    ) -> Result<Campaign, Fault> {
        let now = self.clock.now();
        let mut campaign = Campaign {
            id: self.ids.next(),
            site_id,
            name: name.to_owned(),
            status: CampaignStatus::Draft,
            status_reason: None,
            status_changed_at: now,
            revision: 1,
            revision_id: Uuid::nil().into(),
            uses_smart_sending: content.uses_smart_sending,
            quiet_hours: content.quiet_hours,
            max_lateness_s: None,
            paused_at: None,
            schedule: None,
            duplicated_from: copied.map(|(original, _)| original),
            excludes_reached: copied.is_some_and(|(_, excludes)| excludes),
            created_at: now,
            updated_at: now,
        };
        campaigns::insert(txn, &campaign).await?;
        let owner = (site_id, campaign.id);
        campaign.revision_id = revisions::insert(txn, &self.ids, owner, 1, content, now).await?;
        campaigns::set_revision(txn, campaign.id, campaign.revision_id, None).await?;
        let event = NewEvent {
            site_id,
            campaign_id: campaign.id,
            sequence: campaign.revision,
            kind: CampaignEventKind::Created,
            statuses: None,
            reason: None,
            at: now,
        };
        events::append(txn, &self.ids, &actor.cause(), event).await?;
        Ok(campaign)
    }

    /// Answers a repeated command with the campaign its first answer named. It is read where the key was
    /// taken: repeats that each held a connection and waited for a second one would starve the pool.
    pub(super) async fn replay(
        &self,
        txn: &Txn,
        actor: &Actor,
        prior: &serde_json::Value,
    ) -> Refused<Campaign> {
        let Some(id) = answered(prior) else { return Ok(not_found()) };
        let found = campaigns::find(txn, actor.sites(), id).await?;
        Ok(found.map_or_else(not_found, Ok))
    }

    /// Changes a draft; what is left out stays as it is.
    pub async fn campaign_update(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        changes: Changes,
    ) -> Refused<Campaign> {
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        let Some(campaign) = self.lock(&txn, actor, id).await? else { return Ok(not_found()) };
        let allowed = check_action(&campaign, CampaignAction::Edit).and_then(|()| {
            check_revision(&campaign, changes.expected_revision, "input.expectedRevision")
        });
        if let Err(refusals) = allowed {
            return Ok(Err(refusals));
        }
        if is_empty(&changes) {
            return Ok(Ok(campaign));
        }
        if let Err(refusals) = check_changes(&txn, campaign.site_id, &changes).await? {
            return Ok(Err(refusals));
        }
        self.write_changes(&txn, &campaign, &changes).await?;
        let name = changes.name.as_deref().unwrap_or(&campaign.name);
        let (by, revision) = (actor.cause(), campaign.revision_id);
        if !campaigns::edit(&txn, &self.ids, &by, &campaign, name, revision, now).await? {
            let message = "Another caller changed the campaign at this moment.";
            return Ok(super::refuse(CampaignError::StaleRevision, message));
        }
        self.note(&txn, actor, Act::to(&campaign, AuditOperation::CampaignUpdate), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.hints.give();
        self.reread(actor, campaign.id).await
    }

    async fn write_changes(
        &self,
        txn: &Txn,
        campaign: &Campaign,
        changes: &Changes,
    ) -> Result<(), Fault> {
        let revision = campaign.revision_id;
        if let Some(new) = &changes.steps {
            revisions::set_steps(txn, &self.ids, campaign.site_id, revision, &steps(new)).await?;
        }
        let named = named(changes);
        if named.included.is_some() || named.excluded.is_some() {
            let before = revisions::targeting(txn, revision).await?;
            let after = targeting(&named, &before);
            revisions::set_audiences(txn, campaign.site_id, revision, &after).await?;
        }
        if let Some(uses) = changes.uses_smart_sending {
            revisions::set_smart_sending(txn, revision, uses).await?;
        }
        if let Some(new) = changes.quiet_hours {
            revisions::set_quiet_hours(txn, revision, own(new)).await?;
        }
        Ok(())
    }

    /// Removes a draft.
    pub async fn campaign_delete(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        expected_revision: Option<i64>,
    ) -> Refused<CampaignId> {
        let txn = self.db.begin_write().await?;
        let Some(campaign) = self.lock(&txn, actor, id).await? else { return Ok(not_found()) };
        let allowed = check_action(&campaign, CampaignAction::Delete)
            .and_then(|()| check_revision(&campaign, expected_revision, "input.expectedRevision"));
        if let Err(refusals) = allowed {
            return Ok(Err(refusals));
        }
        let now = self.clock.now();
        let event = NewEvent {
            site_id: campaign.site_id,
            campaign_id: campaign.id,
            sequence: campaign.revision + 1,
            kind: CampaignEventKind::Deleted,
            statuses: None,
            reason: None,
            at: now,
        };
        campaigns::delete(&txn, campaign.id).await?;
        events::append(&txn, &self.ids, &actor.cause(), event).await?;
        self.note(&txn, actor, Act::to(&campaign, AuditOperation::CampaignDelete), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.hints.give();
        Ok(Ok(campaign.id))
    }
}

fn is_empty(changes: &Changes) -> bool {
    changes.name.is_none()
        && changes.audience_ids.is_none()
        && changes.excluded_audience_ids.is_none()
        && changes.steps.is_none()
        && changes.uses_smart_sending.is_none()
        && changes.quiet_hours.is_none()
}

fn named(changes: &Changes) -> Named<'_> {
    Named {
        included: changes.audience_ids.as_deref(),
        excluded: changes.excluded_audience_ids.as_deref(),
    }
}

async fn check_changes(
    txn: &Txn,
    site_id: SiteId,
    changes: &Changes,
) -> Result<Outcome<(), CampaignError>, Fault> {
    let mut problems = Problems::new(CAMPAIGN);
    if let Some(name) = &changes.name {
        problems.name("input.name", name);
    }
    if let Some(steps) = &changes.steps {
        problems.steps("input.steps", steps);
    }
    problems.quiet_hours("input.quietHours", changes.quiet_hours.flatten());
    check_audiences(txn, site_id, &named(changes), &mut problems).await?;
    Ok(problems.check())
}

/// Refuses audiences that the site does not have, and too many of them.
async fn check_audiences(
    txn: &Txn,
    site_id: SiteId,
    named: &Named<'_>,
    problems: &mut Problems<CampaignError>,
) -> Result<(), Fault> {
    let lists =
        [("input.audienceIds", named.included), ("input.excludedAudienceIds", named.excluded)];
    for (path, ids) in lists.iter().filter_map(|(path, ids)| Some((*path, (*ids)?))) {
        if ids.len() > AUDIENCES_MAX {
            let message = format!("There are more than {AUDIENCES_MAX} audiences.");
            problems.add(CampaignError::TooLong, path, message);
            continue;
        }
        let wanted: Vec<AudienceId> = ids.iter().flatten().copied().collect();
        let found = audiences::find_many(txn, &[site_id], &wanted).await?;
        let found: HashSet<AudienceId> = found.into_iter().map(|audience| audience.id).collect();
        for (at, id) in ids.iter().enumerate() {
            if id.is_none_or(|id| !found.contains(&id)) {
                let message = "There is no such audience on the site.";
                problems.add(CampaignError::AudienceNotFound, &format!("{path}.{at}"), message);
            }
        }
    }
    Ok(())
}

/// The audiences named, each once, with those now set where none are named.
fn targeting(named: &Named<'_>, before: &Targeting) -> Targeting {
    let list = |ids: Option<&[Option<AudienceId>]>, before: &[AudienceId]| match ids {
        None => before.to_vec(),
        Some(ids) => {
            let mut seen = BTreeSet::new();
            ids.iter().flatten().copied().filter(|id| seen.insert(*id)).collect()
        }
    };
    Targeting {
        included: list(named.included, &before.included),
        excluded: list(named.excluded, &before.excluded),
    }
}

/// Quiet hours of a campaign's own: a window that is switched off is none.
fn own(new: Option<NewQuietHours>) -> Option<QuietHours> {
    new.filter(|new| new.is_enabled)?.checked().ok()
}

/// Steps to save; their ids are given when they are written.
fn steps(new: &[NewStep]) -> Vec<Step> {
    let step = |(position, step): (i32, &NewStep)| Step {
        id: StepId(Uuid::nil()),
        position,
        body: step.body.clone(),
        media_url: step.media_url.clone(),
        delay_s: step.delay_s,
        condition: step.condition,
    };
    (0..).zip(new).map(step).collect()
}

fn digest(input: &NewCampaign, site_id: SiteId) -> String {
    let ids = |ids: &[Option<AudienceId>]| -> Vec<String> {
        ids.iter().map(|id| id.map_or_else(String::new, |id| id.to_string())).collect()
    };
    let digest = InputDigest::default()
        .field(&site_id.to_string())
        .field(&input.name)
        .list(ids(&input.audience_ids).iter())
        .list(ids(&input.excluded_audience_ids).iter())
        .field(&input.uses_smart_sending.to_string())
        .optional(input.quiet_hours.map(|own| own.to_string()).as_deref())
        .field(&input.steps.len().to_string());
    let step = |digest: InputDigest, step: &NewStep| {
        let delay = step.delay_s.map(|delay| delay.to_string());
        digest
            .field(&step.body)
            .optional(step.media_url.as_deref())
            .optional(delay.as_deref())
            .field(step.condition.as_str())
    };
    input.steps.iter().fold(digest, step).finish()
}
