//! The event log, and the changes delivered live.

use super::{Campaign, campaign::CampaignStatusReason};
use crate::graphql::{
    connection::int,
    enums::{ActorKind, CampaignChangeKind, CampaignEventKind, CampaignStatus},
    loaders,
    scalars::{DateTime, EventCursor},
};
use async_graphql::{Context, ID, Object, Result, SimpleObject};
use domain::id::SiteId;

/// Something that happened to a campaign.
#[derive(Clone)]
pub(crate) struct CampaignEvent(domain::event::CampaignEvent);

impl From<domain::event::CampaignEvent> for CampaignEvent {
    fn from(event: domain::event::CampaignEvent) -> Self {
        Self(event)
    }
}

/// Something that happened to a campaign: a row of the event log.
#[Object]
impl CampaignEvent {
    /// The global ID.
    pub(crate) async fn id(&self) -> ID {
        self.0.id.to_string().into()
    }

    /// Its position in the site's log.
    fn cursor(&self) -> EventCursor {
        EventCursor { site_id: self.0.site_id, position: self.0.position }
    }

    /// Its number among the campaign's events: 1 for its making, then one more each time, with no
    /// gap.
    fn sequence(&self) -> i32 {
        int(self.0.sequence)
    }

    /// What happened.
    fn kind(&self) -> CampaignEventKind {
        self.0.kind.into()
    }

    /// When.
    fn occurred_at(&self) -> DateTime {
        self.0.occurred_at.into()
    }

    /// By whom.
    fn actor(&self) -> Actor {
        Actor::new(self.0.actor_kind, self.0.actor_name.clone())
    }

    /// The campaign. Null once it is deleted.
    async fn campaign(&self, ctx: &Context<'_>) -> Option<Result<Campaign>> {
        let campaign = loaders::campaign_if_any(ctx, self.0.campaign_id).await;
        campaign.map(|campaign| campaign.map(Campaign::from)).transpose()
    }

    /// The campaign's ID, which outlives it.
    fn campaign_id(&self) -> ID {
        self.0.campaign_id.to_string().into()
    }

    /// The status before. Null unless the status changed.
    #[graphql(name = "fromStatus")]
    fn status_before(&self) -> Option<CampaignStatus> {
        self.0.from_status.map(CampaignStatus::from)
    }

    /// The status after. Null unless the status changed.
    fn to_status(&self) -> Option<CampaignStatus> {
        self.0.to_status.map(CampaignStatus::from)
    }

    /// Why the status changed, if there is a reason.
    fn reason(&self) -> Option<CampaignStatusReason> {
        self.0.reason.map(CampaignStatusReason::from)
    }
}

/// Who or what caused a change.
#[derive(SimpleObject)]
pub(crate) struct Actor {
    /// The kind of actor.
    kind: ActorKind,
    /// The name of the key, the subject of the token, or the name of the engine's part.
    name: String,
}

impl Actor {
    /// An actor of that kind and name.
    pub(super) fn new(kind: domain::event::ActorKind, name: String) -> Self {
        Self { kind: kind.into(), name }
    }
}

/// A change delivered live.
#[derive(SimpleObject)]
pub(crate) struct CampaignChange {
    /// Pass this as `after` to resume just past this change.
    cursor: EventCursor,
    /// What to do about it.
    kind: CampaignChangeKind,
    /// The event. Null for `RESYNC`.
    event: Option<CampaignEvent>,
    /// The campaign as it is now, which may be newer than the event. Null for `RESYNC` and for a
    /// campaign since deleted.
    campaign: Option<Campaign>,
}

impl CampaignChange {
    /// An event to apply, and the campaign as it now is.
    pub(in crate::graphql) fn apply(
        event: domain::event::CampaignEvent,
        campaign: Option<domain::campaign::Campaign>,
    ) -> Self {
        Self {
            cursor: EventCursor { site_id: event.site_id, position: event.position },
            kind: CampaignChangeKind::Apply,
            event: Some(event.into()),
            campaign: campaign.map(Campaign::from),
        }
    }

    /// The position it tells; negative for a resync.
    #[cfg(test)]
    pub(in crate::graphql) fn told(&self) -> i64 {
        let is_resync = self.kind == CampaignChangeKind::Resync;
        if is_resync { -self.cursor.position } else { self.cursor.position }
    }

    /// Word that the site is to be queried again, and followed from `position`.
    pub(in crate::graphql) fn resync(site_id: SiteId, position: i64) -> Self {
        Self {
            cursor: EventCursor { site_id, position },
            kind: CampaignChangeKind::Resync,
            event: None,
            campaign: None,
        }
    }
}
