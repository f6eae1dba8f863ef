//! Handing over texts that are no messages of a campaign: tests, and answers to HELP.
//!
//! As a message is: the attempt is written ahead with a digest of its request and committed, the request
//! leaves once, and what it proved is recorded. A test is handed over for the caller who waits for it; an
//! answer to HELP by the engine.
//!
//! **Invariant:** no request leaves before its attempt is committed, and none is repeated: a crash leaves
//! the text unknown.
//! **Invariant:** a test is tried once; another text again only after proof that it was not taken.

use crate::{
    db::{
        Db, Txn,
        admin::{self, Sender},
        direct_texts::{self, Claim, DirectText, Ended},
        outcomes::{Outcome, Unsent},
        receipts,
    },
    hex,
    ports::{Aggregator, Bells, Clock, Connection, Ids, Outbound, Submitted, Task},
};
use chrono::TimeDelta;
use domain::{
    Instant,
    direct::DirectKind,
    id::{AttemptId, SiteId},
    reason::MessageReason,
    receipt,
};
use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};

/// A failure of the database or of what it holds.
type Result<T> = crate::db::Result<T>;

/// Attempts that were certainly not taken before a text is given up: with the pauses between, four minutes.
const ATTEMPTS_MAX: i64 = 8;
/// The pause after the first; each further one is twice as long.
const PAUSE_MIN: TimeDelta = TimeDelta::seconds(2);
/// The longest pause an aggregator can ask for.
const PAUSE_MAX: TimeDelta = TimeDelta::minutes(10);
/// How long a text is of use to whoever waits for it: the aggregator gives it up after that.
const VALIDITY: TimeDelta = TimeDelta::hours(1);
/// How often a record is tried when the database refuses it.
const RECORD_TRIES_MAX: usize = 64;
/// The pause after the first refusal; each further one is twice as long.
const RECORD_PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause.
const RECORD_PAUSE_MAX: Duration = Duration::from_secs(1);

/// How texts are handed over.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long a claim is held.
    pub lease: Duration,
    /// How long one hand-over may take; shorter than the lease.
    pub submit_timeout: Duration,
    /// How old a claim may be when its request leaves.
    pub dispatch_grace: Duration,
    /// Where receipts come in, without a slash at the end.
    pub public_url: String,
    /// The node, and its incarnation.
    pub node: String,
}

/// Hands direct texts over. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Direct {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    bells: Bells,
    aggregator: Arc<dyn Aggregator>,
    settings: Arc<Settings>,
}

/// What a site's texts are handed over with.
#[derive(Clone, Debug)]
pub struct Route {
    sender: Sender,
    connection: Connection,
}

impl Route {
    /// The sender that a site's messages leave from, with its connection; none when there is none ready.
    pub async fn of(txn: &Txn, site_id: SiteId) -> Result<Option<Self>> {
        let Some(sender) = admin::ready_sender(txn, site_id).await? else { return Ok(None) };
        let connection = admin::find_connection(txn, sender.connection_id).await?;
        Ok(connection.map(|connection| Self { sender, connection }))
    }
}

/// A text claimed, with its request.
pub struct Handover {
    text: DirectText,
    attempt_id: AttemptId,
    connection: Connection,
    request: Vec<u8>,
    /// When its claim began, in lease time.
    claimed_at: Instant,
}

