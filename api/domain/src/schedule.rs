//! When a campaign goes out.
//!
//! **Invariant:** a wall-clock time is kept with the zone it was read in, frozen at activation; changing a
//! site's zone later moves no activated campaign.
//! **Invariant:** where a wall-clock time is skipped by a clock change it moves forward, where it comes twice
//! the first is meant: nobody is left out, and nobody is texted twice.

use crate::{
    Instant,
    zone::{OutOfRange, Zone},
};
use chrono::{Days, NaiveDateTime, TimeDelta};

crate::codes! {
    /// How send times are worked out.
    pub enum SendingMode {
        /// As soon as the campaign is activated.
        Immediate = "immediate",
        /// To everybody at once, at a time in the store's zone.
        StoreTime = "store_time",
        /// To each subscriber at that time in their own zone.
        SubscriberTime = "subscriber_time",
    }
}

crate::codes! {
    /// What to do where a chosen local time has passed.
    pub enum PassedTimePolicy {
        /// Send at once, quiet hours permitting.
        SendNow = "send_now",
        /// Send at that time the next day.
        NextDay = "next_day",
        /// Skip.
        Skip = "skip",
    }
}

/// What a caller asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleRequest {
    /// At once.
    Now,
    /// At this wall-clock time in the store's zone.
    AtStoreTime(NaiveDateTime),
    /// At this wall-clock time in each subscriber's zone, with what to do where it has passed.
    AtSubscriberTime(NaiveDateTime, PassedTimePolicy),
}

/// When a campaign goes out, worked out and frozen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How send times are worked out.
    pub mode: SendingMode,
    /// The wall-clock time chosen; none for an immediate campaign.
    pub local_date_time: Option<NaiveDateTime>,
    /// The zone that time is read in; only for a store time.
    pub zone: Option<Zone>,
    /// What happens where the time has passed; only for a subscriber's time.
    pub if_passed: Option<PassedTimePolicy>,
    /// When recipients begin to be worked out, and the campaign can no longer be changed.
    pub launches_at: Instant,
    /// The instant the first message is due.
    pub starts_at: Instant,
    /// The instant the last initial message is due, quiet hours aside.
    pub ends_at: Instant,
    /// Messages not handed over by then are skipped.
    pub send_by: Option<Instant>,
}

/// Where a campaign is to go out.
#[derive(Clone, Copy, Debug)]
pub struct Places<'a> {
    /// The store's zone: that of store times, and of subscribers without one.
    pub site: Zone,
    /// The zones its recipients are in; may be empty.
    pub recipients: &'a [Zone],
}

/// Why a schedule cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleProblem {
    /// The time has passed, in every zone it applies to.
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

/// How long before the earliest zone a campaign in subscribers' time is planned: time enough for millions of
/// recipients, so that those in the earliest zone are not late.
pub const PLANNING_LEAD: TimeDelta = TimeDelta::minutes(15);

/// Days tried for a passed time to lie ahead again: today, where the time of day is still to come, else
/// tomorrow, and one more for a zone whose clock was set back over midnight.
const NEXT_DAYS_MAX: u64 = 3;

impl From<OutOfRange> for ScheduleProblem {
    fn from(_: OutOfRange) -> Self {
        Self::TooFarAhead
    }
}

/// When one recipient's initial message is due, quiet hours aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Then.
    At(Instant),
    /// Never: the time had passed in the recipient's zone, and the policy is to skip.
    Passed,
}

/// When `local` comes in `zone` for whoever is asked about it at `now`.
fn local_due(
    local: NaiveDateTime,
    policy: PassedTimePolicy,
    zone: Zone,
    now: Instant,
) -> Result<Due, OutOfRange> {
    let at = zone.instant_of(local)?;
    if at >= now {
        return Ok(Due::At(at));
    }
    match policy {
        PassedTimePolicy::SendNow => Ok(Due::At(now)),
        PassedTimePolicy::Skip => Ok(Due::Passed),
        PassedTimePolicy::NextDay => {
            let since = zone.local_of(now).date() - local.date();
            let first = u64::try_from(since.num_days()).unwrap_or_default().max(1);
            for days in first..first.saturating_add(NEXT_DAYS_MAX) {
                let next = local.checked_add_days(Days::new(days)).ok_or(OutOfRange)?;
                let at = zone.instant_of(next)?;
                if at >= now {
                    return Ok(Due::At(at));
                }
            }
            Ok(Due::Passed)
        }
    }
}

