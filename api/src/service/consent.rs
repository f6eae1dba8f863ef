//! Consent, as callers read and change it.

use super::{Actor, Fault, Page, PageRequest, Service, SubscriberView, audit::Act};
use crate::{
    db::{
        Error,
        consent::{self, Word},
        subscribers,
    },
    ports::Task,
};
use domain::{
    audit::AuditOperation,
    consent::{ConsentEntry, ConsentKind, ConsentSource},
    id::SubscriberId,
    refusal::{Outcome, Refusal, SubscriberError},
};
use std::collections::HashMap;

impl Service {
    /// A page of what was said of each subscriber's phone, newest first; none for a foreign subscriber.
    pub async fn subscriber_consent_logs(
        &self,
        actor: &Actor,
        ids: &[SubscriberId],
        page: &PageRequest,
    ) -> Result<HashMap<SubscriberId, Page<ConsentEntry>>, Fault> {
        Ok(consent::pages(self.db.read(), actor.sites(), ids, page).await?)
    }

    /// Withdraws a subscriber's consent, and stops every message to the phone that has not left. Doing it
    /// again changes nothing.
    pub async fn subscriber_unsubscribe(
        &self,
        actor: &Actor,
        id: Option<SubscriberId>,
    ) -> Result<Outcome<SubscriberView, SubscriberError>, Fault> {
        self.say(actor, id, ConsentKind::OptedOut).await
    }

    /// Finds that a subscriber's words were no wish to opt out. Where there are none, nothing changes.
    pub async fn subscriber_clear_possible_opt_out(
        &self,
        actor: &Actor,
        id: Option<SubscriberId>,
    ) -> Result<Outcome<SubscriberView, SubscriberError>, Fault> {
        self.say(actor, id, ConsentKind::Cleared).await
    }

    async fn say(
        &self,
        actor: &Actor,
        id: Option<SubscriberId>,
        kind: ConsentKind,
    ) -> Result<Outcome<SubscriberView, SubscriberError>, Fault> {
        let now = self.clock.now();
        let found = match id {
            Some(id) => subscribers::find(self.db.read(), actor.sites(), id).await?,
            None => None,
        };
        let Some(subscriber) = found else {
            let refusal =
                Refusal::at(SubscriberError::NotFound, "id", "There is no such subscriber.");
            return Ok(Err(vec![refusal]));
        };
        let txn = self.db.begin_write().await?;
        let word = Word {
            site_id: subscriber.site_id,
            phone: subscriber.phone.as_str(),
            kind,
            source: ConsentSource::Api,
            word: None,
            actor: Some(&actor.name),
            occurred_at: now,
            receipt_id: None,
        };
        if consent::enter(&txn, &self.ids, &word, now).await? {
            let operation = match kind {
                ConsentKind::OptedOut => AuditOperation::SubscriberUnsubscribe,
                _ => AuditOperation::SubscriberClearPossibleOptOut,
            };
            let act = Act::new(operation, subscriber.site_id, &subscriber.id);
            self.note(&txn, actor, act, now).await?;
        }
        txn.commit().await.map_err(Error::from)?;
        self.bells.ring(Task::Completer);
        self.hints.give();
        let Some(view) = self.subscriber(actor, subscriber.id).await? else {
            return Err(Fault(Error::Rows { what: "a subscriber", expected: 1, found: 0 }));
        };
        Ok(Ok(view))
    }
}
