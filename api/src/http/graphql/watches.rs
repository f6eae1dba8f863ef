//! The watch over keys that have something live: each is checked by one task, however many sockets
//! and streams it has.
//!
//! **Invariant:** what is live ends within a check period of its key's being revoked, or reaching
//! other than it did.
//! **Invariant:** a token is watched while somebody waits, and is kept as a digest alone.
use super::shared::{Shared, every};
use crate::http::auth::{AuthRefusal, Authenticator};
use async_graphql::Executor;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::watch;

/// The digest of a token; none for callers without one.
type Token = Option<[u8; 32]>;

/// The tokens that are watched.
pub(super) struct Watches<C>(Mutex<HashMap<Token, Watched<C>>>);

/// One that is.
struct Watched<C> {
    /// Who held it when the watch began.
    before: C,
    /// Closed when the holder may no longer do what they could.
    lapsed: watch::Sender<()>,
}

impl<C> Default for Watches<C> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// Ends when the holder of `bearer` may no longer do and reach exactly what `before` could.
pub(super) async fn lapse<E: Executor, A: Authenticator>(
    shared: Arc<Shared<E, A>>,
    bearer: Option<SecretString>,
    before: A::Caller,
) {
    let mut lapsed = join(&shared, bearer, before);
    // The watch sends nothing: it ends.
    while lapsed.changed().await.is_ok() {}
}

/// Joins the watch over the token, or begins one.
fn join<E: Executor, A: Authenticator>(
    shared: &Arc<Shared<E, A>>,
    bearer: Option<SecretString>,
    before: A::Caller,
) -> watch::Receiver<()> {
    let token = bearer.as_ref().map(|bearer| Sha256::digest(bearer.expose_secret()).into());
    let mut all = shared.watches.0.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(watched) = all.get(&token)
        && shared.authenticator.same(&watched.before, &before)
    {
        return watched.lapsed.subscribe();
    }
    // Whoever joined a watch that is replaced here saw another reach, and ends as it is dropped.
    let (lapsed, receiver) = watch::channel(());
    all.insert(token, Watched { before: before.clone(), lapsed });
    tokio::spawn(watch_over(Arc::clone(shared), token, bearer, before));
    receiver
}

async fn watch_over<E: Executor, A: Authenticator>(
    shared: Arc<Shared<E, A>>,
    token: Token,
    bearer: Option<SecretString>,
    before: A::Caller,
) {
    let mut ticks = every(shared.options.limits.check_period);
    loop {
        ticks.tick().await;
        // That a check fails says nothing about the token.
        let holds = match shared.caller(bearer.as_ref()).await {
            Ok(now) => shared.authenticator.same(&before, &now),
            Err(refusal) => refusal == AuthRefusal::Unavailable,
        };
        let mut all = shared.watches.0.lock().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(&token).filter(|own| shared.authenticator.same(&own.before, &before));
        let Some(own) = own else { return };
        if !holds || own.lapsed.receiver_count() == 0 {
            all.remove(&token);
            return;
        }
    }
}
