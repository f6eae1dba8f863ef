//! Tests of the streams over a log in memory: nothing lost, nothing doubled, and an end. Time is
//! paused, so that waiting costs none.

use super::{
    Told, changes, progress, status_changes,
    testing::{Memory, SITE, campaign_id},
};
use crate::graphql::{
    scalars::{Duration, EventCursor},
    types::{Campaign, CampaignChange},
};
use async_graphql::Result;
use domain::{
    campaign::CampaignStatus::*,
    event::CampaignEventKind::*,
    id::{CampaignId, SiteId},
};
use futures_util::{FutureExt as _, StreamExt as _};
use tokio::time;
use uuid::Uuid;

type Changes = Told<CampaignChange>;

fn at(position: i64) -> EventCursor {
    EventCursor { site_id: SITE, position }
}

/// What is there to read without waiting, as the positions told; a resync is told as negative.
fn told(stream: &mut Changes) -> Vec<i64> {
    let mut positions = Vec::new();
    while let Some(Some(change)) = stream.next().now_or_never() {
        positions.push(change.unwrap().told());
    }
    positions
}

async fn status(log: &Memory, after: Option<EventCursor>) -> Changes {
    status_changes(log.clone(), Some(campaign_id(1)), after).await.unwrap()
}

async fn refusal<T>(opened: impl Future<Output = Result<T>>) -> (String, String) {
    let error = opened.await.err().unwrap();
    let code = error.extensions.unwrap().get("code").unwrap().to_string();
    (code, error.message)
}

