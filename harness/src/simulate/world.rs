//! What the simulated world saw: requests, what the aggregator took, and the receipts it owes for it.
//!
//! **Invariant:** the world knows nothing of the service's but what reached it: requests, and calls that were
//! answered.
//! **Invariant:** as the contract asks, a look-up is answered only when it is certain: a request of that attempt
//! that is still on its way has arrived or is gone by then.

use std::collections::{BTreeSet, HashMap};

use api::ports::Submitted;
use domain::{health::Pushback, receipt::RefusalScope};
use uuid::Uuid;

use super::findings::Found;
use super::plan::Profile;

/// A message as the world tells it from others: the places of its campaign, step and phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) campaign: u32,
    pub(super) step: u32,
    pub(super) phone: u32,
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// On its way to the aggregator.
    Out,
    /// The aggregator decided, and the answer is on its way, if anybody waits for it.
    Back,
    /// It is gone, or over.
    Over,
}

/// A request to take a message.
#[derive(Clone, Debug)]
pub(super) struct Post {
    pub(super) place: Place,
    pub(super) attempt: Uuid,
    pub(super) node: u32,
    pub(super) way: Way,
    /// Whether the node still waits for the answer.
    pub(super) is_awaited: bool,
    /// When it began, in ms of the sky, and its place among all that begins and is taken.
    pub(super) begun_ms: i64,
    pub(super) begun: u64,
    /// What the node is told.
    pub(super) reply: Submitted,
    /// What became of it, in a word.
    pub(super) fate: &'static str,
}

/// A message that the aggregator took.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub(super) place: Place,
    pub(super) attempt: Uuid,
    pub(super) provider_id: String,
    /// When the request that was taken began, in ms of the sky, and when it was taken.
    pub(super) begun_ms: i64,
    pub(super) at_ms: i64,
    /// The places of both among all that begins and is taken: much happens in one millisecond.
    pub(super) begun: u64,
    pub(super) order: u64,
}

/// A receipt or a text that is to be posted to the service.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) kind: &'static str,
    pub(super) provider_id: Option<String>,
    pub(super) reference: Option<Uuid>,
    pub(super) code: Option<&'static str>,
    pub(super) from: Option<u32>,
    pub(super) text: Option<&'static str>,
    pub(super) dedupe: String,
    pub(super) occurred_ms: i64,
    pub(super) is_forged: bool,
}

/// From when on nothing of a campaign, or to a phone, may begin to leave.
#[derive(Clone, Debug)]
pub(super) struct Halt {
    pub(super) code: &'static str,
    pub(super) campaign: Option<u32>,
    pub(super) phone: Option<u32>,
    /// Whether nothing can lift it.
    pub(super) is_for_good: bool,
    /// What was in flight by then, by attempt.
    pub(super) allowed: BTreeSet<Uuid>,
}

/// What an aggregator makes of a request that reached it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Take,
    RefuseMessage,
    RefuseAccount,
    Throttle,
    Away,
}

/// The world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) profile: Profile,
    pub(super) posts: Vec<Post>,
    pub(super) taken: Vec<Taken>,
    pub(super) owed: Vec<Owed>,
    /// Attempts that were looked up, in turn, with whether the aggregator could tell.
    pub(super) questions: Vec<(Uuid, bool)>,
    pub(super) halts: Vec<Halt>,
    pub(super) found: Vec<Found>,
    /// Final answers by key, with when they were first given.
    kept: HashMap<Uuid, (Submitted, i64)>,
    /// How often a message was attempted anew while the attempt before may have been taken.
    anew: HashMap<Place, i64>,
    /// What was told of messages by receipts that the service stored: the greatest rank by the aggregator's id.
    pub(super) told: HashMap<String, u8>,
    serial: u64,
}

impl World {
    pub(super) fn new(profile: Profile) -> Self {
        Self {
            profile,
            posts: Vec::new(),
            taken: Vec::new(),
            owed: Vec::new(),
            questions: Vec::new(),
            halts: Vec::new(),
            found: Vec::new(),
            kept: HashMap::new(),
            anew: HashMap::new(),
            told: HashMap::new(),
            serial: 0,
        }
    }

    /// The next number of whatever is counted.
    pub(super) fn serial(&mut self) -> u64 {
        self.serial = self.serial.saturating_add(1);
        self.serial
    }

