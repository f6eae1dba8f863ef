//! When sending is allowed, day by day on a wall clock: how the law writes it.
//!
//! **Invariant:** hours open before they close, on one date; a week that is never open is not made.

use chrono::NaiveTime;
use std::fmt;

/// Days of a week.
pub const DAYS: usize = 7;

/// The hours of one day in which sending is allowed: `open` is, `close` is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hours {
    open: NaiveTime,
    close: NaiveTime,
}

/// The hours of every day of a week; none for a day without sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    monday_to_friday: Option<Hours>,
    saturday: Option<Hours>,
    sunday: Option<Hours>,
}

impl Hours {
    /// From one full hour to another. It fails to compile where it stands in a constant and is wrong.
    pub const fn new(open: u32, close: u32) -> Self {
        assert!(open < close, "hours open before they close");
        Self { open: full_hour(open), close: full_hour(close) }
    }

    /// When sending begins to be allowed.
    pub const fn open(self) -> NaiveTime {
        self.open
    }

    /// When it ceases to be.
    pub const fn close(self) -> NaiveTime {
        self.close
    }
}

const fn full_hour(hour: u32) -> NaiveTime {
    match NaiveTime::from_hms_opt(hour, 0, 0) {
        Some(time) => time,
        None => panic!("not an hour of the day"),
    }
}

impl Week {
    /// The same hours every day.
    pub const fn daily(hours: Hours) -> Self {
        Self::new(Some(hours), Some(hours), Some(hours))
    }

    /// The same hours from Monday to Saturday, and on Sunday those of `sunday`, if any.
    pub const fn with_sunday(hours: Hours, sunday: Option<Hours>) -> Self {
        Self::new(Some(hours), Some(hours), sunday)
    }

    /// The hours of weekdays and others for the weekend.
    pub const fn with_weekend(hours: Hours, weekend: Hours) -> Self {
        Self::new(Some(hours), Some(weekend), Some(weekend))
    }

    const fn new(
        monday_to_friday: Option<Hours>,
        saturday: Option<Hours>,
        sunday: Option<Hours>,
    ) -> Self {
        assert!(
            monday_to_friday.is_some() || saturday.is_some() || sunday.is_some(),
            "a week without sending"
        );
        Self { monday_to_friday, saturday, sunday }
    }

    /// The hours of each day, Monday first.
    pub const fn days(&self) -> [Option<Hours>; DAYS] {
        let weekday = self.monday_to_friday;
        [weekday, weekday, weekday, weekday, weekday, self.saturday, self.sunday]
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.open.format("%H:%M"), self.close.format("%H:%M"))
    }
}

/// In words: `every day 08:00-20:00`, `Monday to Saturday 09:00-21:00, Sunday 12:00-21:00`.
impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let day = |f: &mut fmt::Formatter<'_>, name: &str, hours: Option<Hours>| match hours {
            Some(hours) => write!(f, "{name} {hours}"),
            None => write!(f, "{name} not at all"),
        };
        let Self { monday_to_friday, saturday, sunday } = *self;
        if monday_to_friday == saturday && saturday == sunday {
            return day(f, "every day", sunday);
        }
        if monday_to_friday == saturday {
            day(f, "Monday to Saturday", saturday)?;
            f.write_str(", ")?;
            return day(f, "Sunday", sunday);
        }
        day(f, "Monday to Friday", monday_to_friday)?;
        f.write_str(", ")?;
        if saturday == sunday {
            return day(f, "Saturday and Sunday", sunday);
        }
        day(f, "Saturday", saturday)?;
        f.write_str(", ")?;
        day(f, "Sunday", sunday)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_week_speaks() {
        let (long, short) = (Hours::new(9, 21), Hours::new(10, 17));
        assert_eq!(Week::daily(long).to_string(), "every day 09:00-21:00");
        assert_eq!(
            Week::with_sunday(long, None).to_string(),
            "Monday to Saturday 09:00-21:00, Sunday not at all"
        );
        assert_eq!(
            Week::with_weekend(long, short).to_string(),
            "Monday to Friday 09:00-21:00, Saturday and Sunday 10:00-17:00"
        );
        assert_eq!(
            Week::new(Some(long), Some(short), None).to_string(),
            "Monday to Friday 09:00-21:00, Saturday 10:00-17:00, Sunday not at all"
        );
    }
}
