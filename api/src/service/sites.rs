//! Keys and sites.

use super::{Actor, Fault, Page, PageRequest, Service};
use domain::{
    Instant,
    access::Role,
    campaign::CampaignStatus,
    id::{ApiKeyId, SiteId},
    reason::StatusReason,
    site::Site,
};

/// An API key as callers see it: never its secret.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The id.
    pub id: ApiKeyId,
    /// A label for people.
    pub name: String,
    /// The first characters of the secret.
    pub prefix: String,
    /// The role.
    pub role: Role,
    /// When it was made.
    pub created_at: Instant,
    /// When it last authenticated a request, to the minute.
    pub last_used_at: Option<Instant>,
    /// When it stops working.
    pub expires_at: Option<Instant>,
    /// When it was revoked.
    pub revoked_at: Option<Instant>,
}

impl Service {
    /// Who holds the bearer token `token`; nobody when it is unknown, expired or revoked.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Actor>, Fault> { unimplemented!() }
    /// The key that authenticated `actor`.
    pub async fn own_key(&self, actor: &Actor) -> Result<Option<ApiKey>, Fault> { unimplemented!() }
    /// A site the caller reaches; with no id, the only one.
    pub async fn site(&self, actor: &Actor, id: Option<SiteId>) -> Result<Option<Site>, Fault> { unimplemented!() }
    /// The sites the caller reaches, by id.
    pub async fn sites(&self, actor: &Actor, page: &PageRequest) -> Result<Page<Site>, Fault> { unimplemented!() }
    /// Everything that would make a campaign of the site fail if it were activated now.
    pub async fn sending_blockers(&self, site: &Site) -> Result<Vec<StatusReason>, Fault> { unimplemented!() }
    /// How many of the site's campaigns are in each status, every status included, in the order of a life.
    pub async fn campaign_counts(&self, actor: &Actor, site_id: SiteId) -> Result<Vec<(CampaignStatus, i64)>, Fault> { unimplemented!() }
}
