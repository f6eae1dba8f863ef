//! Keys and sites.

use super::{Actor, ApiKey, Carrier, Fault, Page, PageRequest, Service};
use crate::{
    db::{keys, site_changes, sites},
    tokens::{self, Flaw},
};
use domain::{
    access::CallerId,
    campaign::CampaignStatus,
    id::SiteId,
    reason::StatusReason,
    setting::LoggedChange,
    site::{self, Site},
};
use std::collections::HashMap;

/// Why a bearer token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unrecognised {
    /// No key that works; whether it is unknown, expired or revoked is not told.
    Key,
    /// A signed token that is not taken.
    Token(Flaw),
}

impl Service {
    /// Who holds a bearer token: an API key, or a token that another service signed.
    pub async fn authenticate(&self, bearer: &str) -> Result<Result<Actor, Unrecognised>, Fault> {
        match &self.tokens {
            Some(tokens) if tokens::is_signed(bearer) => {
                let claims = match tokens.check(bearer, self.clock.now()).await {
                    Ok(claims) => claims,
                    Err(flaw) => return Ok(Err(Unrecognised::Token(flaw))),
                };
                // A site that is not there would be reached as soon as it is made, and not before.
                let reached = sites::existing(self.db.read(), &claims.sites).await?;
                let caller = CallerId::Subject(claims.subject.clone());
                Ok(Ok(Actor::new(caller, claims.subject, claims.role, reached)))
            }
            _ => Ok(self.holder(bearer).await?.ok_or(Unrecognised::Key)),
        }
    }

    /// The key that authenticated `actor`; none where a token did.
    pub async fn own_key(&self, actor: &Actor) -> Result<Option<ApiKey>, Fault> {
        match actor.caller {
            CallerId::Key(id) => Ok(keys::find(self.db.read(), id).await?),
            CallerId::Subject(_) => Ok(None),
        }
    }

    /// A site the caller reaches; with no id, the only one.
    pub async fn site(&self, actor: &Actor, id: Option<SiteId>) -> Result<Option<Site>, Fault> {
        let Some(id) = actor.site(id) else { return Ok(None) };
        Ok(sites::find(self.db.read(), id).await?)
    }

    /// Those of these sites that the caller reaches, in no order.
    pub async fn sites_by_id(&self, actor: &Actor, ids: &[SiteId]) -> Result<Vec<Site>, Fault> {
        Ok(sites::find_many(self.db.read(), &actor.reached(ids)).await?)
    }

    /// The sites the caller reaches, by id.
    pub async fn sites(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Site>, Fault> {
        Ok(sites::page(self.db.read(), actor.sites(), page).await?)
    }

    /// What was changed of the settings of each site that the caller reaches, newest first.
    pub async fn site_changes(
        &self,
        actor: &Actor,
        sites: &[SiteId],
        page: &PageRequest,
    ) -> Result<HashMap<SiteId, Page<LoggedChange>>, Fault> {
        let sites = actor.reached(sites);
        let pages = site_changes::pages(self.db.read(), &sites, page).await?;
        Ok(sites.into_iter().zip(pages).collect())
    }

    /// Everything that would make a campaign of the site fail if it were activated now.
    pub fn sending_blockers(&self, site: &Site, carrier: &Carrier) -> Vec<StatusReason> {
        site::sending_blockers(site, carrier.has_ready_sender, self.clock.now())
    }

    /// How many campaigns of each site that the caller reaches are in each status, every status included, in
    /// the order of a life.
    pub async fn campaign_counts(
        &self,
        actor: &Actor,
        sites: &[SiteId],
    ) -> Result<HashMap<SiteId, Vec<(CampaignStatus, i64)>>, Fault> {
        let sites = actor.reached(sites);
        let counted = sites::campaign_counts(self.db.read(), &sites).await?;
        let count = |site, status| {
            let found = counted.iter().find(|(of, is, _)| *of == site && *is == status);
            found.map_or(0, |(_, _, count)| *count)
        };
        let all =
            |site| CampaignStatus::ALL.iter().map(move |status| (*status, count(site, *status)));
        Ok(sites.into_iter().map(|site| (site, all(site).collect())).collect())
    }
}
