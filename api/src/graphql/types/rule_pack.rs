//! Rule packs: what the law of a place says, with where it was read.

use crate::graphql::{
    connection::int,
    scalars::{Duration, LocalDate, LocalTime},
};
use async_graphql::{Enum, Object, SimpleObject};
use domain::{
    rule_pack::{self, Cap, Jurisdiction},
    week::{DAYS, Hours},
};

/// A pack, and whether it applies to a site's campaigns.
pub(crate) struct RulePack {
    pack: rule_pack::RulePack,
    is_enabled: bool,
}

impl RulePack {
    /// Every pack there is, beside a site's choice of them.
    pub(in crate::graphql) fn all(chosen: rule_pack::RulePacks) -> Vec<Self> {
        let all = rule_pack::RulePack::ALL.iter().copied();
        all.map(|pack| Self { pack, is_enabled: chosen.contains(pack) }).collect()
    }
}

/// What the law of a place says about the hours and the number of texts, read on the recipient's own
/// clock. Engineering input, not legal advice: where sources disagree it holds the stricter reading.
#[Object]
impl RulePack {
    /// A stable code, as `MessageReason.rule` names it: `us_fl`.
    fn code(&self) -> &str {
        self.pack.as_str()
    }

    /// The place, for people: `Florida`.
    fn name(&self) -> &str {
        self.pack.facts().name
    }

    /// Whether it applies to the site's campaigns. Of one under way, a pack also applies that was on
    /// when it was activated.
    fn is_enabled(&self) -> bool {
        self.is_enabled
    }

    /// Whom it protects, by ISO 3166: `US-FL` for everybody in Florida, `US` for everybody in the
    /// United States and whoever's region is not known.
    fn jurisdiction(&self) -> &str {
        match self.pack.facts().jurisdiction {
            Jurisdiction::UnitedStates => "US",
            Jurisdiction::State(code) => code,
        }
    }

    /// When sending is allowed, Monday first. A day that is not here has no sending at all.
    fn hours(&self) -> Vec<SendingHours> {
        let days = self.pack.facts().week.days();
        let of = |(day, hours): (DayOfWeek, Option<Hours>)| {
            let hours = hours?;
            let (opens_at, closes_at) = (LocalTime(hours.open()), LocalTime(hours.close()));
            Some(SendingHours { day, opens_at, closes_at })
        };
        DayOfWeek::ALL.into_iter().zip(days).filter_map(of).collect()
    }

    /// The hours in words: `every day 08:00-20:00`.
    fn summary(&self) -> String {
        self.pack.facts().week.to_string()
    }

    /// How many texts one phone may be sent. Null where the law sets no number.
    fn cap(&self) -> Option<FrequencyCap> {
        self.pack.facts().cap.map(FrequencyCap::from)
    }

    /// The recipient's local date from which it binds. Null where no source names the day, and then
    /// it always binds.
    fn effective_from(&self) -> Option<LocalDate> {
        self.pack.facts().since.map(LocalDate)
    }

    /// The statute, and where its hours were read.
    fn source(&self) -> &str {
        self.pack.facts().source
    }

    /// When the source was last read.
    fn checked_on(&self) -> LocalDate {
        LocalDate(self.pack.facts().checked)
    }

    /// What the data leaves out or decides between, if anything.
    fn note(&self) -> Option<&str> {
        self.pack.facts().note
    }
}

/// The hours of one day in which sending is allowed.
#[derive(SimpleObject)]
pub(crate) struct SendingHours {
    /// The day.
    day: DayOfWeek,
    /// When sending begins to be allowed.
    opens_at: LocalTime,
    /// When it ceases to be: this minute is closed already.
    closes_at: LocalTime,
}

/// A cap on the number of texts to one phone in a rolling window.
#[derive(SimpleObject)]
pub(crate) struct FrequencyCap {
    /// Texts that may be accepted for the phone.
    message_count: i32,
    /// The length of the window.
    window: Duration,
}

impl From<Cap> for FrequencyCap {
    fn from(cap: Cap) -> Self {
        Self {
            message_count: int(cap.messages.into()),
            window: Duration::of_milliseconds(cap.window.num_milliseconds()),
        }
    }
}

/// Days of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub(crate) enum DayOfWeek {
    /// Monday.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

impl DayOfWeek {
    /// Every day, in the order of [`domain::week::Week::days`].
    const ALL: [Self; DAYS] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];
}
