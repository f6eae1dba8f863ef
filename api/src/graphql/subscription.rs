//! The live updates at the root.
//!
//! What begins one is boxed: async-graphql keeps the room for it for as long as the subscription lives.

use super::{
    context::{Answered as _, Caller, id, id_or_nobody},
    directive::requires_scope,
    enums::Scope,
    error, live,
    scalars::{Duration, EventCursor},
    types::{Campaign, CampaignChange},
};
use async_graphql::{Context, ID, Result, Subscription as GraphqlSubscription};
use domain::id::SiteId;

/// Live updates.
#[derive(Clone, Copy, Debug)]
pub struct Subscription;

/// Live updates. Those of one campaign answer at once with where it stands, then follow; those of a site
/// follow from the position given, or from now.
#[GraphqlSubscription]
impl Subscription {
    /// Each status change of one campaign, in order, none lost. With `after`, the changes missed
    /// come first. Ends when the status is final.
    #[graphql(directive = requires_scope::apply(Scope::CampaignRead))]
    async fn campaign_status_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign.")] campaign_id: ID,
        #[graphql(
            desc = "The last position handled. By default, now; the first event then reports the \
                    current status."
        )]
        after: Option<EventCursor>,
    ) -> Result<live::Told<CampaignChange>> {
        let caller = Caller::with(ctx, Scope::CampaignRead)?;
        Box::pin(live::status_changes(caller, id(&campaign_id), after)).await
    }

    /// One campaign's progress: the latest snapshot, at most once every `interval`, and always the
    /// last one. Older snapshots are dropped for a slow reader, never queued. Ends when every
    /// message is final.
    #[graphql(directive = requires_scope::apply(Scope::CampaignRead))]
    async fn campaign_progress(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The campaign.")] campaign_id: ID,
        #[graphql(
            desc = "The least time between snapshots, from `PT0.25S` to `PT1M`.",
            default_with = "live::interval_default()"
        )]
        interval: Duration,
    ) -> Result<live::Told<Campaign>> {
        let caller = Caller::with(ctx, Scope::CampaignRead)?;
        Box::pin(live::progress(caller, id(&campaign_id), interval)).await
    }

    /// Every change to a site's campaigns: what a list needs to stay true. Changes to one campaign
    /// that pile up for a slow reader arrive as its latest state.
    #[graphql(directive = requires_scope::apply(Scope::CampaignRead))]
    async fn campaigns_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site. With no ID, the only site the caller's key reaches.")]
        site_id: Option<ID>,
        #[graphql(desc = "The last position handled. By default, now.")] after: Option<EventCursor>,
    ) -> Result<live::Told<CampaignChange>> {
        let caller = Caller::with(ctx, Scope::CampaignRead)?;
        let named = site_id.map(|text| id_or_nobody(&text));
        let site = Box::pin(site_of(&caller, named)).await?;
        Box::pin(live::changes(caller, site, after)).await
    }
}

/// The site that the caller means: the one named, or the only one their key reaches.
async fn site_of(caller: &Caller, named: Option<SiteId>) -> Result<SiteId> {
    if named.is_none() && caller.actor.sites().len() > 1 {
        return Err(error::bad_argument("siteId", "be given, as the key reaches several sites"));
    }
    let site = caller.service.site(&caller.actor, named).await.or_internal(caller)?;
    site.map(|site| site.id).ok_or_else(|| error::not_found("site"))
}
