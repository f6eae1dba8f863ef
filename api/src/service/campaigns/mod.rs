//! Campaigns: commands, one a file, and reads.

mod activate;
mod cancel;
mod compose;
mod content;
mod dry_run;
mod duplicate;
mod input;
mod once;
mod read;
mod send_test;
mod waiting;

pub use content::Preview;
pub use dry_run::{Estimate, Explanation, Whom};
pub use input::{
    Activation, Cancellation, Changes, Duplication, NewCampaign, NewStep, Rescheduling,
};
pub use read::{CampaignView, CancelPreview, Progress};
pub use send_test::{TestSending, TestSent};
pub use waiting::{Delays, SendingDetails};

use super::{Actor, Fault, Service};
use crate::db::{Txn, campaigns, events::Cause};
use domain::{
    campaign::{Campaign, CampaignAction},
    event::ActorKind,
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

/// The caller as the cause of an event.
fn cause(actor: &Actor) -> Cause {
    Cause { kind: ActorKind::ApiKey, name: actor.name.clone() }
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
    if action.is_allowed_in(campaign.status) {
        return Ok(());
    }
    let allowed = CampaignAction::ALL.iter().filter(|action| action.is_allowed_in(campaign.status));
    let allowed: Vec<&str> = allowed.map(|action| action.as_str()).collect();
    let message = format!(
        "A campaign that is {} cannot be {}. Allowed now: {}.",
        campaign.status,
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

    /// The campaign as it is after a command was committed.
    async fn reread(&self, actor: &Actor, id: CampaignId) -> Refused<Campaign> {
        let found = campaigns::find(self.db.read(), actor.sites(), id).await?;
        Ok(found.map_or_else(not_found, Ok))
    }
}
