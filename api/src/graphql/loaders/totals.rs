//! How many there are in all of many lists.

use super::{Load, find};
use crate::{
    graphql::{
        connection::{Total, int},
        context::Caller,
    },
    service::{CampaignFilter, Fault, MessageFilter, SubscriberFilter},
};
use async_graphql::{Context, Result};
use domain::id::{CampaignId, SiteId, SubscriberId};
use std::collections::HashMap;

/// Totals asked for, by what they are totals of.
#[derive(Default)]
struct ByKind {
    audiences: Vec<SiteId>,
    subscribers: Vec<(SiteId, SubscriberFilter)>,
    campaigns: Vec<(SiteId, CampaignFilter)>,
    messages: Vec<(CampaignId, MessageFilter)>,
    to_subscribers: Vec<SubscriberId>,
}

impl ByKind {
    fn of(asked: &[Total]) -> Self {
        let mut kinds = Self::default();
        for total in asked.iter().cloned() {
            match total {
                Total::Audiences(site) => kinds.audiences.push(site),
                Total::Subscribers(site, filter) => kinds.subscribers.push((site, filter)),
                Total::Campaigns(site, filter) => kinds.campaigns.push((site, filter)),
                Total::Messages(campaign, filter) => kinds.messages.push((campaign, filter)),
                Total::SubscriberMessages(subscriber) => kinds.to_subscribers.push(subscriber),
            }
        }
        kinds
    }
}

impl Load for Total {
    type Value = i64;

    async fn load(caller: &Caller, asked: &[Self]) -> Result<HashMap<Self, i64>, Fault> {
        let (service, actor) = (&caller.service, &caller.actor);
        let kinds = ByKind::of(asked);
        let mut totals = HashMap::new();
        if !kinds.audiences.is_empty() {
            let counts = service.audience_totals(actor, &kinds.audiences).await?;
            totals.extend(kinds.audiences.into_iter().map(Self::Audiences).zip(counts));
        }
        if !kinds.subscribers.is_empty() {
            let counts = service.subscriber_totals(actor, &kinds.subscribers).await?;
            let of = |(site, filter)| Self::Subscribers(site, filter);
            totals.extend(kinds.subscribers.into_iter().map(of).zip(counts));
        }
        if !kinds.campaigns.is_empty() {
            let counts = service.campaign_totals(actor, &kinds.campaigns).await?;
            let of = |(site, filter)| Self::Campaigns(site, filter);
            totals.extend(kinds.campaigns.into_iter().map(of).zip(counts));
        }
        if !kinds.messages.is_empty() {
            let counts = service.message_totals(actor, &kinds.messages).await?;
            let of = |(campaign, filter)| Self::Messages(campaign, filter);
            totals.extend(kinds.messages.into_iter().map(of).zip(counts));
        }
        if !kinds.to_subscribers.is_empty() {
            let counts = service.subscriber_message_totals(actor, &kinds.to_subscribers).await?;
            totals
                .extend(kinds.to_subscribers.into_iter().map(Self::SubscriberMessages).zip(counts));
        }
        Ok(totals)
    }
}

/// How many there are; none of what the caller does not reach.
pub(in crate::graphql) async fn total(ctx: &Context<'_>, total: Total) -> Result<i32> {
    Ok(find(ctx, total).await?.map_or(0, int))
}
