//! How long things took, summed up.
//!
//! **Invariant:** a percentile is a length that was measured, by nearest rank, never a value between two.

use chrono::TimeDelta;

/// A summary of lengths of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencySummary {
    /// The mean, to the millisecond below.
    pub mean: TimeDelta,
    /// The median.
    pub p50: TimeDelta,
    /// The 95th percentile.
    pub p95: TimeDelta,
    /// The 99th percentile.
    pub p99: TimeDelta,
}

/// Sums up what was measured; none when nothing was. A length below zero, which a clock set back can lead
/// to, counts as zero.
pub fn summarize(mut measured: Vec<TimeDelta>) -> Option<LatencySummary> {
    for length in &mut measured {
        *length = (*length).max(TimeDelta::zero());
    }
    measured.sort_unstable();
    let count = i64::try_from(measured.len()).ok().filter(|count| *count > 0)?;
    let sum_ms =
        measured.iter().fold(0_i64, |sum, length| sum.saturating_add(length.num_milliseconds()));
    let percentile = |percent: usize| {
        let rank = (measured.len() * percent).div_ceil(100).max(1);
        measured.get(rank - 1).copied()
    };
    Some(LatencySummary {
        mean: TimeDelta::milliseconds(sum_ms / count),
        p50: percentile(50)?,
        p95: percentile(95)?,
        p99: percentile(99)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(all: impl IntoIterator<Item = i64>) -> Vec<TimeDelta> {
        all.into_iter().map(TimeDelta::milliseconds).collect()
    }

    fn summary(measured: Vec<TimeDelta>) -> [i64; 4] {
        let all = summarize(measured).unwrap();
        [all.mean, all.p50, all.p95, all.p99].map(|length| length.num_milliseconds())
    }

    #[test]
    fn percentiles_are_lengths_that_were_measured() {
        assert_eq!(summarize(Vec::new()), None);
        assert_eq!(summary(ms([700])), [700; 4]);
        assert_eq!(summary(ms([30, 10, 20])), [20, 20, 30, 30]);
        assert_eq!(summary(ms((1..=100).rev())), [50, 50, 95, 99]);
        assert_eq!(summary(ms(1..=200)), [100, 100, 190, 198]);
        assert_eq!(summary(ms([-5, 10])), [5, 0, 10, 10], "a clock was set back");
    }
}
