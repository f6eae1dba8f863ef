//! Every change to a site's campaigns.

use super::{
    Source, Told, follow,
    follower::{BATCH_MAX, Follower},
    log::Log,
    position_in,
};
use crate::graphql::{scalars::EventCursor, types::CampaignChange};
use async_graphql::Result;
use domain::{event::CampaignEvent, id::SiteId};
use std::collections::{HashSet, VecDeque};

/// The changes to the campaigns of a site after `after`, or from now on.
pub(in crate::graphql) async fn changes<L: Log>(
    log: L,
    site_id: SiteId,
    after: Option<EventCursor>,
) -> Result<Told<CampaignChange>> {
    let position = match after {
        Some(cursor) => position_in(site_id, cursor)?,
        None => log.end(site_id).await?,
    };
    let log = Follower::new(log, site_id, None, position);
    Ok(follow(Changes { log, is_checked: false, waiting: VecDeque::new() }))
}

struct Changes<L> {
    log: Follower<L>,
    /// Whether the position asked for is known to be one of the log.
    is_checked: bool,
    /// Events read and not yet told: never more than one batch.
    waiting: VecDeque<CampaignEvent>,
}

impl<L: Log> Source for Changes<L> {
    type Item = CampaignChange;

    async fn next(&mut self) -> Result<Option<CampaignChange>> {
        if !self.is_checked {
            self.is_checked = true;
            if let Some(end) = self.log.resync().await? {
                return Ok(Some(CampaignChange::resync(self.log.site_id, end)));
            }
        }
        loop {
            if let Some(event) = self.waiting.pop_front() {
                let campaign = self.log.followed(event.campaign_id).await?;
                return Ok(Some(CampaignChange::apply(event, campaign)));
            }
            let batch = self.log.read().await?;
            if batch.is_empty() {
                self.log.wait().await;
            }
            self.waiting = fold(batch).into();
        }
    }
}

/// The last event of each campaign when the batch is full, that is when the reader is behind;
/// otherwise every event. In the order of the log.
fn fold(mut batch: Vec<CampaignEvent>) -> Vec<CampaignEvent> {
    if u64::try_from(batch.len()).is_ok_and(|count| count < BATCH_MAX) {
        return batch;
    }
    let mut later = HashSet::new();
    batch.reverse();
    batch.retain(|event| later.insert(event.campaign_id));
    batch.reverse();
    batch
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graphql::live::testing::event;
    use domain::event::CampaignEventKind::Edited;

    fn positions(events: &[CampaignEvent]) -> Vec<i64> {
        events.iter().map(|event| event.position).collect()
    }

    #[test]
    fn only_a_full_batch_is_folded_to_the_last_event_of_each_campaign() {
        let few: Vec<CampaignEvent> = (1..=9).map(|at| event(at, at % 2, Edited)).collect();
        assert_eq!(positions(&fold(few)), (1..=9).collect::<Vec<i64>>());
        let full: Vec<CampaignEvent> =
            (1..=200).map(|at| event(at, if at == 100 { 2 } else { at % 2 }, Edited)).collect();
        assert_eq!(positions(&fold(full)), [100, 199, 200]);
    }
}
