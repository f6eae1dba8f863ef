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

/// What the table knows of a time on the wall clock.
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

    pub(super) fn wall_ms(&self, instant_ms: i64) -> Option<i64> {
        if !self.range.contains(&instant_ms) {
            return None;
        }
        let after = self.periods.partition_point(|period| period.from_ms <= instant_ms);
        let period = self.periods.get(after.checked_sub(1)?)?;
        Some(instant_ms + period.offset_ms)
    }

    pub(super) fn first_ms(&self, wall_ms: i64) -> Option<i64> {
        self.reading(wall_ms).map(|reading| match reading {
            Reading::At(first, _) => first,
            Reading::Skipped(change) => change,
        })
    }

    pub(super) fn last_ms(&self, wall_ms: i64) -> Option<i64> {
        self.reading(wall_ms).map(|reading| match reading {
            Reading::At(_, last) => last,
            Reading::Skipped(change) => change,
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
