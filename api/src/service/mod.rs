//! What a caller can do: one use case a function, the [`Actor`] first.
//!
//! **Invariant:** every function that takes an id answers for a foreign id exactly as for a random one.
//! **Invariant:** a refusal is data and changes nothing; a [`Fault`] is ours and is logged once, at the edge.
//! **Invariant:** nothing here waits for the engine: a command commits, rings a bell, and answers. Two wait
//! longer: a test send for the aggregator, up to `submit_timeout`, and a cancel for what is in flight, up to
//! two seconds.

mod actor;
pub mod admin;
mod aggregators;
mod audiences;
mod audit;
mod campaigns;
mod check;
mod consent;
mod events;
mod holders;
mod inbox;
mod messages;
mod once;
mod operations;
mod receipts;
mod secrets;
mod site_update;
mod sites;
mod subscribers;
mod tails;
mod turns;

pub use crate::db::{
    audit::Filter as AuditFilter,
    campaigns::{
        Direction, Filter as CampaignFilter, OrderField as CampaignOrderField,
        Sorting as CampaignOrder,
    },
    direct_texts::DirectText,
    keys::ApiKey,
    messages::{Filter as MessageFilter, Message},
    page::{Cursor, Page, PageRequest, Slice},
    resolution::Settlement,
};
pub use actor::Actor;
pub use aggregators::{AggregatorView, CampaignDelay, Carrier};
pub use audiences::NewAudience;
pub use campaigns::{
    Activation, CampaignView, CancelPreview, Canceled, Cancellation, Changes, Circumstances,
    Delays, Duplication, Estimate, Estimated, Explanation, Ledger, NewCampaign, NewStep, Paused,
    Preview, Progress, Refused, Rescheduling, Resumed, SendingDetails, StepText, Suspension, Tally,
    TestSending, TestSent, UnknownResolution, UnknownResolved, Whom,
};
pub use check::NewQuietHours;
pub use operations::Unready;
pub use receipts::{ReceiptAnswer, ReceiptRefused};
pub use site_update::{PackSwitch, SiteChanges};
pub use sites::Unrecognised;
pub use subscribers::{NewSubscriber, SubscriberFilter, SubscriberView, Upserted};

use crate::{
    db::Db,
    direct::Direct,
    gather::Gather,
    ports::{Aggregator, Bells, Clock, Hints, Ids},
    tokens::Tokens,
    vitals::Vitals,
};
use chrono::TimeDelta;
use std::{ops::Deref, sync::Arc, time::Duration};
use turns::Turns;

/// Estimates worked out at once. Each reads for up to some seconds, and as many readers are left to all others.
const ESTIMATES_AT_ONCE: usize = 4;
/// Estimates that wait for those.
const ESTIMATES_WAITING: usize = 16;

/// How long the audit is kept unless something else is set.
const AUDIT_KEPT: TimeDelta = TimeDelta::days(400);

/// A failure that is ours: the caller sees that something broke, the log sees what.
#[derive(Debug, thiserror::Error)]
#[error("the service could not do what was asked")]
pub struct Fault(#[from] crate::db::Error);

/// The service. A clone is a pointer: each field of an answer that asks something of it has one.
#[derive(Clone, Debug)]
pub struct Service(Arc<Parts>);

impl Deref for Service {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

/// What the service consists of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The database.
    pub(crate) db: Db,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where ids come from.
    pub(crate) ids: Arc<Ids>,
    /// The engine's bells.
    pub(crate) bells: Bells,
    /// Hints to subscriptions.
    pub(crate) hints: Hints,
    /// The aggregator contract that receipts come in.
    pub(crate) aggregator: Arc<dyn Aggregator>,
    /// What hands over texts outside the ledger.
    pub(crate) direct: Direct,
    /// Who holds API keys, asked for together.
    holders: Gather<holders::Holders>,
    /// Receipts on their way into the database.
    inbox: Arc<inbox::Inbox>,
    /// Turns at working out estimates.
    estimates: Turns,
    /// The ends of the sites' logs, shared by those who follow them.
    tails: Arc<tails::Tails>,
    /// Counts of campaigns that have not changed.
    sums: Arc<campaigns::Sums>,
    /// What those who run the process see of it.
    vitals: Vitals,
    /// What checks signed tokens, where they are taken.
    tokens: Option<Arc<Tokens>>,
    /// How long the audit is kept.
    audit_kept: TimeDelta,
    /// The turn at looking how the database is.
    probing: Arc<tokio::sync::Mutex<()>>,
}

impl Service {
    /// Puts the service together.
    pub fn new(
        db: Db,
        clock: Arc<dyn Clock>,
        ids: Arc<Ids>,
        bells: Bells,
        hints: Hints,
        direct: Direct,
        vitals: Vitals,
    ) -> Self {
        let aggregator = direct.aggregator();
        let inbox = Arc::default();
        let estimates = Turns::new(ESTIMATES_AT_ONCE, ESTIMATES_WAITING);
        let (tails, sums, probing) = (Arc::default(), Arc::default(), Arc::default());
        let holders = Gather::new(holders::Holders(db.clone()));
        Self(Arc::new(Parts {
            db,
            clock,
            ids,
            bells,
            hints,
            aggregator,
            direct,
            holders,
            inbox,
            estimates,
            tails,
            sums,
            vitals,
            tokens: None,
            audit_kept: AUDIT_KEPT,
            probing,
        }))
    }

    /// The same, keeping the audit for as long as this.
    #[must_use]
    pub fn with_audit_kept(self, kept: Duration) -> Self {
        let audit_kept = TimeDelta::from_std(kept).unwrap_or(AUDIT_KEPT);
        Self(Arc::new(Parts { audit_kept, ..Arc::unwrap_or_clone(self.0) }))
    }

    /// The same, taking the tokens that these keys have signed beside API keys.
    #[must_use]
    pub fn with_tokens(self, tokens: Arc<Tokens>) -> Self {
        Self(Arc::new(Parts { tokens: Some(tokens), ..Arc::unwrap_or_clone(self.0) }))
    }
}
