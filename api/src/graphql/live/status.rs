//! Each status change of one campaign.

use super::{Source, Told, follow, follower::Follower, log::Log, position_in};
use crate::{
    graphql::{error, scalars::EventCursor, types::CampaignChange},
    service::{PageRequest, Slice},
};
use async_graphql::Result;
use domain::{
    campaign::CampaignStatus,
    event::{CampaignEvent, CampaignEventKind},
    id::CampaignId,
    limits::PAGE_MAX,
};
use std::collections::VecDeque;

/// How many pages of a campaign's history are searched for its latest status event: a draft can be
/// edited that many times before it is activated.
const PAGES_MAX: usize = 1_000;

/// The status changes of a campaign after `after`, or its current status and those to come. Ends
/// when the status is final or the campaign is deleted.
pub(in crate::graphql) async fn status_changes<L: Log>(
    log: L,
    id: Option<CampaignId>,
    after: Option<EventCursor>,
) -> Result<Told<CampaignChange>> {
    let none = || error::not_found("campaign");
    let id = id.ok_or_else(none)?;
    let site_id = log.campaign(id).await?.ok_or_else(none)?.site_id;
    let asked = after.map(|cursor| position_in(site_id, cursor)).transpose()?;
    let (first, position) = match asked {
        Some(position) => (None, position),
        None => current(&log, id)
            .await?
            .map(|now| (Some(now.clone()), now.position))
            .ok_or_else(none)?,
    };
    let log = Follower::new(log, site_id, Some(id), position);
    let waiting = first.into_iter().collect();
    Ok(follow(StatusChanges { log, id, state: State::Asked, waiting }))
}

/// The event by which the campaign entered the status it is in; none if it was deleted meanwhile.
async fn current<L: Log>(log: &L, id: CampaignId) -> Result<Option<CampaignEvent>> {
    let mut before = None;
    for _ in 0..PAGES_MAX {
        let page = PageRequest { slice: Slice::Last(PAGE_MAX), after: None, before };
        let page = log.history(id, &page).await?;
        before = page.items.first().map(|(cursor, _)| cursor.clone());
        let latest = page.items.into_iter().rev().map(|(_, event)| event).find(enters_status);
        if latest.is_some() || !page.has_previous {
            return Ok(latest);
        }
    }
    Ok(None)
}

/// Whether the campaign entered a status by the event. Its making counts as entering `DRAFT`.
fn enters_status(event: &CampaignEvent) -> bool {
    matches!(event.kind, CampaignEventKind::StatusChanged | CampaignEventKind::Created)
}

/// Whether no status event can follow the event.
fn is_last(event: &CampaignEvent) -> bool {
    event.kind == CampaignEventKind::Deleted
        || event.to_status.is_some_and(CampaignStatus::is_final)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The position asked for has yet to be held against the log.
    Asked,
    /// Events may come.
    Following,
    /// What waits is all there will be.
    Ending,
}

struct StatusChanges<L> {
    log: Follower<L>,
    id: CampaignId,
    state: State,
    /// Status events read and not yet told: never more than one batch.
    waiting: VecDeque<CampaignEvent>,
}

impl<L: Log> StatusChanges<L> {
    /// Holds the position asked for against the log, once.
    async fn begin(&mut self) -> Result<Option<CampaignChange>> {
        self.state =
            if self.waiting.iter().any(is_last) { State::Ending } else { State::Following };
        let end = self.log.resync().await?;
        Ok(end.map(|end| CampaignChange::resync(self.log.site_id, end)))
    }

    /// Whether the campaign can enter no other status: it is in a final one, or gone.
    async fn is_over(&self) -> Result<bool> {
        let campaign = self.log.followed(self.id).await?;
        Ok(campaign.is_none_or(|campaign| campaign.status.is_final()))
    }

    /// Reads the events that came since, and says whether any did.
    async fn read(&mut self) -> Result<bool> {
        let batch = self.log.read().await?;
        let came = !batch.is_empty();
        if batch.iter().any(is_last) {
            self.state = State::Ending;
        }
        self.waiting.extend(batch.into_iter().filter(enters_status));
        Ok(came)
    }
}

impl<L: Log> Source for StatusChanges<L> {
    type Item = CampaignChange;

    async fn next(&mut self) -> Result<Option<CampaignChange>> {
        if self.state == State::Asked
            && let Some(resync) = self.begin().await?
        {
            return Ok(Some(resync));
        }
        let mut is_asked = false;
        loop {
            if let Some(event) = self.waiting.pop_front() {
                let campaign = self.log.followed(event.campaign_id).await?;
                return Ok(Some(CampaignChange::apply(event, campaign)));
            }
            if self.state == State::Ending {
                return Ok(None);
            }
            if self.read().await? {
                continue;
            }
            if !is_asked {
                // The end of the log: a campaign that is over told its last before the position
                // asked for, unless it was over only just now, and then there is something to read.
                is_asked = true;
                if self.is_over().await? && !self.read().await? {
                    return Ok(None);
                }
                continue;
            }
            // What a batch took is given back: waiting is what most subscriptions do most of the time.
            self.waiting.shrink_to_fit();
            self.log.wait().await;
        }
    }
}
