//! The message ledger, read.

use super::{Actor, Fault, Page, PageRequest, Service};
use domain::{
    Instant,
    id::{CampaignId, MessageId, SiteId, StepId, SubscriberId},
    message::{MessageState, Standing},
    reason::MessageReason,
    zone::Zone,
};

/// A row of the ledger.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: MessageId,
    pub site_id: SiteId,
    pub campaign_id: CampaignId,
    pub step_id: StepId,
    pub subscriber_id: SubscriberId,
    pub standing: Standing,
    pub aggregator_code: Option<String>,
    pub zone: Zone,
    pub due_at: Instant,
    pub deferred_from: Option<Instant>,
    pub accepted_at: Option<Instant>,
    pub delivered_at: Option<Instant>,
    pub aggregator_message_id: Option<String>,
    pub attempt_count: i64,
    pub segment_count: Option<i64>,
}

/// Which messages to keep.
#[derive(Clone, Debug, Default)]
pub struct MessageFilter {
    pub statuses: Option<Vec<MessageState>>,
    pub reasons: Option<Vec<MessageReason>>,
    /// `Some(None)`: an id that is no step's, which matches nothing.
    pub step_id: Option<Option<StepId>>,
    pub subscriber_id: Option<Option<SubscriberId>>,
    pub zones: Option<Vec<Zone>>,
}

impl Service {
    /// Messages of a campaign the caller reaches, by id; empty for a foreign campaign.
    pub async fn messages(&self, actor: &Actor, campaign_id: CampaignId, filter: &MessageFilter, page: &PageRequest) -> Result<Page<Message>, Fault> { unimplemented!() }
    pub async fn message_count(&self, actor: &Actor, campaign_id: CampaignId, filter: &MessageFilter) -> Result<i64, Fault> { unimplemented!() }
    pub async fn message(&self, actor: &Actor, id: MessageId) -> Result<Option<Message>, Fault> { unimplemented!() }
    /// Messages to one subscriber, newest first.
    pub async fn subscriber_messages(&self, actor: &Actor, subscriber_id: SubscriberId, page: &PageRequest) -> Result<Page<Message>, Fault> { unimplemented!() }
    pub async fn subscriber_message_count(&self, actor: &Actor, subscriber_id: SubscriberId) -> Result<i64, Fault> { unimplemented!() }
}
