//! The end of a schedule: the faults are lifted, and everything runs until nobody has anything left to do.
//!
//! **Invariant:** every loop is bounded, and what never settles is told as a violation of liveness.

use api::ports::{Clock as _, Task};
use chrono::TimeDelta;

use super::people::{Act, Call};
use super::play::Play;
use super::turnstile::{Gate, Standing};
use super::world::{Decision, Way};
use crate::check::Rule;

/// Rounds in which every reconciler looks once.
const ROUNDS_MAX: usize = 400;
/// Rounds in which the world saw nothing, before time moves on faster.
const UNMOVED_MAX: u32 = 12;
/// By how much.
const LONG: TimeDelta = TimeDelta::hours(3);
/// How often whoever stands is let on before what is under way must be over.
const LETS_MAX: usize = 2_000;
/// How long somebody waits for time alone: a cancel, for what is in flight.
const PATIENCE: TimeDelta = TimeDelta::milliseconds(2_100);

/// The reconcilers that have something to do here, in the order a campaign meets them.
const TASKS: [Task; 8] = [
    Task::Scheduler,
    Task::Planner,
    Task::Dispatcher,
    Task::Receipts,
    Task::Completer,
    Task::Recovery,
    Task::Resolver,
    Task::Silence,
];

impl Play {
    /// Lifts the faults and lets everything run to its end.
    pub(super) async fn drain(&mut self) {
        if !self.hub.world().found.is_empty() {
            return;
        }
        self.hub.turnstile.stop_none();
        self.tell(60, 0, || "the faults are lifted".to_owned());
        for number in 0..self.plan.nodes {
            let at = super::play::index(number);
            let Some(node) = self.nodes.get(at) else { continue };
            node.clock.set_ahead(0);
            if !node.is_up {
                self.restart(number);
            } else if node.is_still {
                self.stand(number, false);
            }
        }
        let ways: Vec<usize> = {
            let world = self.hub.world();
            let unheard =
                |number: &usize| world.posts.get(*number).is_some_and(|post| !post.is_awaited);
            world.on_the_way(None).into_iter().filter(unheard).collect()
        };
        for number in ways {
            self.on_the_way(number);
        }
        self.settle().await;
        self.resume_all().await;
        let (mut seen, mut unmoved) = (0, 0);
        for _ in 0..ROUNDS_MAX {
            if !self.hub.world().found.is_empty() || !self.round().await {
                return;
            }
            let moved = self.hub.world().serials();
            unmoved = if moved == seen { unmoved + 1 } else { 0 };
            seen = moved;
            if unmoved > UNMOVED_MAX {
                // Questions that nobody can be asked are put off for minutes, for as long as a key holds.
                self.pass(LONG).await;
            }
        }
        self.hub.against(
            Rule::I29,
            format!("there is still something to do after {ROUNDS_MAX} rounds"),
        );
    }

    /// Lets whoever stands go on until nobody is at anything.
    async fn settle(&mut self) {
        self.run();
        for _ in 0..LETS_MAX {
            if self.crew.is_idle() {
                return;
            }
            let standing = self.hub.turnstile.standing();
            if standing.is_empty() {
                self.pass(PATIENCE).await;
            }
            for one in standing {
                self.let_on_well(one);
                self.run();
            }
            self.run();
        }
        self.hub.against(Rule::I29, "something that is under way is never over");
    }

    /// Lets somebody go on, and nothing goes wrong.
    fn let_on_well(&mut self, standing: Standing) {
        match standing.gate {
            Gate::Leave(number) => {
                let is_out =
                    self.hub.world().posts.get(number).is_some_and(|post| post.way == Way::Out);
                if is_out {
                    self.arrive(number, Decision::Take, self.hub.sky.passed_ms());
                }
            }
            Gate::Ask(number) => {
                if let Some(question) = self.hub.world().questions.get_mut(number) {
                    question.1 = true;
                }
            }
            Gate::Begin | Gate::Come(_) => {}
        }
        self.hub.turnstile.let_on(standing.place);
    }

    /// Whoever paused a campaign resumes it.
    async fn resume_all(&mut self) {
        for place in 0..self.campaigns.len() {
            let campaign = u32::try_from(place).unwrap_or_default();
            let is_running = self
                .campaigns
                .get(place)
                .is_some_and(|it| it.status == "processing" || it.status == "sending");
            if is_running {
                self.call(0, Call { act: Act::Resume, campaign });
                self.settle().await;
            }
        }
    }

    /// Lets every reconciler of a node look once, and posts what is owed. Answers whether there may be more to do.
    async fn round(&mut self) -> bool {
        let owed = std::mem::take(&mut self.hub.world().owed);
        let mut is_busy = !owed.is_empty();
        for one in owed {
            self.post(0, one);
            self.settle().await;
        }
        let (before, mut next_at) = (self.played.done, None);
        for task in TASKS {
            self.played.next_at = None;
            self.look(0, task);
            self.settle().await;
            next_at = next_at.into_iter().chain(self.played.next_at).min();
        }
        is_busy |= self.played.done > before || !self.hub.world().owed.is_empty();
        if is_busy {
            return true;
        }
        let Some(node) = self.nodes.first() else { return false };
        let wait = next_at.map(|at| at - node.clock.now());
        match wait {
            Some(wait) if wait > TimeDelta::zero() => {
                self.pass(wait).await;
                true
            }
            Some(_) => true,
            // A lease that somebody left runs out by itself.
            None if self.leases_left() => {
                self.pass(TimeDelta::seconds(31)).await;
                true
            }
            None => false,
        }
    }

    fn leases_left(&self) -> bool {
        const SQL: &str = "SELECT 1 FROM message WHERE state = 'in_flight' LIMIT 1";
        !self.hub.store.ask(SQL, [], |_| Ok(())).unwrap_or_default().is_empty()
    }
}
