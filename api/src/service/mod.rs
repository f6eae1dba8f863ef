//! What a caller can do: one use case a function, the [`Actor`] first.
//!
//! **Invariant:** every function that takes an id answers for a foreign id exactly as for a random one.
//! **Invariant:** a refusal is data and changes nothing; a [`Fault`] is ours and is logged once, at the edge.
//! **Invariant:** nothing here waits for the engine: a command commits, rings a bell, and answers.

mod actor;
mod audiences;
mod campaigns;
mod events;
mod messages;
mod page;
mod sites;
mod subscribers;

pub use actor::Actor;
pub use audiences::NewAudience;
pub use campaigns::{
    Activation, CampaignFilter, CampaignOrder, CampaignOrderField, CampaignView, CancelPreview, Canceled, Cancellation, Changes, Direction,
    Duplication, NewCampaign, NewStep, Progress, Rescheduling,
};
pub use messages::{Message, MessageFilter};
pub use page::{Cursor, Page, PageRequest, Slice};
pub use sites::ApiKey;
pub use subscribers::{NewSubscriber, SubscriberFilter, SubscriberView, Upserted};

use crate::ports::{Bells, Clock, Hints, Ids};
use std::sync::Arc;

/// A failure that is ours: the caller sees that something broke, the log sees what.
#[derive(Debug, thiserror::Error)]
#[error("the database could not do what was asked")]
pub struct Fault(#[from] crate::db::Error);

/// The service. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service {
    pub(crate) db: crate::db::Db,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<Ids>,
    pub(crate) bells: Bells,
    pub(crate) hints: Hints,
}
