//! Driving the engine: each reconciler in a task of its own, rung by its bell, by its own next due
//! instant, and by a period.
//!
//! **Invariant:** a failed or panicking activation is logged and followed by the next: no reconciler dies.

use super::{Engine, Fault};
use crate::{
    ports::Task,
    vitals::{ActivationResult, FaultCode},
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, task::JoinSet};

/// The longest a reconciler waits before it looks again after a failure.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
/// How long outcomes may take to be recorded when the process stops.
const RECORD_GRACE: Duration = Duration::from_secs(5);
/// How often it is then looked for what nobody records.
const LEFT_PERIOD: Duration = Duration::from_millis(100);
/// How long the completer waits after a ring: every record rings it, and almost none completes a campaign.
const COMPLETER_REST: Duration = Duration::from_millis(25);
/// Activations in a row before a busy reconciler lets the others have a turn.
const BURST_MAX: usize = 64;

/// The engine at work. Dropping it stops the reconcilers; an activation under way runs to its end.
#[derive(Debug)]
pub struct Driver {
    engine: Arc<Engine>,
    tasks: JoinSet<()>,
}

impl Driver {
    /// Sets every reconciler to work until `shutdown` turns true.
    pub fn start(engine: &Arc<Engine>, shutdown: &watch::Receiver<bool>) -> Self {
        let period = super::span(engine.settings.period);
        engine.vitals.reconcilers().driven(period, engine.clock.lease_now());
        engine.hire_clerk();
        let mut tasks = JoinSet::new();
        for task in Task::ALL {
            tasks.spawn(drive(Arc::clone(engine), task, shutdown.clone()));
        }
        Self { engine: Arc::clone(engine), tasks }
    }

    /// Waits until every reconciler has finished the activation it was in, and what is in flight is recorded:
    /// no longer than a hand-over may take, and a little for the record.
    pub async fn finished(mut self) {
        while self.tasks.join_next().await.is_some() {}
        let patience = self.engine.settings.submit_timeout + RECORD_GRACE;
        if tokio::time::timeout(patience, all_recorded(&self.engine)).await.is_err() {
            tracing::warn!("some outcomes could not be recorded: these messages will be unknown");
        }
    }
}

/// Completes when nothing is in flight, and records what a recorder left that came to an untimely end: no activation
/// looks for that any more.
async fn all_recorded(engine: &Arc<Engine>) {
    loop {
        if let Some(record) = engine.left_over() {
            record.await;
        }
        if tokio::time::timeout(LEFT_PERIOD, engine.nothing_in_flight()).await.is_ok() {
            return;
        }
    }
}

async fn drive(engine: Arc<Engine>, task: Task, mut shutdown: watch::Receiver<bool>) {
    while !*shutdown.borrow_and_update() {
        let pause = look(&engine, task, &shutdown).await;
        tokio::select! {
            () = engine.bells.heard(task) => {}
            () = tokio::time::sleep(pause) => {}
            _ = shutdown.changed() => {}
        }
        if task == Task::Completer && !*shutdown.borrow() {
            tokio::time::sleep(COMPLETER_REST).await;
        }
    }
}

/// Activates until there is nothing to do, and answers how long to wait for a ring.
async fn look(engine: &Arc<Engine>, task: Task, shutdown: &watch::Receiver<bool>) -> Duration {
    for _ in 0..BURST_MAX {
        if *shutdown.borrow() {
            break;
        }
        let activation = {
            let engine = Arc::clone(engine);
            // A task of its own, so that a panic ends the activation and not the reconciler.
            tokio::spawn(async move { engine.stream(task).await })
        };
        match activation.await {
            Ok(Ok(activity)) if activity.done == 0 => {
                return engine.pause(activity.next_at);
            }
            Ok(Ok(_)) => {}
            Ok(Err(fault)) => {
                report(task, &fault);
                return FAILURE_PAUSE;
            }
            Err(panic) => {
                tracing::error!(task = task.name(), error = %panic, "an activation panicked");
                engine.show(task, ActivationResult::Failed(FaultCode::Panicked));
                return FAILURE_PAUSE;
            }
        }
    }
    Duration::ZERO
}

fn report(task: Task, fault: &Fault) {
    let causes = crate::causes::chain(fault);
    tracing::error!(task = task.name(), error = %fault, causes, "an activation failed");
}

impl Engine {
    fn pause(&self, next_at: Option<domain::Instant>) -> Duration {
        let until = next_at.map(|at| (at - self.clock.now()).to_std().unwrap_or_default());
        until.unwrap_or(self.settings.period).min(self.settings.period)
    }
}
