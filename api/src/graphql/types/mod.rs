//! The object types of the schema, each over a domain or service type.
//!
//! **Invariant:** a field that can fail and may be null is an `Option<Result<_>>`, so that its null
//! stays where it is: async-graphql lets the error of a `Result<Option<_>>` null its parent.

mod audience;
mod campaign;
mod connections;
mod consent;
mod event;
mod message;
mod node;
mod payload;
mod preview;
mod progress;
mod schedule;
mod site;
mod step;
mod subscriber;
mod test_text;
mod user_error;
mod viewer;

pub(super) use self::{
    audience::Audience,
    campaign::Campaign,
    connections::{
        AudienceConnection, CampaignConnection, CampaignEventConnection, ConsentEntryConnection,
        MessageConnection, SiteConnection, SubscriberConnection,
    },
    consent::ConsentEntry,
    event::{CampaignChange, CampaignEvent},
    message::{Message, MessageReason},
    node::Node,
    payload::{
        AudienceCreatePayload, CampaignActivatePayload, CampaignCancelPayload,
        CampaignCreatePayload, CampaignDeletePayload, CampaignDuplicatePayload,
        CampaignReschedulePayload, CampaignSendTestPayload, CampaignUpdatePayload,
        SubscriberClearPossibleOptOutPayload, SubscriberUnsubscribePayload,
        SubscribersUpsertPayload,
    },
    preview::MessagePreview,
    progress::{CampaignProgress, MessageCounts},
    schedule::CampaignSchedule,
    site::Site,
    step::MessageStep,
    subscriber::Subscriber,
    test_text::TestText,
    user_error::{AudienceUserError, CampaignUserError, SubscriberUserError, UserError},
    viewer::{ApiKey, Viewer},
};
