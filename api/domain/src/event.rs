//! What happened to a campaign: the rows of a site's event log.

use crate::{
    Instant,
    campaign::CampaignStatus,
    id::{CampaignId, EventId, SiteId},
    reason::StatusReason,
};

crate::codes! {
    /// Kinds of campaign event.
    pub enum CampaignEventKind {
        /// It was made.
        Created = "created",
        /// It was edited.
        Edited = "edited",
        /// Its scheduled time was moved.
        Rescheduled = "rescheduled",
        /// It was paused.
        Paused = "paused",
        /// It was resumed.
        Resumed = "resumed",
        /// Its status changed.
        StatusChanged = "status_changed",
        /// It was removed.
        Deleted = "deleted",
    }
}

crate::codes! {
    /// Kinds of actor.
    pub enum ActorKind {
        /// An API key.
        ApiKey = "api_key",
        /// The subject of a token that another service signed.
        Token = "token",
        /// The sending engine.
        Engine = "engine",
        /// Whoever runs the service.
        Operator = "operator",
    }
}

/// Something that happened to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CampaignEvent {
    /// The id.
    pub id: EventId,
    /// The site whose log it is in.
    pub site_id: SiteId,
    /// Its position in the site's log: 1, 2, 3… with no gap, in commit order.
    pub position: i64,
    /// The campaign.
    pub campaign_id: CampaignId,
    /// Its number among the campaign's events: 1 for its making, with no gap.
    pub sequence: i64,
    /// What happened.
    pub kind: CampaignEventKind,
    /// When.
    pub occurred_at: Instant,
    /// The kind of actor.
    pub actor_kind: ActorKind,
    /// The name of the key, the token's subject, or the name of the engine's reconciler.
    pub actor_name: String,
    /// The status before, when the status changed.
    pub from_status: Option<CampaignStatus>,
    /// The status after, when the status changed.
    pub to_status: Option<CampaignStatus>,
    /// Why the status changed, if there is a reason.
    pub reason: Option<StatusReason>,
}
