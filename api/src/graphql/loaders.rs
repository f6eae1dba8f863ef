//! Loads what many objects of one answer name alike once: the site of a hundred campaigns, the
//! campaign of a hundred messages.
//!
//! **Invariant:** nothing is kept beyond the moment: what a subscription resolves is read anew each
//! time.
//! **Invariant:** two callers never share a load.

use super::{
    context::{Answered as _, Caller, wired},
    error::Missing,
};
use crate::service::SubscriberView;
use async_graphql::{
    Context, Error, Result,
    dataloader::{DataLoader, Loader},
    runtime::{TokioSpawner, TokioTimer},
};
use domain::{
    campaign::{Campaign, Step},
    id::{CampaignId, SiteId, SubscriberId},
    site::Site,
};
use futures_util::{StreamExt as _, TryStreamExt as _, future, stream};
use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
};

/// How many different objects are loaded together at most.
const BATCH_MAX: usize = 200;

/// How many of them are asked for at once: no answer takes all of the database's connections.
const LOADS_AT_ONCE: usize = 4;

/// Loads objects by id for whoever asks.
pub(super) struct ById(());

/// The loader for `schema` to hold. To be called inside a Tokio runtime.
pub(super) fn loader() -> DataLoader<ById> {
    DataLoader::new(ById(()), TokioSpawner::current(), TokioTimer::default())
        .max_batch_size(BATCH_MAX)
}

/// An id, and who asks for it.
#[derive(Clone)]
struct Asked<I> {
    caller: Caller,
    id: I,
}

/// The steps of a campaign.
#[derive(Clone, PartialEq, Eq, Hash)]
struct StepsOf(CampaignId);

/// Whether a site's messages leave from a toll-free number.
#[derive(Clone, PartialEq, Eq, Hash)]
struct IsTollFree(SiteId);

impl<I: PartialEq> PartialEq for Asked<I> {
    fn eq(&self, other: &Self) -> bool {
        let (mine, theirs) = (&self.caller.actor, &other.caller.actor);
        self.id == other.id && mine.is_same(theirs)
    }
}

impl<I: Eq> Eq for Asked<I> {}

impl<I: Hash> Hash for Asked<I> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
        self.caller.actor.caller.hash(state);
    }
}

/// How an object of one kind is loaded.
trait Load: Sized + Clone + Eq + Hash + Send + Sync + 'static {
    type Value: Clone + Send + Sync + 'static;
    /// What it is called when it is missing.
    const KIND: &'static str;

    fn load(self, caller: &Caller) -> impl Future<Output = Result<Option<Self::Value>>> + Send;
}

impl Load for SiteId {
    type Value = Site;
    const KIND: &'static str = "site";

    async fn load(self, caller: &Caller) -> Result<Option<Site>> {
        caller.service.site(&caller.actor, Some(self)).await.or_internal(caller)
    }
}

impl Load for CampaignId {
    type Value = Campaign;
    const KIND: &'static str = "campaign";

    async fn load(self, caller: &Caller) -> Result<Option<Campaign>> {
        caller.service.campaign(&caller.actor, self).await.or_internal(caller)
    }
}

impl Load for SubscriberId {
    type Value = SubscriberView;
    const KIND: &'static str = "subscriber";

    async fn load(self, caller: &Caller) -> Result<Option<SubscriberView>> {
        caller.service.subscriber(&caller.actor, self).await.or_internal(caller)
    }
}

impl Load for StepsOf {
    type Value = Vec<Step>;
    const KIND: &'static str = "campaign";

    async fn load(self, caller: &Caller) -> Result<Option<Vec<Step>>> {
        let Some(campaign) = self.0.load(caller).await? else { return Ok(None) };
        caller.service.campaign_steps(&campaign).await.or_internal(caller).map(Some)
    }
}

impl Load for IsTollFree {
    type Value = bool;
    const KIND: &'static str = "site";

    async fn load(self, caller: &Caller) -> Result<Option<bool>> {
        caller.service.is_toll_free(self.0).await.or_internal(caller).map(Some)
    }
}

impl<I: Load> Loader<Asked<I>> for ById {
    type Value = I::Value;
    type Error = Error;

    async fn load(&self, keys: &[Asked<I>]) -> Result<HashMap<Asked<I>, I::Value>> {
        stream::iter(keys.iter().cloned())
            .map(|key| async {
                let value = key.id.clone().load(&key.caller).await?;
                Ok(value.map(|value| (key, value)))
            })
            .buffer_unordered(LOADS_AT_ONCE)
            .try_filter_map(|loaded| future::ready(Ok(loaded)))
            .try_collect()
            .await
    }
}

async fn find<I: Load>(ctx: &Context<'_>, caller: Caller, id: I) -> Result<Option<I::Value>> {
    wired::<DataLoader<ById>>(ctx)?.load_one(Asked { caller, id }).await
}

async fn get<I: Load>(ctx: &Context<'_>, id: I) -> Result<I::Value> {
    let caller = Caller::of(ctx)?;
    let found = find(ctx, caller.clone(), id).await?;
    found.ok_or_else(|| caller.internal(&Missing(I::KIND)))
}

/// The site, which is there because a row of it is.
pub(super) async fn site(ctx: &Context<'_>, id: SiteId) -> Result<Site> {
    get(ctx, id).await
}

/// The campaign, which is there because a message of it is.
pub(super) async fn campaign(ctx: &Context<'_>, id: CampaignId) -> Result<Campaign> {
    get(ctx, id).await
}

/// The campaign, unless it was deleted.
pub(super) async fn campaign_if_any(ctx: &Context<'_>, id: CampaignId) -> Result<Option<Campaign>> {
    find(ctx, Caller::of(ctx)?, id).await
}

/// The subscriber, who is there because a message to them is.
pub(super) async fn subscriber(ctx: &Context<'_>, id: SubscriberId) -> Result<SubscriberView> {
    get(ctx, id).await
}

/// Whether the messages of a site, of which one is there, leave from a toll-free number.
pub(super) async fn is_toll_free(ctx: &Context<'_>, id: SiteId) -> Result<bool> {
    get(ctx, IsTollFree(id)).await
}

/// The steps of a campaign, which is there because a message of it is.
pub(super) async fn steps(ctx: &Context<'_>, id: CampaignId) -> Result<Vec<Step>> {
    get(ctx, StepsOf(id)).await
}
