//! The writes.
//!
//! **Invariant:** a write parses its arguments, asks the service once, and answers; nothing is
//! decided here.

use super::{
    context::{Answered as _, Caller, id},
    directive::requires_scope,
    enums::Scope,
    inputs::{
        AudienceCreateInput, CampaignActivateInput, CampaignCancelInput, CampaignCreateInput,
        CampaignDeleteInput, CampaignDuplicateInput, CampaignPauseInput, CampaignRescheduleInput,
        CampaignResolveUnknownInput, CampaignResumeInput, CampaignSendTestInput,
        CampaignUpdateInput, NotNow, SiteUpdateInput, SubscribersUpsertInput,
    },
    types::{
        AudienceCreatePayload, CampaignActivatePayload, CampaignCancelPayload,
        CampaignCreatePayload, CampaignDeletePayload, CampaignDuplicatePayload,
        CampaignPausePayload, CampaignReschedulePayload, CampaignResolveUnknownPayload,
        CampaignResumePayload, CampaignSendTestPayload, CampaignUpdatePayload, SiteUpdatePayload,
        SubscriberClearPossibleOptOutPayload, SubscriberUnsubscribePayload,
        SubscribersUpsertPayload,
    },
};
use crate::service::{Activation, Rescheduling};
use async_graphql::{Context, ID, Object, Result};

/// Writes.
#[derive(Clone, Copy, Debug)]
pub struct Mutation;