impl Schedule {
    /// Works out `request` at `now`. A chosen time must lie ahead of `now` in one zone at least.
    pub fn resolve(
        request: ScheduleRequest,
        places: Places<'_>,
        send_by: Option<Instant>,
        now: Instant,
    ) -> Result<Self, ScheduleProblem> {
        let blank = Self {
            mode: SendingMode::Immediate,
            local_date_time: None,
            zone: None,
            if_passed: None,
            launches_at: now,
            starts_at: now,
            ends_at: now,
            send_by,
        };
        let schedule = match request {
            ScheduleRequest::Now => blank,
            ScheduleRequest::AtStoreTime(local) => {
                let at = places.site.instant_of(local)?;
                if at <= now {
                    return Err(ScheduleProblem::TimePassed);
                }
                Self {
                    mode: SendingMode::StoreTime,
                    local_date_time: Some(local),
                    zone: Some(places.site),
                    launches_at: at,
                    starts_at: at,
                    ends_at: at,
                    ..blank
                }
            }
            ScheduleRequest::AtSubscriberTime(local, policy) => {
                let (starts_at, ends_at) = span(local, policy, places, now)?;
                Self {
                    mode: SendingMode::SubscriberTime,
                    local_date_time: Some(local),
                    if_passed: Some(policy),
                    launches_at: (starts_at - PLANNING_LEAD).max(now),
                    starts_at,
                    ends_at,
                    ..blank
                }
            }
        };
        schedule.check(now)
    }

    /// The schedule once it has a recipient in `zone` who was not there before `now`. Where the time is still
    /// to come there, the campaign begins in time for them; where it has passed, it had passed when they came.
    #[must_use]
    pub fn with_recipient_in(self, zone: Zone, now: Instant) -> Self {
        let local = self.local_date_time.filter(|_| self.mode == SendingMode::SubscriberTime);
        // A time out of the calendar's range was refused at activation.
        let at = local.and_then(|local| zone.instant_of(local).ok());
        let Some(at) = at.filter(|at| *at > now) else { return self };
        Self {
            launches_at: self.launches_at.min((at - PLANNING_LEAD).max(now)),
            starts_at: self.starts_at.min(at),
            ends_at: self.ends_at.max(at),
            ..self
        }
    }

    fn check(self, now: Instant) -> Result<Self, ScheduleProblem> {
        if self.ends_at > now + AHEAD_MAX {
            return Err(ScheduleProblem::TooFarAhead);
        }
        if self.send_by.is_some_and(|send_by| send_by <= self.starts_at) {
            return Err(ScheduleProblem::SendByBeforeStart);
        }
        Ok(self)
    }

    /// When the initial message of a recipient in `zone` is due, for a campaign whose processing began at
    /// `processing_at`; quiet hours aside. Where processing began late, what came since it was to begin is
    /// late and has not passed.
    pub fn due(&self, zone: Zone, processing_at: Instant) -> Due {
        let local = self.local_date_time.zip(self.if_passed);
        match (self.mode, local) {
            (SendingMode::Immediate, _) => Due::At(processing_at),
            (SendingMode::SubscriberTime, Some((local, policy))) => {
                let planned_at = processing_at.min(self.launches_at);
                // A time out of the calendar's range was refused at activation.
                local_due(local, policy, zone, planned_at).unwrap_or(Due::Passed)
            }
            _ => Due::At(self.starts_at),
        }
    }

    /// What becomes at `now`, when a paused campaign goes on, of a message in `zone` that was due at `due_at`
    /// while it was paused.
    pub fn due_again(&self, zone: Zone, due_at: Instant, now: Instant) -> Due {
        let local = self.local_date_time.zip(self.if_passed);
        match (self.mode, local) {
            (SendingMode::SubscriberTime, Some((local, policy))) if due_at < now => {
                local_due(local, policy, zone, now).unwrap_or(Due::Passed)
            }
            _ => Due::At(due_at),
        }
    }
}

