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
        message_if_any, observed, site, subscriber,
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
use crate::service::Fault;
use async_graphql::{
    Context, Error, Result,
    dataloader::{DataLoader, Loader},
    runtime::{TokioSpawner, TokioTimer},
};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use std::{
    collections::HashMap,
    hash::{Hash, Hasher},
};

/// How many different objects are loaded together at most.
const BATCH_MAX: usize = 200;

/// How many callers are answered at once: no load takes all of the database's connections.
const LOADS_AT_ONCE: usize = 4;

/// Loads what is asked for by whoever asks.
pub(super) struct Together(());

/// The loader for `schema` to hold. To be called inside a Tokio runtime.
pub(super) fn loader() -> DataLoader<Together> {
    DataLoader::new(Together(()), TokioSpawner::current(), TokioTimer::default())
        .max_batch_size(BATCH_MAX)
}

/// What is asked for, and by whom.
#[derive(Clone)]
struct Asked<K> {
    caller: Caller,
    key: K,
}

impl<K> Asked<K> {
    /// Whether one caller asks for both.
    fn is_of(&self, caller: &Caller) -> bool {
        self.caller.actor.is_same(&caller.actor)
    }
}

impl<K: PartialEq> PartialEq for Asked<K> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.is_of(&other.caller)
    }
}

impl<K: Eq> Eq for Asked<K> {}

impl<K: Hash> Hash for Asked<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key.hash(state);
        self.caller.actor.caller.hash(state);
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

impl<K: Load> Loader<Asked<K>> for Together {
    type Value = K::Value;
    type Error = Error;

    async fn load(&self, asked: &[Asked<K>]) -> Result<HashMap<Asked<K>, K::Value>> {
        let mut callers: Vec<(Caller, Vec<K>)> = Vec::new();
        for asked in asked {
            let known = callers.iter_mut().find(|(caller, _)| asked.is_of(caller));
            match known {
                Some((_, keys)) => keys.push(asked.key.clone()),
                None => callers.push((asked.caller.clone(), vec![asked.key.clone()])),
            }
        }
        let loads = callers.into_iter().map(load_for);
        let loaded = stream::iter(loads).buffer_unordered(LOADS_AT_ONCE);
        loaded.try_fold(HashMap::new(), merge).await
    }
}

async fn load_for<K: Load>(
    (caller, keys): (Caller, Vec<K>),
) -> Result<HashMap<Asked<K>, K::Value>> {
    let found = K::load(&caller, &keys).await.or_internal(&caller)?;
    let of = |(key, value)| (Asked { caller: caller.clone(), key }, value);
    Ok(found.into_iter().map(of).collect())
}

async fn merge<K: Hash + Eq, V>(
    mut all: HashMap<K, V>,
    more: HashMap<K, V>,
) -> Result<HashMap<K, V>> {
    all.extend(more);
    Ok(all)
}

/// What there is of `key`.
async fn find<K: Load>(ctx: &Context<'_>, key: K) -> Result<Option<K::Value>> {
    let caller = Caller::of(ctx)?;
    wired::<DataLoader<Together>>(ctx)?.load_one(Asked { caller, key }).await
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
