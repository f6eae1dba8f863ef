//! The input types of the schema, and what the service makes of them.
//!
//! **Invariant:** nothing is judged here that a person could put right: texts go to the service as
//! they came, and a text that is no id is answered there like the id of a missing object.

mod audience;
mod campaign;
mod filter;
mod pause;
mod resolve_unknown;
mod site;
mod subscriber;

use async_graphql::MaybeUndefined;

pub(super) use self::{
    audience::AudienceCreateInput,
    campaign::{
        CampaignActivateInput, CampaignCancelInput, CampaignCreateInput, CampaignDeleteInput,
        CampaignDuplicateInput, CampaignRescheduleInput, CampaignScheduleInput,
        CampaignSendTestInput, CampaignUpdateInput, NotNow,
    },
    filter::{
        AuditFilterInput, CampaignFilterInput, CampaignOrderInput, MessageFilterInput,
        SubscriberFilterInput,
    },
    pause::{CampaignPauseInput, CampaignResumeInput},
    resolve_unknown::CampaignResolveUnknownInput,
    site::{QuietHoursInput, SiteUpdateInput},
    subscriber::SubscribersUpsertInput,
};

/// A field left out, cleared, or given.
fn change<T>(field: MaybeUndefined<T>) -> Option<Option<T>> {
    match field {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(value) => Some(Some(value)),
    }
}
