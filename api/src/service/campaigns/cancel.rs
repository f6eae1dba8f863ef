//! Canceling: back to a draft before processing, for good after it.
//!
//! **Invariant:** the gate is closed before the campaign is read: when the answer is committed, no new
//! hand-over can begin, and every message is counted once, as stopped, handed over or in flight.
//! **Invariant:** what was in flight is a set that only shrinks: the answer waits for it a little, and counts
//! what is left.

use super::{
    super::secrets::InputDigest, CampaignError, Canceled, Cancellation, Refused, check_action,
    not_found, once::Once, refuse_at,
};
use crate::{
    db::{
        Error, Txn,
        campaigns::{self, Move},
        counts, plans,
    },
    service::{Actor, Fault, Service, audit::Act},
};
use domain::{
    Instant,
    audit::AuditOperation,
    campaign::{Campaign, CampaignAction, CampaignStatus, Trigger},
    id::CampaignId,
    message::MessageCounts,
    reason::{MessageReason, StatusReason},
};
use serde_json::{Value, json};
use std::time::Duration;

/// How long the answer to a cancel waits for what is in flight.
const DRAIN_MAX: Duration = Duration::from_secs(2);
/// How often it looks meanwhile.
const DRAIN_LOOK: Duration = Duration::from_millis(20);

impl Service {
    /// Stops a campaign.
    pub async fn campaign_cancel(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
        cancellation: Cancellation,
    ) -> Refused<Canceled> {
        let now = self.clock.now();
        let Some((txn, campaign)) = self.lock_closed(actor, id).await? else {
            return Ok(not_found());
        };
        let id = campaign.id;
        let digest = digest(id, &cancellation);
        let key = cancellation.idempotency_key.as_deref();
        let once = Once::new(actor, "campaign_cancel", key, &digest);
        match once.take(&txn, campaign.site_id, now).await? {
            Err(refusals) => return Ok(Err(refusals)),
            Ok(Some(prior)) => return Ok(Ok(replay(campaign, &prior))),
            Ok(None) => {}
        }
        if let Err(refusals) = check(&campaign, &cancellation) {
            return Ok(Err(refusals));
        }
        let canceled = self.stop(&txn, actor, campaign, now).await?;
        let Some(canceled) = canceled else {
            let message = "Another caller changed the campaign at this moment.";
            return Ok(super::refuse(CampaignError::StaleRevision, message));
        };
        once.keep(&txn, answer(&canceled)).await?;
        self.note(&txn, actor, Act::to(&canceled.campaign, AuditOperation::CampaignCancel), now)
            .await?;
        txn.commit().await.map_err(Error::from)?;
        self.hints.give();
        let canceled = self.drained(canceled, &once).await?;
        match self.reread(actor, id).await? {
            Ok(campaign) => Ok(Ok(Canceled { campaign, ..canceled })),
            Err(refusals) => Ok(Err(refusals)),
        }
    }

    /// Waits, no longer than [`DRAIN_MAX`], until what was in flight when a campaign was stopped has an
    /// outcome, and counts again. A repeat gets these counts.
    async fn drained(&self, stopped: Canceled, once: &Once<'_>) -> Result<Canceled, Fault> {
        if stopped.in_flight_count == 0 {
            return Ok(stopped);
        }
        let id = stopped.campaign.id;
        let counted = async || {
            Ok::<_, Fault>(counts::partition(&counts::read(self.db.read(), id, None).await?))
        };
        let drain = async {
            while counted().await?.in_flight > 0 {
                tokio::time::sleep(DRAIN_LOOK).await;
            }
            Ok::<_, Fault>(())
        };
        if let Ok(drained) = tokio::time::timeout(DRAIN_MAX, drain).await {
            drained?;
        }
        let counts = counted().await?;
        let stopped = Canceled {
            canceled_count: counts.canceled,
            handed_over_count: counts.handed_over(),
            in_flight_count: counts.in_flight,
            ..stopped
        };
        let txn = self.db.begin_write().await?;
        once.keep(&txn, answer(&stopped)).await?;
        txn.commit().await.map_err(Error::from)?;
        Ok(stopped)
    }

    async fn stop(
        &self,
        txn: &Txn,
        actor: &Actor,
        campaign: Campaign,
        now: Instant,
    ) -> Result<Option<Canceled>, Fault> {
        let was_scheduled = campaign.status == CampaignStatus::Scheduled;
        let reason = if was_scheduled {
            StatusReason::ScheduleCanceled
        } else {
            StatusReason::CanceledByCaller
        };
        let (mut canceled_count, mut counts) = (0, MessageCounts::default());
        if was_scheduled {
            let revision_id = self.copy_revision(txn, &campaign, now).await?;
            campaigns::set_revision(txn, campaign.id, revision_id, None).await?;
        } else {
            let because = MessageReason::CampaignCanceled;
            canceled_count = plans::stop(txn, campaign.id, because, now).await?;
            counts = counts::partition(&counts::read(txn, campaign.id, None).await?);
        }
        let step = Move { trigger: Trigger::Cancel, reason: Some(reason), at: now };
        let moved = campaigns::move_on(txn, &self.ids, &actor.cause(), &campaign, step).await?;
        Ok(moved.map(|campaign| Canceled {
            campaign,
            canceled_count,
            handed_over_count: counts.handed_over(),
            in_flight_count: counts.in_flight,
        }))
    }
}

fn check(
    campaign: &Campaign,
    cancellation: &Cancellation,
) -> domain::refusal::Outcome<(), CampaignError> {
    check_action(campaign, CampaignAction::Cancel)?;
    match &cancellation.only_from {
        Some(statuses) if !statuses.contains(&campaign.status) => {
            let message = format!("The campaign is {} by now.", campaign.status);
            refuse_at(CampaignError::WrongStatus, "input.onlyFrom", message)
        }
        _ => Ok(()),
    }
}

fn answer(canceled: &Canceled) -> Value {
    json!({
        "canceled": canceled.canceled_count,
        "handed_over": canceled.handed_over_count,
        "in_flight": canceled.in_flight_count,
    })
}

fn replay(campaign: Campaign, prior: &Value) -> Canceled {
    let count = |name: &str| prior.get(name).and_then(Value::as_i64).unwrap_or_default();
    Canceled {
        campaign,
        canceled_count: count("canceled"),
        handed_over_count: count("handed_over"),
        in_flight_count: count("in_flight"),
    }
}

fn digest(id: CampaignId, cancellation: &Cancellation) -> String {
    let only_from = cancellation.only_from.as_deref();
    let mut names: Vec<&str> =
        only_from.unwrap_or_default().iter().map(|status| status.as_str()).collect();
    names.sort_unstable();
    InputDigest::default()
        .field(&id.to_string())
        .field(if only_from.is_some() { "only" } else { "any" })
        .list(names.iter())
        .finish()
}
