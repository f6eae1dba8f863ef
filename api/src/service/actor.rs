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
