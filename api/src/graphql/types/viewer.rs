//! The caller: their key, or the token that speaks for them.

use super::SiteConnection;
use crate::{
    graphql::{
        connection::{PageArgs, Sort},
        context::{Answered as _, Caller},
        enums::{Role, Scope},
        error::Missing,
        scalars::DateTime,
    },
    service,
};
use async_graphql::{Context, ID, Object, Result};
use domain::zone::TZDB_VERSION;

/// The caller and what it may reach.
pub(crate) struct Viewer;

/// The caller: an API key, or the subject of a signed token, and what it may reach.
#[Object]
impl Viewer {
    /// The key that authenticated this request. Null where a signed token did.
    async fn api_key(&self, ctx: &Context<'_>) -> Option<Result<ApiKey>> {
        own_key(ctx).await.transpose()
    }

    /// The subject of the signed token that authenticated this request. Null where an API key did.
    async fn subject(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        Caller::of(ctx).map(|caller| caller.actor.subject().map(str::to_owned)).transpose()
    }

    /// The role of the key or of the token.
    #[expect(clippy::unused_async, reason = "a resolver that is not async must use `self`")]
    async fn role(&self, ctx: &Context<'_>) -> Result<Role> {
        Ok(Caller::of(ctx)?.actor.role.into())
    }

    /// The scopes the role grants.
    #[expect(clippy::unused_async, reason = "a resolver that is not async must use `self`")]
    async fn scopes(&self, ctx: &Context<'_>) -> Result<Vec<Scope>> {
        Ok(Caller::of(ctx)?.actor.role.scopes().map(Scope::from).collect())
    }

    /// The release of the IANA time zone database whose rules decide when messages go out: `2026f`.
    #[expect(clippy::unused_self, reason = "a resolver takes its object, even one without data")]
    fn tzdb_version(&self) -> &'static str {
        TZDB_VERSION
    }

    /// The sites the key or the token reaches.
    async fn sites(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
    ) -> Result<SiteConnection> {
        sites(ctx, PageArgs { first, after, last, before }).await
    }
}

/// The key of the caller; none for the holder of a token.
async fn own_key(ctx: &Context<'_>) -> Result<Option<ApiKey>> {
    let caller = Caller::of(ctx)?;
    let key = caller.service.own_key(&caller.actor).await.or_internal(&caller)?;
    if key.is_none() && caller.actor.subject().is_none() {
        return Err(caller.internal(&Missing("API key")));
    }
    Ok(key.map(ApiKey))
}

/// The sites the caller reaches.
async fn sites(ctx: &Context<'_>, args: PageArgs) -> Result<SiteConnection> {
    let caller = Caller::of(ctx)?;
    let page = args.request(Sort::Id)?;
    let page = caller.service.sites(&caller.actor, &page).await.or_internal(&caller)?;
    Ok(SiteConnection::new(page, Sort::Id))
}

/// A credential. Only ever the caller's own, so that the sites it reaches are the caller's.
pub(crate) struct ApiKey(pub(in crate::graphql) service::ApiKey);

/// A credential. Its secret is shown once, when the key is created.
#[Object]
impl ApiKey {
    /// The global ID.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// A label for people.
    fn name(&self) -> &str {
        &self.0.name
    }

    /// The first characters of the secret, enough to tell keys apart.
    fn prefix(&self) -> &str {
        &self.0.prefix
    }

    /// The key's role.
    fn role(&self) -> Role {
        self.0.role.into()
    }

    /// The sites the key reaches.
    async fn sites(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The most edges to return, from the start. 1 to 100; 25 by default.")]
        first: Option<i32>,
        #[graphql(desc = "Return edges after this cursor.")] after: Option<String>,
        #[graphql(desc = "The most edges to return, from the end. 1 to 100. Not with `first`.")]
        last: Option<i32>,
        #[graphql(desc = "Return edges before this cursor.")] before: Option<String>,
    ) -> Result<SiteConnection> {
        sites(ctx, PageArgs { first, after, last, before }).await
    }

    /// When the key was made.
    fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// When the key last authenticated a request, to the minute.
    fn last_used_at(&self) -> Option<DateTime> {
        self.0.last_used_at.map(DateTime)
    }

    /// When the key stops working, if ever.
    fn expires_at(&self) -> Option<DateTime> {
        self.0.expires_at.map(DateTime)
    }

    /// When the key was revoked, if it was.
    fn revoked_at(&self) -> Option<DateTime> {
        self.0.revoked_at.map(DateTime)
    }
}
