//! The reads at the root.

use super::{
    context::{Answered as _, Caller, id, id_or_nobody},
    directive::requires_scope,
    enums::Scope,
    error, loaders,
    scalars::Url,
    types::{Campaign, EngineStatus, MessagePreview, Node, Site, Viewer},
};
use async_graphql::{Context, ID, Object, Result};
use domain::limits::BODY_CHARS_MAX;

/// Characters of a text that is previewed: enough to see by how much it is too long.
const PREVIEW_CHARS_MAX: usize = 4 * BODY_CHARS_MAX;

/// Reads.
#[derive(Clone, Copy, Debug)]
pub struct Query;

/// Reads.
#[Object]
impl Query {
    /// Any object by its ID. Null when there is none, or none the caller may see.
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ID.")] id: ID,
    ) -> Option<Result<Node>> {
        let found = async { Node::find(&Caller::of(ctx)?, &id).await };
        found.await.transpose()
    }

    /// The caller.
    #[expect(clippy::unused_async, reason = "a resolver that is not async must use `self`")]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Caller::of(ctx).map(|_| Viewer)
    }

    /// A site. With no ID, the only site the caller's key reaches.
    #[graphql(directive = requires_scope::apply(Scope::SiteRead))]
    async fn site(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The site.")] id: Option<ID>,
    ) -> Option<Result<Site>> {
        let found = async {
            let caller = Caller::with(ctx, Scope::SiteRead)?;
            let named = id.map(|text| id_or_nobody(&text));
            let Some(id) = caller.actor.site(named) else { return Ok(None) };
            Ok(loaders::site_if_any(ctx, id).await?.map(Site::from))
        };
        found.await.transpose()
    }

    /// A campaign.
    #[graphql(directive = requires_scope::apply(Scope::CampaignRead))]
    async fn campaign(
        &self,
        ctx: &Context<'_>,
        #[graphql(name = "id", desc = "The campaign.")] text: ID,
    ) -> Option<Result<Campaign>> {
        let found = async {
            Caller::with(ctx, Scope::CampaignRead)?;
            let Some(id) = id(&text) else { return Ok(None) };
            Ok(loaders::campaign_if_any(ctx, id).await?.map(Campaign::from))
        };
        found.await.transpose()
    }

    /// How the engine of the process that answers is doing. For those who run the service.
    #[graphql(directive = requires_scope::apply(Scope::OperatorRead))]
    async fn engine(&self, ctx: &Context<'_>) -> Option<Result<EngineStatus>> {
        Some(Caller::with(ctx, Scope::OperatorRead).map(|caller| EngineStatus::of(&caller.service)))
    }

    /// How a text would be encoded and billed, with nothing saved. For the composer.
    async fn message_preview(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The text, with variables: `{{ first_name | there }}`.")] body: String,
        #[graphql(desc = "A picture, which makes it an MMS.")] media_url: Option<Url>,
        #[graphql(
            desc = "The site that would send it, whose prefix, footer and subscribers' attributes \
                    count. With no ID, the only site the caller's key reaches; for a key that \
                    reaches several, none."
        )]
        site_id: Option<ID>,
    ) -> Result<MessagePreview> {
        let caller = Caller::of(ctx)?;
        if body.chars().count() > PREVIEW_CHARS_MAX {
            let must = format_args!("have at most {PREVIEW_CHARS_MAX} characters").to_string();
            return Err(error::bad_argument("body", must));
        }
        let named = site_id.map(|text| id_or_nobody(&text));
        let preview = caller.service.message_preview(&caller.actor, named, &body).await;
        match preview.or_internal(&caller)? {
            Some(preview) => Ok(MessagePreview::new(preview, media_url.is_some())),
            None => Err(error::bad_argument("siteId", "be a site that the key reaches")),
        }
    }
}
