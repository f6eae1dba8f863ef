//! What mutations answer.
//!
//! **Invariant:** an object is there exactly when there are no user errors; only the rows of
//! `subscribersUpsert` are refused one by one.

use super::{
    Audience, AudienceUserError, Campaign, CampaignUserError, Site, SiteUserError, Subscriber,
    SubscriberUserError, TestText,
};
use crate::{
    graphql::connection::int,
    service::{self, SubscriberView, Upserted},
};
use async_graphql::{ID, SimpleObject};
use domain::{
    id::CampaignId,
    refusal::{AudienceError, CampaignError, Outcome, Refusal, SiteError, SubscriberError},
};

/// The object, or every reason it is not there.
fn split<T, C, O: From<T>, E: From<Refusal<C>>>(outcome: Outcome<T, C>) -> (Option<O>, Vec<E>) {
    match outcome {
        Ok(done) => (Some(done.into()), Vec::new()),
        Err(refusals) => (None, refusals.into_iter().map(E::from).collect()),
    }
}

/// Declares a payload that carries a campaign.
macro_rules! campaign_payload {
    ($(#[$doc:meta])* $name:ident; $(#[$campaign:meta])* campaign; $(#[$errors:meta])* errors;) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub(crate) struct $name {
            $(#[$campaign])*
            campaign: Option<Campaign>,
            $(#[$errors])*
            user_errors: Vec<CampaignUserError>,
        }

        impl From<Outcome<domain::campaign::Campaign, CampaignError>> for $name {
            fn from(outcome: Outcome<domain::campaign::Campaign, CampaignError>) -> Self {
                let (campaign, user_errors) = split(outcome);
                Self { campaign, user_errors }
            }
        }
    };
}

campaign_payload! {
    /// The outcome of `campaignCreate`.
    CampaignCreatePayload;
    /// The draft.
    campaign;
    /// Why nothing was made. Empty on success.
    errors;
}
campaign_payload! {
    /// The outcome of `campaignUpdate`.
    CampaignUpdatePayload;
    /// The campaign as it now is.
    campaign;
    /// Why nothing changed. Empty on success.
    errors;
}
campaign_payload! {
    /// The outcome of `campaignActivate`.
    CampaignActivatePayload;
    /// The campaign as it now is.
    campaign;
    /// Why nothing changed. Empty on success.
    errors;
}
campaign_payload! {
    /// The outcome of `campaignReschedule`.
    CampaignReschedulePayload;
    /// The campaign as it now is.
    campaign;
    /// Why nothing changed. Empty on success.
    errors;
}
campaign_payload! {
    /// The outcome of `campaignDuplicate`.
    CampaignDuplicatePayload;
    /// The new draft.
    campaign;
    /// Why nothing was made. Empty on success.
    errors;
}

/// The outcome of `campaignCancel`.
#[derive(Default, SimpleObject)]
pub(crate) struct CampaignCancelPayload {
    /// The campaign as it now is.
    campaign: Option<Campaign>,
    /// Messages stopped.
    canceled_count: Option<i32>,
    /// Messages already handed over, which go out.
    handed_over_count: Option<i32>,
    /// Messages whose handover had begun and not ended when this was answered. Zero means nothing
    /// more goes out.
    in_flight_count: Option<i32>,
    /// Why nothing changed. Empty on success.
    user_errors: Vec<CampaignUserError>,
}

impl From<Outcome<service::Canceled, CampaignError>> for CampaignCancelPayload {
    fn from(outcome: Outcome<service::Canceled, CampaignError>) -> Self {
        match outcome {
            Ok(done) => Self {
                campaign: Some(done.campaign.into()),
                canceled_count: Some(int(done.canceled_count)),
                handed_over_count: Some(int(done.handed_over_count)),
                in_flight_count: Some(int(done.in_flight_count)),
                user_errors: Vec::new(),
            },
            Err(refusals) => Self {
                user_errors: refusals.into_iter().map(CampaignUserError::from).collect(),
                ..Self::default()
            },
        }
    }
}

/// The outcome of `campaignDelete`.
#[derive(SimpleObject)]
pub(crate) struct CampaignDeletePayload {
    /// The ID of the campaign removed.
    deleted_campaign_id: Option<ID>,
    /// Why nothing changed. Empty on success.
    user_errors: Vec<CampaignUserError>,
}

impl From<Outcome<CampaignId, CampaignError>> for CampaignDeletePayload {
    fn from(outcome: Outcome<CampaignId, CampaignError>) -> Self {
        let (deleted_campaign_id, user_errors) = split(outcome.map(|id| id.to_string()));
        Self { deleted_campaign_id, user_errors }
    }
}

/// The outcome of `campaignSendTest`.
#[derive(Default, SimpleObject)]
pub(crate) struct CampaignSendTestPayload {
    /// How many texts the aggregator accepted.
    accepted_count: Option<i32>,
    /// What became of each text, in the order of the numbers given.
    texts: Option<Vec<TestText>>,
    /// Why nothing was sent. Empty on success.
    user_errors: Vec<CampaignUserError>,
}

impl From<Outcome<service::TestSent, CampaignError>> for CampaignSendTestPayload {
    fn from(outcome: Outcome<service::TestSent, CampaignError>) -> Self {
        match outcome {
            Ok(sent) => Self {
                accepted_count: Some(int(sent.accepted_count)),
                texts: Some(sent.texts.into_iter().map(TestText::from).collect()),
                user_errors: Vec::new(),
            },
            Err(refusals) => Self {
                user_errors: refusals.into_iter().map(CampaignUserError::from).collect(),
                ..Self::default()
            },
        }
    }
}

/// The outcome of `audienceCreate`.
#[derive(SimpleObject)]
pub(crate) struct AudienceCreatePayload {
    /// The audience.
    audience: Option<Audience>,
    /// Why nothing was made. Empty on success.
    user_errors: Vec<AudienceUserError>,
}

impl From<Outcome<domain::audience::Audience, AudienceError>> for AudienceCreatePayload {
    fn from(outcome: Outcome<domain::audience::Audience, AudienceError>) -> Self {
        let (audience, user_errors) = split(outcome);
        Self { audience, user_errors }
    }
}

/// The outcome of `subscribersUpsert`.
#[derive(SimpleObject)]
pub(crate) struct SubscribersUpsertPayload {
    /// The subscribers, in the order given, with null for each refused.
    subscribers: Vec<Option<Subscriber>>,
    /// Which rows were refused and why; `field` names the row.
    user_errors: Vec<SubscriberUserError>,
}

impl From<Upserted> for SubscribersUpsertPayload {
    fn from(done: Upserted) -> Self {
        Self {
            subscribers: done.subscribers.into_iter().map(|row| row.map(Into::into)).collect(),
            user_errors: done.refusals.into_iter().map(Into::into).collect(),
        }
    }
}

/// Declares a payload that carries a subscriber.
macro_rules! subscriber_payload {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(SimpleObject)]
        pub(crate) struct $name {
            /// The subscriber as they now are.
            subscriber: Option<Subscriber>,
            /// Why nothing changed. Empty on success.
            user_errors: Vec<SubscriberUserError>,
        }

        impl From<Outcome<SubscriberView, SubscriberError>> for $name {
            fn from(outcome: Outcome<SubscriberView, SubscriberError>) -> Self {
                let (subscriber, user_errors) = split(outcome);
                Self { subscriber, user_errors }
            }
        }
    };
}

subscriber_payload! {
    /// The outcome of `subscriberUnsubscribe`.
    SubscriberUnsubscribePayload
}
subscriber_payload! {
    /// The outcome of `subscriberClearPossibleOptOut`.
    SubscriberClearPossibleOptOutPayload
}

/// The outcome of `siteUpdate`.
#[derive(SimpleObject)]
pub(crate) struct SiteUpdatePayload {
    /// The site as it now is.
    site: Option<Site>,
    /// Why nothing changed. Empty on success.
    user_errors: Vec<SiteUserError>,
}

impl From<Outcome<domain::site::Site, SiteError>> for SiteUpdatePayload {
    fn from(outcome: Outcome<domain::site::Site, SiteError>) -> Self {
        let (site, user_errors) = split(outcome);
        Self { site, user_errors }
    }
}
