//! What keeps a stream alive, and what breaks it off.
//!
//! **Invariant:** a feed is moved on by whoever reads it, and by nobody else: a client that reads
//! no more costs what waits for it and nothing beyond.
use super::Wire;
use crate::http::graphql::{
    limits::Limits,
    shared::{every, told},
};
use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use std::convert::Infallible;
use tokio::{sync::watch, time::Interval};

/// How far a stream has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was told.
    Fresh,
    /// It goes on.
    Open,
    /// Everything was told.
    Ended,
}

/// A stream on its way to a client.
pub(super) struct Feed {
    source: BoxStream<'static, String>,
    wire: Wire,
    /// Ends when the key may no longer do what it could.
    lapsed: BoxFuture<'static, ()>,
    shutdown: watch::Receiver<bool>,
    idle: Interval,
    stage: Stage,
}

impl Feed {
    /// The words of `source`, until it or `lapsed` ends, or the service does.
    pub(super) fn new(
        source: BoxStream<'static, String>,
        wire: Wire,
        lapsed: BoxFuture<'static, ()>,
        shutdown: watch::Receiver<bool>,
        limits: &Limits,
    ) -> Self {
        let idle = every(limits.idle_period);
        Self { source, wire, lapsed, shutdown, idle, stage: Stage::Fresh }
    }

    /// What is written, while `held` is.
    pub(super) fn chunks<G: Send + 'static>(
        self,
        held: G,
    ) -> BoxStream<'static, Result<String, Infallible>> {
        let state = (self, held);
        stream::unfold(state, |(mut feed, held)| async move {
            let chunk = feed.next().await?;
            Some((Ok(chunk), (feed, held)))
        })
        .boxed()
    }

    async fn next(&mut self) -> Option<String> {
        match self.stage {
            Stage::Fresh => {
                self.stage = Stage::Open;
                return Some(self.wire.opening().to_owned());
            }
            Stage::Open => {}
            Stage::Ended => return None,
        }
        tokio::select! {
            biased;
            () = told(&mut self.shutdown) => None,
            () = &mut self.lapsed => {
                self.stage = Stage::Ended;
                self.wire.lapsed()
            }
            chunk = self.source.next() => chunk,
            _ = self.idle.tick() => Some(self.wire.idle().to_owned()),
        }
    }
}
