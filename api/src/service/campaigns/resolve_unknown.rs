//! Settling by hand what nobody can find out: messages that were handed over with no certain answer.
//!
//! **Invariant:** only this sends a message again whose outcome is not known, and only when a person chose it.
//! **Invariant:** the gate is closed meanwhile: no receipt, answer or repeat comes in between.

use super::{
    super::secrets::InputDigest, CampaignError, Refused, not_found, once::Once, refuse, refuse_at,
};
use crate::{
    db::{
        Error,
        resolution::{self, Settlement},
    },
    ports::Task,
    service::{Actor, Service, audit::Act},
};
use domain::{
    audit::AuditOperation,
    campaign::{Campaign, CampaignStatus},
    id::{CampaignId, MessageId},
    refusal::Outcome,
};
use serde_json::{Value, json};

/// Messages that one call can name.
const NAMED_MAX: usize = 1_000;

/// How to settle unknown messages.
#[derive(Clone, Debug)]
pub struct UnknownResolution {
    /// What to do with them.
    pub settlement: Settlement,
    /// Which of them; none for all. What is no message of the campaign's, or not unknown, is left alone.
    pub only: Option<Vec<MessageId>>,
    /// Repeats under the same key get the first answer, counts included.
    pub idempotency_key: Option<String>,
}

/// What settling came to.
#[derive(Clone, Debug)]
pub struct UnknownResolved {
    /// The campaign as it now is.
    pub campaign: Campaign,
    /// How many messages were settled.
    pub resolved_count: i64,
}

impl Service {
    /// Settles messages of a campaign whose outcome is not known.
    pub async fn campaign_resolve_unknown(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        resolution: UnknownResolution,
    ) -> Refused<UnknownResolved> {
        let now = self.clock.now();
        let Some((txn, campaign)) = self.lock_closed(actor, id).await? else {
            return Ok(not_found());
        };
        let digest = digest(campaign.id, &resolution);
        let key = resolution.idempotency_key.as_deref();
        let once = Once::new(actor, "campaign_resolve_unknown", key, &digest);
        match once.take(&txn, campaign.site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return Ok(Ok(resolved(campaign, &prior))),
            Ok(None) => {}
        }
        if let Err(refusals) = check(&campaign, &resolution) {
            return Ok(Err(refusals));
        }
        let (settlement, only) = (resolution.settlement, resolution.only.as_deref());
        let settled =
            resolution::settle(&txn, &self.ids, campaign.id, settlement, only, now).await?;
        let Some(settled) = settled else {
            let message = "The trial has too few segments left to send these messages again: each \
                           is counted twice, as it may have been taken before.";
            return Ok(refuse(CampaignError::TrialLimitReached, message));
        };
        let is_sent = campaign.status == CampaignStatus::Sent;
        if is_sent && settlement == Settlement::Resend && settled > 0 {
            resolution::mark_resending(&txn, campaign.id, Some(now)).await?;
        }
        let answer = json!({ "resolved": settled });
        once.keep(&txn, answer.clone()).await?;
        if settled > 0 {
            let act = Act::to(&campaign, AuditOperation::CampaignResolveUnknown);
            self.note(&txn, actor, act, now).await?;
        }
        txn.commit().await.map_err(Error::from)?;
        self.bells.ring(Task::Dispatcher);
        self.bells.ring(Task::Completer);
        self.hints.give();
        let campaign = self.reread(actor, campaign.id).await?;
        Ok(campaign.map(|campaign| resolved(campaign, &answer)))
    }
}

fn check(campaign: &Campaign, resolution: &UnknownResolution) -> Outcome<(), CampaignError> {
    let named = resolution.only.as_ref().map_or(0, Vec::len);
    if named > NAMED_MAX {
        let message = format!("At most {NAMED_MAX} messages can be named at once.");
        return refuse_at(CampaignError::TooLong, "input.messageIds", message);
    }
    let status = campaign.status;
    let is_resend = resolution.settlement == Settlement::Resend;
    match status {
        CampaignStatus::Draft | CampaignStatus::Scheduled => {
            let message = format!("The campaign is {status}: nothing of it was handed over.");
            refuse(CampaignError::WrongStatus, message)
        }
        CampaignStatus::Canceled | CampaignStatus::Failed if is_resend => {
            let message = format!(
                "The campaign is {status}: nothing of it is sent any more. Write the messages off, or \
                 duplicate the campaign without those already reached."
            );
            refuse_at(CampaignError::WrongStatus, "input.resolution", message)
        }
        _ => Ok(()),
    }
}

fn resolved(campaign: Campaign, kept: &Value) -> UnknownResolved {
    let resolved_count = kept.get("resolved").and_then(Value::as_i64).unwrap_or_default();
    UnknownResolved { campaign, resolved_count }
}

fn digest(id: CampaignId, resolution: &UnknownResolution) -> String {
    let settlement = match resolution.settlement {
        Settlement::Resend => "resend",
        Settlement::WriteOff => "write_off",
    };
    let only = resolution.only.as_deref();
    let mut named: Vec<String> = only.unwrap_or_default().iter().map(ToString::to_string).collect();
    named.sort_unstable();
    InputDigest::default()
        .field(&id.to_string())
        .field(settlement)
        .field(if only.is_some() { "only" } else { "all" })
        .list(named.iter())
        .finish()
}
