//! When a message may be handed over: the strictest of every window that binds, in every zone the
//! recipient may be in.
//!
//! A rule is a row of closed spans on the wall clock, each from a closing time to the next opening time. A
//! span lasts from the *first* instant at which the clock reads its start to the *last* at which it reads its
//! end, so a clock that goes back never breaks a night in two; a time that a clock change skips is the
//! change itself.
//!
//! **Invariant:** a deferral is never early, never lands in a closed span and lasts at most [`HORIZON`].
//! **Invariant:** more rules and more zones never open anything sooner.

use crate::{
    Instant,
    code::UnknownCode,
    place::Region,
    rule_pack::{RulePack, RulePacks},
    site::QuietHours,
    week::{DAYS, Week},
    zone::{Clock, Zone},
};
use chrono::{DateTime, NaiveTime, TimeDelta, Timelike};
use std::{array, fmt, str::FromStr};

/// How far ahead an opening is looked for. Every rule repeats weekly; one more day leaves room for a clock
/// change. Windows that are not open together by then are taken never to be.
pub const HORIZON: TimeDelta = TimeDelta::days(8);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Days of a week, and the most that a closed span lasts: a week with hours on one day is closed up to the same
/// day of the next.
const WEEK_DAYS: i64 = 7;

/// The rule that held a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeldBy {
    /// The site's quiet hours.
    SiteQuietHours,
    /// The campaign's own quiet hours.
    CampaignQuietHours,
    /// The hours of a rule pack.
    Rule(RulePack),
}

/// When a message may be handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The first instant, at or after the one asked about, that is open under every rule in every zone.
    /// None when the windows that bind are never open together.
    pub at: Option<Instant>,
    /// The rule that holds the message at the instant asked about: of several, the one that opens last; of
    /// several that open together the state's, then the federal one, then the site's. None when nothing
    /// holds it.
    pub held_by: Option<HeldBy>,
}

/// Every window that binds one recipient of one campaign.
#[derive(Clone, Debug)]
pub struct Curfew {
    rules: Vec<Rule>,
}

/// One rule as closed spans. What a wall clock reads is in milliseconds, see [`Clock`].
#[derive(Clone, Debug)]
struct Rule {
    by: HeldBy,
    /// The midnight on the wall clock from which it binds; none where it always does.
    since_ms: Option<i64>,
    /// The span that begins on each day of the week, Monday first.
    spans: [Option<Span>; DAYS],
}

/// A closed span, in milliseconds from the midnight of the day on which it begins: `start_ms` is closed,
/// `end_ms` is open.
#[derive(Clone, Copy, Debug)]
struct Span {
    start_ms: i64,
    end_ms: i64,
}

impl Curfew {
    /// Gathers what binds. `site` holds every quiet-hours window of the site that applies: the one frozen
    /// with the campaign and, as settings may only tighten, the current one. `packs` are those that are
    /// switched on; of these the ones that cover `region` bind.
    pub fn new(
        site: &[QuietHours],
        campaign: Option<QuietHours>,
        packs: RulePacks,
        region: Option<Region>,
    ) -> Self {
        let of_site = site.iter().map(|hours| (HeldBy::SiteQuietHours, *hours));
        let of_campaign = campaign.map(|hours| (HeldBy::CampaignQuietHours, hours));
        let quiet = of_site.chain(of_campaign).filter(|(_, hours)| hours.is_enabled());
        let quiet = quiet.map(|(by, hours)| Rule::quiet(by, hours));
        Self { rules: quiet.chain(packs.covering(region).map(Rule::law)).collect() }
    }

    /// When a message that is due at `at` may be handed over to somebody who may be in any of `zones`. For
    /// no zone at all the answer is never: nothing says that it is not night.
    pub fn first_open(&self, at: Instant, zones: &[Zone]) -> Opening {
        if zones.is_empty() {
            return Opening { at: None, held_by: None };
        }
        let at_ms = at.timestamp_millis();
        let Some((mut open_ms, held_by)) = self.closed_until(at_ms, zones) else {
            return Opening { at: Some(at), held_by: None };
        };
        // Each round ends where a closed span ends, at most one a day for each rule and zone, so the horizon
        // bounds the rounds too.
        while is_near(open_ms, at_ms) {
            let Some((later_ms, _)) = self.closed_until(open_ms, zones) else {
                let at = DateTime::from_timestamp_millis(open_ms);
                return Opening { at, held_by: Some(held_by) };
            };
            open_ms = later_ms;
        }
        Opening { at: None, held_by: Some(held_by) }
    }

