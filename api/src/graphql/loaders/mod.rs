//! Loads what the many objects of one answer ask for together: the sites of a hundred campaigns, the counts of
//! a hundred, the first messages of each. What is asked for at one moment costs as many statements however
//! many ask.
//!
//! **Invariant:** nothing is kept beyond the moment: what a subscription resolves is read anew each
//! time.
//! **Invariant:** two callers never share a load, and each is answered by the service as it would be alone.

mod campaigns;
mod objects;
mod pages;
mod totals;

pub(super) use self::{
    campaigns::{audiences, circumstances, position, previews, steps, tally},
    objects::{
        campaign, campaign_counts, campaign_if_any, carrier, latency, log_position, message_events,
        message_if_any, observed, site, site_if_any, subscriber,
    },
    pages::{
        AudiencesOf, AuditOf, CampaignsOf, ConsentOf, EventsOf, MessagesOf, MessagesTo, SettingsOf,
        SubscribersOf, page,
    },
    totals::total,
};

use super::{
    context::{Answered as _, Caller, wired},
    error::Missing,
};
use crate::{
    gather::{Gather, Loading, Unanswered},
    service::Fault,
};
use async_graphql::{Context, Error, Result};
use std::{
    any::{Any, TypeId},
    collections::HashMap,
    hash::{Hash, Hasher},
    marker::PhantomData,
    sync::{Arc, PoisonError, RwLock},
};

/// What is gathered of each kind, by the kind: as many as there are kinds.
#[derive(Default)]
pub(super) struct Together(RwLock<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>);

impl Together {
    /// Where what there is of a kind is asked for.
    fn kind<K: Load>(&self) -> Arc<Gather<Kind<K>>> {
        let id = TypeId::of::<K>();
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned();
        if let Some(Ok(gather)) = known.map(Arc::downcast) {
            return gather;
        }
        let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let new = Arc::new(Gather::new(Kind(PhantomData)));
        let known =
            Arc::clone(all.entry(id).or_insert_with(|| Arc::<Gather<Kind<K>>>::clone(&new)));
        known.downcast().unwrap_or(new)
    }
}

/// Whoever is answered alike.
#[derive(Clone)]
struct Whose(Caller);

impl PartialEq for Whose {
    fn eq(&self, other: &Self) -> bool {
        self.0.actor.is_same(&other.0.actor)
    }
}

impl Eq for Whose {}

impl Hash for Whose {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.actor.caller.hash(state);
    }
}

/// Something that can be loaded for many at once.
trait Load: Clone + Eq + Hash + Send + Sync + 'static {
    type Value: Clone + Send + Sync + 'static;

    /// Loads what one caller asks for, in a number of statements that does not grow with it. What there is none
    /// of, or the caller does not reach, is left out.
    fn load(
        caller: &Caller,
        asked: &[Self],
    ) -> impl Future<Output = Result<HashMap<Self, Self::Value>, Fault>> + Send;
}

/// Loads what is asked of a kind.
struct Kind<K>(PhantomData<fn() -> K>);

impl<K: Load> Loading for Kind<K> {
    type Lane = Whose;
    type Key = K;
    type Value = K::Value;
    type Error = Error;

    async fn load(&self, Whose(caller): &Whose, asked: &[K]) -> Result<HashMap<K, K::Value>> {
        K::load(caller, asked).await.or_internal(caller)
    }
}

/// What there is of `key`.
async fn find<K: Load>(ctx: &Context<'_>, key: K) -> Result<Option<K::Value>> {
    let gather = wired::<Together>(ctx)?.kind::<K>();
    // Each field of an object makes room for the largest of all: this one is kept apart.
    let asking = Box::pin(gather.ask(Whose(Caller::of(ctx)?), key));
    match asking.await {
        Ok(found) => Ok(found),
        Err(Unanswered::Failed(error)) => Err(error),
        Err(Unanswered::Lost(lost)) => Err(Caller::of(ctx)?.internal(&lost)),
    }
}

/// What there is of `key`, of which something must be there; `kind` is what it is called when it is missing.
async fn get<K: Load>(ctx: &Context<'_>, key: K, kind: &'static str) -> Result<K::Value> {
    let found = find(ctx, key).await?;
    match found {
        Some(found) => Ok(found),
        None => Err(Caller::of(ctx)?.internal(&Missing(kind))),
    }
}

/// Keys that have something in common which one call of the service is asked by: `shared` tells what.
fn alike<K: Clone, S: Eq + Hash>(asked: &[K], shared: impl Fn(&K) -> S) -> HashMap<S, Vec<K>> {
    let mut groups: HashMap<S, Vec<K>> = HashMap::new();
    for key in asked {
        groups.entry(shared(key)).or_default().push(key.clone());
    }
    groups
}
