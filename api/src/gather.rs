//! What many ask for at one moment, loaded together.
//!
//! Whoever asks first lets everyone else who is ready ask too, and then a load takes all that was asked. While as many
//! loads run as may, what is asked waits for the next and is loaded with it: the busier, the fewer loads for each
//! who asks, and nobody waits for a clock.
//!
//! **Invariant:** a load begins after all that it answers was asked: nobody is told what was read before they asked.
//! **Invariant:** nothing is kept once it is told.
//! **Invariant:** a lane runs at most [`LOADS_AT_ONCE`] loads at once, of at most [`KEYS_MAX`] keys each.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{runtime::Handle, sync::oneshot, task::yield_now};

/// Loads of one lane that run at once: none takes all of the database's connections.
const LOADS_AT_ONCE: usize = 2;
/// Different keys of one load.
pub(crate) const KEYS_MAX: usize = 200;

/// A way to load what is asked for.
pub(crate) trait Loading: Send + Sync + Sized + 'static {
    /// Those who may be answered by one load.
    type Lane: Clone + Eq + Hash + Send + Sync + 'static;
    /// What is asked for.
    type Key: Clone + Eq + Hash + Send + Sync + 'static;
    /// What there is of it.
    type Value: Clone + Send + Sync + 'static;
    /// Why nothing could be loaded.
    type Error: Clone + Send + 'static;

    /// Loads what a lane asks for. What there is none of is left out.
    fn load(
        &self,
        lane: &Self::Lane,
        keys: &[Self::Key],
    ) -> impl Future<Output = Result<HashMap<Self::Key, Self::Value>, Self::Error>> + Send;
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Unanswered<E> {
    /// The load failed.
    Failed(E),
    /// The load did not end.
    Lost(Lost),
}

/// A load that did not end.
#[derive(Debug, thiserror::Error)]
#[error("what was asked for was not loaded to the end")]
pub(crate) struct Lost;

type Answer<L> = Result<Option<<L as Loading>::Value>, <L as Loading>::Error>;
/// Who waits, by what they asked for.
type Waiting<L> = HashMap<<L as Loading>::Key, Vec<oneshot::Sender<Answer<L>>>>;

/// Gathers what is asked for. Clones gather together.
pub(crate) struct Gather<L: Loading>(Arc<Inner<L>>);

struct Inner<L: Loading> {
    loading: L,
    /// The lanes that have something waiting or running.
    lanes: Mutex<HashMap<L::Lane, Lane<L>>>,
}

struct Lane<L: Loading> {
    running: usize,
    waiting: Waiting<L>,
    /// Whether everyone who was ready has asked for what waits.
    is_ripe: bool,
}

impl<L: Loading> Clone for Gather<L> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<L: Loading> fmt::Debug for Gather<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gather").field("lanes", &self.lanes().len()).finish_non_exhaustive()
    }
}

impl<L: Loading> Lane<L> {
    fn new() -> Self {
        Self { running: 0, waiting: HashMap::new(), is_ripe: false }
    }

    /// What the next load takes, if one may run.
    fn next(&mut self) -> Option<Waiting<L>> {
        if !self.is_ripe || self.running >= LOADS_AT_ONCE || self.waiting.is_empty() {
            return None;
        }
        let taken = if self.waiting.len() <= KEYS_MAX {
            self.is_ripe = false;
            mem::take(&mut self.waiting)
        } else {
            let keys: Vec<L::Key> = self.waiting.keys().take(KEYS_MAX).cloned().collect();
            keys.iter().filter_map(|key| self.waiting.remove_entry(key)).collect()
        };
        self.running += 1;
        Some(taken)
    }
}

impl<L: Loading> Gather<L> {
    /// Gathers what `loading` loads.
    pub(crate) fn new(loading: L) -> Self {
        Self(Arc::new(Inner { loading, lanes: Mutex::default() }))
    }

