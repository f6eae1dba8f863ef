//! Campaigns: commands, one a file, and reads.

mod activate;
mod cancel;
mod compose;
mod content;
mod dry_run;
mod duplicate;
mod input;
mod once;
mod pause;
mod places;
mod read;
mod resolve_unknown;
mod send_test;
mod sums;
mod waiting;

pub use content::{Preview, StepText};
pub use dry_run::{Estimate, Estimated, Explanation, Whom};
pub use input::{
    Activation, Cancellation, Changes, Duplication, NewCampaign, NewStep, Rescheduling,
};
pub use pause::{Paused, Resumed, Suspension};
pub use read::{CampaignView, CancelPreview, Progress, Tally};
pub use resolve_unknown::{UnknownResolution, UnknownResolved};
pub use send_test::{TestSending, TestSent};
pub(super) use sums::Sums;
pub use waiting::{Circumstances, Delays, Ledger, SendingDetails};

use super::{Actor, Fault, Service};
use crate::db::{Txn, campaigns, gate};
use domain::{
    campaign::{Campaign, CampaignAction},
    id::CampaignId,
    refusal::{CampaignError, Outcome, Refusal},
};

/// What a campaign command came to.
pub type Refused<T> = Result<Outcome<T, CampaignError>, Fault>;

/// What a cancel came to. The counts are exact at the instant it was committed.
#[expect(clippy::struct_field_names, reason = "the API's own names")]
#[derive(Clone, Debug)]
pub struct Canceled {
    /// The campaign as it now is.
    pub campaign: Campaign,
    /// Messages stopped.
    pub canceled_count: i64,
    /// Messages already handed over, those without a certain answer included.
    pub handed_over_count: i64,
    /// Messages whose hand-over had begun and not ended.
    pub in_flight_count: i64,
}

fn refuse<T>(code: CampaignError, message: impl Into<String>) -> Outcome<T, CampaignError> {
    Err(vec![Refusal::new(code, message)])
}

fn refuse_at<T>(
    code: CampaignError,
    path: &str,
    message: impl Into<String>,
) -> Outcome<T, CampaignError> {
    Err(vec![Refusal::at(code, path, message)])
}

/// The one answer for a campaign that is not there, foreign, or no id at all.
fn not_found<T>() -> Outcome<T, CampaignError> {
    refuse_at(CampaignError::NotFound, "id", "There is no such campaign.")
}

/// Refuses an action that the campaign's status does not allow, naming those it does.
fn check_action(campaign: &Campaign, action: CampaignAction) -> Outcome<(), CampaignError> {
    if campaign.allows(action) {
        return Ok(());
    }
    let allowed = CampaignAction::ALL.iter().filter(|action| campaign.allows(**action));
    let allowed: Vec<&str> = allowed.map(|action| action.as_str()).collect();
    let message = format!(
        "A campaign that is {}{} cannot be {}. Allowed now: {}.",
        campaign.status,
        if campaign.is_paused() { " and paused" } else { "" },
        past(action),
        allowed.join(", "),
    );
    refuse_at(CampaignError::WrongStatus, "id", message)
}

fn past(action: CampaignAction) -> &'static str {
    match action {
        CampaignAction::Edit => "edited",
        CampaignAction::Activate => "activated",
        CampaignAction::Reschedule => "rescheduled",
        CampaignAction::Pause => "paused",
        CampaignAction::Resume => "resumed",
        CampaignAction::Cancel => "canceled",
        CampaignAction::Duplicate => "duplicated",
        CampaignAction::Delete => "deleted",
    }
}

fn check_revision(
    campaign: &Campaign,
    expected: Option<i64>,
    path: &str,
) -> Outcome<(), CampaignError> {
    match expected {
        Some(expected) if expected != campaign.revision => {
            let message = format!("The campaign is at revision {} by now.", campaign.revision);
            refuse_at(CampaignError::StaleRevision, path, message)
        }
        _ => Ok(()),
    }
}

impl Service {
    /// Locks a campaign of the caller's.
    async fn lock(
        &self,
        txn: &Txn,
        actor: &Actor,
        id: Option<CampaignId>,
    ) -> Result<Option<Campaign>, Fault> {
        let Some(id) = id else { return Ok(None) };
        Ok(campaigns::lock(txn, actor.sites(), id).await?)
    }

    /// Locks a campaign of the caller's with its gate closed: none of its messages is planned or claimed
    /// until the transaction ends.
    async fn lock_closed(
        &self,
        actor: &Actor,
        id: Option<CampaignId>,
    ) -> Result<Option<(Txn, Campaign)>, Fault> {
        let Some(id) = id else { return Ok(None) };
        // Looked up before the gate is closed, so that nobody can close the gate of a foreign campaign.
        if campaigns::find(self.db.read(), actor.sites(), id).await?.is_none() {
            return Ok(None);
        }
        let txn = self.db.begin_write().await?;
        gate::close(&txn, id).await?;
        let campaign = self.lock(&txn, actor, Some(id)).await?;
        Ok(campaign.map(|campaign| (txn, campaign)))
    }

    /// The campaign as it is after a command was committed.
    async fn reread(&self, actor: &Actor, id: CampaignId) -> Refused<Campaign> {
        let found = campaigns::find(self.db.read(), actor.sites(), id).await?;
        Ok(found.map_or_else(not_found, Ok))
    }
}
