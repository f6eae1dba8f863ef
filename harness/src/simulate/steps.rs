//! What can happen next in a schedule, and how likely it is.
//!
//! **Invariant:** the first of what can happen is the simplest: somebody who stands goes on, without a fault.

use api::ports::Task;
use chrono::TimeDelta;

use super::people::{Act, Call};
use super::plan::RECIPIENTS_MAX;
use super::play::{Play, index};
use super::turnstile::{Gate, Standing};
use super::world::{Decision, Owed, Way};

/// Something that can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    LetOn(Standing),
    Look(u32, Task),
    Launch(u32),
    Post(u32),
    Forge(u32),
    OnTheWay(usize),
    Pass,
    Person(u32),
    Word(u32),
    Crash(u32),
    Restart(u32),
    Stand(u32),
    Wake(u32),
    Jump(u32),
}

/// How often each reconciler looks, against the others.
const LOOKS: [(Task, u32); 8] = [
    (Task::Planner, 5),
    (Task::Dispatcher, 5),
    (Task::Completer, 3),
    (Task::Receipts, 3),
    (Task::Resolver, 4),
    (Task::Recovery, 2),
    (Task::Scheduler, 1),
    (Task::Silence, 1),
];

/// Spans by which time moves on, in seconds, and how often: a moment, one longer than a hand-over may take, than a
/// lease is held, than a hand-over with no answer is waited for, than questions are one node's, and long ones.
const SPANS: [(i64, u32); 9] =
    [(1, 6), (3, 6), (11, 3), (45, 5), (150, 3), (660, 2), (3_600, 2), (32_400, 1), (90_000, 1)];

/// A request that is waited for longer than this is given up by who waits.
const SUBMIT_TIMEOUT_MS: i64 = 10_000;

/// Keys that are honoured no longer than this hold for less than civil clocks are off.
const KEY_SHORT_S: u32 = 3_600;

/// How far civil time jumps, in ms.
const JUMPS_MS: [i64; 5] = [0, 3_600_000, -3_600_000, 700, -700];

impl Play {
    /// Everything that happens before the faults are lifted.
    pub(super) async fn go(&mut self) {
        self.run();
        for _ in 0..self.plan.steps {
            let steps = self.possible();
            let chosen =
                self.choose(|choices| choices.weighed(steps.iter().map(|(weight, _)| *weight)));
            let Some((_, step)) = chosen.and_then(|place| steps.get(place).copied()) else { break };
            self.played.steps += 1;
            self.take(step).await;
            self.run();
            if !self.hub.world().found.is_empty() {
                break;
            }
        }
    }

    /// What can happen, with its weight.
    fn possible(&self) -> Vec<(u32, Step)> {
        let mut steps = Vec::new();
        // Between its look and its transaction, a reconciler is most easily overtaken.
        let is_between = self.hub.turnstile.standing().iter().any(|it| it.gate == Gate::Begin);
        let person = if is_between { 6 } else { 2 };
        for standing in self.hub.turnstile.standing() {
            let is_still = self.crew.node_of(standing.actor).is_some_and(|it| self.is_still(it));
            if !is_still {
                steps.push((8, Step::LetOn(standing)));
            }
        }
        for node in self.nodes.iter().filter(|node| node.is_up && !node.is_still) {
            let number = node.number;
            let is_looking = |task: Task| {
                self.crew.on(number).any(|what| match what {
                    super::crew::What::Look(other) => *other == task,
                    super::crew::What::Launch => task == Task::Dispatcher,
                    super::crew::What::Recover => true,
                    _ => false,
                })
            };
            let free = LOOKS.into_iter().filter(|(task, _)| !is_looking(*task));
            steps.extend(free.map(|(task, weight)| (weight, Step::Look(number, task))));
            if !is_looking(Task::Dispatcher) {
                steps.push((5, Step::Launch(number)));
            }
            if !self.hub.world().owed.is_empty() {
                steps.push((6, Step::Post(number)));
            }
            steps.push((person, Step::Person(number)));
            steps.push((1, Step::Forge(number)));
            steps.push((1, Step::Word(number)));
        }
        let unheard = self.hub.world();
        let ways = unheard.on_the_way(None).into_iter();
        let ways = ways.filter(|it| unheard.posts.get(*it).is_some_and(|post| !post.is_awaited));
        steps.extend(ways.map(|number| (2, Step::OnTheWay(number))));
        drop(unheard);
        steps.push((6, Step::Pass));
        for node in &self.nodes {
            let number = node.number;
            match (node.is_up, node.is_still) {
                (false, _) => steps.push((6, Step::Restart(number))),
                (true, true) => {
                    steps.push((4, Step::Wake(number)));
                    steps.push((1, Step::Crash(number)));
                }
                (true, false) => {
                    steps.push((1, Step::Crash(number)));
                    steps.push((2, Step::Stand(number)));
                    steps.push((1, Step::Jump(number)));
                }
            }
        }
        steps
    }

