//! Figures: what hand-overs came to, for those who watch the service.

use super::{Lane, handover::End};
use crate::{
    engine::Engine,
    ports::Submitted,
    vitals::{HoldCause, Route, SiteClass, Told},
};
use chrono::TimeDelta;
use domain::{Instant, health::Pushback, receipt};

impl Lane {
    fn route(&self) -> Route {
        let class = if self.binding.is_on_trial() { SiteClass::Trial } else { SiteClass::Paid };
        Route::new(&self.connection.kind, class)
    }
}

impl Engine {
    /// Counts what requests came to.
    pub(super) fn count_ends(&self, lane: &Lane, ends: &[End]) {
        for end in ends {
            self.vitals.metrics().handed_over(lane.route(), told(&end.submitted));
        }
    }

    /// Counts that a connection is left alone from now on, if it is.
    pub(super) fn count_hold(&self, lane: &Lane, ends: &[End], now: Instant) {
        if self.held_until(lane.connection.id, now).is_some() {
            let pushback = ends.iter().find_map(|end| match &end.submitted {
                Submitted::NotSent { pushback, .. } => *pushback,
                _ => None,
            });
            self.vitals.metrics().held(pushback.map_or(HoldCause::Unanswered, cause));
        }
    }

    /// Counts how long messages waited that were taken.
    pub(super) fn count_waits(&self, lane: &Lane, waits: &[TimeDelta]) {
        self.vitals.metrics().accepted(lane.route(), waits);
    }
}

/// Why a connection is left alone that pushed a message back.
const fn cause(pushback: Pushback) -> HoldCause {
    match pushback {
        Pushback::Throttled => HoldCause::Throttled,
        Pushback::Unavailable => HoldCause::Unavailable,
    }
}

fn told(submitted: &Submitted) -> Told {
    match submitted {
        Submitted::Accepted { .. } => Told::Accepted,
        Submitted::Rejected { scope, .. } if receipt::campaign_failure(*scope).is_some() => {
            Told::AccountRejected
        }
        Submitted::Rejected { .. } => Told::Rejected,
        Submitted::NotSent { pushback: None, .. } => Told::Withdrawn,
        Submitted::NotSent { pushback: Some(Pushback::Throttled), .. } => Told::Throttled,
        Submitted::NotSent { pushback: Some(Pushback::Unavailable), .. } => Told::Unavailable,
        Submitted::Unknown => Told::Unknown,
    }
}
