//! Commands under an idempotency key: the same input gets the first answer, and nothing happens twice.

use super::{
    Actor, Fault,
    check::{Coded, Problems},
};
use crate::db::{
    Txn,
    idempotency::{self, Prior, Use},
};
use domain::{
    Instant,
    id::SiteId,
    refusal::{Outcome, Refusal},
};
use serde_json::Value;

/// Where the key stands among the arguments of every command that takes one.
const PATH: &str = "input.idempotencyKey";

/// One use of a key, if the caller chose one.
pub(super) struct Once<'a> {
    used: Option<Use<'a>>,
}

impl<'a> Once<'a> {
    /// The use of `key` for `operation` with an input of this digest.
    pub(super) fn new(
        actor: &'a Actor,
        operation: &'static str,
        key: Option<&'a str>,
        digest: &'a str,
    ) -> Self {
        let caller = &actor.caller;
        Self { used: key.map(|key| Use { caller, operation, key, digest }) }
    }

    /// Takes the key. Answers with the first answer when there is one, and refuses another input.
    pub(super) async fn take<C: Coded>(
        &self,
        txn: &Txn,
        site_id: SiteId,
        now: Instant,
    ) -> Result<Outcome<Option<Value>, C>, Fault> {
        let Some(used) = self.used else { return Ok(Ok(None)) };
        let mut problems = Problems::new(C::CODES);
        problems.idempotency_key(PATH, Some(used.key));
        if let Err(refusals) = problems.check() {
            return Ok(Err(refusals));
        }
        Ok(match idempotency::take(txn, used, Some(site_id), now).await? {
            Prior::Fresh => Ok(None),
            Prior::Same(answer) => Ok(Some(answer)),
            Prior::Other => {
                let message = "The idempotency key was used with another input.";
                Err(vec![Refusal::at(C::CODES.reused, PATH, message)])
            }
        })
    }

    /// Keeps the answer.
    pub(super) async fn keep(&self, txn: &Txn, answer: Value) -> Result<(), Fault> {
        if let Some(used) = self.used {
            idempotency::keep(txn, used, answer).await?;
        }
        Ok(())
    }
}