/// Writes. Each answers with the object as it now is and with `userErrors`; when `userErrors` is
/// not empty, nothing changed.
#[Object]
impl Mutation {
    /// Make a draft.
    #[graphql(directive = requires_scope::apply(Scope::CampaignWrite))]
    async fn campaign_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The draft.")] input: CampaignCreateInput,
    ) -> Result<CampaignCreatePayload> {
        let caller = Caller::with(ctx, Scope::CampaignWrite)?;
        let done = caller.service.campaign_create(&caller.actor, input.into()).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Change a draft. Fields left out stay as they are.
    #[graphql(directive = requires_scope::apply(Scope::CampaignWrite))]
    async fn campaign_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "The changes.")] input: CampaignUpdateInput,
    ) -> Result<CampaignUpdatePayload> {
        let caller = Caller::with(ctx, Scope::CampaignWrite)?;
        let done = caller.service.campaign_update(&caller.actor, id(&text), input.into()).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Activate a draft: `SCHEDULED` for a time to come, `PROCESSING` for now.
    #[graphql(directive = requires_scope::apply(Scope::CampaignSend))]
    async fn campaign_activate(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "When and how to send.")] input: CampaignActivateInput,
    ) -> Result<CampaignActivatePayload> {
        let caller = Caller::with(ctx, Scope::CampaignSend)?;
        let activation = match Activation::try_from(input) {
            Ok(activation) => activation,
            Err(not_now @ NotNow) => return Ok(Err(vec![not_now.into()]).into()),
        };
        let done = caller.service.campaign_activate(&caller.actor, id(&text), activation).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Move the scheduled time of a `SCHEDULED` campaign.
    #[graphql(directive = requires_scope::apply(Scope::CampaignSend))]
    async fn campaign_reschedule(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "The new time.")] input: CampaignRescheduleInput,
    ) -> Result<CampaignReschedulePayload> {
        let caller = Caller::with(ctx, Scope::CampaignSend)?;
        let rescheduling = match Rescheduling::try_from(input) {
            Ok(rescheduling) => rescheduling,
            Err(not_now @ NotNow) => return Ok(Err(vec![not_now.into()]).into()),
        };
        let done = caller.service.campaign_reschedule(&caller.actor, id(&text), rescheduling).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Hold what is left to hand over of a campaign in `PROCESSING` or `SENDING`, whose status stays
    /// as it is. Messages already handed over go out.
    #[graphql(directive = requires_scope::apply(Scope::CampaignSend))]
    async fn campaign_pause(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "Conditions, if any.")] input: Option<CampaignPauseInput>,
    ) -> Result<CampaignPausePayload> {
        let caller = Caller::with(ctx, Scope::CampaignSend)?;
        let pausing = input.unwrap_or_default().into();
        let done = caller.service.campaign_pause(&caller.actor, id(&text), pausing).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Let a paused campaign go on. Where the chosen local time came during the pause, `ifPassed`
    /// says what is done; everything else that is due goes out at once, quiet hours permitting.
    #[graphql(directive = requires_scope::apply(Scope::CampaignSend))]
    async fn campaign_resume(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "Conditions, if any.")] input: Option<CampaignResumeInput>,
    ) -> Result<CampaignResumePayload> {
        let caller = Caller::with(ctx, Scope::CampaignSend)?;
        let resuming = input.unwrap_or_default().into();
        let done = caller.service.campaign_resume(&caller.actor, id(&text), resuming).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Settle a campaign's `UNKNOWN` messages: send them again and risk a second text, or write them
    /// off. Sending again is refused once the campaign is `CANCELED` or `FAILED`, and leaves `SENT` as
    /// it is.
    #[graphql(directive = requires_scope::apply(Scope::CampaignSend))]
    async fn campaign_resolve_unknown(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "What to do with them.")] input: CampaignResolveUnknownInput,
    ) -> Result<CampaignResolveUnknownPayload> {
        let caller = Caller::with(ctx, Scope::CampaignSend)?;
        let resolution = input.into();
        let done =
            caller.service.campaign_resolve_unknown(&caller.actor, id(&text), resolution).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Stop a campaign. `SCHEDULED` goes back to `DRAFT`; `PROCESSING` and `SENDING` become
    /// `CANCELED`. Messages already handed over go out.
    #[graphql(directive = requires_scope::apply(Scope::CampaignSend))]
    async fn campaign_cancel(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "Conditions, if any.")] input: Option<CampaignCancelInput>,
    ) -> Result<CampaignCancelPayload> {
        let caller = Caller::with(ctx, Scope::CampaignSend)?;
        let cancellation = input.unwrap_or_default().into();
        let done = caller.service.campaign_cancel(&caller.actor, id(&text), cancellation).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Copy a campaign, in any status, to a new draft without a schedule.
    #[graphql(directive = requires_scope::apply(Scope::CampaignWrite))]
    async fn campaign_duplicate(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "About the copy.")] input: Option<CampaignDuplicateInput>,
    ) -> Result<CampaignDuplicatePayload> {
        let caller = Caller::with(ctx, Scope::CampaignWrite)?;
        let duplication = input.unwrap_or_default().into();
        let done = caller.service.campaign_duplicate(&caller.actor, id(&text), duplication).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Remove a draft.
    #[graphql(directive = requires_scope::apply(Scope::CampaignWrite))]
    async fn campaign_delete(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "Conditions, if any.")] input: Option<CampaignDeleteInput>,
    ) -> Result<CampaignDeletePayload> {
        let caller = Caller::with(ctx, Scope::CampaignWrite)?;
        let revision = input.unwrap_or_default().expected_revision.map(i64::from);
        let done = caller.service.campaign_delete(&caller.actor, id(&text), revision).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Text one step to a few numbers of your own. Counts in no ledger.
    #[graphql(directive = requires_scope::apply(Scope::CampaignSend))]
    async fn campaign_send_test(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
        #[graphql(desc = "What to send and where.")] input: CampaignSendTestInput,
    ) -> Result<CampaignSendTestPayload> {
        let caller = Caller::with(ctx, Scope::CampaignSend)?;
        let done = caller.service.campaign_send_test(&caller.actor, id(&text), input.into()).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Save an audience.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberWrite))]
    async fn audience_create(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The audience.")] input: AudienceCreateInput,
    ) -> Result<AudienceCreatePayload> {
        let caller = Caller::with(ctx, Scope::SubscriberWrite)?;
        let done = caller.service.audience_create(&caller.actor, input.into()).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Add subscribers, or change those whose number is known. At most 1,000. Good rows are kept
    /// when others are refused.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberWrite))]
    async fn subscribers_upsert(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The subscribers.")] input: SubscribersUpsertInput,
    ) -> Result<SubscribersUpsertPayload> {
        let caller = Caller::with(ctx, Scope::SubscriberWrite)?;
        let (site, rows) = input.into_rows();
        let done = caller.service.subscribers_upsert(&caller.actor, site, rows).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Withdraw a subscriber's consent. Stops their messages not yet handed over, in every campaign.
    /// Only the person can give it again, by texting `START`.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberWrite))]
    async fn subscriber_unsubscribe(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The subscriber.")] text: ID,
    ) -> Result<SubscriberUnsubscribePayload> {
        let caller = Caller::with(ctx, Scope::SubscriberWrite)?;
        let done = caller.service.subscriber_unsubscribe(&caller.actor, id(&text)).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Find that what a subscriber wrote was no wish to opt out, so that campaigns reach them again.
    /// Messages that were skipped stay skipped.
    #[graphql(directive = requires_scope::apply(Scope::SubscriberWrite))]
    async fn subscriber_clear_possible_opt_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The subscriber.")] text: ID,
    ) -> Result<SubscriberClearPossibleOptOutPayload> {
        let caller = Caller::with(ctx, Scope::SubscriberWrite)?;
        let done = caller.service.subscriber_clear_possible_opt_out(&caller.actor, id(&text)).await;
        done.or_internal(&caller).map(Into::into)
    }

    /// Change a site's settings. Activated campaigns keep the settings they were activated with;
    /// stricter ones also apply to them.
    #[graphql(directive = requires_scope::apply(Scope::SiteWrite))]
    async fn site_update(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The site.")] text: ID,
        #[graphql(desc = "The changes.")] input: SiteUpdateInput,
    ) -> Result<SiteUpdatePayload> {
        let caller = Caller::with(ctx, Scope::SiteWrite)?;
        let done = caller.service.site_update(&caller.actor, id(&text), input.into()).await;
        done.or_internal(&caller).map(Into::into)
    }
}
