//! Audiences to save.

use super::filter::DateTimeRangeInput;
use crate::{graphql::context::id_or_nobody, service::NewAudience};
use async_graphql::{ID, InputObject};
use domain::audience::AudienceRules;

/// Rules of an audience.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct AudienceRulesInput {
    /// Has at least one of these tags.
    tags_any: Option<Vec<String>>,
    /// Has all of these tags.
    tags_all: Option<Vec<String>>,
    /// Has none of these tags.
    tags_none: Option<Vec<String>>,
    /// Gave consent within this span.
    subscribed_within: Option<DateTimeRangeInput>,
}

impl From<AudienceRulesInput> for AudienceRules {
    fn from(input: AudienceRulesInput) -> Self {
        let (subscribed_from, subscribed_until) =
            DateTimeRangeInput::bounds(input.subscribed_within);
        Self {
            tags_any: input.tags_any.unwrap_or_default(),
            tags_all: input.tags_all.unwrap_or_default(),
            tags_none: input.tags_none.unwrap_or_default(),
            subscribed_from,
            subscribed_until,
        }
    }
}

/// An audience to save.
#[derive(Clone, Debug, InputObject)]
pub(crate) struct AudienceCreateInput {
    /// The site. Needed when the caller's key reaches several.
    site_id: Option<ID>,
    /// A label for people.
    name: String,
    /// Whom it selects.
    rules: AudienceRulesInput,
    /// Makes a retry safe.
    idempotency_key: Option<String>,
}

impl From<AudienceCreateInput> for NewAudience {
    fn from(input: AudienceCreateInput) -> Self {
        Self {
            site_id: input.site_id.map(|text| id_or_nobody(&text)),
            name: input.name,
            rules: input.rules.into(),
            idempotency_key: input.idempotency_key,
        }
    }
}
