//! Steps: the messages of a campaign as composed.

use super::{MessageCounts, MessagePreview};
use crate::{
    graphql::{
        enums::{MessageStepCondition, MessageStepKind},
        loaders,
        scalars::{Duration, Url},
    },
    service::{StepText, Tally},
};
use async_graphql::{Context, ID, Object, Result};
use domain::{
    campaign::{Campaign, Step},
    id::{CampaignId, RevisionId, SiteId},
};
use std::sync::Arc;

/// One message of a campaign.
pub(crate) struct MessageStep {
    campaign_id: CampaignId,
    revision_id: RevisionId,
    site_id: SiteId,
    step: Step,
}

impl MessageStep {
    /// A step of the campaign.
    pub(super) fn new(campaign: &Campaign, step: Step) -> Self {
        let Campaign { id, revision_id, site_id, .. } = *campaign;
        Self { campaign_id: id, revision_id, site_id, step }
    }
}

/// One message of a campaign.
#[Object]
impl MessageStep {
    /// The global ID.
    fn id(&self) -> ID {
        self.step.id.to_string().into()
    }

    /// Its place, the initial message being 0.
    fn position(&self) -> i32 {
        self.step.position
    }

    /// Whether it opens the campaign or follows up.
    fn kind(&self) -> MessageStepKind {
        if self.step.position == 0 { MessageStepKind::Initial } else { MessageStepKind::FollowUp }
    }

    /// How long after the step before it. Null for the initial message.
    fn delay(&self) -> Option<Duration> {
        self.step.delay_s.map(Duration::of_seconds)
    }

    /// Whether it is sent to a recipient whose delay has run.
    fn condition(&self) -> MessageStepCondition {
        self.step.condition.into()
    }

    /// The text, with its variables.
    fn body(&self) -> &str {
        &self.step.body
    }

    /// A picture, which makes it an MMS.
    fn media_url(&self) -> Option<Url> {
        self.step.media_url.clone().map(Url)
    }

    /// How the text is encoded and billed.
    async fn preview(&self, ctx: &Context<'_>) -> Result<MessagePreview> {
        let (site_id, revision_id, body) = (self.site_id, self.revision_id, self.step.body.clone());
        let preview = loaders::previews(ctx, StepText { site_id, revision_id, body }).await?;
        Ok(MessagePreview::new(preview, self.step.media_url.is_some()))
    }

    /// What became of its messages. Null before `PROCESSING`.
    async fn counts(&self, ctx: &Context<'_>) -> Option<Result<MessageCounts>> {
        let tally = loaders::tally(ctx, self.campaign_id).await;
        let counts = |tally: Arc<Tally>| tally.of_step(self.step.id).map(MessageCounts::from);
        tally.map(counts).transpose()
    }
}
