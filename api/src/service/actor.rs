//! Who calls, and what they may reach.

use crate::db::events::Cause;
use domain::{
    access::{CallerId, Role, Scope},
    id::SiteId,
};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use uuid::Uuid;

/// A caller: an API key or the subject of a token, with its role and the sites it reaches.
#[derive(Clone, Debug)]
pub struct Actor {
    /// The key or the subject.
    pub caller: CallerId,
    /// The key's name, or the subject: how the actor appears in events.
    pub name: String,
    /// What it may do.
    pub role: Role,
    sites: Arc<[SiteId]>,
}

impl Actor {
    /// A caller that reaches `sites`.
    pub fn new(caller: impl Into<CallerId>, name: String, role: Role, sites: Vec<SiteId>) -> Self {
        Self { caller: caller.into(), name, role, sites: sites.into() }
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

    /// The subject of the token that the caller holds; none for an API key.
    pub fn subject(&self) -> Option<&str> {
        match &self.caller {
            CallerId::Key(_) => None,
            CallerId::Subject(subject) => Some(subject),
        }
    }

    /// Whether the two are one caller with one reach.
    pub fn is_same(&self, other: &Self) -> bool {
        let is_caller = self.caller == other.caller && self.role == other.role;
        is_caller && self.sites == other.sites
    }

    /// What the caller has open and asks for is counted under this: for a subject, the beginning of a digest.
    pub fn account(&self) -> Uuid {
        match &self.caller {
            CallerId::Key(id) => id.0,
            CallerId::Subject(_) => {
                let digest = Sha256::digest(self.caller.to_string());
                let bytes = digest.first_chunk().copied().unwrap_or_default();
                Uuid::from_bytes(bytes)
            }
        }
    }

    /// The caller as the cause of a change.
    pub(super) fn cause(&self) -> Cause {
        Cause { kind: self.caller.kind(), name: self.name.clone() }
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