    /// The end of the open span that holds `at`: from then on a rule is closed in one of `zones`. It is `at`
    /// itself when that is closed already, and none when no rule closes within [`HORIZON`].
    pub fn closes_at(&self, at: Instant, zones: &[Zone]) -> Option<Instant> {
        let at_ms = at.timestamp_millis();
        if zones.is_empty() || self.closed_until(at_ms, zones).is_some() {
            return Some(at);
        }
        let clocks = zones.iter().filter_map(|zone| zone.clock_at(at_ms));
        let closings = clocks.flat_map(|clock| {
            self.rules.iter().filter_map(move |rule| rule.next_start(at_ms, &clock))
        });
        let closes_ms = closings.min().filter(|closes_ms| is_near(*closes_ms, at_ms))?;
        DateTime::from_timestamp_millis(closes_ms)
    }

    /// The end of the closed span that holds `at_ms`, where one does: of several spans the one that ends last.
    fn closed_until(&self, at_ms: i64, zones: &[Zone]) -> Option<(i64, HeldBy)> {
        let mut strictest: Option<(i64, HeldBy)> = None;
        for zone in zones {
            let clock = zone.clock_at(at_ms);
            for rule in &self.rules {
                // Outside the years that the zone's table covers nothing is known to be open.
                let until_ms = match &clock {
                    Some(clock) => rule.closed_until(at_ms, clock),
                    None => Some(i64::MAX),
                };
                let Some(until_ms) = until_ms else { continue };
                let is_stricter = strictest.is_none_or(|(last_ms, by)| {
                    (last_ms, by.precedence()) < (until_ms, rule.by.precedence())
                });
                if is_stricter {
                    strictest = Some((until_ms, rule.by));
                }
            }
        }
        strictest
    }
}

impl Rule {
    fn quiet(by: HeldBy, hours: QuietHours) -> Self {
        let (start_ms, end_ms) = (ms_of(hours.start()), ms_of(hours.end()));
        let spans_midnight = end_ms < start_ms;
        let end_ms = if spans_midnight { end_ms + DAY_MS } else { end_ms };
        Self { by, since_ms: None, spans: [Some(Span { start_ms, end_ms }); DAYS] }
    }

    fn law(pack: RulePack) -> Self {
        let facts = pack.facts();
        let midnight = |date: chrono::NaiveDate| date.and_time(NaiveTime::MIN).and_utc();
        Self {
            by: HeldBy::Rule(pack),
            since_ms: facts.since.map(|since| midnight(since).timestamp_millis()),
            spans: closed_spans(&facts.week),
        }
    }

    /// The span that begins on a day, counted from 1970-01-01, on the wall clock.
    fn span_on(&self, day: i64) -> Option<Span> {
        /// The first of January 1970 was a Thursday.
        const FIRST_WEEKDAY: i64 = 3;
        let weekday = usize::try_from((day + FIRST_WEEKDAY).rem_euclid(WEEK_DAYS)).ok()?;
        let Span { start_ms, end_ms } = self.spans.get(weekday).copied().flatten()?;
        let midnight_ms = day * DAY_MS;
        Some(Span { start_ms: midnight_ms + start_ms, end_ms: midnight_ms + end_ms })
    }

    /// The first instant of a span.
    fn start_ms(&self, span: Span, clock: &Clock) -> i64 {
        let first_ms = |wall_ms| clock.first_ms(wall_ms).unwrap_or(i64::MIN);
        let start_ms = first_ms(span.start_ms);
        match self.since_ms {
            Some(since_ms) if span.start_ms < since_ms => start_ms.max(first_ms(since_ms)),
            _ => start_ms,
        }
    }