    fn is_still(&self, node: u32) -> bool {
        self.nodes.get(index(node)).is_some_and(|node| node.is_still)
    }

    async fn take(&mut self, step: Step) {
        match step {
            Step::LetOn(standing) => self.let_on(standing),
            Step::Look(node, task) => self.look(node, task),
            Step::Launch(node) => self.launch(node),
            Step::Post(node) => self.post_some(node),
            Step::Forge(node) => self.forge(node),
            Step::OnTheWay(number) => self.on_the_way(number),
            Step::Pass => self.pass_some().await,
            Step::Person(node) => self.somebody(node),
            Step::Word(node) => self.word(node),
            Step::Crash(node) => self.crash(node),
            Step::Restart(node) => self.restart(node),
            Step::Stand(node) => self.stand(node, true),
            Step::Wake(node) => self.stand(node, false),
            Step::Jump(node) => self.jump(node),
        }
    }

    /// Lets somebody go on, and decides what the aggregator or the network makes of it.
    pub(super) fn let_on(&mut self, standing: Standing) {
        let who = standing.actor;
        match standing.gate {
            Gate::Begin => {
                self.tell(30, who, || format!("goes on: {}", self.crew.word_of(who)));
            }
            Gate::Leave(number) => self.leave(number),
            Gate::Come(number) => {
                let is_lost = self.choose(|choices| choices.chance(120));
                if is_lost {
                    self.note("answer lost");
                    self.became("answer lost", number);
                    self.hub.world().lose(number);
                }
                self.tell(31, u32::from(is_lost), || {
                    let lost = if is_lost { "is lost" } else { "comes" };
                    format!("the answer to request {number} {lost}")
                });
            }
            Gate::Ask(number) => self.ask(number),
        }
        self.hub.turnstile.let_on(standing.place);
    }

    /// Notes what became of a request.
    fn became(&mut self, fate: &'static str, number: usize) {
        self.cover_post(fate, number);
        if let Some(post) = self.hub.world().posts.get_mut(number) {
            post.fate = fate;
        }
    }

    /// A request leaves: it arrives, or something else becomes of it.
    fn leave(&mut self, number: usize) {
        let way = self.hub.world().posts.get(number).map(|post| post.way);
        if way != Some(Way::Out) {
            return self.tell(32, 9, || format!("what became of request {number} is heard"));
        }
        let weights = [40_u32, 4, 3, 2, 2, 2, 1];
        let chosen = self.choose(|choices| choices.weighed(weights.into_iter()));
        let now_ms = self.hub.sky.passed_ms();
        let (word, decision) = match chosen.unwrap_or_default() {
            0 => ("taken", Some(Decision::Take)),
            1 => ("lost on the way", None),
            2 => ("refused", Some(Decision::RefuseMessage)),
            3 => ("throttled", Some(Decision::Throttle)),
            4 => ("turned away", Some(Decision::Away)),
            5 => ("not connected", None),
            _ => ("refused for the account", Some(Decision::RefuseAccount)),
        };
        self.note(word);
        self.became(word, number);
        match (decision, word) {
            (Some(decision), _) => self.arrive(number, decision, now_ms),
            (None, "not connected") => self.hub.world().refuse_connection(number),
            (None, _) => self.hub.world().lose(number),
        }
        self.tell(33, chosen.map_or(0, |it| u32::try_from(it).unwrap_or(9)), || {
            format!("request {number} is {word}")
        });
    }

