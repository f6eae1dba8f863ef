//! Consent of phones: the log of what was said, and what it changes at once.
//!
//! **Invariant:** the log only grows: nothing here changes or removes an entry, and the database refuses it.
//! **Invariant:** an entry and all that it changes are written in one transaction: the opt-out, the
//! subscriber, and every pending message to the phone, whatever its campaign.

mod log;

pub use log::{histories, pages, was_helped};

use super::{Result, Txn, counts::Deltas, outcomes::Outcome, plans};
use crate::ports::Ids;
use domain::{
    Instant,
    consent::{self, ConsentKind, ConsentSource, History},
    id::{ConsentEntryId, ReceiptId, SiteId},
    message::{MessageState, Standing},
    reason::MessageReason,
    subscriber::{Subscriber, SubscriberStatus},
};
use entity::{
    consent_log,
    convert::{code, ms},
    message, opt_out, subscriber,
};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::{NotSet, Set},
    ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, LockBehavior, LockType, OnConflict},
};
use uuid::Uuid;

/// Messages to one phone put away in one statement; there is one for each step of each campaign.
const PENDING_BATCH: u64 = 1_000;

/// Something that was said of a phone.
#[derive(Clone)]
#[expect(clippy::struct_field_names, reason = "of all that was said, the word that was understood")]
pub struct Word<'a> {
    /// The site.
    pub site_id: SiteId,
    /// The phone, in E.164.
    pub phone: &'a str,
    /// What was said.
    pub kind: ConsentKind,
    /// By whom.
    pub source: ConsentSource,
    /// The word that was understood, or the aggregator's code.
    pub word: Option<&'a str>,
    /// The name of the key that called.
    pub actor: Option<&'a str>,
    /// When it happened.
    pub occurred_at: Instant,
    /// The receipt that it came in.
    pub receipt_id: Option<ReceiptId>,
}

/// Enters what was said into the log, and does what follows from it. Answers whether it was entered: what a
/// caller or an aggregator says again is not.
pub async fn enter(txn: &Txn, ids: &Ids, word: &Word<'_>, now: Instant) -> Result<bool> {
    let mut deltas = Deltas::default();
    let is_new = apply(txn, ids, word, Rows::Wait, &mut deltas, now).await?;
    deltas.apply(txn).await?;
    Ok(is_new)
}

/// A text that came in.
#[derive(Clone, Copy)]
pub struct Texted<'a> {
    /// The site.
    pub site_id: SiteId,
    /// Who texted, in E.164.
    pub phone: &'a str,
    /// The receipt that it came in.
    pub receipt_id: ReceiptId,
    /// When.
    pub occurred_at: Instant,
}

/// Notes that a phone texted, whatever it said: it can be reached.
pub async fn texted(txn: &Txn, ids: &Ids, texted: Texted<'_>, now: Instant) -> Result<()> {
    use subscriber::Column;
    let Texted { site_id, phone, receipt_id, occurred_at } = texted;
    let at = ms(Ord::min(occurred_at, now));
    let last = || Expr::col(Column::LastInboundAt);
    subscriber::Entity::update_many()
        .col_expr(Column::LastInboundAt, at.into())
        .filter(Column::SiteId.eq(site_id.0))
        .filter(Column::Phone.eq(phone))
        .filter(last().is_null().or(last().lt(at)))
        .exec(txn)
        .await?;
    let reachable = Word {
        site_id,
        phone,
        kind: ConsentKind::Reachable,
        source: ConsentSource::InboundText,
        word: None,
        actor: None,
        occurred_at,
        receipt_id: Some(receipt_id),
    };
    enter(txn, ids, &reachable, now).await.map(drop)
}

/// What an aggregator said of a number, beside what it said of a message to it.
#[derive(Clone)]
pub(super) struct Verdict {
    site_id: Uuid,
    phone: String,
    subscriber_id: Uuid,
    kind: ConsentKind,
    code: Option<String>,
    occurred_at: Instant,
    receipt_id: Option<Uuid>,
}

impl Verdict {
    /// The subscriber it is about.
    pub(super) fn subscriber_id(&self) -> Uuid {
        self.subscriber_id
    }

