//! The counts of campaigns, kept by the version of their progress.
//!
//! **Invariant:** what is kept is told only beside the version that it was counted at, which is read anew each time:
//! every change of a count raises that version in its own transaction.
//! **Invariant:** no more than [`KEPT_MAX`] campaigns are kept.

use crate::db::counts::{Counted, Run};
use domain::id::CampaignId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Campaigns whose counts are kept, about half a kilobyte each.
const KEPT_MAX: usize = 4_096;

/// The counts of campaigns, their time zones taken together.
#[derive(Debug, Default)]
pub(in crate::service) struct Sums(Mutex<HashMap<CampaignId, Sum>>);

/// The version of a campaign's progress, and its counts then.
type Sum = (i64, Arc<[Counted]>);

impl Sums {
    /// The counts of a run, if they are kept.
    pub(super) fn of(&self, run: &Run) -> Option<Arc<[Counted]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, counted) = kept.get(&run.campaign_id).filter(|kept| kept.0 == run.version)?;
        Some(Arc::clone(counted))
    }

    /// Keeps the counts of a run.
    pub(super) fn keep(&self, run: &Run, counted: Vec<Counted>) -> Arc<[Counted]> {
        let counted: Arc<[Counted]> = counted.into();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX && !kept.contains_key(&run.campaign_id) {
            // Which goes does not matter: what is missing is counted again.
            let some = kept.keys().next().copied();
            some.map(|some| kept.remove(&some));
        }
        kept.insert(run.campaign_id, (run.version, Arc::clone(&counted)));
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{
        id::SiteId,
        message::{MessageState, Standing},
    };
    use uuid::Uuid;

    fn run(id: u128, version: i64) -> Run {
        Run {
            campaign_id: CampaignId(Uuid::from_u128(id)),
            site_id: SiteId(Uuid::nil()),
            version,
            recipient_count: 1,
            processing_at: domain::Instant::default(),
            plan_cursor: None,
            planned_at: None,
            started_at: None,
            handed_over_at: None,
        }
    }

    fn counted(count: i64) -> Vec<Counted> {
        let standing = Standing { state: MessageState::Accepted, reason: None };
        vec![Counted { step_id: Uuid::nil().into(), time_zone: String::new(), standing, count }]
    }

    #[test]
    fn counts_are_told_of_their_version_alone() {
        let sums = Sums::default();
        assert!(sums.of(&run(1, 7)).is_none());
        sums.keep(&run(1, 7), counted(3));
        assert_eq!(sums.of(&run(1, 7)).unwrap()[0].count, 3);
        assert!(sums.of(&run(1, 8)).is_none(), "a count has changed since");
        assert!(sums.of(&run(1, 6)).is_none(), "a reader that is behind");
        assert!(sums.of(&run(2, 7)).is_none(), "another campaign");
        sums.keep(&run(1, 8), counted(4));
        assert_eq!(sums.of(&run(1, 8)).unwrap()[0].count, 4);
    }

    #[test]
    fn no_more_are_kept_than_may() {
        let sums = Sums::default();
        for id in 0..=KEPT_MAX {
            sums.keep(&run(id.try_into().unwrap(), 1), counted(1));
        }
        assert_eq!(sums.0.lock().unwrap().len(), KEPT_MAX);
        assert!(sums.of(&run(KEPT_MAX.try_into().unwrap(), 1)).is_some(), "the newest stays");
    }
}
