//! The turnstile: where whatever a node does stops until the schedule lets it go on.
//!
//! A node's work is a future. Before it begins a transaction, before a request reaches the aggregator, before
//! its answer reaches the node and before a look-up is answered, it stands here. The schedule lets one go on at
//! a time, so that any order can be had, and the same order again.
//!
//! **Invariant:** whoever is dropped while it stands here is forgotten.

use std::{
    collections::BTreeMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use super::choices::Choices;

/// What somebody stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// A transaction.
    Begin,
    /// A request's way to the aggregator; the number of the request.
    Leave(usize),
    /// An answer's way back; the number of its request.
    Come(usize),
    /// A look-up; the number of its question.
    Ask(usize),
}

/// Somebody who stands before a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The number of the place.
    pub(super) place: u64,
    /// Who.
    pub(super) actor: u32,
    /// Before what.
    pub(super) gate: Gate,
}

#[derive(Debug)]
struct Waiting {
    actor: u32,
    gate: Gate,
    is_let: bool,
    waker: Waker,
}

#[derive(Debug)]
struct State {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    /// Who is at work.
    actor: u32,
    /// Transactions that may begin before one has to stand; none for all of them.
    until_stop: Option<u32>,
    choices: Choices,
}

/// The turnstile.
#[derive(Debug)]
pub(super) struct Turnstile(Mutex<State>);

/// The most transactions that begin in a row.
const STRIDE_MAX: u32 = 8;

impl Turnstile {
    /// One at which nobody stands, for a schedule of these choices; transactions pass until
    /// [`Turnstile::stop_some`].
    pub(super) fn new(choices: Choices) -> Arc<Self> {
        let waiting = BTreeMap::new();
        let state = State { next: 0, waiting, actor: 0, until_stop: None, choices };
        Arc::new(Self(Mutex::new(state)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a choice of the schedule.
    pub(super) fn choose<T>(&self, choose: impl FnOnce(&mut Choices) -> T) -> T {
        choose(&mut self.state().choices)
    }

    /// Notes who is at work from here on; answers who was.
    pub(super) fn turn_to(&self, actor: u32) -> u32 {
        std::mem::replace(&mut self.state().actor, actor)
    }

    /// From here on some transactions have to stand before they begin.
    pub(super) fn stop_some(&self) {
        let mut state = self.state();
        state.until_stop = stride(&mut state.choices);
    }

    /// From here on no transaction has to stand.
    pub(super) fn stop_none(&self) {
        self.state().until_stop = None;
    }

    /// Those who stand, in the order in which they came.
    pub(super) fn standing(&self) -> Vec<Standing> {
        let state = self.state();
        let waiting = state.waiting.iter().filter(|(_, it)| !it.is_let);
        waiting
            .map(|(place, it)| Standing { place: *place, actor: it.actor, gate: it.gate })
            .collect()
    }

    /// Lets somebody go on.
    pub(super) fn let_on(&self, place: u64) {
        let waker = {
            let mut state = self.state();
            let Some(waiting) = state.waiting.get_mut(&place) else { return };
            waiting.is_let = true;
            waiting.waker.clone()
        };
        waker.wake();
    }

    /// Passes a gate, at once or when the schedule says so.
    pub(super) fn pass(self: &Arc<Self>, gate: Gate) -> Passing {
        Passing { turnstile: Arc::clone(self), gate, place: None }
    }
}

/// How many transactions begin until one has to stand. All of them, in the simplest story.
fn stride(choices: &mut Choices) -> Option<u32> {
    match choices.below(STRIDE_MAX + 1) {
        0 => None,
        some => Some(some),
    }
}

impl State {
    /// Whether the gate is open without a stop.
    fn is_open(&mut self, gate: Gate) -> bool {
        if gate != Gate::Begin {
            return false;
        }
        let Some(left) = self.until_stop else { return true };
        if left > 1 {
            self.until_stop = Some(left - 1);
            return true;
        }
        self.until_stop = stride(&mut self.choices);
        false
    }
}

/// Somebody on the way through a gate.
#[derive(Debug)]
pub(super) struct Passing {
    turnstile: Arc<Turnstile>,
    gate: Gate,
    place: Option<u64>,
}

impl Future for Passing {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let turnstile = Arc::clone(&self.turnstile);
        let mut state = turnstile.state();
        let Some(place) = self.place else {
            if state.is_open(self.gate) {
                return Poll::Ready(());
            }
            let place = state.next;
            state.next = place.saturating_add(1);
            let (actor, gate, waker) = (state.actor, self.gate, context.waker().clone());
            state.waiting.insert(place, Waiting { actor, gate, is_let: false, waker });
            self.place = Some(place);
            return Poll::Pending;
        };
        if let Some(waiting) = state.waiting.get_mut(&place).filter(|it| !it.is_let) {
            waiting.waker.clone_from(context.waker());
            return Poll::Pending;
        }
        state.waiting.remove(&place);
        self.place = None;
        Poll::Ready(())
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.turnstile.state().waiting.remove(&place);
        }
    }
}

impl api::db::Turns for Hand {
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(self.0.pass(Gate::Begin))
    }
}

/// What a database waits for: the turnstile.
#[derive(Debug)]
pub(super) struct Hand(pub(super) Arc<Turnstile>);