#[tokio::test(start_paused = true)]
async fn status_begins_with_where_things_stand_and_ends_with_the_final_status() {
    let log = Memory::new();
    log.moved(1, &[Scheduled]);
    log.commit(2, Created, None);
    log.commit(1, Edited, None);
    let mut stream = status(&log, None).await;
    assert_eq!(told(&mut stream), [2]);
    log.commit(1, Edited, None);
    assert_eq!(told(&mut stream), [0; 0]);
    log.commit(1, StatusChanged, Some(Processing));
    log.commit(1, StatusChanged, Some(Sending));
    assert_eq!(stream.next().await.unwrap().unwrap().told(), 6);
    assert_eq!(stream.next().await.unwrap().unwrap().told(), 7);
    log.commit(1, StatusChanged, Some(Sent));
    assert_eq!(stream.next().await.unwrap().unwrap().told(), 8);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn status_counts_the_making_as_entering_draft_however_often_it_was_edited() {
    let log = Memory::new();
    log.commit(1, Created, None);
    for _ in 0..250 {
        log.commit(1, Edited, None);
    }
    assert_eq!(told(&mut status(&log, None).await), [1]);
}

#[tokio::test(start_paused = true)]
async fn status_replays_what_was_missed_and_ends_when_nothing_can_come() {
    let log = Memory::new();
    log.moved(1, &[Processing, Sending, Sent]);
    for (after, rest) in [(0, vec![1, 2, 3, 4]), (2, vec![3, 4]), (4, vec![])] {
        let stream = status(&log, Some(at(after))).await;
        let positions: Vec<i64> = stream.map(|change| change.unwrap().told()).collect().await;
        assert_eq!(positions, rest, "after {after}");
    }
    let stream = status(&log, None).await;
    assert_eq!(stream.map(|change| change.unwrap().told()).collect::<Vec<_>>().await, [4]);
}

#[tokio::test(start_paused = true)]
async fn status_ends_when_the_draft_is_deleted() {
    let log = Memory::new();
    log.commit(1, Created, None);
    let mut stream = status(&log, None).await;
    assert_eq!(told(&mut stream), [1]);
    log.commit(1, Deleted, None);
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_position_ahead_of_the_log_is_a_resync() {
    let log = Memory::new();
    log.moved(1, &[Scheduled]);
    let mut stream = status(&log, Some(at(9))).await;
    assert_eq!(told(&mut stream), [-2]);
    log.commit(1, StatusChanged, Some(Draft));
    assert_eq!(stream.next().await.unwrap().unwrap().told(), 3);
    let mut stream = changes(log.clone(), SITE, Some(at(9))).await.unwrap();
    assert_eq!(told(&mut stream), [-3]);
    log.commit(1, Edited, None);
    assert_eq!(stream.next().await.unwrap().unwrap().told(), 4);
}

#[tokio::test(start_paused = true)]
async fn unknown_campaigns_and_foreign_cursors_are_refused() {
    let log = Memory::new();
    log.commit(1, Created, None);
    let unknown = refusal(status_changes(log.clone(), Some(campaign_id(7)), None)).await;
    assert_eq!(unknown, ("\"NOT_FOUND\"".to_owned(), "There is no such campaign.".to_owned()));
    assert_eq!(refusal(status_changes(log.clone(), None::<CampaignId>, None)).await, unknown);
    let second = Duration::of_seconds(1);
    assert_eq!(refusal(progress(log.clone(), None, second)).await, unknown);
    assert_eq!(refusal(progress(log.clone(), Some(campaign_id(7)), second)).await, unknown);
    let foreign = EventCursor { site_id: SiteId(Uuid::from_u128(2)), position: 0 };
    let refused = refusal(status_changes(log.clone(), Some(campaign_id(1)), Some(foreign))).await;
    assert_eq!(refused.0, "\"BAD_USER_INPUT\"");
    assert_eq!(refusal(changes(log, SITE, Some(foreign))).await, refused);
}

#[tokio::test(start_paused = true)]
async fn changes_follow_from_now_or_from_a_position() {
    let log = Memory::new();
    log.moved(1, &[Scheduled]);
    let mut now = changes(log.clone(), SITE, None).await.unwrap();
    let mut missed = changes(log.clone(), SITE, Some(at(0))).await.unwrap();
    assert_eq!(told(&mut now), [0; 0]);
    assert_eq!(told(&mut missed), [1, 2]);
    log.commit(2, Created, None);
    log.commit(2, Deleted, None);
    assert_eq!(now.next().await.unwrap().unwrap().told(), 3);
    assert_eq!(told(&mut now), [4]);
    assert_eq!(missed.next().await.unwrap().unwrap().told(), 3);
}

/// Goal: nothing is lost or doubled while the log grows under the reader. Method: a writer commits
/// between every two reads, far more than one batch in all, to more campaigns than are ever folded
/// away.
#[tokio::test(start_paused = true)]
async fn changes_are_told_once_each_and_in_order() {
    let log = Memory::new();
    for n in 1..=450 {
        log.commit(n, Created, None);
    }
    let mut stream = changes(log.clone(), SITE, Some(at(0))).await.unwrap();
    let mut positions = Vec::new();
    for n in 451..=900 {
        positions.push(stream.next().await.unwrap().unwrap().told());
        log.commit(n, Created, None);
    }
    positions.extend(told(&mut stream));
    assert_eq!(positions, (1..=900).collect::<Vec<i64>>());
}

#[tokio::test(start_paused = true)]
async fn a_lost_hint_costs_a_poll() {
    let log = Memory::new();
    log.commit(1, Created, None);
    let mut stream = changes(log.clone(), SITE, None).await.unwrap();
    assert_eq!(told(&mut stream), [0; 0]);
    log.commit_silently(1, Edited);
    let began = time::Instant::now();
    assert_eq!(stream.next().await.unwrap().unwrap().told(), 2);
    assert!(began.elapsed() <= super::POLL);
}

/// The next snapshot, and how many milliseconds it took.
async fn snapshot(stream: &mut Told<Campaign>) -> (Option<i64>, u128) {
    let began = time::Instant::now();
    let campaign = stream.next().await.unwrap().unwrap();
    (campaign.version(), began.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn progress_is_the_newest_at_most_once_an_interval_and_the_last_one_always() {
    let log = Memory::new();
    log.moved(1, &[Processing]);
    let id = Some(campaign_id(1));
    let mut stream = progress(log.clone(), id, Duration::of_milliseconds(2_000)).await.unwrap();
    assert_eq!(snapshot(&mut stream).await, (None, 0));
    for version in 1..=50 {
        log.set_progress(version, false);
    }
    assert_eq!(snapshot(&mut stream).await, (Some(50), 2_000));
    log.set_progress(51, true);
    assert_eq!(snapshot(&mut stream).await, (Some(51), 2_000));
    log.commit(1, StatusChanged, Some(Sent));
    assert_eq!(snapshot(&mut stream).await, (Some(51), 2_000));
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn progress_of_what_is_over_is_told_once() {
    let log = Memory::new();
    log.moved(1, &[Scheduled, Failed]);
    let mut stream =
        progress(log.clone(), Some(campaign_id(1)), Duration::of_seconds(1)).await.unwrap();
    assert_eq!(snapshot(&mut stream).await, (None, 0));
    assert!(stream.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn progress_ends_when_the_draft_is_deleted() {
    let log = Memory::new();
    log.commit(1, Created, None);
    let mut stream =
        progress(log.clone(), Some(campaign_id(1)), Duration::of_seconds(1)).await.unwrap();
    assert_eq!(snapshot(&mut stream).await, (None, 0));
    log.commit(1, Deleted, None);
    assert!(stream.next().await.is_none());
}
