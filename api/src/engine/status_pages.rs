//! Status pages: asks the aggregators' own pages how they are, while anybody could want to know.
//!
//! **Invariant:** what a page says is kept and told, and decides nothing: no message waits for it.
//! **Invariant:** a page is asked once a period, by one node, whatever became of the last answer.

use super::{Activity, Engine, Fault, span};
use crate::{
    db::status_pages::{self, Watched},
    ports::Fetched,
};
use chrono::TimeDelta;
use domain::{Instant, health::PageReport};
use futures_util::{StreamExt as _, stream};

/// Pages asked in one activation.
const PAGES_MAX: u64 = 200;
/// Pages asked at one moment.
const PAGES_AT_ONCE: usize = 8;
/// How long after its last hand-over a campaign's outstanding receipts keep a page watched.
const WATCHED_AFTER: TimeDelta = TimeDelta::hours(24);

impl Engine {
    pub(super) async fn activate_status_pages(&self) -> Result<Activity, Fault> {
        let (now, period) = (self.clock.now(), span(self.settings.status_page_period));
        let watched = status_pages::watched(self.db.read(), now - WATCHED_AFTER, PAGES_MAX).await?;
        let due_at = |page: &Watched| page.checked_at.map_or(now, |at| at + period);
        let (due, later): (Vec<_>, Vec<_>) =
            watched.into_iter().partition(|page| due_at(page) <= now);
        let next_at = later.iter().map(due_at).min();
        let mut asked = stream::iter(due)
            .map(async |page| (page.connection_id, self.ask(&page, now).await))
            .buffer_unordered(PAGES_AT_ONCE);
        let mut activity = Activity { done: 0, next_at };
        let mut fault = None;
        while let Some((id, asked)) = asked.next().await {
            match asked {
                Ok(is_ours) => activity = activity.and(Activity::done(u64::from(is_ours))),
                Err(failed) => {
                    let causes = crate::causes::chain(&failed);
                    tracing::error!(connection.id = %id, error = %failed, causes, "a status page is stuck");
                    fault = Some(failed);
                }
            }
        }
        fault.map_or(Ok(activity), Err)
    }

    /// Asks one page, unless another node does. Answers whether this one did.
    async fn ask(&self, page: &Watched, now: Instant) -> Result<bool, Fault> {
        let txn = self.db.begin_write().await?;
        let is_ours = status_pages::claim(&txn, page, now).await?;
        txn.commit().await?;
        if !is_ours {
            return Ok(false);
        }
        let id = page.connection_id;
        // Outside of any transaction: a page may take its time.
        let fetched = self.status_pages.fetch(&page.url, page.etag.as_deref()).await;
        let txn = self.db.begin_write().await?;
        match fetched {
            Fetched::Unchanged => status_pages::unchanged(&txn, id).await?,
            Fetched::Page { report, etag } => {
                let since = since(&report, page.since, now);
                status_pages::keep(&txn, id, &report, since, etag.as_deref()).await?;
                self.hints.give();
            }
            Fetched::Failed(failure) => {
                // Told once: a page that stays away is asked every minute.
                if page.failed_at.is_none() {
                    tracing::warn!(connection.id = %id, error = %failure, "a status page cannot be read");
                }
                status_pages::failed(&txn, id, now).await?;
            }
        }
        txn.commit().await?;
        Ok(true)
    }
}

/// Since when a page reports trouble: by its own account, or since this service first saw it.
fn since(report: &PageReport, known: Option<Instant>, now: Instant) -> Option<Instant> {
    report.is_troubled().then(|| report.since.or(known).unwrap_or(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::health::{Component, ComponentStatus, PageIndicator};

    #[test]
    fn trouble_dates_from_when_it_was_first_seen() {
        let at = |minute: i64| Instant::from_timestamp_secs(1_795_446_000 + minute * 60).unwrap();
        let report = |status, since| PageReport {
            indicator: PageIndicator::Minor,
            component: Some(Component { name: "SMS".to_owned(), status }),
            incident: None,
            since,
        };
        let slow = |since| report(ComponentStatus::DegradedPerformance, since);
        assert_eq!(since(&slow(None), None, at(5)), Some(at(5)));
        assert_eq!(since(&slow(None), Some(at(5)), at(6)), Some(at(5)));
        assert_eq!(since(&slow(Some(at(1))), Some(at(5)), at(6)), Some(at(1)));
        assert_eq!(since(&report(ComponentStatus::Operational, None), Some(at(5)), at(7)), None);
    }
}
