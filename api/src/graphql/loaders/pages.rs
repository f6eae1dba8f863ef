//! The same page of many lists: the first messages of each campaign, the campaigns of each site.
//!
//! **Invariant:** lists are asked for by one statement where they differ in whose they are alone; who asks for
//! one list in two ways has written two fields.

use super::{Load, alike, find};
use crate::{
    graphql::context::Caller,
    service::{
        AuditFilter, CampaignFilter, CampaignOrder, Fault, Message, MessageFilter, Page,
        PageRequest, SubscriberFilter, SubscriberView,
    },
};
use async_graphql::{Context, Result};
use domain::{
    audience::Audience,
    audit::AuditEntry,
    campaign::Campaign,
    consent::ConsentEntry,
    event::CampaignEvent,
    id::{CampaignId, SiteId, SubscriberId},
    setting::LoggedChange,
};
use std::{collections::HashMap, hash::Hash};

/// The page of a list; an empty one of what the caller does not reach.
#[expect(private_bounds, reason = "what can be loaded is this module's own")]
pub(in crate::graphql) async fn page<K, T>(ctx: &Context<'_>, key: K) -> Result<Page<T>>
where
    K: Load<Value = Page<T>>,
    T: Clone + Send + Sync + 'static,
{
    Ok(find(ctx, key).await?.unwrap_or_else(Page::empty))
}

/// Pages by whose they are, as pages by what was asked.
fn told<I: Eq + Hash, K: Clone + Eq + Hash, T>(
    mut found: HashMap<I, Page<T>>,
    asked: &[K],
    id: impl Fn(&K) -> I,
) -> impl Iterator<Item = (K, Page<T>)> {
    asked.iter().filter_map(move |key| Some((key.clone(), found.remove(&id(key))?)))
}

/// Declares lists that are told by an owner's id and a page.
macro_rules! lists {
    ($(#[$doc:meta])* $name:ident($id:ty) -> $item:ty = $load:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub(in crate::graphql) struct $name(
            pub(in crate::graphql) $id,
            pub(in crate::graphql) PageRequest,
        );

        impl Load for $name {
            type Value = Page<$item>;

            async fn load(
                caller: &Caller,
                asked: &[Self],
            ) -> Result<HashMap<Self, Page<$item>>, Fault> {
                let mut pages = HashMap::new();
                for (page, asked) in alike(asked, |asked| asked.1.clone()) {
                    let ids: Vec<$id> = asked.iter().map(|asked| asked.0).collect();
                    let found = caller.service.$load(&caller.actor, &ids, &page).await?;
                    pages.extend(told(found, &asked, |asked| asked.0));
                }
                Ok(pages)
            }
        }
    };
}

lists! {
    /// Events of a campaign.
    EventsOf(CampaignId) -> CampaignEvent = campaign_events
}
lists! {
    /// Messages to a subscriber.
    MessagesTo(SubscriberId) -> Message = subscriber_messages
}
lists! {
    /// What was said of a subscriber's phone.
    ConsentOf(SubscriberId) -> ConsentEntry = subscriber_consent_logs
}
lists! {
    /// Audiences of a site.
    AudiencesOf(SiteId) -> Audience = audiences
}
lists! {
    /// Changes of a site's settings.
    SettingsOf(SiteId) -> LoggedChange = site_changes
}

/// Messages of a campaign.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct MessagesOf(
    pub(in crate::graphql) CampaignId,
    pub(in crate::graphql) MessageFilter,
    pub(in crate::graphql) PageRequest,
);

impl Load for MessagesOf {
    type Value = Page<Message>;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Page<Message>>, Fault> {
        let mut pages = HashMap::new();
        for ((filter, page), asked) in alike(asked, |asked| (asked.1.clone(), asked.2.clone())) {
            let ids: Vec<CampaignId> = asked.iter().map(|asked| asked.0).collect();
            let found = caller.service.messages(&caller.actor, &ids, &filter, &page).await?;
            pages.extend(told(found, &asked, |asked| asked.0));
        }
        Ok(pages)
    }
}

/// What callers did on a site.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct AuditOf(
    pub(in crate::graphql) SiteId,
    pub(in crate::graphql) AuditFilter,
    pub(in crate::graphql) PageRequest,
);

impl Load for AuditOf {
    type Value = Page<AuditEntry>;

    async fn load(
        caller: &Caller,
        asked: &[Self],
    ) -> Result<HashMap<Self, Page<AuditEntry>>, Fault> {
        let mut pages = HashMap::new();
        for ((filter, page), asked) in alike(asked, |asked| (asked.1.clone(), asked.2.clone())) {
            let ids: Vec<SiteId> = asked.iter().map(|asked| asked.0).collect();
            let found = caller.service.audit_entries(&caller.actor, &ids, filter, &page).await?;
            pages.extend(told(found, &asked, |asked| asked.0));
        }
        Ok(pages)
    }
}

/// Campaigns of a site.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct CampaignsOf(
    pub(in crate::graphql) SiteId,
    pub(in crate::graphql) (CampaignFilter, CampaignOrder, PageRequest),
);

impl Load for CampaignsOf {
    type Value = Page<Campaign>;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Page<Campaign>>, Fault> {
        let (service, actor) = (&caller.service, &caller.actor);
        let mut pages = HashMap::new();
        for ((filter, order, page), asked) in alike(asked, |asked| asked.1.clone()) {
            let ids: Vec<SiteId> = asked.iter().map(|asked| asked.0).collect();
            let found = service.campaigns(actor, &ids, &filter, order, &page).await?;
            pages.extend(told(found, &asked, |asked| asked.0));
        }
        Ok(pages)
    }
}

/// Subscribers of a site. Filters may differ, as the audiences of a campaign do.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct SubscribersOf(
    pub(in crate::graphql) SiteId,
    pub(in crate::graphql) SubscriberFilter,
    pub(in crate::graphql) PageRequest,
);

impl Load for SubscribersOf {
    type Value = Page<SubscriberView>;

    async fn load(
        caller: &Caller,
        asked: &[Self],
    ) -> Result<HashMap<Self, Page<SubscriberView>>, Fault> {
        let mut pages = HashMap::new();
        for (page, asked) in alike(asked, |asked| asked.2.clone()) {
            let lists: Vec<_> = asked.iter().map(|asked| (asked.0, asked.1.clone())).collect();
            let found = caller.service.subscribers(&caller.actor, &lists, &page).await?;
            pages.extend(asked.into_iter().zip(found));
        }
        Ok(pages)
    }
}
