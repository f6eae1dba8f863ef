//! The message ledger, read.

use super::{Actor, Fault, Message, MessageFilter, Page, PageRequest, Service};
use crate::db::{counts, history, messages};
use domain::{
    history::MessageEvent,
    id::{CampaignId, MessageId, SubscriberId},
};
use std::collections::HashMap;

impl Service {
    /// A page of the messages of each campaign, by id; empty for a foreign campaign.
    pub async fn messages(
        &self,
        actor: &Actor,
        campaigns: &[CampaignId],
        filter: &MessageFilter,
        page: &PageRequest,
    ) -> Result<HashMap<CampaignId, Page<Message>>, Fault> {
        let (db, sites) = (self.db.read(), actor.sites());
        let pages = messages::pages(db, sites, campaigns, filter, page).await?;
        Ok(campaigns.iter().copied().zip(pages).collect())
    }

    /// How many messages of each campaign match, in the order asked; 0 for a foreign campaign.
    pub async fn message_totals(
        &self,
        actor: &Actor,
        asked: &[(CampaignId, MessageFilter)],
    ) -> Result<Vec<i64>, Fault> {
        let (db, sites) = (self.db.read(), actor.sites());
        let (to_one, all): (Vec<_>, Vec<_>) =
            asked.iter().cloned().partition(|(_, filter)| filter.subscriber_id.is_some());
        let mut to_one = messages::counts_to_subscriber(db, sites, &to_one).await?.into_iter();
        let ids: Vec<CampaignId> = all.iter().map(|(id, _)| *id).collect();
        let counted = counts::read_many(db, sites, &ids).await?;
        let total = |(id, filter): &(CampaignId, MessageFilter)| {
            if filter.subscriber_id.is_some() {
                return to_one.next().unwrap_or_default();
            }
            // An id that is no step's matches nothing.
            if filter.step_id == Some(None) {
                return 0;
            }
            counted.get(id).map_or(0, |counted| counts::count(counted, &counts_filter(filter)))
        };
        Ok(asked.iter().map(total).collect())
    }

    /// One message.
    pub async fn message(&self, actor: &Actor, id: MessageId) -> Result<Option<Message>, Fault> {
        Ok(self.messages_by_id(actor, &[id]).await?.pop())
    }

    /// Those of these messages that are of the caller's sites, in no order.
    pub async fn messages_by_id(
        &self,
        actor: &Actor,
        ids: &[MessageId],
    ) -> Result<Vec<Message>, Fault> {
        Ok(messages::find_many(self.db.read(), actor.sites(), ids).await?)
    }

    /// What happened to messages of the caller's sites, oldest first.
    pub async fn message_events(
        &self,
        actor: &Actor,
        ids: &[MessageId],
    ) -> Result<HashMap<MessageId, Vec<MessageEvent>>, Fault> {
        let records = history::read_many(self.db.read(), actor.sites(), ids).await?;
        Ok(records.into_iter().map(|(id, records)| (id, records.events())).collect())
    }

    /// A page of the messages to each subscriber, newest first; empty for a foreign one.
    pub async fn subscriber_messages(
        &self,
        actor: &Actor,
        ids: &[SubscriberId],
        page: &PageRequest,
    ) -> Result<HashMap<SubscriberId, Page<Message>>, Fault> {
        let (db, sites) = (self.db.read(), actor.sites());
        let pages = messages::pages_to_subscribers(db, sites, ids, page).await?;
        Ok(ids.iter().copied().zip(pages).collect())
    }

    /// How many messages there are to each subscriber, in the order asked; 0 for a foreign one.
    pub async fn subscriber_message_totals(
        &self,
        actor: &Actor,
        ids: &[SubscriberId],
    ) -> Result<Vec<i64>, Fault> {
        Ok(messages::counts_by_subscriber(self.db.read(), actor.sites(), ids).await?)
    }
}

/// The counts that a filter is about.
fn counts_filter(filter: &MessageFilter) -> counts::Filter {
    let zones = filter.zones.as_ref();
    counts::Filter {
        states: filter.statuses.clone(),
        reasons: filter.reasons.clone(),
        step: filter.step_id.flatten(),
        zones: zones.map(|zones| zones.iter().map(|zone| zone.name()).collect()),
    }
}
