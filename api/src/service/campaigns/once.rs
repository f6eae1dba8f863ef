//! Answers of campaign commands, as an idempotency key keeps them.

pub(super) use crate::service::once::Once;
use domain::id::CampaignId;
use serde_json::{Value, json};

/// An answer that names a campaign.
pub(super) fn answer(id: CampaignId) -> Value {
    json!({ "campaign": id.to_string() })
}

/// The campaign an answer names.
pub(super) fn answered(answer: &Value) -> Option<CampaignId> {
    answer.get("campaign")?.as_str()?.parse().ok()
}