/// The first and the last instant at which `local` comes among `places`.
fn span(
    local: NaiveDateTime,
    policy: PassedTimePolicy,
    places: Places<'_>,
    now: Instant,
) -> Result<(Instant, Instant), ScheduleProblem> {
    let site = [places.site];
    let zones = if places.recipients.is_empty() { &site[..] } else { places.recipients };
    let mut is_ahead = false;
    let mut span: Option<(Instant, Instant)> = None;
    for zone in zones {
        is_ahead |= zone.instant_of(local)? > now;
        if let Due::At(at) = local_due(local, policy, *zone, now)? {
            let (first, last) = span.unwrap_or((at, at));
            span = Some((first.min(at), last.max(at)));
        }
    }
    span.filter(|_| is_ahead).ok_or(ScheduleProblem::TimePassed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Instant {
        text.parse().unwrap()
    }

    fn zone(name: &str) -> Zone {
        name.parse().unwrap()
    }

    fn resolve(local: &str, now: &str) -> Result<Schedule, ScheduleProblem> {
        let request = ScheduleRequest::AtStoreTime(local.parse().unwrap());
        let places = Places { site: zone("America/New_York"), recipients: &[] };
        Schedule::resolve(request, places, None, at(now))
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
        let places = Places { site: Zone::UTC, recipients: &[] };
        let with = |send_by| Schedule::resolve(ScheduleRequest::Now, places, Some(send_by), now);
        assert_eq!(with(now), Err(ScheduleProblem::SendByBeforeStart));
        assert_eq!(with(now + TimeDelta::seconds(1)).unwrap().starts_at, now);
    }

    const WORLD: [&str; 13] = [
        "Pacific/Kiritimati",
        "Pacific/Auckland",
        "Asia/Tokyo",
        "Asia/Kolkata",
        "Europe/London",
        "America/New_York",
        "America/Chicago",
        "America/Denver",
        "America/Phoenix",
        "America/Los_Angeles",
        "America/Anchorage",
        "Pacific/Honolulu",
        "Pacific/Pago_Pago",
    ];

    fn subscriber_time(
        policy: PassedTimePolicy,
        zones: &[Zone],
        now: &str,
    ) -> Result<Schedule, ScheduleProblem> {
        let local = "2026-07-01T10:00:00".parse().unwrap();
        let places = Places { site: zone("America/New_York"), recipients: zones };
        Schedule::resolve(ScheduleRequest::AtSubscriberTime(local, policy), places, None, at(now))
    }

    /// The golden vectors: ten o'clock around the world.
    #[test]
    fn one_wall_time_comes_at_many_instants() {
        let zones = WORLD.map(zone);
        let now = "2026-06-20T00:00:00Z";
        let schedule = subscriber_time(PassedTimePolicy::SendNow, &zones, now).unwrap();
        let due = [
            "2026-06-30T20:00:00Z",
            "2026-06-30T22:00:00Z",
            "2026-07-01T01:00:00Z",
            "2026-07-01T04:30:00Z",
            "2026-07-01T09:00:00Z",
            "2026-07-01T14:00:00Z",
            "2026-07-01T15:00:00Z",
            "2026-07-01T16:00:00Z",
            "2026-07-01T17:00:00Z",
            "2026-07-01T17:00:00Z",
            "2026-07-01T18:00:00Z",
            "2026-07-01T20:00:00Z",
            "2026-07-01T21:00:00Z",
        ];
        for (zone, due) in zones.into_iter().zip(due) {
            assert_eq!(schedule.due(zone, at(now)), Due::At(at(due)), "{zone}");
        }
        assert_eq!(schedule.starts_at, at(due[0]));
        assert_eq!(schedule.ends_at, at(due[12]));
        assert_eq!(schedule.launches_at, at(due[0]) - PLANNING_LEAD);
    }

    /// The golden vectors: ten o'clock in January, when Denver has Phoenix's time.
    #[test]
    fn the_same_wall_time_moves_with_the_season() {
        let now = "2026-01-10T00:00:00Z";
        let local = "2026-01-15T10:00:00".parse().unwrap();
        let request = ScheduleRequest::AtSubscriberTime(local, PassedTimePolicy::SendNow);
        let zones = WORLD.map(zone);
        let places = Places { site: zone("America/New_York"), recipients: &zones };
        let schedule = Schedule::resolve(request, places, None, at(now)).unwrap();
        for (name, due) in [
            ("America/New_York", "2026-01-15T15:00:00Z"),
            ("America/Phoenix", "2026-01-15T17:00:00Z"),
            ("America/Denver", "2026-01-15T17:00:00Z"),
            ("Europe/London", "2026-01-15T10:00:00Z"),
        ] {
            assert_eq!(schedule.due(zone(name), at(now)), Due::At(at(due)), "{name}");
        }
    }

    /// Goal: whoever joins a scheduled campaign gets it in time, and nobody else any later. Method: a campaign
    /// for the middle of the day in Chicago, and people who join east and west of it, early and late.
    #[test]
    fn who_joins_in_an_earlier_zone_is_in_time() {
        let (east, center, west) =
            (zone("America/New_York"), zone("America/Chicago"), zone("America/Los_Angeles"));
        let before =
            subscriber_time(PassedTimePolicy::Skip, &[center], "2026-07-01T01:00:00Z").unwrap();
        let after = before.clone().with_recipient_in(east, at("2026-07-01T02:00:00Z"));
        assert_eq!(after.starts_at, at("2026-07-01T14:00:00Z"));
        assert_eq!(after.launches_at, at("2026-07-01T13:45:00Z"));
        assert_eq!(after.ends_at, before.ends_at);
        let late = before.clone().with_recipient_in(east, at("2026-07-01T13:50:00Z"));
        assert_eq!(late.launches_at, at("2026-07-01T13:50:00Z"), "there is less time than planned");
        assert_eq!(late.due(east, late.launches_at), Due::At(late.starts_at));
        let passed = before.clone().with_recipient_in(east, at("2026-07-01T14:00:00Z"));
        assert_eq!(passed, before, "ten has passed there");
        let last = before.clone().with_recipient_in(west, at("2026-07-01T02:00:00Z"));
        assert_eq!((last.launches_at, last.starts_at), (before.launches_at, before.starts_at));
        assert_eq!(last.ends_at, at("2026-07-01T17:00:00Z"));
    }

    /// The golden vectors: some zones are past ten o'clock when the campaign is activated.
    #[test]
    fn a_passed_zone_follows_the_policy() {
        use PassedTimePolicy::{NextDay, SendNow, Skip};
        let (east, center, west) =
            (zone("America/New_York"), zone("America/Chicago"), zone("America/Los_Angeles"));
        let now = "2026-07-01T15:00:00Z";
        let due = |policy, zone: Zone| {
            let schedule = subscriber_time(policy, &[east, center, west], now).unwrap();
            assert_eq!(schedule.launches_at, at(now));
            schedule.due(zone, at(now))
        };
        assert_eq!(due(SendNow, east), Due::At(at(now)));
        assert_eq!(due(NextDay, east), Due::At(at("2026-07-02T14:00:00Z")));
        assert_eq!(due(Skip, east), Due::Passed);
        for policy in [SendNow, NextDay, Skip] {
            assert_eq!(due(policy, center), Due::At(at(now)), "due exactly now is not late");
            assert_eq!(due(policy, west), Due::At(at("2026-07-01T17:00:00Z")));
        }
        for policy in [SendNow, NextDay, Skip] {
            let passed = subscriber_time(policy, &[east, center], now);
            assert_eq!(passed, Err(ScheduleProblem::TimePassed), "{policy}");
        }
    }

    /// Goal: an engine that was down at the launch makes a time late, and not passed. Method: the only zone,
    /// whose time comes between the launch that was planned and the one that was.
    #[test]
    fn a_late_launch_is_judged_as_the_one_that_was_planned() {
        let east = zone("America/New_York");
        for policy in [PassedTimePolicy::SendNow, PassedTimePolicy::NextDay, PassedTimePolicy::Skip]
        {
            let schedule = subscriber_time(policy, &[east], "2026-07-01T12:00:00Z").unwrap();
            assert_eq!(schedule.launches_at, at("2026-07-01T13:45:00Z"));
            let due = Due::At(at("2026-07-01T14:00:00Z"));
            for began_at in ["2026-07-01T13:45:00Z", "2026-07-01T14:05:00Z"] {
                assert_eq!(schedule.due(east, at(began_at)), due, "{policy}, {began_at}");
            }
        }
    }

    /// A zone whose time came while the campaign was paused is late as if it had been late at the start.
    #[test]
    fn the_policy_holds_again_when_a_campaign_goes_on() {
        let east = zone("America/New_York");
        let (due_at, now) = (at("2026-07-01T14:00:00Z"), at("2026-07-01T16:00:00Z"));
        let again = |policy| {
            let schedule = subscriber_time(policy, &[east], "2026-07-01T12:00:00Z").unwrap();
            (schedule.due_again(east, due_at, now), schedule.due_again(east, now, now))
        };
        assert_eq!(again(PassedTimePolicy::SendNow), (Due::At(now), Due::At(now)));
        let next = Due::At(at("2026-07-02T14:00:00Z"));
        assert_eq!(again(PassedTimePolicy::NextDay), (next, Due::At(now)));
        assert_eq!(again(PassedTimePolicy::Skip), (Due::Passed, Due::At(now)));
        // The first day on which the time is still to come, however long it stood still, and by the clock
        // of that day.
        let schedule =
            subscriber_time(PassedTimePolicy::NextDay, &[east], "2026-07-01T12:00:00Z").unwrap();
        let on = |now| schedule.due_again(east, due_at, at(now));
        assert_eq!(on("2026-07-20T13:59:59Z"), Due::At(at("2026-07-20T14:00:00Z")));
        assert_eq!(on("2026-07-20T14:00:00Z"), Due::At(at("2026-07-20T14:00:00Z")));
        assert_eq!(on("2026-07-20T14:00:01Z"), Due::At(at("2026-07-21T14:00:00Z")));
        assert_eq!(on("2026-12-31T23:00:00Z"), Due::At(at("2027-01-01T15:00:00Z")));
    }
}
