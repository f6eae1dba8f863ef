//! What subscriptions follow. Two kinds: *edges*, the events of the log, each told once and in
//! order; and a *level*, a campaign's progress, of which only the newest counts.
//!
//! **Invariant:** the log is the truth. A hint only says "look again", and a lost one costs
//! [`POLL`], never an event.
//! **Invariant:** nothing is queued for a slow reader: what they have not read stays in the log.

mod changes;
mod follower;
mod log;
mod progress;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub(super) use self::{
    changes::changes,
    progress::{interval_default, progress},
    status::status_changes,
};

use super::{error, scalars::EventCursor};
use async_graphql::Result;
use domain::id::SiteId;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use std::time::Duration;
use tokio::{sync::watch, time};

/// How long nothing is looked at without a hint.
const POLL: Duration = Duration::from_secs(1);

/// What produces the items of a stream one by one.
trait Source: Sized + Send + 'static {
    /// What the stream carries.
    type Item: Send + 'static;

    /// The next item; none when the stream has ended.
    fn next(&mut self) -> impl Future<Output = Result<Option<Self::Item>>> + Send;
}

/// What is told to one subscription. Items are boxed, because async-graphql keeps several places for one in the
/// state of every stream, most of which wait.
pub(super) type Told<T> = BoxStream<'static, Result<Box<T>>>;

/// The items of `source`, until it ends or fails.
fn follow<S: Source>(source: S) -> Told<S::Item> {
    // The source stays in one place of the future that waits: what is moved has two.
    let next = |mut source: Option<S>| async move {
        let told = source.as_mut()?.next().await;
        if told.is_err() {
            source = None;
        }
        Some((told.transpose()?.map(Box::new), source))
    };
    stream::unfold(Some(source), next).boxed()
}

/// Waits for a hint, or for as long as nothing is looked at without one.
async fn wait(hints: &mut watch::Receiver<u64>) {
    if let Ok(Err(_closed)) = time::timeout(POLL, hints.changed()).await {
        // Nobody gives hints any more: the service is going down, and must not be asked in a hurry.
        time::sleep(POLL).await;
    }
}

/// The position that `cursor` holds, if it is one of the site's.
fn position_in(site_id: SiteId, cursor: EventCursor) -> Result<i64> {
    let is_ours = cursor.site_id == site_id;
    let foreign = || error::bad_argument("after", "be a cursor of the same site");
    is_ours.then_some(cursor.position).ok_or_else(foreign)
}
