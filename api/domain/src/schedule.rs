//! When a campaign goes out.
//!
//! **Invariant:** a wall-clock time is kept with the zone it was read in, frozen at activation; changing a
//! site's zone later moves no activated campaign.

use crate::{
    Instant,
    zone::{OutOfRange, Zone},
};
use chrono::{NaiveDateTime, TimeDelta};

crate::codes! {
    /// How send times are worked out.
    pub enum SendingMode {
        /// As soon as the campaign is activated.
        Immediate = "immediate",
        /// To everybody at once, at a time in the store's zone.
        StoreTime = "store_time",
    }
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleRequest {
    /// At once.
    Now,
    /// At this wall-clock time in the store's zone.
    AtStoreTime(NaiveDateTime),
}

/// When a campaign goes out, worked out and frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How send times are worked out.
    pub mode: SendingMode,
    /// The wall-clock time chosen; none for an immediate campaign.
    pub local_date_time: Option<NaiveDateTime>,
    /// The zone that time is read in; none for an immediate campaign.
    pub zone: Option<Zone>,
    /// The instant the first message is due.
    pub starts_at: Instant,
    /// The instant the last initial message is due, quiet hours aside.
    pub ends_at: Instant,
    /// Messages not handed over by then are skipped.
    pub send_by: Option<Instant>,
}

/// Why a schedule cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleProblem {
    /// The time has passed.
    #[error("the time named has passed")]
    TimePassed,
    /// The time lies further ahead than [`AHEAD_MAX`].
    #[error("the time named is too far ahead")]
    TooFarAhead,
    /// `send_by` is not after the first message is due.
    #[error("`sendBy` is not after the campaign starts")]
    SendByBeforeStart,
}

/// How far ahead a campaign can be scheduled: a year and a day, so that an annual sale can be set up.
pub const AHEAD_MAX: TimeDelta = TimeDelta::days(366);

impl From<OutOfRange> for ScheduleProblem {
    fn from(_: OutOfRange) -> Self {
        Self::TooFarAhead
    }
}

impl Schedule {
    /// Works out `request` at `now` for a store in `zone`. A store time must lie ahead of `now`.
    pub fn resolve(
        request: ScheduleRequest,
        zone: Zone,
        send_by: Option<Instant>,
        now: Instant,
    ) -> Result<Self, ScheduleProblem> {
        let schedule = match request {
            ScheduleRequest::Now => Self {
                mode: SendingMode::Immediate,
                local_date_time: None,
                zone: None,
                starts_at: now,
                ends_at: now,
                send_by,
            },
            ScheduleRequest::AtStoreTime(local) => {
                let starts_at = zone.instant_of(local)?;
                Self {
                    mode: SendingMode::StoreTime,
                    local_date_time: Some(local),
                    zone: Some(zone),
                    starts_at,
                    ends_at: starts_at,
                    send_by,
                }
            }
        };
        schedule.check(now)
    }

    fn check(self, now: Instant) -> Result<Self, ScheduleProblem> {
        if self.mode != SendingMode::Immediate && self.starts_at <= now {
            return Err(ScheduleProblem::TimePassed);
        }
        if self.starts_at > now + AHEAD_MAX {
            return Err(ScheduleProblem::TooFarAhead);
        }
        if self.send_by.is_some_and(|send_by| send_by <= self.starts_at) {
            return Err(ScheduleProblem::SendByBeforeStart);
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn resolve(local: &str, now: &str) -> Result<Schedule, ScheduleProblem> {
        let request = ScheduleRequest::AtStoreTime(local.parse().unwrap());
        Schedule::resolve(request, "America/New_York".parse().unwrap(), None, at(now))
    }

    #[test]
    fn store_time_is_one_instant_ahead_of_now() {
        let schedule = resolve("2026-11-27T09:30:00", "2026-11-23T15:00:00Z").unwrap();
        assert_eq!(schedule.starts_at, at("2026-11-27T14:30:00Z"));
        assert_eq!(schedule.ends_at, schedule.starts_at);
        let passed = resolve("2026-11-27T09:30:00", "2026-11-27T14:30:00Z");
        assert_eq!(passed, Err(ScheduleProblem::TimePassed));
        let far = resolve("2028-11-27T09:30:00", "2026-11-27T14:30:00Z");
        assert_eq!(far, Err(ScheduleProblem::TooFarAhead));
    }

    #[test]
    fn send_by_must_follow_the_start() {
        let now = at("2026-11-23T15:00:00Z");
        let with = |send_by| Schedule::resolve(ScheduleRequest::Now, Zone::UTC, Some(send_by), now);
        assert_eq!(with(now), Err(ScheduleProblem::SendByBeforeStart));
        assert_eq!(with(now + TimeDelta::seconds(1)).unwrap().starts_at, now);
    }
}
