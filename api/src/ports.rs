//! What the service needs of the world: time, ids, and bells that say "look again".
//!
//! **Invariant:** two clocks. Civil time ([`Clock::now`]) decides schedules and is virtual in the harness;
//! lease time ([`Clock::lease_now`]) decides deadlines and never is.
//! **Invariant:** bells and hints carry no data: a lost one costs a period, never an event.

mod signals;

pub use signals::{Bells, Hints, Outlet, Signals};

use async_trait::async_trait;
use domain::{
    Instant,
    health::{PageReport, Pushback},
    id::{AttemptId, ConnectionId, SiteId},
    receipt::RefusalScope,
};
use secrecy::SecretString;
use std::{
    fmt::Debug,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use uuid::{ContextV7, Timestamp, Uuid};

/// Time.
pub trait Clock: Send + Sync + Debug + 'static {
    /// Civil time, to the millisecond.
    fn now(&self) -> Instant;
    /// The time that leases and deadlines are kept in, to the millisecond.
    fn lease_now(&self) -> Instant;
}

/// Where ids come from: UUIDs of version 7, in order of making within the process.
#[derive(Debug)]
pub struct Ids {
    source: Source,
    clock: Arc<dyn Clock>,
}

/// What tells ids of one millisecond apart.
#[derive(Debug)]
enum Source {
    /// A counter that begins anywhere, and chance.
    Chance(std::sync::Mutex<ContextV7>),
    /// A counter and a number of whoever asked, so that a run can be repeated id by id.
    Counted { number: u64, made: AtomicU64 },
}

impl Ids {
    /// Ids that carry the civil time of `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { source: Source::Chance(std::sync::Mutex::new(ContextV7::new())), clock }
    }

    /// Ids that are the same whenever the same are asked for at the same times. Nobody else may use `number`:
    /// it is all that tells them from another's.
    pub fn counted(clock: Arc<dyn Clock>, number: u64) -> Self {
        Self { source: Source::Counted { number, made: AtomicU64::new(0) }, clock }
    }

    /// The next id.
    pub fn next<T: From<Uuid>>(&self) -> T {
        let ms = self.clock.now().timestamp_millis();
        match &self.source {
            Source::Chance(context) => {
                let seconds = u64::try_from(ms.div_euclid(1_000)).unwrap_or_default();
                let nanos = u32::try_from(ms.rem_euclid(1_000)).unwrap_or_default() * 1_000_000;
                let context = context.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                Uuid::new_v7(Timestamp::from_unix(&*context, seconds, nanos)).into()
            }
            Source::Counted { number, made } => {
                let made = made.fetch_add(1, Ordering::Relaxed);
                let mut rest = [0_u8; 10];
                for (byte, value) in rest.iter_mut().zip(id_bytes(made, *number)) {
                    *byte = value;
                }
                let ms = u64::try_from(ms).unwrap_or_default();
                uuid::Builder::from_unix_timestamp_millis(ms, &rest).into_uuid().into()
            }
        }
    }
}

/// What follows an id's time: the low three bytes of the count, so that ids of one time are in order, and the low
/// four of the number.
fn id_bytes(made: u64, number: u64) -> impl Iterator<Item = u8> {
    // Version and variant take the upper bits of the first and of the third byte.
    let count = [0, 0].into_iter().chain([0]).chain(made.to_be_bytes().into_iter().skip(5));
    count.chain(number.to_be_bytes().into_iter().skip(4))
}

/// A site's connection to an aggregator. `Debug` shows no token and no secret.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The id.
    pub id: ConnectionId,
    /// The site.
    pub site_id: SiteId,
    /// A label for people, unique on the site.
    pub name: String,
    /// The contract it speaks: `generic`.
    pub kind: String,
    /// The aggregator's base URL, without a slash at the end.
    pub base_url: String,
    /// The bearer token.
    pub token: SecretString,
    /// The secret its receipts are signed with: `whsec_…`.
    pub webhook_secret: SecretString,
    /// A second secret that is also taken, while the first is being replaced.
    pub webhook_secret_next: Option<SecretString>,
    /// Seconds for which the aggregator honours an idempotency key; 0 for never.
    pub key_window_s: i64,
    /// Whether messages can be looked up by our reference.
    pub has_lookup: bool,
    /// The aggregator's status page, without a slash at the end.
    pub status_page_url: Option<String>,
    /// Segments a second of the account, whichever sender they leave from; 0 for no limit.
    pub segments_per_s: i64,
}

