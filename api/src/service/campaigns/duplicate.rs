//! Copying a campaign, in any status, to a new draft without a schedule.

use super::{
    super::{
        check::{CAMPAIGN, Problems},
        secrets::InputDigest,
    },
    Duplication, Refused, not_found,
    once::{Once, answer},
};
use crate::{
    db::Error,
    service::{Actor, Service, audit::Act},
};
use domain::{audit::AuditOperation, campaign::Campaign, id::CampaignId, limits::NAME_CHARS_MAX};

/// What a copy's name ends with, unless the caller names it.
const SUFFIX: &str = " (copy)";

impl Service {
    /// Copies a campaign: content, audiences and settings; no schedule, no counts, no events.
    pub async fn campaign_duplicate(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        duplication: Duplication,
    ) -> Refused<Campaign> {
        let mut problems = Problems::new(CAMPAIGN);
        if let Some(name) = &duplication.name {
            problems.name("input.name", name);
        }
        if let Err(refusals) = problems.check() {
            return Ok(Err(refusals));
        }
        let txn = self.db.begin_write().await?;
        let Some(original) = self.lock(&txn, actor, id).await? else { return Ok(not_found()) };
        let digest = InputDigest::default()
            .field(&original.id.to_string())
            .field(&duplication.excludes_reached.to_string())
            .optional(duplication.name.as_deref())
            .finish();
        let key = duplication.idempotency_key.as_deref();
        let once = Once::new(actor, "campaign_duplicate", key, &digest);
        let now = self.clock.now();
        match once.take(&txn, original.site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return self.replay(&txn, actor, &prior).await,
            Ok(None) => {}
        }
        let content = self.content(&txn, &original).await?;
        let name = duplication.name.unwrap_or_else(|| copy_name(&original.name));
        let copied = Some((original.id, duplication.excludes_reached));
        let site_id = original.site_id;
        let copy = self.insert_draft(&txn, actor, site_id, &name, &content, copied).await?;
        once.keep(&txn, answer(copy.id)).await?;
        self.note(&txn, actor, Act::to(&copy, AuditOperation::CampaignDuplicate), now).await?;
        txn.commit().await.map_err(Error::from)?;
        self.hints.give();
        Ok(Ok(copy))
    }
}

/// The original's name with the suffix, shortened to fit.
fn copy_name(name: &str) -> String {
    let room = NAME_CHARS_MAX - SUFFIX.chars().count();
    let kept: String = name.chars().take(room).collect();
    format!("{kept}{SUFFIX}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copys_name_fits() {
        assert_eq!(copy_name("Sale"), "Sale (copy)");
        let long = copy_name(&"é".repeat(NAME_CHARS_MAX));
        assert_eq!(long.chars().count(), NAME_CHARS_MAX);
        assert!(long.ends_with("é (copy)"));
    }
}
