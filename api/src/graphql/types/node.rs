//! Objects by id, whatever their kind.
//!
//! **Invariant:** what implements `Node` can be fetched by its id, and one who lacks the scope to
//! read a kind is answered as if there were none.

use super::{ApiKey, Audience, Campaign, CampaignEvent, Message, Site, Subscriber};
use crate::graphql::{
    context::{Answered as _, Caller, id},
    enums::Scope,
};
use async_graphql::{ID, Interface, Result};
use domain::id::{ApiKeyId, AudienceId, CampaignId, EventId, MessageId, SiteId, SubscriberId};

/// An object that can be refetched by its globally unique ID.
#[derive(Interface)]
#[graphql(field(
    name = "id",
    ty = "ID",
    desc = "Globally unique, opaque and stable. The readable prefix (`camp_`, `msg_`, …) is for \
            people, not for parsing."
))]
pub(crate) enum Node {
    /// A credential.
    ApiKey(ApiKey),
    /// A store.
    Site(Site),
    /// A person who can be texted.
    Subscriber(Subscriber),
    /// A saved choice of subscribers.
    Audience(Audience),
    /// A message, or a chain of messages, for an audience.
    Campaign(Campaign),
    /// One message to one recipient.
    Message(Message),
    /// Something that happened to a campaign.
    CampaignEvent(CampaignEvent),
}

impl Node {
    /// The object of the id, if there is one and the caller may see it.
    pub(in crate::graphql) async fn find(caller: &Caller, text: &str) -> Result<Option<Self>> {
        let Caller { service, actor, .. } = caller;
        let may = |scope: Scope| actor.may(scope.into());
        if let Some(key) = id::<ApiKeyId>(text) {
            let own = service.own_key(actor).await.or_internal(caller)?;
            Ok(own.filter(|own| own.id == key).map(|own| Self::ApiKey(ApiKey(own))))
        } else if let Some(site) = id::<SiteId>(text).filter(|_| may(Scope::SiteRead)) {
            let site = service.site(actor, Some(site)).await.or_internal(caller)?;
            Ok(site.map(|site| Self::Site(site.into())))
        } else if let Some(subscriber) =
            id::<SubscriberId>(text).filter(|_| may(Scope::SubscriberRead))
        {
            let subscriber = service.subscriber(actor, subscriber).await.or_internal(caller)?;
            Ok(subscriber.map(|subscriber| Self::Subscriber(subscriber.into())))
        } else if let Some(audience) = id::<AudienceId>(text).filter(|_| may(Scope::SubscriberRead))
        {
            let audience = service.audience(actor, audience).await.or_internal(caller)?;
            Ok(audience.map(|audience| Self::Audience(audience.into())))
        } else if let Some(campaign) = id::<CampaignId>(text).filter(|_| may(Scope::CampaignRead)) {
            let campaign = service.campaign(actor, campaign).await.or_internal(caller)?;
            Ok(campaign.map(|campaign| Self::Campaign(campaign.into())))
        } else if let Some(message) = id::<MessageId>(text).filter(|_| may(Scope::MessageRead)) {
            let message = service.message(actor, message).await.or_internal(caller)?;
            Ok(message.map(|message| Self::Message(message.into())))
        } else if let Some(event) = id::<EventId>(text).filter(|_| may(Scope::CampaignRead)) {
            let event = service.event(actor, event).await.or_internal(caller)?;
            Ok(event.map(|event| Self::CampaignEvent(event.into())))
        } else {
            Ok(None)
        }
    }
}