impl Connection {
    /// Whether what became of an attempt can be asked for: by its key, or by look-up.
    pub const fn can_be_asked(&self) -> bool {
        self.key_window_s > 0 || self.has_lookup
    }
}

/// One message to hand over.
#[derive(Clone)]
pub struct Outbound<'a> {
    /// The attempt: the idempotency key, and the reference that receipts echo.
    pub attempt_id: AttemptId,
    /// Whom to text, in E.164.
    pub to: &'a str,
    /// The number it is sent from, in E.164.
    pub from: &'a str,
    /// The text.
    pub text: &'a str,
    /// A picture.
    pub media_url: Option<&'a str>,
    /// When the aggregator must give up, if it has not been passed on by then.
    pub not_after: Option<Instant>,
    /// Where receipts go.
    pub callback_url: &'a str,
}

/// What one request proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Submitted {
    /// The aggregator took it.
    Accepted {
        /// The aggregator's id for the message.
        provider_id: String,
        /// Billable segments by its account, if it gave one.
        segments: Option<i64>,
        /// How long it asks the sender to rest.
        pause: Option<Duration>,
    },
    /// It was refused, and repeating it cannot help.
    Rejected {
        /// How far the refusal reaches.
        scope: RefusalScope,
        /// The aggregator's code, if it gave one.
        code: Option<String>,
    },
    /// It was certainly not taken.
    NotSent {
        /// How long the aggregator asks to be left alone.
        retry_after: Option<Duration>,
        /// Why the aggregator did not take it; none when it was not asked.
        pushback: Option<Pushback>,
        /// The aggregator's code, if it gave one.
        code: Option<String>,
    },
    /// It may or may not have been taken.
    Unknown,
}

/// What a look-up came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LookedUp {
    /// The aggregator took the message.
    Taken {
        /// The aggregator's id for it.
        provider_id: String,
    },
    /// It did not.
    NotTaken,
    /// Nobody can say.
    NoAnswer,
}

/// A receipt or an inbound text as it came in over HTTP, unverified.
#[derive(Clone)]
pub struct RawReceipt<'a> {
    /// The headers that may matter, names in lower case.
    pub headers: &'a [(String, String)],
    /// The body, as the bytes that were signed.
    pub body: &'a [u8],
}

/// A verified receipt or inbound text.
#[derive(Clone)]
pub struct ReadReceipt {
    /// What tells it from its repeats.
    pub dedupe_key: String,
    /// What it reports: a receipt kind, `received`, or a word this version does not know.
    pub kind: String,
    /// The aggregator's id of the message.
    pub provider_id: Option<String>,
    /// Our reference, echoed.
    pub reference: Option<String>,
    /// The aggregator's code.
    pub code: Option<String>,
    /// Who texted, for an inbound text.
    pub from: Option<String>,
    /// What they texted.
    pub text: Option<String>,
    /// When it happened, by the aggregator's account.
    pub occurred_at: Instant,
}

/// Why a receipt was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptRefusal {
    /// It is not signed with a secret of the connection, or its timestamp is too far off.
    #[error("the signature does not hold")]
    Forged,
    /// It is signed, but cannot be read.
    #[error("the body is not a receipt")]
    Unreadable,
}