    /// What the answer to a hand-over says of the number.
    pub(super) fn of_answer(row: &message::Model, outcome: &Outcome, now: Instant) -> Option<Self> {
        let Outcome::Rejected { code: Some(code), .. } = outcome else { return None };
        Some(Self::about(row, consent::verdict_of(code)?, Some(code), now))
    }

    /// What a receipt that proves `evidence` says of the number. A message that was delivered takes back
    /// that its number takes none.
    pub(super) fn of_receipt(
        row: &message::Model,
        (before, evidence, after): (Standing, Standing, Standing),
        code: Option<&str>,
        (receipt_id, occurred_at): (Uuid, Instant),
    ) -> Option<Self> {
        let kind = match (evidence.state, after.state) {
            (_, MessageState::Delivered) => {
                let was_invalid = before.reason == Some(MessageReason::InvalidDestination);
                was_invalid.then_some(ConsentKind::Reachable)?
            }
            (MessageState::Undelivered, _) => consent::verdict_of(code?)?,
            _ => return None,
        };
        Some(Self { receipt_id: Some(receipt_id), ..Self::about(row, kind, code, occurred_at) })
    }

    fn about(
        row: &message::Model,
        kind: ConsentKind,
        code: Option<&str>,
        occurred_at: Instant,
    ) -> Self {
        Self {
            site_id: row.site_id,
            phone: row.phone.clone(),
            subscriber_id: row.subscriber_id,
            kind,
            code: code.map(str::to_owned),
            occurred_at,
            receipt_id: None,
        }
    }
}

/// Enters an aggregator's verdicts in a transaction that has messages and these subscribers locked. Pending messages to these
/// phones that somebody else holds at this moment are left: their hand-over asks for consent again.
pub(super) async fn write_back(
    txn: &Txn,
    ids: &Ids,
    verdicts: &[Verdict],
    deltas: &mut Deltas,
    now: Instant,
) -> Result<()> {
    for verdict in verdicts {
        let word = Word {
            site_id: verdict.site_id.into(),
            phone: &verdict.phone,
            kind: verdict.kind,
            source: ConsentSource::Aggregator,
            word: verdict.code.as_deref(),
            actor: None,
            occurred_at: verdict.occurred_at,
            receipt_id: verdict.receipt_id.map(Into::into),
        };
        apply(txn, ids, &word, Rows::Skip, deltas, now).await?;
    }
    Ok(())
}

/// What to do about rows that another transaction holds.
#[derive(Clone, Copy)]
enum Rows {
    Wait,
    Skip,
}

async fn apply(
    txn: &Txn,
    ids: &Ids,
    word: &Word<'_>,
    rows: Rows,
    deltas: &mut Deltas,
    now: Instant,
) -> Result<bool> {
    // Messages are locked before their subscriber, so before it is known whether they are to go.
    let reason = obstacle(word.kind);
    let pending = match reason {
        Some(_) => pending(txn, word, rows).await?,
        None => Vec::new(),
    };
    let subscriber = find_subscriber(txn, word).await?;
    let opted_out = opt_out::Entity::find_by_id((word.site_id.0, word.phone.to_owned()));
    let is_out = opted_out.one(txn).await?.is_some();
    let at = Ord::min(word.occurred_at, now);
    if is_moot(word, subscriber.as_ref(), is_out, at)? {
        return Ok(false);
    }
    let history = histories(txn, word.site_id, std::iter::once(word.phone)).await?;
    let history = history.get(word.phone).copied().unwrap_or_default();
    if history.admits(word.kind, at) {
        if let Some(reason) = reason {
            put_away(txn, word, rows, pending, reason, deltas, now).await?;
        }
        record_opt_out(txn, word, at).await?;
        if let Some(subscriber) = &subscriber {
            change(txn, word.kind, subscriber, &history, is_out, at, now).await?;
        }
    }
    let subscriber_id = subscriber.map(|row| row.id);
    consent_log::Entity::insert(entry(ids, word, subscriber_id, at, now))
        .exec_without_returning(txn)
        .await?;
    Ok(true)
}