    /// Notes that a new attempt of a message begins; answers how often that was while the one before may have been
    /// taken: was taken, or was still on its way.
    pub(super) fn begin_anew(&mut self, place: Place, attempt: Uuid) -> i64 {
        let before = self.posts.iter().rfind(|post| post.place == place && post.attempt != attempt);
        let may_be = before.is_some_and(|before| {
            let is_out = |post: &Post| post.attempt == before.attempt && post.way == Way::Out;
            self.taken.iter().any(|taken| taken.attempt == before.attempt)
                || self.posts.iter().any(is_out)
        });
        let anew = self.anew.entry(place).or_default();
        *anew = anew.saturating_add(i64::from(may_be));
        *anew
    }

    /// How much the world saw.
    pub(super) fn serials(&self) -> u64 {
        let asked = u64::try_from(self.questions.len()).unwrap_or(u64::MAX);
        self.serial.saturating_add(asked)
    }

    /// A request reaches the aggregator, which decides. A repeat under a key that is honoured gets the first
    /// answer, whatever would have been decided.
    pub(super) fn arrive(&mut self, number: usize, decision: Decision, now_ms: i64) {
        let Some(post) = self.posts.get(number).filter(|post| post.way == Way::Out).cloned() else {
            return;
        };
        let window_ms = i64::from(self.profile.key_window_s).saturating_mul(1_000);
        let kept = self.kept.get(&post.attempt);
        let kept = kept.filter(|(_, at)| now_ms.saturating_sub(*at) < window_ms);
        let reply = if let Some((reply, _)) = kept {
            reply.clone()
        } else {
            self.decide(&post, decision, now_ms)
        };
        if let Some(post) = self.posts.get_mut(number) {
            post.reply = reply;
            post.way = if post.is_awaited { Way::Back } else { Way::Over };
        }
    }

    fn decide(&mut self, post: &Post, decision: Decision, now_ms: i64) -> Submitted {
        let refused =
            |scope, code: &str| Submitted::Rejected { scope, code: Some(code.to_owned()) };
        let not_now = |pushback| Submitted::NotSent {
            retry_after: None,
            pushback: Some(pushback),
            code: None,
        };
        let reply = match decision {
            Decision::Take => self.take(post, now_ms),
            Decision::RefuseMessage => refused(RefusalScope::Recipient, "InvalidNumber"),
            Decision::RefuseAccount => refused(RefusalScope::Account, "AccountSuspended"),
            Decision::Throttle => return not_now(Pushback::Throttled),
            Decision::Away => return not_now(Pushback::Unavailable),
        };
        if self.profile.key_window_s > 0 {
            self.kept.insert(post.attempt, (reply.clone(), now_ms));
        }
        reply
    }

    fn take(&mut self, post: &Post, now_ms: i64) -> Submitted {
        let order = self.serial();
        let provider_id = format!("agg-{order}");
        self.taken.push(Taken {
            place: post.place,
            attempt: post.attempt,
            provider_id: provider_id.clone(),
            begun_ms: post.begun_ms,
            at_ms: now_ms,
            begun: post.begun,
            order,
        });
        Submitted::Accepted { provider_id, segments: Some(1), pause: None }
    }

    /// A request is lost on its way, or its answer is.
    pub(super) fn lose(&mut self, number: usize) {
        if let Some(post) = self.posts.get_mut(number) {
            post.reply = Submitted::Unknown;
            post.way = if post.is_awaited { Way::Back } else { Way::Over };
        }
    }

    /// A request never left: nobody listens at the aggregator's address.
    pub(super) fn refuse_connection(&mut self, number: usize) {
        if let Some(post) = self.posts.get_mut(number) {
            let pushback = Some(Pushback::Unavailable);
            post.reply = Submitted::NotSent { retry_after: None, pushback, code: None };
            post.way = Way::Back;
        }
    }

    /// Requests that are still on their way: of one attempt, or all.
    pub(super) fn on_the_way(&self, attempt: Option<Uuid>) -> Vec<usize> {
        let is_one = |post: &Post| attempt.is_none_or(|attempt| attempt == post.attempt);
        let posts = self.posts.iter().enumerate();
        let out = posts.filter(|(_, post)| post.way == Way::Out && is_one(post));
        out.map(|(number, _)| number).collect()
    }
}
