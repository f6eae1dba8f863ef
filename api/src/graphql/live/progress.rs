//! One campaign's progress.
//!
//! **Invariant:** a snapshot is sent when it differs from the one before, never more often than
//! asked, and the last one always.

use super::{Source, Told, follow, log::Log, wait};
use crate::{
    graphql::{error, scalars::Duration, types::Campaign},
    service::Progress,
};
use async_graphql::Result;
use domain::{campaign::CampaignStatus, id::CampaignId};
use tokio::{
    sync::watch,
    time::{self, Instant},
};

/// The bounds of the time between snapshots, in milliseconds.
const INTERVAL_MS_MIN: i64 = 250;
const INTERVAL_MS_MAX: i64 = 60_000;
/// The time between snapshots when nothing is asked, in seconds.
const INTERVAL_DEFAULT_S: i64 = 1;

/// The least time between looks at a campaign, however many hints come.
const LOOK_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);

/// The time between snapshots when nothing is asked.
pub(in crate::graphql) fn interval_default() -> Duration {
    Duration::of_seconds(INTERVAL_DEFAULT_S)
}

/// The least time between snapshots, if `asked` is within its bounds.
fn interval_of(asked: Duration) -> Result<std::time::Duration> {
    let milliseconds = asked.as_milliseconds();
    let is_within = (INTERVAL_MS_MIN..=INTERVAL_MS_MAX).contains(&milliseconds);
    u64::try_from(milliseconds)
        .ok()
        .filter(|_| is_within)
        .map(std::time::Duration::from_millis)
        .ok_or_else(|| error::bad_argument("interval", "be from PT0.25S to PT1M"))
}

/// The progress of a campaign: at once, then whenever there is news, at most once an `interval`.
/// Ends when every message is final, or the campaign is deleted.
pub(in crate::graphql) async fn progress<L: Log>(
    log: L,
    id: Option<CampaignId>,
    interval: Duration,
) -> Result<Told<Campaign>> {
    let interval = interval_of(interval)?;
    let hints = log.hints();
    let none = || error::not_found("campaign");
    let id = id.ok_or_else(none)?;
    let mut watch = Watch { log, id, interval, hints, last: None };
    let first = watch.look().await?.ok_or_else(none)?;
    Ok(follow(Snapshots { watch, first: Some(first), is_over: false }))
}

/// A campaign and its progress, looked at together.
struct Snapshot {
    row: domain::campaign::Campaign,
    progress: Option<Progress>,
}

/// What tells two snapshots apart: the status, and the version of the progress.
type Mark = (CampaignStatus, Option<i64>);

impl Snapshot {
    fn mark(&self) -> Mark {
        (self.row.status, self.progress.as_ref().map(|progress| progress.version))
    }

    /// Whether no snapshot can differ from this one.
    fn is_last(&self) -> bool {
        let is_settled = self.progress.as_ref().is_none_or(|progress| progress.is_final);
        self.row.status.is_final() && is_settled
    }
}

struct Watch<L> {
    log: L,
    id: CampaignId,
    interval: std::time::Duration,
    hints: watch::Receiver<u64>,
    /// What was sent last, and when.
    last: Option<(Mark, Instant)>,
}

impl<L: Log> Watch<L> {
    /// How things stand; none when the campaign was deleted.
    async fn look(&mut self) -> Result<Option<Snapshot>> {
        self.hints.mark_unchanged();
        let Some(row) = self.log.campaign(self.id).await? else { return Ok(None) };
        // Read after the row: a final status then comes with the progress it ended in.
        let progress = self.log.progress(&row).await?;
        Ok(Some(Snapshot { row, progress }))
    }

    /// The next snapshot that differs from the one sent last; none when the campaign was deleted.
    async fn news(&mut self) -> Result<Option<Snapshot>> {
        if let Some((_, sent_at)) = self.last {
            time::sleep_until(sent_at + self.interval).await;
        }
        loop {
            match self.look().await? {
                Some(seen) if self.last.is_some_and(|(mark, _)| mark == seen.mark()) => {}
                other => return Ok(other),
            }
            time::sleep(LOOK_PAUSE).await;
            wait(&mut self.hints).await;
        }
    }
}

struct Snapshots<L> {
    watch: Watch<L>,
    /// What was looked at to begin with.
    first: Option<Snapshot>,
    is_over: bool,
}

impl<L: Log> Source for Snapshots<L> {
    type Item = Campaign;

    async fn next(&mut self) -> Result<Option<Campaign>> {
        if self.is_over {
            return Ok(None);
        }
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => self.watch.news().await?,
        };
        let Some(next) = next else { return Ok(None) };
        self.is_over = next.is_last();
        self.watch.last = Some((next.mark(), Instant::now()));
        Ok(Some(Campaign::sampled(next.row, next.progress)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_has_bounds() {
        let milliseconds = |asked| interval_of(Duration::of_milliseconds(asked)).ok();
        assert_eq!(milliseconds(250), Some(std::time::Duration::from_millis(250)));
        assert_eq!(milliseconds(60_000), Some(std::time::Duration::from_mins(1)));
        for bad in [0, 249, 60_001, i64::MAX] {
            assert_eq!(milliseconds(bad), None, "{bad}");
        }
    }
}