/// Why pending messages to a phone are skipped after something was said of it; none where they stay.
const fn obstacle(kind: ConsentKind) -> Option<MessageReason> {
    match kind {
        ConsentKind::OptedOut => Some(MessageReason::Unsubscribed),
        ConsentKind::Suspected => Some(MessageReason::Suppressed),
        ConsentKind::Unreachable => Some(MessageReason::KnownUnreachable),
        ConsentKind::OptedIn
        | ConsentKind::Cleared
        | ConsentKind::Help
        | ConsentKind::Reachable => None,
    }
}

/// Pending messages to the phone, in every campaign of the site, locked.
async fn pending(txn: &Txn, word: &Word<'_>, rows: Rows) -> Result<Vec<message::Model>> {
    let mut select = message::Entity::find()
        .filter(message::Column::SiteId.eq(word.site_id.0))
        .filter(message::Column::Phone.eq(word.phone))
        .filter(plans::in_states(&MessageState::PENDING))
        .order_by_asc(message::Column::Id)
        .limit(PENDING_BATCH);
    if txn.get_database_backend() == DbBackend::Postgres {
        select = match rows {
            Rows::Wait => select.lock_exclusive(),
            Rows::Skip => select.lock_with_behavior(LockType::Update, LockBehavior::SkipLocked),
        };
    }
    Ok(select.all(txn).await?)
}

/// Skips messages to the phone that are pending: those given, which are locked, and any beyond them.
async fn put_away(
    txn: &Txn,
    word: &Word<'_>,
    rows: Rows,
    mut pending: Vec<message::Model>,
    reason: MessageReason,
    deltas: &mut Deltas,
    now: Instant,
) -> Result<()> {
    let to = Standing::because(MessageState::Skipped, reason);
    loop {
        plans::move_rows(txn, &pending, to, now, deltas).await?;
        if u64::try_from(pending.len()).unwrap_or(u64::MAX) < PENDING_BATCH {
            return Ok(());
        }
        pending = self::pending(txn, word, rows).await?;
    }
}

/// The phone's subscriber, locked: two words of one phone wait for each other here.
async fn find_subscriber(txn: &Txn, word: &Word<'_>) -> Result<Option<subscriber::Model>> {
    let mut select = subscriber::Entity::find()
        .filter(subscriber::Column::SiteId.eq(word.site_id.0))
        .filter(subscriber::Column::Phone.eq(word.phone));
    if txn.get_database_backend() == DbBackend::Postgres {
        select = select.lock_exclusive();
    }
    Ok(select.one(txn).await?)
}

/// Whether a word says nothing that is not known. What a person texts is always entered.
fn is_moot(
    word: &Word<'_>,
    subscriber: Option<&subscriber::Model>,
    is_out: bool,
    at: Instant,
) -> Result<bool> {
    let status = subscriber.map(|row| code::<SubscriberStatus>("subscriber", &row.status));
    let status = status.transpose()?;
    Ok(match word.kind {
        ConsentKind::OptedOut => {
            let was_withdrawn =
                status.is_none_or(|status| status == SubscriberStatus::Unsubscribed);
            word.source != ConsentSource::InboundText && is_out && was_withdrawn
        }
        ConsentKind::Cleared => subscriber.is_none_or(|row| row.suspected_opt_out_at.is_none()),
        ConsentKind::Unreachable => {
            let has_texted_since = subscriber
                .and_then(|row| row.last_inbound_at)
                .is_some_and(|texted_at| texted_at > ms(at));
            status != Some(SubscriberStatus::Subscribed) || has_texted_since
        }
        ConsentKind::Reachable => status != Some(SubscriberStatus::Unreachable),
        ConsentKind::OptedIn | ConsentKind::Suspected | ConsentKind::Help => false,
    })
}

/// Opt-outs are kept by phone: they bind whoever has it, also later.
async fn record_opt_out(txn: &Txn, word: &Word<'_>, at: Instant) -> Result<()> {
    match word.kind {
        ConsentKind::OptedOut => {
            let row = opt_out::ActiveModel {
                site_id: Set(word.site_id.0),
                phone: Set(word.phone.to_owned()),
                source: Set(word.source.as_str().to_owned()),
                opted_out_at: Set(ms(at)),
            };
            opt_out::Entity::insert(row)
                .on_conflict(OnConflict::new().do_nothing().to_owned())
                .exec_without_returning(txn)
                .await?;
        }
        ConsentKind::OptedIn => {
            let id = (word.site_id.0, word.phone.to_owned());
            opt_out::Entity::delete_by_id(id).exec(txn).await?;
        }
        _ => {}
    }
    Ok(())
}

