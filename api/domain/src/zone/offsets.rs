//! A zone's offsets from UTC as a table: the quick way from an instant to the wall clock and back.
//!
//! **Invariant:** periods touch each other, so every instant of the table's range lies in exactly one.

use std::ops::Range;

/// No two offsets on earth are further apart than the 26 hours from UTC-12 to UTC+14.
const APART_MS_MAX: i64 = 26 * 60 * 60 * 1_000;

/// The offsets of one zone.
pub(super) struct Offsets {
    range: Range<i64>,
    periods: Vec<Period>,
}

/// A time without a change of offset. It ends where the next begins.
struct Period {
    from_ms: i64,
    offset_ms: i64,
}

/// A zone's wall clock around one instant: what it reads then, and when it reads something else.
///
/// Times on the wall clock are in milliseconds since it read 1970-01-01T00:00, instants in milliseconds since
/// that was so in UTC.
#[derive(Clone, Copy)]
pub struct Clock {
    offsets: &'static Offsets,
    wall_ms: i64,
    offset_ms: i64,
    /// Instants so far from a change of offset that what the clock reads then it reads only once.
    steady_from_ms: i64,
    steady_until_ms: i64,
}

/// What the table knows of a time on the wall clock.
#[derive(Clone, Copy)]
enum Reading {
    /// It comes once or oftener: the first and the last instant.
    At(i64, i64),
    /// The clock skips it: the instant of the change.
    Skipped(i64),
}

impl Offsets {
    /// A table for the instants of `range`, from the offset at its start and the changes that follow.
    pub(super) fn new(
        range: Range<i64>,
        first_offset_ms: i64,
        changes: impl Iterator<Item = (i64, i64)>,
    ) -> Self {
        let first = Period { from_ms: range.start, offset_ms: first_offset_ms };
        let rest = changes.map(|(from_ms, offset_ms)| Period { from_ms, offset_ms });
        let mut periods: Vec<Period> = std::iter::once(first).chain(rest).collect();
        // Some changes are of the name or of the daylight-saving flag alone.
        periods.dedup_by_key(|period| period.offset_ms);
        Self { range, periods }
    }

    /// The clock at an instant; none outside the table's range.
    pub(super) fn clock_at(&'static self, instant_ms: i64) -> Option<Clock> {
        if !self.range.contains(&instant_ms) {
            return None;
        }
        let after = self.periods.partition_point(|period| period.from_ms <= instant_ms);
        let period = self.periods.get(after.checked_sub(1)?)?;
        let until_ms = self.periods.get(after).map_or(self.range.end, |next| next.from_ms);
        Some(Clock {
            offsets: self,
            wall_ms: instant_ms + period.offset_ms,
            offset_ms: period.offset_ms,
            steady_from_ms: period.from_ms + APART_MS_MAX,
            steady_until_ms: until_ms - APART_MS_MAX,
        })
    }

    fn reading(&self, wall_ms: i64) -> Option<Reading> {
        if !self.range.contains(&(wall_ms - APART_MS_MAX))
            || !self.range.contains(&(wall_ms + APART_MS_MAX))
        {
            return None;
        }
        // Every instant that could show this time lies within 26 hours of its reading as UTC.
        let near = self.periods.partition_point(|period| period.from_ms <= wall_ms - APART_MS_MAX);
        let mut at: Option<(i64, i64)> = None;
        let mut periods = self.periods.iter().skip(near.checked_sub(1)?).peekable();
        while let Some(period) = periods.next() {
            let instant_ms = wall_ms - period.offset_ms;
            if instant_ms < period.from_ms {
                // The wall clock has passed the time, either in an earlier period or by this change.
                let skipped = Reading::Skipped(period.from_ms);
                return Some(at.map_or(skipped, |(first, last)| Reading::At(first, last)));
            }
            if periods.peek().is_none_or(|next| instant_ms < next.from_ms) {
                at = Some((at.map_or(instant_ms, |(first, _)| first), instant_ms));
            }
        }
        at.map(|(first, last)| Reading::At(first, last))
    }
}

impl Clock {
    /// What the clock reads at its instant.
    pub fn wall_ms(&self) -> i64 {
        self.wall_ms
    }

    /// The first instant at which the clock reads `wall_ms`, or where a change of offset skips that time, the
    /// change. None outside the years that the table covers.
    pub fn first_ms(&self, wall_ms: i64) -> Option<i64> {
        Some(match self.reading(wall_ms)? {
            Reading::At(first, _) => first,
            Reading::Skipped(change) => change,
        })
    }

    /// The last instant at which the clock reads `wall_ms`, or where a change of offset skips that time, the
    /// change. None outside the years that the table covers.
    pub fn last_ms(&self, wall_ms: i64) -> Option<i64> {
        Some(match self.reading(wall_ms)? {
            Reading::At(_, last) => last,
            Reading::Skipped(change) => change,
        })
    }

    fn reading(&self, wall_ms: i64) -> Option<Reading> {
        let instant_ms = wall_ms - self.offset_ms;
        if (self.steady_from_ms..self.steady_until_ms).contains(&instant_ms) {
            return Some(Reading::At(instant_ms, instant_ms));
        }
        self.offsets.reading(wall_ms)
    }
}
