//! Who calls, and what they may reach.

use domain::{
    access::{Role, Scope},
    id::{ApiKeyId, SiteId},
};
use std::sync::Arc;

/// A caller: an API key with its role and the sites it reaches.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The key.
    pub key_id: ApiKeyId,
    /// The key's name: how the actor appears in events.
    pub name: String,
    /// The key's role.
    pub role: Role,
    sites: Arc<[SiteId]>,
}

impl Actor {
    /// A caller that reaches `sites`.
    pub fn new(key_id: ApiKeyId, name: String, role: Role, sites: Vec<SiteId>) -> Self {
        Self { key_id, name, role, sites: sites.into() }
    }

    /// The sites the caller reaches, in order of id.
    pub fn sites(&self) -> &[SiteId] {
        &self.sites
    }

    /// Those of these sites that the caller reaches, each once.
    pub(super) fn reached(&self, sites: &[SiteId]) -> Vec<SiteId> {
        let is_asked = |site: &&SiteId| sites.contains(site);
        self.sites.iter().filter(is_asked).copied().collect()
    }

    /// The number of what there is on a site: 0 where the caller does not reach it.
    pub(super) fn only(&self, site: SiteId, count: i64) -> i64 {
        if self.sites.contains(&site) { count } else { 0 }
    }

    /// Whether the caller's role grants `scope`.
    pub fn may(&self, scope: Scope) -> bool {
        self.role.grants(scope)
    }

    /// The site named if the caller reaches it; with none named, the only site the caller reaches.
    pub fn site(&self, named: Option<SiteId>) -> Option<SiteId> {
        match (named, &*self.sites) {
            (Some(named), sites) => sites.contains(&named).then_some(named),
            (None, [only]) => Some(*only),
            (None, _) => None,
        }
    }
}
