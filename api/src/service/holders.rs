//! Who holds an API key.
//!
//! **Invariant:** each is told what the database held after they asked: nothing is remembered, so a key that was
//! revoked opens nothing from that moment on.

use super::{Actor, Fault, Service, secrets};
use crate::{
    db::{Db, Error, keys, keys::Holder},
    gather::{Loading, Unanswered},
};
use chrono::TimeDelta;
use domain::{Instant, id::ApiKeyId};
use std::{collections::HashMap, sync::Arc};

/// How stale a key's "last used" may be: it is written at most once in this time.
const TOUCH_EVERY: TimeDelta = TimeDelta::minutes(1);
/// Longer keys than this are nobody's, and are not even hashed.
const KEY_CHARS_MAX: usize = 256;

/// Finds the holders of secrets by their digests: of all requests that come in at one moment together.
#[derive(Debug)]
pub(super) struct Holders(pub(super) Db);

impl Loading for Holders {
    /// All who ask: what one is told depends on nothing but their digest.
    type Lane = ();
    type Key = String;
    type Value = Holder;
    type Error = Arc<Error>;

    async fn load(
        &self,
        (): &(),
        hashes: &[String],
    ) -> Result<HashMap<String, Holder>, Arc<Error>> {
        keys::holders(self.0.read(), hashes).await.map_err(Arc::new)
    }
}

impl Service {
    /// Who holds an API key; nobody when it is unknown, expired or revoked.
    pub(super) async fn holder(&self, token: &str) -> Result<Option<Actor>, Fault> {
        if token.len() > KEY_CHARS_MAX {
            return Ok(None);
        }
        let found = self.holders.ask((), secrets::hash(token)).await;
        let found = found.map_err(|unanswered| match unanswered {
            Unanswered::Failed(error) => Error::Shared(error),
            Unanswered::Lost(_) => Error::Unheard,
        })?;
        let now = self.clock.now();
        let works = |key: &Holder| {
            key.revoked_at.is_none() && key.expires_at.is_none_or(|expires_at| now < expires_at)
        };
        let Some(key) = found.filter(works) else { return Ok(None) };
        if key.last_used_at.is_none_or(|used| now - used >= TOUCH_EVERY)
            && let Err(fault) = self.touch(key.id, now).await
        {
            // A database that takes no writes still answers those who only read.
            tracing::warn!(key.id = %key.id, error = %fault, "the use of a key was not noted");
        }
        Ok(Some(Actor::new(key.id, key.name, key.role, key.sites)))
    }

    async fn touch(&self, key: ApiKeyId, now: Instant) -> Result<(), Fault> {
        let txn = self.db.begin_write().await?;
        keys::touch(&txn, key, now).await?;
        Ok(txn.commit().await.map_err(Error::from)?)
    }
}
