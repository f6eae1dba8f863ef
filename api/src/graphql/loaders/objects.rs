//! Objects by id, and what stands beside a site, a connection or a message.

use super::{Load, find, get};
use crate::{
    graphql::context::Caller,
    service::{Carrier, Fault, Message, SubscriberView},
};
use async_graphql::{Context, Result};
use domain::{
    campaign::{Campaign, CampaignStatus},
    health::Observed,
    history::MessageEvent,
    id::{CampaignId, ConnectionId, MessageId, SiteId, SubscriberId},
    latency::LatencySummary,
    site::Site,
};
use std::{collections::HashMap, hash::Hash};

/// What was found, by what it was found by.
fn by<K: Eq + Hash, V>(found: Vec<V>, key: impl Fn(&V) -> K) -> HashMap<K, V> {
    found.into_iter().map(|found| (key(&found), found)).collect()
}

impl Load for SiteId {
    type Value = Site;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Site>, Fault> {
        Ok(by(caller.service.sites_by_id(&caller.actor, asked).await?, |site| site.id))
    }
}

impl Load for CampaignId {
    type Value = Campaign;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Campaign>, Fault> {
        let found = caller.service.campaigns_by_id(&caller.actor, asked).await?;
        Ok(by(found, |campaign| campaign.id))
    }
}

impl Load for SubscriberId {
    type Value = SubscriberView;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, SubscriberView>, Fault> {
        let found = caller.service.subscribers_by_id(&caller.actor, asked).await?;
        Ok(by(found, |view| view.subscriber.id))
    }
}

impl Load for MessageId {
    type Value = Message;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, Message>, Fault> {
        let found = caller.service.messages_by_id(&caller.actor, asked).await?;
        Ok(by(found, |message| message.id))
    }
}

/// Declares what is beside an object, by the object's id: how it is loaded.
macro_rules! beside {
    ($name:ident($id:ty) -> $value:ty = $load:ident) => {
        #[derive(Clone, PartialEq, Eq, Hash)]
        struct $name($id);

        impl Load for $name {
            type Value = $value;

            async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, $value>, Fault> {
                let ids: Vec<$id> = asked.iter().map(|asked| asked.0).collect();
                let found = caller.service.$load(&caller.actor, &ids).await?;
                Ok(found.into_iter().map(|(id, value)| (Self(id), value)).collect())
            }
        }
    };
}

beside!(CarrierOf(SiteId) -> Carrier = carriers);
beside!(CountsOf(SiteId) -> Vec<(CampaignStatus, i64)> = campaign_counts);
beside!(PositionOf(SiteId) -> i64 = log_positions);
beside!(ObservedOf(ConnectionId) -> Observed = aggregators_observed);
beside!(LatencyOf(ConnectionId) -> Option<LatencySummary> = handoff_latencies);
beside!(HistoryOf(MessageId) -> Vec<MessageEvent> = message_events);

/// The site, if the caller reaches it.
pub(in crate::graphql) async fn site_if_any(ctx: &Context<'_>, id: SiteId) -> Result<Option<Site>> {
    find(ctx, id).await
}

/// The site, which is there because a row of it is.
pub(in crate::graphql) async fn site(ctx: &Context<'_>, id: SiteId) -> Result<Site> {
    get(ctx, id, "site").await
}

/// The campaign, which is there because a message of it is.
pub(in crate::graphql) async fn campaign(ctx: &Context<'_>, id: CampaignId) -> Result<Campaign> {
    get(ctx, id, "campaign").await
}

/// The campaign, unless it was deleted.
pub(in crate::graphql) async fn campaign_if_any(
    ctx: &Context<'_>,
    id: CampaignId,
) -> Result<Option<Campaign>> {
    find(ctx, id).await
}

/// The subscriber, who is there because a message to them is.
pub(in crate::graphql) async fn subscriber(
    ctx: &Context<'_>,
    id: SubscriberId,
) -> Result<SubscriberView> {
    get(ctx, id, "subscriber").await
}

/// The message, if it is known.
pub(in crate::graphql) async fn message_if_any(
    ctx: &Context<'_>,
    id: MessageId,
) -> Result<Option<Message>> {
    find(ctx, id).await
}

/// What carries the messages of a site that was chosen through the caller.
pub(in crate::graphql) async fn carrier(ctx: &Context<'_>, id: SiteId) -> Result<Carrier> {
    Ok(find(ctx, CarrierOf(id)).await?.unwrap_or_default())
}

/// How many campaigns of a site are in each status.
pub(in crate::graphql) async fn campaign_counts(
    ctx: &Context<'_>,
    id: SiteId,
) -> Result<Vec<(CampaignStatus, i64)>> {
    Ok(find(ctx, CountsOf(id)).await?.unwrap_or_default())
}

/// The last position of a site's log: to be read before the rows it vouches for.
pub(in crate::graphql) async fn log_position(ctx: &Context<'_>, id: SiteId) -> Result<i64> {
    Ok(find(ctx, PositionOf(id)).await?.unwrap_or_default())
}

/// What is known of the aggregator behind a connection.
pub(in crate::graphql) async fn observed(ctx: &Context<'_>, id: ConnectionId) -> Result<Observed> {
    Ok(find(ctx, ObservedOf(id)).await?.unwrap_or_default())
}

/// How long messages waited until a connection took them.
pub(in crate::graphql) async fn latency(
    ctx: &Context<'_>,
    id: ConnectionId,
) -> Result<Option<LatencySummary>> {
    Ok(find(ctx, LatencyOf(id)).await?.flatten())
}

/// What happened to a message.
pub(in crate::graphql) async fn message_events(
    ctx: &Context<'_>,
    id: MessageId,
) -> Result<Vec<MessageEvent>> {
    Ok(find(ctx, HistoryOf(id)).await?.unwrap_or_default())
}