impl Direct {
    /// Puts it together.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        bells: Bells,
        aggregator: Arc<dyn Aggregator>,
        settings: Settings,
    ) -> Self {
        Self { db, clock, ids, bells, aggregator, settings: Arc::new(settings) }
    }

    /// The contract it speaks.
    pub fn aggregator(&self) -> Arc<dyn Aggregator> {
        Arc::clone(&self.aggregator)
    }

    /// Claims a queued text: its attempt stands when the transaction is committed, and only then may it be
    /// handed over.
    pub async fn claim(
        &self,
        txn: &Txn,
        text: DirectText,
        route: &Route,
        now: Instant,
    ) -> Result<Handover> {
        let claimed_at = self.clock.lease_now();
        let attempt_id = self.ids.next();
        let connection = &route.connection;
        let request = self.aggregator.render(&Outbound {
            attempt_id,
            to: text.phone.as_str(),
            from: route.sender.phone.as_str(),
            text: &text.text,
            media_url: text.media_url.as_deref(),
            not_after: Some(now + VALIDITY),
            callback_url: &format!("{}/hooks/generic/{}", self.settings.public_url, connection.id),
        });
        let claim = Claim {
            id: text.id,
            attempt_id,
            connection_id: connection.id,
            request_digest: &hex::encode(&Sha256::digest(&request)),
            node: &self.settings.node,
            lease_until: claimed_at + span(self.settings.lease),
        };
        direct_texts::claim(txn, &claim, now).await?;
        Ok(Handover { text, attempt_id, connection: connection.clone(), request, claimed_at })
    }

    /// Sends the requests of claims that are committed, together, and records what each proved.
    pub async fn hand_over(&self, handovers: Vec<Handover>) -> Result<()> {
        let sent = handovers.into_iter().map(async |mut handover| {
            let submitted = self.submit(&mut handover).await;
            self.record_surely(&handover, self.ended(&handover, submitted)).await
        });
        join_all(sent).await.into_iter().collect()
    }

    /// One request. The last look: a claim that grew old while the process was not running is not sent.
    async fn submit(&self, handover: &mut Handover) -> Submitted {
        let age = self.clock.lease_now() - handover.claimed_at;
        if age > span(self.settings.dispatch_grace) {
            return Submitted::NotSent {
                retry_after: Some(Duration::ZERO),
                pushback: None,
                code: None,
            };
        }
        let request = std::mem::take(&mut handover.request);
        let timeout = self.settings.submit_timeout;
        self.aggregator.submit(&handover.connection, handover.attempt_id, request, timeout).await
    }

    /// What a request proved.
    fn ended(&self, handover: &Handover, submitted: Submitted) -> Ended {
        let attempts = handover.text.attempt_count + 1;
        let is_last = handover.text.kind == DirectKind::Test || attempts >= ATTEMPTS_MAX;
        let outcome = match submitted {
            Submitted::Accepted { provider_id, segments, .. } => {
                Outcome::Accepted { provider_id, segments }
            }
            Submitted::Rejected { code, .. } => {
                let known = code.as_deref().and_then(receipt::undelivered_reason);
                let reason = known.unwrap_or(MessageReason::AggregatorRejected);
                Outcome::Rejected { reason, code }
            }
            Submitted::NotSent { code, .. } if is_last => Outcome::GivenUp { code },
            Submitted::NotSent { retry_after, code, .. } => {
                let asked = retry_after.map(span);
                let retry_at = self.clock.now() + pause(attempts, asked);
                Outcome::NotSent { retry_at, unsent: Unsent::Unavailable, code }
            }
            Submitted::Unknown => Outcome::Unknown { ask_at: None },
        };
        Ended { id: handover.text.id, attempt_id: handover.attempt_id, outcome }
    }

    /// Records, and tries again for as long as the database refuses: what the aggregator answered is known
    /// nowhere else.
    async fn record_surely(&self, handover: &Handover, ended: Ended) -> Result<()> {
        let mut wait = RECORD_PAUSE_MIN;
        for _ in 1..RECORD_TRIES_MAX {
            match self.record(handover, &ended).await {
                Ok(()) => return Ok(()),
                Err(error) => {
                    let causes = crate::causes::chain(&error);
                    tracing::warn!(error = %error, causes, "a record was refused; trying again");
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(RECORD_PAUSE_MAX);
        }
        self.record(handover, &ended).await
    }

    async fn record(&self, handover: &Handover, ended: &Ended) -> Result<()> {
        let txn = self.db.begin_write().await?;
        let named = direct_texts::record(&txn, ended, self.clock.now()).await?;
        let named = Vec::from_iter(named);
        let woken = receipts::unpark(&txn, handover.connection.id, &named).await?;
        txn.commit().await?;
        if woken > 0 {
            self.bells.ring(Task::Receipts);
        }
        Ok(())
    }

    /// Puts off a queued text that there is nothing to hand over with, and gives it up in the end.
    pub async fn put_off(&self, txn: &Txn, text: &DirectText, now: Instant) -> Result<()> {
        let attempts = text.attempt_count + 1;
        let until = (attempts < ATTEMPTS_MAX).then(|| now + pause(attempts, None));
        direct_texts::put_off(txn, text.id, until, now).await
    }
}

/// How long to wait after so many attempts: what was asked, or longer each time.
fn pause(attempts: i64, asked: Option<TimeDelta>) -> TimeDelta {
    let doublings = u32::try_from(attempts.clamp(1, ATTEMPTS_MAX) - 1).unwrap_or_default();
    let growing = PAUSE_MIN * 2_i32.saturating_pow(doublings);
    asked.map_or(growing, |asked| asked.clamp(TimeDelta::zero(), PAUSE_MAX))
}

/// A span of civil time as long as `duration`; a century for anything longer.
fn span(duration: Duration) -> TimeDelta {
    TimeDelta::from_std(duration).unwrap_or(TimeDelta::days(36_500))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_unless_one_is_asked_for() {
        let seconds = |attempts| pause(attempts, None).num_seconds();
        assert_eq!([1, 2, 3, 7].map(seconds), [2, 4, 8, 128]);
        let total: i64 = (1..ATTEMPTS_MAX).map(seconds).sum();
        assert_eq!(total, 254);
        assert_eq!(pause(1, Some(TimeDelta::seconds(7))), TimeDelta::seconds(7));
        assert_eq!(pause(1, Some(TimeDelta::days(7))), PAUSE_MAX);
    }
}