/// An aggregator's contract.
#[async_trait]
pub trait Aggregator: Send + Sync + Debug + 'static {
    /// The exact bytes of the request for `message`: the same message always gives the same bytes.
    fn render(&self, message: &Outbound<'_>) -> Vec<u8>;

    /// Hands over what [`Aggregator::render`] made, once, and says what that proved. Never retries.
    async fn submit(
        &self,
        connection: &Connection,
        attempt_id: AttemptId,
        request: Vec<u8>,
        timeout: Duration,
    ) -> Submitted;

    /// Asks what became of an attempt, by our reference. Changes nothing.
    async fn look_up(
        &self,
        connection: &Connection,
        attempt_id: AttemptId,
        timeout: Duration,
    ) -> LookedUp;

    /// Verifies a receipt over its raw bytes, in constant time, and only then reads it.
    fn read_receipt(
        &self,
        connection: &Connection,
        raw: &RawReceipt<'_>,
        now: Instant,
    ) -> Result<ReadReceipt, ReceiptRefusal>;
}

/// What reading a status page came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It says what it said before.
    Unchanged,
    /// It says this.
    Page {
        /// What it says about texts.
        report: PageReport,
        /// What this answer is told by, to be sent along next time.
        etag: Option<String>,
    },
    /// It cannot be read.
    Failed(PageFailure),
}

/// Why a status page cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PageFailure {
    /// Its address is no http or https URL.
    #[error("the address is no http or https URL")]
    Address,
    /// Nobody answered in time.
    #[error("the page did not answer in time")]
    Unreachable,
    /// The answer was no page: an error, or a redirect to another host.
    #[error("the page answered {0}")]
    Status(u16),
    /// The answer had no end within reason.
    #[error("the page is too long")]
    TooLong,
    /// The answer is in no form that is known.
    #[error("the page is no summary")]
    Unreadable,
}

/// Readers of the pages on which aggregators say how they are.
#[async_trait]
pub trait StatusPages: Send + Sync + Debug + 'static {
    /// Reads the page at `url`; `etag` is what its last answer was told by.
    async fn fetch(&self, url: &str, etag: Option<&str>) -> Fetched;
}

/// The reconcilers that can be rung, one bell each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Starts campaigns whose time has come.
    Scheduler,
    /// Works out recipients.
    Planner,
    /// Hands messages over.
    Dispatcher,
    /// Hands over texts outside the ledger.
    DirectTexts,
    /// Applies receipts.
    Receipts,
    /// Moves campaigns on when their messages have.
    Completer,
    /// Settles what a crash left behind.
    Recovery,
    /// Asks what became of messages whose outcome is not known.
    Resolver,
    /// Settles what nobody has spoken of for too long.
    Silence,
    /// Asks status pages how aggregators are.
    StatusPages,
}

impl Task {
    /// Every task, in the order a campaign meets them.
    pub const ALL: [Self; 10] = [
        Self::Scheduler,
        Self::Planner,
        Self::Dispatcher,
        Self::DirectTexts,
        Self::Receipts,
        Self::Completer,
        Self::Recovery,
        Self::Resolver,
        Self::Silence,
        Self::StatusPages,
    ];

    /// Its name in logs and as an actor of events.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduler => "scheduler",
            Self::Planner => "planner",
            Self::Dispatcher => "dispatcher",
            Self::DirectTexts => "direct_texts",
            Self::Receipts => "receipts",
            Self::Completer => "completer",
            Self::Recovery => "recovery",
            Self::Resolver => "resolver",
            Self::Silence => "silence",
            Self::StatusPages => "status_pages",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clock that stands.
    #[derive(Debug)]
    struct Standing;

    impl Clock for Standing {
        fn now(&self) -> Instant {
            Instant::from_timestamp_millis(1_700_000_000_000).unwrap_or_default()
        }

        fn lease_now(&self) -> Instant {
            self.now()
        }
    }

    /// Goal: counted ids are version 7, in order, the same every time, and no other number's.
    #[test]
    fn counted_ids_come_out_the_same() {
        let make = |number| -> Vec<Uuid> {
            let ids = Ids::counted(Arc::new(Standing), number);
            (0..1_000).map(|_| ids.next()).collect()
        };
        let one = make(1);
        assert_eq!(one, make(1));
        assert!(one.is_sorted_by(|a, b| a < b));
        assert!(one.iter().all(|id| id.get_version_num() == 7));
        let other = make(2);
        assert!(one.iter().all(|id| !other.contains(id)));
    }
}