/// Changes the subscriber as a word demands.
async fn change(
    txn: &Txn,
    kind: ConsentKind,
    row: &subscriber::Model,
    history: &History,
    is_out: bool,
    at: Instant,
    now: Instant,
) -> Result<()> {
    let status: SubscriberStatus = code("subscriber", &row.status)?;
    let is_withdrawn = is_out || status == SubscriberStatus::Unsubscribed;
    let status_of = |status: SubscriberStatus| Set(status.as_str().to_owned());
    let mut change =
        subscriber::ActiveModel { id: Set(row.id), updated_at: Set(ms(now)), ..Default::default() };
    match kind {
        ConsentKind::OptedOut => {
            change.status = status_of(SubscriberStatus::Unsubscribed);
            if status != SubscriberStatus::Unsubscribed {
                change.unsubscribed_at = Set(Some(ms(at)));
            }
            // Who has opted out need not be asked whether they meant to.
            change.suspected_opt_out_at = Set(None);
        }
        ConsentKind::OptedIn => {
            change.status = status_of(SubscriberStatus::Subscribed);
            change.unsubscribed_at = Set(None);
            if is_withdrawn {
                change.subscribed_at = Set(ms(at));
            }
            let mut known = *history;
            known.note(kind, ConsentSource::InboundText, at);
            change.suspected_opt_out_at = Set(known.suspicion().map(ms));
        }
        ConsentKind::Suspected if !is_withdrawn => {
            change.suspected_opt_out_at = Set(Ord::max(row.suspected_opt_out_at, Some(ms(at))));
        }
        ConsentKind::Cleared => change.suspected_opt_out_at = Set(None),
        ConsentKind::Unreachable => change.status = status_of(SubscriberStatus::Unreachable),
        ConsentKind::Reachable => change.status = status_of(SubscriberStatus::Subscribed),
        ConsentKind::Suspected | ConsentKind::Help => change.updated_at = NotSet,
    }
    if change.is_changed() {
        change.update_without_returning(txn).await?;
    }
    Ok(())
}

fn entry(
    ids: &Ids,
    word: &Word<'_>,
    subscriber_id: Option<Uuid>,
    at: Instant,
    now: Instant,
) -> consent_log::ActiveModel {
    consent_log::ActiveModel {
        id: Set(ids.next::<ConsentEntryId>().0),
        site_id: Set(word.site_id.0),
        phone: Set(word.phone.to_owned()),
        subscriber_id: Set(subscriber_id),
        kind: Set(word.kind.as_str().to_owned()),
        source: Set(word.source.as_str().to_owned()),
        word: Set(word.word.map(str::to_owned)),
        actor: Set(word.actor.map(str::to_owned)),
        occurred_at: Set(ms(at)),
        recorded_at: Set(ms(now)),
        receipt_id: Set(word.receipt_id.map(|id| id.0)),
    }
}

/// Enters the consent that callers gave account of: of subscribers just added, or newly dated.
pub async fn given(
    txn: &Txn,
    ids: &Ids,
    actor: &str,
    subscribers: &[Subscriber],
    now: Instant,
) -> Result<()> {
    let entries = subscribers.iter().map(|subscriber| {
        let word = Word {
            site_id: subscriber.site_id,
            phone: subscriber.phone.as_str(),
            kind: ConsentKind::OptedIn,
            source: ConsentSource::Api,
            word: None,
            actor: Some(actor),
            occurred_at: subscriber.subscribed_at,
            receipt_id: None,
        };
        entry(ids, &word, Some(subscriber.id.0), Ord::min(subscriber.subscribed_at, now), now)
    });
    consent_log::Entity::insert_many(entries).exec_without_returning(txn).await?;
    Ok(())
}