    /// What there is of `key`. To be called inside a Tokio runtime.
    pub(crate) async fn ask(
        &self,
        lane: L::Lane,
        key: L::Key,
    ) -> Result<Option<L::Value>, Unanswered<L::Error>> {
        let (answer, first) = self.enter(lane, key);
        if let Some(first) = first {
            // Everyone who is ready asks now.
            yield_now().await;
            drop(first);
        }
        match answer.await {
            Ok(answer) => answer.map_err(Unanswered::Failed),
            Err(_dropped) => Err(Unanswered::Lost(Lost)),
        }
    }

    /// Waits with the others of a lane; who is the first of them says when all have asked.
    fn enter(
        &self,
        lane: L::Lane,
        key: L::Key,
    ) -> (oneshot::Receiver<Answer<L>>, Option<First<L>>) {
        let (sender, answer) = oneshot::channel();
        let mut lanes = self.lanes();
        let entered = match lanes.get_mut(&lane) {
            Some(entered) => entered,
            None => lanes.entry(lane.clone()).or_insert_with(Lane::new),
        };
        let is_first = entered.waiting.is_empty();
        entered.waiting.entry(key).or_default().push(sender);
        drop(lanes);
        (answer, is_first.then(|| First { gather: self.clone(), lane }))
    }

    /// Begins what loads may run, of a lane in which that has changed.
    fn begin(&self, lane: &L::Lane, change: impl FnOnce(&mut Lane<L>)) {
        let mut lanes = self.lanes();
        let Some(changed) = lanes.get_mut(lane) else { return };
        change(changed);
        let mut next = Vec::new();
        while let Some(taken) = changed.next() {
            next.push(taken);
        }
        if changed.running == 0 && changed.waiting.is_empty() {
            lanes.remove(lane);
        }
        drop(lanes);
        for taken in next {
            let running = Running { gather: self.clone(), lane: lane.clone() };
            // Without a runtime nobody waits for an answer any more.
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(running.load(taken));
            }
        }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<L::Lane, Lane<L>>> {
        self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first who asked for what waits in a lane. When it is dropped, all who were ready have asked.
struct First<L: Loading> {
    gather: Gather<L>,
    lane: L::Lane,
}

impl<L: Loading> Drop for First<L> {
    fn drop(&mut self) {
        self.gather.begin(&self.lane, |lane| lane.is_ripe = true);
    }
}

/// A load of a lane. It gives its place to the next when it is dropped, however it ended.
struct Running<L: Loading> {
    gather: Gather<L>,
    lane: L::Lane,
}

impl<L: Loading> Drop for Running<L> {
    fn drop(&mut self) {
        self.gather.begin(&self.lane, |lane| lane.running = lane.running.saturating_sub(1));
    }
}

impl<L: Loading> Running<L> {
    async fn load(self, waiting: Waiting<L>) {
        let keys: Vec<L::Key> = waiting.keys().cloned().collect();
        let loaded = self.gather.0.loading.load(&self.lane, &keys).await;
        // Who waits goes on while the next load runs.
        drop(self);
        for (key, askers) in waiting {
            let answer = match &loaded {
                Ok(found) => Ok(found.get(&key).cloned()),
                Err(error) => Err(error.clone()),
            };
            for asker in askers {
                // Whoever asked may have gone away.
                let _ = asker.send(answer.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::join_all;
    use tokio::sync::Semaphore;

    /// Answers a number with its double, once it may; knows of none beyond a thousand.
    struct Doubles {
        loads: Mutex<Vec<(&'static str, Vec<u32>)>>,
        may_end: Semaphore,
    }

    impl Loading for Arc<Doubles> {
        type Lane = &'static str;
        type Key = u32;
        type Value = u32;
        type Error = &'static str;

        async fn load(
            &self,
            lane: &&'static str,
            keys: &[u32],
        ) -> Result<HashMap<u32, u32>, &'static str> {
            let mut sorted = keys.to_vec();
            sorted.sort_unstable();
            self.loads.lock().unwrap().push((lane, sorted));
            self.may_end.acquire().await.unwrap().forget();
            assert!(*lane != "panics", "the load panics");
            if *lane == "fails" {
                return Err("no");
            }
            let known = keys.iter().filter(|key| **key <= 1_000);
            Ok(known.map(|key| (*key, key * 2)).collect())
        }
    }

    fn gather(loads: usize) -> (Arc<Doubles>, Gather<Arc<Doubles>>) {
        let loads = Semaphore::new(loads);
        let doubles = Arc::new(Doubles { loads: Mutex::default(), may_end: loads });
        (Arc::clone(&doubles), Gather::new(doubles))
    }

    impl Doubles {
        fn sizes(&self) -> Vec<usize> {
            self.loads.lock().unwrap().iter().map(|(_, keys)| keys.len()).collect()
        }
    }

    #[tokio::test]
    async fn what_is_asked_at_one_moment_is_loaded_together() {
        let (doubles, gather) = gather(9);
        let asked = [1, 2, 3, 2, 1_001].map(|key| gather.ask("a", key));
        let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers, [Some(2), Some(4), Some(6), Some(4), None]);
        assert_eq!(*doubles.loads.lock().unwrap(), [("a", vec![1, 2, 3, 1_001])]);
        assert_eq!(gather.ask("a", 1).await.unwrap(), Some(2));
        assert_eq!(doubles.sizes(), [4, 1], "nothing is kept");
        assert!(gather.lanes().is_empty(), "nothing at all");
    }

    /// Goal: who asks while loads run is answered by one that began afterwards. Method: loads are held; all who ask
    /// meanwhile are answered by one more.
    #[tokio::test]
    async fn what_is_asked_while_loads_run_waits_for_the_next() {
        let (doubles, gather) = gather(0);
        let ask = |key| {
            let gather = gather.clone();
            tokio::spawn(async move { gather.ask("a", key).await.unwrap() })
        };
        let mut asked = Vec::new();
        for _ in 0..LOADS_AT_ONCE {
            asked.push(ask(7));
            while doubles.sizes().len() < asked.len() {
                yield_now().await;
            }
        }
        let others: Vec<_> = (0..50).map(|nth| ask(7 + nth % 2)).collect();
        for _ in 0..100 {
            yield_now().await;
        }
        assert_eq!(doubles.sizes(), [1; LOADS_AT_ONCE], "no more run than may");
        doubles.may_end.add_permits(9);
        for answer in asked {
            assert_eq!(answer.await.unwrap(), Some(14));
        }
        for (nth, answer) in others.into_iter().enumerate() {
            assert_eq!(answer.await.unwrap(), Some(if nth % 2 == 0 { 14 } else { 16 }));
        }
        assert_eq!(doubles.sizes(), [1, 1, 2], "and one load answers all who waited");
    }

    #[tokio::test]
    async fn lanes_share_nothing_and_a_load_is_bounded() {
        let (doubles, gather) = gather(9);
        let (a, b) = tokio::join!(gather.ask("a", 1), gather.ask("b", 1));
        assert_eq!((a.unwrap(), b.unwrap()), (Some(2), Some(2)));
        let mut lanes: Vec<_> = doubles.loads.lock().unwrap().iter().map(|load| load.0).collect();
        lanes.sort_unstable();
        assert_eq!(lanes, ["a", "b"]);
        let many = u32::try_from(KEYS_MAX).unwrap() + 1;
        let answers = join_all((0..many).map(|key| gather.ask("c", key))).await;
        assert!(answers.into_iter().zip(0..).all(|(answer, key)| answer.unwrap() == Some(key * 2)));
        assert_eq!(doubles.sizes(), [1, 1, KEYS_MAX, 1]);
    }

    #[tokio::test]
    async fn a_load_that_fails_tells_all_and_one_that_panics_holds_nobody_up() {
        let (_doubles, gather) = gather(9);
        let failed = join_all([1, 2].map(|key| gather.ask("fails", key))).await;
        assert!(failed.iter().all(|it| matches!(it, Err(Unanswered::Failed("no")))), "{failed:?}");
        for _ in 0..=LOADS_AT_ONCE {
            assert!(matches!(gather.ask("panics", 1).await, Err(Unanswered::Lost(_))));
        }
        assert!(gather.lanes().is_empty());
    }

    #[tokio::test]
    async fn who_asked_first_may_go_away() {
        let (_doubles, gather) = gather(9);
        let mut first = Box::pin(gather.ask("a", 1));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(gather.ask("a", 2));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(second.await.unwrap(), Some(4));
    }
}
