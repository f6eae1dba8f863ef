//! The crew: everything that is under way on the simulated nodes, each a future that is polled by hand.
//!
//! **Invariant:** nothing is polled but here, one at a time, the oldest first: what can go on does, until all stand
//! at the turnstile or are over.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use api::engine::{Activity, Carrier, Fault};
use api::ports::Task;
use api::service::{ReceiptAnswer, ReceiptRefused};

use domain::id::CampaignId;

use super::people::{Answer, Call};
use super::turnstile::Turnstile;
use super::world::Owed;

/// What somebody does.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A reconciler looks, and waits for what comes of it.
    Look(Task),
    /// The dispatcher claims, and lets each hand-over go its own way.
    Launch,
    /// One hand-over goes its own way.
    Carry,
    /// A person makes a draft.
    Draft,
    /// A node settles what its former self left.
    Recover,
    /// A person calls.
    Call(Call),
    /// The aggregator posts.
    Hook(Box<Owed>),
}

impl What {
    /// In a word.
    pub(super) fn word(&self) -> String {
        match self {
            Self::Look(task) => format!("the {}", task.name()),
            Self::Launch => "the streaming dispatcher".to_owned(),
            Self::Carry => "a hand-over of its own".to_owned(),
            Self::Draft => "a person's call to make a draft".to_owned(),
            Self::Recover => "the recovery at the start".to_owned(),
            Self::Call(call) => format!("a person's call to {}", call.words()),
            Self::Hook(owed) => format!("a posted {}", owed.kind),
        }
    }
}

/// What came of it.
pub(super) enum Came {
    Looked(Result<Activity, Fault>),
    Launched(Vec<Carrier>, Result<Activity, Fault>),
    Carried,
    Made(Result<Option<CampaignId>, api::service::Fault>),
    Recovered(Result<u64, Fault>),
    Called(Result<Answer, api::service::Fault>),
    Hooked(Result<Result<ReceiptAnswer, ReceiptRefused>, api::service::Fault>),
}

/// Something under way.
type Work = Pin<Box<dyn Future<Output = Came> + Send>>;

/// Whether somebody can go on.
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Member {
    node: u32,
    what: What,
    work: Work,
    flag: Arc<Flag>,
}

/// What is over.
pub(super) struct Done {
    pub(super) node: u32,
    pub(super) what: What,
    pub(super) came: Came,
}

/// The crew.
pub(super) struct Crew {
    members: BTreeMap<u32, Member>,
    next: u32,
    turnstile: Arc<Turnstile>,
}

impl Crew {
    pub(super) const fn new(turnstile: Arc<Turnstile>) -> Self {
        Self { members: BTreeMap::new(), next: 1, turnstile }
    }

    /// Somebody begins.
    pub(super) fn put(&mut self, node: u32, what: What, work: Work) {
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        // Tokio's budget is one task's, and all of these are in one.
        let work = Box::pin(tokio::task::unconstrained(work));
        self.members.insert(self.next, Member { node, what, work, flag });
        self.next = self.next.saturating_add(1);
    }

    /// Polls whoever can go on, but for those on nodes that stand still, until nobody can.
    pub(super) fn run(&mut self, is_still: impl Fn(u32) -> bool) -> Vec<Done> {
        let mut over = Vec::new();
        loop {
            let ready = self.members.iter().find(|(_, member)| {
                member.flag.0.load(Ordering::Relaxed) && !is_still(member.node)
            });
            let Some((number, _)) = ready else { return over };
            let number = *number;
            let Some(member) = self.members.get_mut(&number) else { return over };
            member.flag.0.store(false, Ordering::Relaxed);
            let waker = Waker::from(Arc::clone(&member.flag));
            self.turnstile.turn_to(number);
            let polled = member.work.as_mut().poll(&mut Context::from_waker(&waker));
            if let Poll::Ready(came) = polled
                && let Some(Member { node, what, .. }) = self.members.remove(&number)
            {
                over.push(Done { node, what, came });
            }
        }
    }

    /// Whether nobody is at anything.
    pub(super) fn is_idle(&self) -> bool {
        self.members.is_empty()
    }

    /// The node somebody works on.
    pub(super) fn node_of(&self, number: u32) -> Option<u32> {
        self.members.get(&number).map(|member| member.node)
    }

    /// What somebody does, in a word.
    pub(super) fn word_of(&self, number: u32) -> String {
        self.members.get(&number).map_or_else(String::new, |member| member.what.word())
    }

    /// What is under way on a node.
    pub(super) fn on(&self, node: u32) -> impl Iterator<Item = &What> {
        self.members.values().filter(move |member| member.node == node).map(|member| &member.what)
    }

    /// Whether anybody is at something.
    pub(super) fn any(&self, is_it: impl Fn(&What) -> bool) -> bool {
        self.members.values().any(|member| is_it(&member.what))
    }

    /// A node dies: whatever it was at is gone. Answers with what it was.
    pub(super) fn kill(&mut self, node: u32) -> Vec<What> {
        let dead: Vec<u32> = self
            .members
            .iter()
            .filter(|(_, member)| member.node == node)
            .map(|(number, _)| *number)
            .collect();
        dead.into_iter()
            .filter_map(|number| self.members.remove(&number).map(|member| member.what))
            .collect()
    }
}
