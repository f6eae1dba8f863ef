//! Steps: the messages of a campaign as composed.

use super::{MessageCounts, MessagePreview};
use crate::graphql::{
    context::{Answered as _, Caller},
    enums::{MessageStepCondition, MessageStepKind},
    loaders,
    scalars::{Duration, Url},
};
use async_graphql::{Context, ID, Object, Result};
use domain::{campaign::Step, id::CampaignId};

/// One message of a campaign.
pub(crate) struct MessageStep {
    campaign_id: CampaignId,
    step: Step,
}

impl MessageStep {
    /// A step of the campaign.
    pub(super) fn new(campaign_id: CampaignId, step: Step) -> Self {
        Self { campaign_id, step }
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
        let caller = Caller::of(ctx)?;
        let campaign = loaders::campaign(ctx, self.campaign_id).await?;
        let site = loaders::site(ctx, campaign.site_id).await?;
        let preview = caller.service.step_preview(&campaign, &site, &self.step).await;
        let preview = preview.or_internal(&caller)?;
        Ok(MessagePreview::new(preview, self.step.media_url.is_some()))
    }

    /// What became of its messages. Null before `PROCESSING`.
    async fn counts(&self, ctx: &Context<'_>) -> Option<Result<MessageCounts>> {
        let counts = async {
            let caller = Caller::of(ctx)?;
            let counts = caller.service.step_counts(self.campaign_id, self.step.id).await;
            Ok(counts.or_internal(&caller)?.map(MessageCounts::from))
        };
        counts.await.transpose()
    }
}
