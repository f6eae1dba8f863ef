//! What pausing, resuming and settling unknown messages answer.
//!
//! **Invariant:** the campaign and the counts are there exactly when there are no user errors.

use super::{Campaign, CampaignUserError};
use crate::{
    graphql::connection::int,
    service::{Paused, Resumed, UnknownResolved},
};
use async_graphql::SimpleObject;
use domain::refusal::{CampaignError, Outcome, Refusal};

/// The outcome of `campaignPause`.
#[derive(Default, SimpleObject)]
pub(crate) struct CampaignPausePayload {
    /// The campaign as it now is.
    campaign: Option<Campaign>,
    /// Messages that wait until the campaign is resumed. In `PROCESSING` more may still be planned.
    pending_count: Option<i32>,
    /// Messages already handed over, which go out.
    handed_over_count: Option<i32>,
    /// Messages whose handover had begun and not ended when this was answered. Zero means nothing
    /// more goes out until the campaign is resumed.
    in_flight_count: Option<i32>,
    /// Why nothing changed. Empty on success.
    user_errors: Vec<CampaignUserError>,
}

impl From<Outcome<Paused, CampaignError>> for CampaignPausePayload {
    fn from(outcome: Outcome<Paused, CampaignError>) -> Self {
        match outcome {
            Ok(done) => Self {
                campaign: Some(done.campaign.into()),
                pending_count: Some(int(done.pending_count)),
                handed_over_count: Some(int(done.handed_over_count)),
                in_flight_count: Some(int(done.in_flight_count)),
                user_errors: Vec::new(),
            },
            Err(refusals) => Self { user_errors: errors(refusals), ..Self::default() },
        }
    }
}

/// The outcome of `campaignResume`.
#[derive(Default, SimpleObject)]
pub(crate) struct CampaignResumePayload {
    /// The campaign as it now is.
    campaign: Option<Campaign>,
    /// Messages whose local time came during the pause and that now wait for the next day, as
    /// `ifPassed` says.
    deferred_count: Option<i32>,
    /// Messages whose local time came during the pause and that are skipped, as `ifPassed` or
    /// `sendBy` says.
    skipped_count: Option<i32>,
    /// Why nothing changed. Empty on success.
    user_errors: Vec<CampaignUserError>,
}

impl From<Outcome<Resumed, CampaignError>> for CampaignResumePayload {
    fn from(outcome: Outcome<Resumed, CampaignError>) -> Self {
        match outcome {
            Ok(done) => Self {
                campaign: Some(done.campaign.into()),
                deferred_count: Some(int(done.deferred_count)),
                skipped_count: Some(int(done.skipped_count)),
                user_errors: Vec::new(),
            },
            Err(refusals) => Self { user_errors: errors(refusals), ..Self::default() },
        }
    }
}

/// The outcome of `campaignResolveUnknown`.
#[derive(Default, SimpleObject)]
pub(crate) struct CampaignResolveUnknownPayload {
    /// The campaign as it now is.
    campaign: Option<Campaign>,
    /// How many messages were settled.
    resolved_count: Option<i32>,
    /// Why nothing changed. Empty on success.
    user_errors: Vec<CampaignUserError>,
}

impl From<Outcome<UnknownResolved, CampaignError>> for CampaignResolveUnknownPayload {
    fn from(outcome: Outcome<UnknownResolved, CampaignError>) -> Self {
        match outcome {
            Ok(done) => Self {
                campaign: Some(done.campaign.into()),
                resolved_count: Some(int(done.resolved_count)),
                user_errors: Vec::new(),
            },
            Err(refusals) => Self { user_errors: errors(refusals), ..Self::default() },
        }
    }
}

fn errors(refusals: Vec<Refusal<CampaignError>>) -> Vec<CampaignUserError> {
    refusals.into_iter().map(CampaignUserError::from).collect()
}
