//! The object types of the schema, each over a domain or service type.
//!
//! **Invariant:** a field that can fail and may be null is an `Option<Result<_>>`, so that its null
//! stays where it is: async-graphql lets the error of a `Result<Option<_>>` null its parent.

mod aggregator;
mod audience;
mod audit;
mod campaign;
mod connections;
mod consent;
mod engine;
mod estimate;
mod event;
mod journey;
mod message;
mod message_event;
mod node;
mod pause;
mod payload;
mod preview;
mod progress;
mod rule_pack;
mod schedule;
mod setting_change;
mod site;
mod step;
mod subscriber;
mod test_text;
mod user_error;
mod viewer;
mod waiting;

pub(super) use self::{
    aggregator::Aggregator,
    audience::Audience,
    audit::{AuditEntry, AuditOperation},
    campaign::Campaign,
    connections::{
        AudienceConnection, AuditEntryConnection, CampaignConnection, CampaignEventConnection,
        ConsentEntryConnection, MessageConnection, SiteConnection, SiteSettingChangeConnection,
        SubscriberConnection,
    },
    consent::ConsentEntry,
    engine::EngineStatus,
    estimate::{CampaignEstimate, RecipientExplanation},
    event::{CampaignChange, CampaignEvent},
    journey::MessageHop,
    message::{Message, MessageReason},
    message_event::{MessageBlocker, MessageEvent, MessageRule},
    node::Node,
    pause::{CampaignPausePayload, CampaignResolveUnknownPayload, CampaignResumePayload},
    payload::{
        AudienceCreatePayload, CampaignActivatePayload, CampaignCancelPayload,
        CampaignCreatePayload, CampaignDeletePayload, CampaignDuplicatePayload,
        CampaignReschedulePayload, CampaignSendTestPayload, CampaignUpdatePayload,
        SiteUpdatePayload, SubscriberClearPossibleOptOutPayload, SubscriberUnsubscribePayload,
        SubscribersUpsertPayload,
    },
    preview::MessagePreview,
    progress::{CampaignProgress, MessageCounts},
    rule_pack::RulePack,
    schedule::CampaignSchedule,
    setting_change::SiteSettingChange,
    site::{QuietHours, Site},
    step::MessageStep,
    subscriber::Subscriber,
    test_text::TestText,
    user_error::{
        AudienceUserError, CampaignUserError, SiteUserError, SubscriberUserError, UserError,
    },
    viewer::{ApiKey, Viewer},
    waiting::{CampaignDelay, SendingDetails},
};
