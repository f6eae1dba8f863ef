//! The relay: tells other nodes what was rung and hinted here, and passes on here what they tell.
//!
//! Words are gathered, told at most twenty times a second, after what they are about was committed. Whoever
//! listens and loses the connection listens again, more and more rarely, and then takes every bell for rung:
//! something may have been said meanwhile.
//!
//! **Invariant:** a word that is lost costs one period of polling, and never a fact.
//! **Invariant:** what came from another node is not told again.

use crate::{
    db::{self, Db, Listener},
    ports::{Bells, Hints, Outlet, Signals},
    vitals::{Vitals, Word},
};
use std::time::Duration;
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// The shortest time between two tellings.
const TELL_PAUSE: Duration = Duration::from_millis(50);
/// How often something is told when there is nothing to tell: an empty word, by which nodes know that they
/// are still heard.
const BEAT: Duration = Duration::from_secs(20);
/// How long a listener that hears nothing, not even itself, believes in its connection.
const SILENCE_MAX: Duration = Duration::from_mins(1);
/// The pause after a first failure; each further one is twice as long.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// The longest pause.
const RETRY_MAX: Duration = Duration::from_secs(15);

/// What stands between the node and the words it is told by.
const SEPARATOR: char = '|';

/// Carries words between nodes.
#[derive(Clone, Debug)]
pub struct Relay {
    /// The database that the nodes share.
    pub db: Db,
    /// What is to be told.
    pub outlet: Outlet,
    /// The bells of this process alone.
    pub bells: Bells,
    /// The hints of this process alone.
    pub hints: Hints,
    /// This node, and its incarnation.
    pub node: String,
    /// Where words are counted.
    pub vitals: Vitals,
}

impl Relay {
    /// Carries words until `shutdown` turns true; the tasks end by themselves then.
    pub fn start(&self, shutdown: &watch::Receiver<bool>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        if !self.db.is_sqlite() {
            let (teller, listener) = (self.clone(), self.clone());
            let (until, stop) = (shutdown.clone(), shutdown.clone());
            tasks.spawn(async move { until_true(until, teller.tell()).await });
            tasks.spawn(async move { until_true(stop, listener.listen()).await });
        }
        tasks
    }

    /// Tells what is gathered.
    async fn tell(&self) {
        let mut pause = RETRY_MIN;
        loop {
            let signals = timeout(BEAT, self.outlet.gathered()).await.unwrap_or_default();
            let words = format!("{}{SEPARATOR}{}", self.node, signals.names());
            match self.db.notify(&words).await {
                Ok(()) => {
                    self.vitals.metrics().word(Word::Told);
                    pause = RETRY_MIN;
                    tokio::time::sleep(TELL_PAUSE).await;
                }
                Err(error) => {
                    // It is not told again: by then the others have looked by themselves.
                    self.vitals.metrics().word(Word::Lost);
                    report(&error, "other nodes could not be told");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(RETRY_MAX);
                }
            }
        }
    }

    /// Listens, again and again.
    async fn listen(&self) {
        let mut pause = RETRY_MIN;
        loop {
            match self.db.listen().await {
                Ok(Some(mut listener)) => {
                    self.vitals.metrics().listens(true);
                    // Whatever was said before is heard now.
                    Signals::ALL.pass_on(&self.bells, &self.hints);
                    if self.hear(&mut listener).await {
                        pause = RETRY_MIN;
                    }
                    self.vitals.metrics().listens(false);
                }
                Ok(None) => return,
                Err(error) => report(&error, "other nodes cannot be listened to"),
            }
            self.vitals.metrics().word(Word::Deaf);
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Passes on what is heard, until the connection is lost. Answers whether anything was.
    async fn hear(&self, listener: &mut Listener) -> bool {
        let mut has_heard = false;
        loop {
            match timeout(SILENCE_MAX, listener.next()).await {
                Ok(Ok(Some(words))) => {
                    has_heard = true;
                    self.pass_on(&words);
                }
                Ok(Ok(None)) | Err(_) => {
                    tracing::warn!("other nodes are not heard any more; listening anew");
                    return has_heard;
                }
                Ok(Err(error)) => {
                    report(&error, "other nodes are not heard any more; listening anew");
                    return has_heard;
                }
            }
        }
    }

    fn pass_on(&self, words: &str) {
        let Some((node, names)) = words.rsplit_once(SEPARATOR) else { return };
        if node != self.node {
            self.vitals.metrics().word(Word::Heard);
            Signals::of_names(names).pass_on(&self.bells, &self.hints);
        }
    }
}

fn report(error: &db::Error, what: &str) {
    let causes = crate::causes::chain(error);
    tracing::warn!(error = %error, causes, "{what}");
}

/// Works until `shutdown` turns true.
async fn until_true(mut shutdown: watch::Receiver<bool>, work: impl Future<Output = ()>) {
    tokio::select! {
        () = work => {}
        // An error says that the process is gone already.
        _ = shutdown.wait_for(|is_down| *is_down) => {}
    }
}