    /// A request arrives; whatever is taken owes receipts.
    pub(super) fn arrive(&mut self, number: usize, decision: Decision, now_ms: i64) {
        let before = self.hub.world().taken.len();
        self.hub.world().arrive(number, decision, now_ms);
        let taken = self.hub.world().taken.get(before).cloned();
        let Some(taken) = taken else { return };
        let (is_passed_on, last) =
            self.choose(|choices| (choices.chance(500), choices.weighed([6, 2, 2, 1].into_iter())));
        let last = match last.unwrap_or_default() {
            0 => Some(("delivered", None)),
            1 => Some(("undelivered", Some("Unreachable"))),
            2 => None,
            _ => Some(("expired", None)),
        };
        let passed_on = is_passed_on.then_some(("sent", None));
        let echoes = self.hub.world().profile.echoes;
        for (kind, code) in passed_on.into_iter().chain(last) {
            let mut world = self.hub.world();
            let dedupe = format!("hook-{}", world.serial());
            world.owed.push(Owed {
                kind,
                provider_id: Some(taken.provider_id.clone()),
                reference: echoes.then_some(taken.attempt),
                code,
                from: None,
                text: None,
                dedupe,
                occurred_ms: self.hub.sky.now().timestamp_millis(),
                is_forged: false,
            });
        }
    }

    /// A look-up is answered: the truth, by when it is certain, or nothing.
    fn ask(&mut self, number: usize) {
        let attempt = self.hub.world().questions.get(number).map(|(attempt, _)| *attempt);
        let Some(attempt) = attempt else { return };
        let can_tell = !self.choose(|choices| choices.chance(150));
        if can_tell {
            let ways = self.hub.world().on_the_way(Some(attempt));
            for way in ways {
                self.on_the_way(way);
            }
        } else {
            self.note("look-up without an answer");
        }
        if let Some(question) = self.hub.world().questions.get_mut(number) {
            question.1 = can_tell;
        }
        self.tell(34, u32::from(can_tell), || {
            let answer = if can_tell { "the truth" } else { "nothing" };
            format!("a look-up is answered with {answer}")
        });
    }

    /// A request that nobody waits for, or that must not be on its way any longer, arrives late or is gone.
    pub(super) fn on_the_way(&mut self, number: usize) {
        let arrives = self.choose(|choices| choices.chance(500));
        let word = if arrives { "arrives late" } else { "is gone" };
        self.note(if arrives { "arrived late" } else { "gone on the way" });
        self.cover_post(word, number);
        if arrives {
            self.arrive(number, Decision::Take, self.hub.sky.passed_ms());
        } else {
            self.hub.world().lose(number);
        }
        self.tell(35, u32::from(arrives), || format!("request {number} {word}"));
    }

    /// Time moves on. Who has waited too long for an answer waits no longer, unless its node stands still.
    async fn pass_some(&mut self) {
        let weights = SPANS.map(|(_, weight)| weight);
        let chosen = self.choose(|choices| choices.weighed(weights.into_iter()));
        let span_s = chosen.and_then(|place| SPANS.get(place)).map_or(1, |(span_s, _)| *span_s);
        // What is on its way is there, or gone, by when whoever sent it would not wait any more.
        let by_ms = self.hub.sky.passed_ms() + span_s * 1_000;
        let ways = self.hub.world().on_the_way(None);
        for number in ways {
            let begun_ms = self.hub.world().posts.get(number).map_or(by_ms, |post| post.begun_ms);
            if by_ms - begun_ms >= SUBMIT_TIMEOUT_MS {
                self.on_the_way(number);
            }
        }
        self.pass(TimeDelta::seconds(span_s)).await;
        self.tell(36, u32::try_from(span_s).unwrap_or_default(), || format!("{span_s} s pass"));
        let now_ms = self.hub.sky.passed_ms();
        let late: Vec<(usize, Way, u32)> = {
            let world = self.hub.world();
            let posts = world.posts.iter().enumerate();
            let is_late = |begun_ms: i64| now_ms - begun_ms >= SUBMIT_TIMEOUT_MS;
            posts
                .filter(|(_, post)| post.is_awaited && is_late(post.begun_ms))
                .map(|(number, post)| (number, post.way, post.node))
                .collect()
        };
        for (number, way, node) in late {
            if !self.is_still(node) && way != Way::Over {
                self.note("answer too late");
                self.cover_post("answer too late", number);
                self.hub.world().lose(number);
            }
        }
    }

