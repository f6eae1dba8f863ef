//! The audit: who did what, as callers leave it and administrators read it.
//!
//! **Invariant:** an entry is written in the transaction of the change that it tells of: there is none without
//! the other.
//! **Invariant:** an entry holds ids, codes and the caller's name, and nothing else that a caller wrote.

use super::{Actor, Fault, Page, PageRequest, Service};
use crate::db::{Txn, audit};
use domain::{
    Instant,
    audit::{AuditEntry, AuditOperation, AuditOutcome},
    campaign::Campaign,
    id::SiteId,
};
use std::{collections::HashMap, fmt::Display};

/// Something that a caller did.
pub(super) struct Act {
    operation: AuditOperation,
    site_id: SiteId,
    object_id: String,
    outcome: AuditOutcome,
}

impl Act {
    /// Something done to an object of a site.
    pub(super) fn new(operation: AuditOperation, site_id: SiteId, object: &impl Display) -> Self {
        let outcome = AuditOutcome::Done;
        Self { operation, site_id, object_id: object.to_string(), outcome }
    }

    /// Something done to a campaign.
    pub(super) fn to(campaign: &Campaign, operation: AuditOperation) -> Self {
        Self::new(operation, campaign.site_id, &campaign.id)
    }

    /// The same, of which a part may have been refused.
    pub(super) fn partial(self, is_partial: bool) -> Self {
        let outcome = if is_partial { AuditOutcome::Partial } else { AuditOutcome::Done };
        Self { outcome, ..self }
    }
}

impl Service {
    /// Notes what the transaction does, and for whom; and removes some of what is too old to be kept.
    pub(super) async fn note(
        &self,
        txn: &Txn,
        actor: &Actor,
        act: Act,
        now: Instant,
    ) -> Result<(), Fault> {
        let entry = AuditEntry {
            site_id: act.site_id,
            actor: actor.caller.clone(),
            actor_name: actor.name.clone(),
            operation: act.operation,
            object_id: act.object_id,
            outcome: act.outcome,
            occurred_at: now,
        };
        audit::append(txn, &self.ids, &entry).await?;
        Ok(audit::sweep(txn, now - self.audit_kept).await?)
    }

    /// What callers did on each site that the caller reaches, newest first; what is too old to be kept is not told even before it is
    /// removed.
    pub async fn audit_entries(
        &self,
        actor: &Actor,
        sites: &[SiteId],
        filter: audit::Filter,
        page: &PageRequest,
    ) -> Result<HashMap<SiteId, Page<AuditEntry>>, Fault> {
        let sites = actor.reached(sites);
        // PostgreSQL would not even be asked for a text with a NUL, and no id has one.
        let is_id = |text: &Option<String>| text.as_ref().is_none_or(|text| !text.contains('\0'));
        if !is_id(&filter.actor) || !is_id(&filter.object) {
            return Ok(sites.into_iter().map(|site| (site, Page::empty())).collect());
        }
        let oldest = self.clock.now() - self.audit_kept;
        let from = filter.from.map_or(oldest, |from| from.max(oldest));
        let filter = audit::Filter { from: Some(from), ..filter };
        let pages = audit::pages(self.db.read(), &sites, &filter, page).await?;
        Ok(sites.into_iter().zip(pages).collect())
    }
}
