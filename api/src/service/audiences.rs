//! Audiences.

use super::{
    Actor, Fault, Page, PageRequest, Service,
    audit::Act,
    check::{Coded, Codes, Problems, choose_site},
    once::Once,
    secrets::InputDigest,
};
use crate::db::{Error, audiences};
use domain::{
    audience::{Audience, AudienceRules},
    audit::AuditOperation,
    id::{AudienceId, SiteId},
    refusal::{AudienceError, Outcome, Refusal},
};
use entity::convert::ms;
use serde_json::json;
use std::collections::HashMap;

/// An audience to save.
#[derive(Clone, Debug)]
pub struct NewAudience {
    /// The site; needed when the key reaches several.
    pub site_id: Option<SiteId>,
    /// A label for people.
    pub name: String,
    /// Whom it selects.
    pub rules: AudienceRules,
    /// Makes a retry safe.
    pub idempotency_key: Option<String>,
}

impl Coded for AudienceError {
    const CODES: Codes<Self> = Codes {
        invalid: Self::Invalid,
        blank: Self::Blank,
        too_long: Self::TooLong,
        reused: Self::IdempotencyKeyReused,
    };
}

impl Service {
    /// Saves an audience.
    pub async fn audience_create(
        &self,
        actor: &Actor,
        input: NewAudience,
    ) -> Result<Outcome<Audience, AudienceError>, Fault> {
        let (missing, unnamed) = (AudienceError::NotFound, AudienceError::SiteRequired);
        let site_id = match choose_site(actor, input.site_id, missing, unnamed) {
            Ok(site_id) => site_id,
            Err(refusal) => return Ok(Err(vec![refusal])),
        };
        if let Err(refusals) = check(&input) {
            return Ok(Err(refusals));
        }
        let now = self.clock.now();
        let txn = self.db.begin_write().await?;
        let digest = digest(&input, site_id);
        let once = Once::new(actor, "audience_create", input.idempotency_key.as_deref(), &digest);
        match once.take(&txn, site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => {
                let id = prior.get("audience").and_then(|id| id.as_str()?.parse().ok());
                let found = match id {
                    Some(id) => audiences::find_many(&txn, actor.sites(), &[id]).await?.pop(),
                    None => None,
                };
                return Ok(found.ok_or_else(|| vec![not_found()]));
            }
            Ok(None) => {}
        }
        let audience = Audience {
            id: self.ids.next(),
            site_id,
            name: input.name.clone(),
            rules: input.rules.clone(),
            created_at: now,
            updated_at: now,
        };
        if !audiences::insert(&txn, &audience).await? {
            let message = "Another audience of the site has this name.";
            return Ok(Err(vec![Refusal::at(AudienceError::NameTaken, "input.name", message)]));
        }
        once.keep(&txn, json!({ "audience": audience.id.to_string() })).await?;
        let act = Act::new(AuditOperation::AudienceCreate, site_id, &audience.id);
        self.note(&txn, actor, act, now).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok(Ok(audience))
    }

    /// One audience.
    pub async fn audience(&self, actor: &Actor, id: AudienceId) -> Result<Option<Audience>, Fault> {
        Ok(audiences::find_many(self.db.read(), actor.sites(), &[id]).await?.pop())
    }

    /// A page of the audiences of each site that the caller reaches, by id.
    pub async fn audiences(
        &self,
        actor: &Actor,
        sites: &[SiteId],
        page: &PageRequest,
    ) -> Result<HashMap<SiteId, Page<Audience>>, Fault> {
        let sites = actor.reached(sites);
        let pages = audiences::pages(self.db.read(), &sites, page).await?;
        Ok(sites.into_iter().zip(pages).collect())
    }

    /// How many audiences each site has, in the order asked; none for one that the caller does not reach.
    pub async fn audience_totals(
        &self,
        actor: &Actor,
        sites: &[SiteId],
    ) -> Result<Vec<i64>, Fault> {
        let counts = audiences::counts(self.db.read(), sites).await?;
        Ok(sites.iter().zip(counts).map(|(site, count)| actor.only(*site, count)).collect())
    }
}

fn check(input: &NewAudience) -> Result<(), Vec<Refusal<AudienceError>>> {
    let mut problems = Problems::new(AudienceError::CODES);
    problems.name("input.name", &input.name);
    problems.idempotency_key("input.idempotencyKey", input.idempotency_key.as_deref());
    problems.tags("input.rules.tagsAny", &input.rules.tags_any);
    problems.tags("input.rules.tagsAll", &input.rules.tags_all);
    problems.tags("input.rules.tagsNone", &input.rules.tags_none);
    if let (Some(from), Some(until)) = (input.rules.subscribed_from, input.rules.subscribed_until)
        && from >= until
    {
        let message = "The span is empty: it ends no later than it begins.";
        problems.add(AudienceError::Invalid, "input.rules.subscribedWithin", message);
    }
    problems.check()
}

fn digest(input: &NewAudience, site_id: SiteId) -> String {
    let rules = &input.rules;
    let at = |at: Option<domain::Instant>| at.map(|at| ms(at).to_string());
    InputDigest::default()
        .field(&site_id.to_string())
        .field(&input.name)
        .list(rules.tags_any.iter())
        .list(rules.tags_all.iter())
        .list(rules.tags_none.iter())
        .optional(at(rules.subscribed_from).as_deref())
        .optional(at(rules.subscribed_until).as_deref())
        .finish()
}

fn not_found() -> Refusal<AudienceError> {
    Refusal::new(AudienceError::NotFound, "There is no such audience.")
}