    /// One of the receipts that are owed is posted, perhaps not for the last time, or is never.
    fn post_some(&mut self, node: u32) {
        let count = u32::try_from(self.hub.world().owed.len()).unwrap_or(u32::MAX);
        let (place, fate) = self.choose(|choices| (choices.below(count), choices.below(20)));
        let place = index(place);
        let Some(owed) = self.hub.world().owed.get(place).cloned() else { return };
        match fate {
            0..=15 => {
                self.hub.world().owed.remove(place);
                self.post(node, owed);
            }
            16..=18 => {
                self.note("receipt doubled");
                // The same again, or said again in a receipt of its own.
                if fate == 18 {
                    let mut world = self.hub.world();
                    let dedupe = format!("hook-{}", world.serial());
                    world.owed.extend([Owed { dedupe, ..owed.clone() }]);
                }
                self.post(node, owed);
            }
            _ => {
                self.note("receipt lost");
                self.hub.world().owed.remove(place);
                self.tell(37, 0, || "a receipt is lost".to_owned());
            }
        }
    }

    /// Somebody posts what the aggregator never said.
    fn forge(&mut self, node: u32) {
        let count = u32::try_from(self.hub.world().posts.len()).unwrap_or(u32::MAX);
        let place = self.choose(|choices| choices.below(count));
        let attempt = self.hub.world().posts.get(index(place)).map(|post| post.attempt);
        self.note("receipt forged");
        let owed = Owed {
            kind: "delivered",
            provider_id: None,
            reference: attempt,
            code: None,
            from: None,
            text: None,
            dedupe: format!("forged-{}", self.hub.world().serial()),
            occurred_ms: self.hub.sky.now().timestamp_millis(),
            is_forged: true,
        };
        self.post(node, owed);
    }

    /// Somebody texts STOP, or START.
    fn word(&mut self, node: u32) {
        let (phone, starts) =
            self.choose(|choices| (choices.below(RECIPIENTS_MAX), choices.chance(300)));
        let text = if starts { "START" } else { "STOP" };
        self.note(text);
        let owed = Owed {
            kind: "received",
            provider_id: None,
            reference: None,
            code: None,
            from: Some(phone),
            text: Some(text),
            dedupe: format!("text-{}", self.hub.world().serial()),
            occurred_ms: self.hub.sky.now().timestamp_millis(),
            is_forged: false,
        };
        self.post(node, owed);
    }

    /// A person calls about a campaign.
    fn somebody(&mut self, node: u32) {
        let count = u32::try_from(self.campaigns.len()).unwrap_or_default();
        let campaign = self.choose(|choices| choices.below(count));
        let Some(at) = self.campaigns.get(index(campaign)) else { return };
        let acts = if at.is_activated {
            [
                (Act::Pause, 3),
                (Act::Resume, 4),
                (Act::Cancel, 1),
                (Act::Resend, 2),
                (Act::WriteOff, 1),
            ]
        } else {
            [
                (Act::Activate, 4),
                (Act::Activate, 4),
                (Act::Cancel, 1),
                (Act::Pause, 0),
                (Act::Resume, 0),
            ]
        };
        let weights = acts.map(|(_, weight)| weight);
        let chosen = self.choose(|choices| choices.weighed(weights.into_iter()));
        if let Some((act, _)) = chosen.and_then(|place| acts.get(place)) {
            self.note(match act {
                Act::Activate => "activate",
                Act::Cancel => "cancel",
                Act::Pause => "pause",
                Act::Resume => "resume",
                Act::Resend => "resend",
                Act::WriteOff => "write off",
            });
            self.call(node, Call { act: *act, campaign });
        }
    }

    /// A node's civil clock jumps. Where keys are honoured for minutes, it does not by an hour: how long a key holds
    /// is reckoned from the civil time of the node that made the attempt, which docs/simulation.md names as a limit.
    fn jump(&mut self, node: u32) {
        let chosen = self.choose(|choices| choices.below(5));
        let is_short = (1..=KEY_SHORT_S).contains(&self.plan.profile.key_window_s);
        let chosen = if is_short && chosen > 0 { 3 + chosen % 2 } else { chosen };
        let ahead_ms = JUMPS_MS.get(index(chosen)).copied().unwrap_or_default();
        self.note("clock jump");
        if let Some(at) = self.nodes.get(index(node)) {
            at.clock.set_ahead(ahead_ms);
        }
        self.tell(38, chosen, || format!("node {node}'s civil clock is {ahead_ms} ms ahead"));
    }
}
