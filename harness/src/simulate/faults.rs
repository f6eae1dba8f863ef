//! Nodes that die, come back, stand still and wake.

use std::sync::Arc;

use super::crew::{Came, What};
use super::play::{Play, index};
use crate::check::Rule;

/// Messages in flight that a node's incarnation attempted.
const LEFT: &str = "SELECT count(*) FROM message m JOIN attempt a ON a.message_id = m.id \
    AND a.fence = m.fence WHERE m.state = 'in_flight' AND a.node = ?1";

impl Play {
    /// A node dies, in the middle of whatever it was at.
    pub(super) fn crash(&mut self, number: u32) {
        let Some(node) = self.nodes.get_mut(index(number)) else { return };
        (node.is_up, node.is_still) = (false, false);
        let name = format!("node-{number}-{}", node.incarnation);
        self.note("crash");
        self.cover_crash(number);
        let dead = self.crew.kill(number);
        // What an aggregator was not answered about it posts again.
        for what in dead {
            if let What::Hook(owed) = what
                && !owed.is_forged
            {
                self.hub.world().owed.push(*owed);
            }
        }
        self.tell(40, number, || format!("node {number} dies"));
        let left = self.hub.store.ask(LEFT, [name], |row| row.get::<_, i64>(0)).unwrap_or_default();
        let left = u64::try_from(left.into_iter().sum::<i64>()).unwrap_or(u64::MAX);
        if left > self.plan.window {
            let window = self.plan.window;
            self.hub.against(Rule::I7, format!("{left} were in flight, and {window} may be"));
        }
    }

    /// A node begins again on the database alone. The only one there is settles what it left at once; of several,
    /// the others' leases are not its own to end.
    pub(super) fn restart(&mut self, number: u32) {
        let Some(former) = self.nodes.get(index(number)) else { return };
        let (incarnation, skew_ms) = (former.incarnation.saturating_add(1), former.lease_skew_ms);
        let node = self.node(number, incarnation, skew_ms);
        let engine = Arc::clone(&node.engine);
        if let Some(former) = self.nodes.get_mut(index(number)) {
            *former = node;
        }
        self.note("restart");
        self.tell(41, number, || format!("node {number} begins again"));
        if self.plan.nodes == 1 {
            let work = async move { Came::Recovered(engine.recover(true).await) };
            self.crew.put(number, What::Recover, Box::pin(work));
        }
    }

    /// A node stands still, or goes on, as a stopped process does.
    pub(super) fn stand(&mut self, number: u32, is_still: bool) {
        if let Some(node) = self.nodes.get_mut(index(number)) {
            node.is_still = is_still;
        }
        if is_still {
            self.note("stand still");
        }
        self.tell(42, number, || {
            let does = if is_still { "stands still" } else { "goes on" };
            format!("node {number} {does}")
        });
    }
}
