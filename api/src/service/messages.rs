//! The message ledger, read.

use super::{Actor, Fault, Message, MessageFilter, Page, PageRequest, Service};
use crate::db::{campaigns, counts, history, messages};
use domain::{
    history::MessageEvent,
    id::{CampaignId, MessageId, SubscriberId},
};

impl Service {
    /// Messages of a campaign the caller reaches, by id; empty for a foreign campaign.
    pub async fn messages(
        &self,
        actor: &Actor,
        campaign_id: CampaignId,
        filter: &MessageFilter,
        page: &PageRequest,
    ) -> Result<Page<Message>, Fault> {
        Ok(messages::page(self.db.read(), actor.sites(), campaign_id, filter, page).await?)
    }

    /// How many messages of the campaign match; 0 for a foreign campaign.
    pub async fn message_count(
        &self,
        actor: &Actor,
        campaign_id: CampaignId,
        filter: &MessageFilter,
    ) -> Result<i64, Fault> {
        let db = self.db.read();
        if filter.subscriber_id.is_some() {
            return Ok(messages::count_to_subscriber(db, actor.sites(), campaign_id, filter).await?);
        }
        if filter.step_id == Some(None)
            || campaigns::find(db, actor.sites(), campaign_id).await?.is_none()
        {
            return Ok(0);
        }
        let counted = counts::Filter {
            states: filter.statuses.clone(),
            reasons: filter.reasons.clone(),
            step: filter.step_id.flatten(),
            zones: filter
                .zones
                .as_ref()
                .map(|zones| zones.iter().map(|zone| zone.name()).collect()),
        };
        Ok(counts::count(db, campaign_id, &counted).await?)
    }

    /// One message.
    pub async fn message(&self, actor: &Actor, id: MessageId) -> Result<Option<Message>, Fault> {
        Ok(messages::find(self.db.read(), actor.sites(), id).await?)
    }

    /// What happened to a message that was read through the actor, oldest first.
    pub async fn message_events(&self, id: MessageId) -> Result<Vec<MessageEvent>, Fault> {
        let records = history::read(self.db.read(), id).await?;
        Ok(records.map(|records| records.events()).unwrap_or_default())
    }

    /// Messages to one subscriber, newest first.
    pub async fn subscriber_messages(
        &self,
        actor: &Actor,
        subscriber_id: SubscriberId,
        page: &PageRequest,
    ) -> Result<Page<Message>, Fault> {
        Ok(messages::page_to_subscriber(self.db.read(), actor.sites(), subscriber_id, page).await?)
    }

    /// How many messages there are to one subscriber.
    pub async fn subscriber_message_count(
        &self,
        actor: &Actor,
        subscriber_id: SubscriberId,
    ) -> Result<i64, Fault> {
        Ok(messages::count_by_subscriber(self.db.read(), actor.sites(), subscriber_id).await?)
    }
}
