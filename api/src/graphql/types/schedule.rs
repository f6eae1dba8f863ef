//! When a campaign goes out.

use crate::graphql::{
    enums::{PassedTimePolicy, SendingMode},
    scalars::{DateTime, LocalDateTime, TimeZone},
};
use async_graphql::SimpleObject;
use domain::schedule::Schedule;

/// When a campaign goes out.
#[derive(SimpleObject)]
pub(crate) struct CampaignSchedule {
    /// How recipients' send times are worked out.
    mode: SendingMode,
    /// The wall-clock time chosen. Null for `IMMEDIATE`.
    local_date_time: Option<LocalDateTime>,
    /// The zone that time is read in: the site's for `STORE_TIME`. Null for `SUBSCRIBER_TIME` and `IMMEDIATE`.
    time_zone: Option<TimeZone>,
    /// The instant the first message is due.
    starts_at: DateTime,
    /// The instant the last initial message is due, quiet hours aside. Same as `startsAt` unless
    /// `SUBSCRIBER_TIME`.
    ends_at: DateTime,
    /// What happens where the chosen time has passed. Null unless `SUBSCRIBER_TIME`.
    if_passed: Option<PassedTimePolicy>,
    /// Messages not handed over by then are skipped.
    send_by: Option<DateTime>,
    /// Until when the schedule can be changed or canceled back to a draft.
    last_change_at: DateTime,
}

impl From<Schedule> for CampaignSchedule {
    fn from(schedule: Schedule) -> Self {
        Self {
            mode: schedule.mode.into(),
            local_date_time: schedule.local_date_time.map(LocalDateTime),
            time_zone: schedule.zone.map(TimeZone),
            starts_at: schedule.starts_at.into(),
            ends_at: schedule.ends_at.into(),
            if_passed: schedule.if_passed.map(Into::into),
            send_by: schedule.send_by.map(DateTime),
            last_change_at: schedule.launches_at.into(),
        }
    }
}