    /// The first instant after a span; not after its start where a clock change skips all of it.
    fn end_ms(span: Span, clock: &Clock) -> i64 {
        clock.last_ms(span.end_ms).unwrap_or(i64::MAX)
    }

    /// The end of the span that holds `at_ms`, the instant of `clock`, where one does.
    fn closed_until(&self, at_ms: i64, clock: &Clock) -> Option<i64> {
        // A clock that has just gone back may read a time before the span's start, hence tomorrow's too.
        let tomorrow = clock.wall_ms().div_euclid(DAY_MS) + 1;
        for days_back in 0..=WEEK_DAYS + 1 {
            let Some(span) = self.span_on(tomorrow - days_back) else { continue };
            if self.start_ms(span, clock) <= at_ms {
                let end_ms = Self::end_ms(span, clock);
                if at_ms < end_ms {
                    return Some(end_ms);
                }
            }
            if span.start_ms <= clock.wall_ms() {
                break;
            }
        }
        None
    }

    /// When the next span begins after `at_ms`, the instant of `clock`, which no span holds.
    fn next_start(&self, at_ms: i64, clock: &Clock) -> Option<i64> {
        let today = clock.wall_ms().div_euclid(DAY_MS);
        // A span that began earlier may bind only from a later day on.
        let first = if self.since_ms.is_some() { -WEEK_DAYS } else { 0 };
        for day in first..=WEEK_DAYS + 1 {
            let Some(span) = self.span_on(today + day) else { continue };
            let start_ms = self.start_ms(span, clock);
            if at_ms < start_ms && start_ms < Self::end_ms(span, clock) {
                return Some(start_ms);
            }
        }
        None
    }
}

/// The spans between the hours of one day and those of the next that has any.
fn closed_spans(week: &Week) -> [Option<Span>; DAYS] {
    let days = week.days();
    array::from_fn(|day| {
        let start_ms = ms_of(days.get(day).copied().flatten()?.close());
        let mut following = days.iter().cycle().skip(day + 1).zip(1..=WEEK_DAYS);
        let end_ms = following.find_map(|(hours, days_later)| {
            hours.map(|hours| days_later * DAY_MS + ms_of(hours.open()))
        })?;
        Some(Span { start_ms, end_ms })
    })
}

/// Whether an instant lies within the horizon of another one.
fn is_near(later_ms: i64, at_ms: i64) -> bool {
    later_ms.saturating_sub(at_ms) <= HORIZON.num_milliseconds()
}

fn ms_of(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000
}

impl HeldBy {
    /// The stable name, as rows and logs spell it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SiteQuietHours => "site_quiet_hours",
            Self::CampaignQuietHours => "campaign_quiet_hours",
            Self::Rule(pack) => pack.as_str(),
        }
    }

    /// A sentence for people.
    pub fn message(self) -> String {
        match self {
            Self::SiteQuietHours => "The recipient is in the site's quiet hours.".to_owned(),
            Self::CampaignQuietHours => {
                "The recipient is in the campaign's own quiet hours.".to_owned()
            }
            Self::Rule(pack) => {
                let facts = pack.facts();
                format!(
                    "{}: texts are allowed {} on the recipient's clock ({}).",
                    facts.name, facts.week, facts.source
                )
            }
        }
    }

    /// Whose name stands when several rules open together: the law's before the site's, because nobody can
    /// change it, and the state's before the federal one, because it is the narrower.
    const fn precedence(self) -> u8 {
        match self {
            Self::CampaignQuietHours => 0,
            Self::SiteQuietHours => 1,
            Self::Rule(RulePack::Federal) => 2,
            Self::Rule(_) => 3,
        }
    }
}

impl FromStr for HeldBy {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let quiet = [Self::SiteQuietHours, Self::CampaignQuietHours];
        match quiet.into_iter().find(|by| by.as_str() == text) {
            Some(by) => Ok(by),
            None => text.parse().map(Self::Rule).map_err(|_no_pack: UnknownCode| UnknownCode {
                kind: "HeldBy",
                text: text.to_owned(),
            }),
        }
    }
}

impl fmt::Display for HeldBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests;
