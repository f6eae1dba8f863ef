//! What is asked when a campaign is paused or resumed.

use crate::service::Suspension;
use async_graphql::InputObject;

/// How to pause.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct CampaignPauseInput {
    /// Refuse with `STALE_REVISION` unless the campaign is at this revision.
    expected_revision: Option<i32>,
    /// Repeats under the same key within 24 hours get the first answer, counts included.
    idempotency_key: Option<String>,
}

impl From<CampaignPauseInput> for Suspension {
    fn from(input: CampaignPauseInput) -> Self {
        Self {
            expected_revision: input.expected_revision.map(i64::from),
            idempotency_key: input.idempotency_key,
        }
    }
}

/// How to resume.
#[derive(Clone, Debug, Default, InputObject)]
pub(crate) struct CampaignResumeInput {
    /// Refuse with `STALE_REVISION` unless the campaign is at this revision.
    expected_revision: Option<i32>,
    /// Repeats under the same key within 24 hours get the first answer, counts included.
    idempotency_key: Option<String>,
}

impl From<CampaignResumeInput> for Suspension {
    fn from(input: CampaignResumeInput) -> Self {
        Self {
            expected_revision: input.expected_revision.map(i64::from),
            idempotency_key: input.idempotency_key,
        }
    }
}
