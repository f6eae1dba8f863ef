//! Audiences.

use super::{Actor, Fault, Page, PageRequest, Service};
use domain::{
    audience::{Audience, AudienceRules},
    id::{AudienceId, SiteId},
    refusal::{AudienceError, Outcome},
};

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

impl Service {
    /// Saves an audience.
    pub async fn audience_create(&self, actor: &Actor, input: NewAudience) -> Result<Outcome<Audience, AudienceError>, Fault> { unimplemented!() }
    /// One audience.
    pub async fn audience(&self, actor: &Actor, id: AudienceId) -> Result<Option<Audience>, Fault> { unimplemented!() }
    /// Audiences of a site, by id.
    pub async fn audiences(&self, actor: &Actor, site_id: SiteId, page: &PageRequest) -> Result<Page<Audience>, Fault> { unimplemented!() }
    /// How many audiences the site has.
    pub async fn audience_count(&self, actor: &Actor, site_id: SiteId) -> Result<i64, Fault> { unimplemented!() }
}
