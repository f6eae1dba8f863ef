//! Figures: what several runs came to, and the line that tells it.

use serde_json::{Map, Value};

/// Figures by name, in the order in which names sort: one JSON object on one line.
#[derive(Clone, Debug, Default)]
pub struct Figures(Map<String, Value>);

impl Figures {
    /// Those of a benchmark, which begin with its name and how this program was built.
    pub fn of(bench: &str) -> Self {
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        Self::default().with("bench", bench).with("build", build)
    }

    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// The figures as one line, without its end.
    pub fn line(&self) -> String {
        Value::Object(self.0.clone()).to_string()
    }
}

/// The middle of `values`, of an even number the mean of the two in the middle; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let sorted = sorted(values);
    let half = sorted.len() / 2;
    match (sorted.get(half.saturating_sub(1)), sorted.get(half)) {
        (Some(low), Some(high)) if sorted.len().is_multiple_of(2) => f64::midpoint(*low, *high),
        (_, Some(middle)) => *middle,
        _ => 0.0,
    }
}

/// The smallest of `values` that at least `percent` in a hundred do not exceed (nearest rank); 0 of none.
pub fn percentile(values: &[f64], percent: u8) -> f64 {
    let sorted = sorted(values);
    let rank = (sorted.len() * usize::from(percent.min(100))).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// `value` with so many decimals: figures are for people too.
pub fn rounded(value: f64, decimals: u8) -> f64 {
    let scale = 10_f64.powi(i32::from(decimals));
    (value * scale).round() / scale
}

/// A count as a figure. Counts here are far below the 2⁵³ up to which this is exact.
pub fn float(count: u64) -> f64 {
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "see above")]
    let float = count as f64;
    float
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_the_middle() {
        assert_eq!(median(&[]).to_bits(), 0.0_f64.to_bits());
        assert_eq!(median(&[3.0]).to_bits(), 3.0_f64.to_bits());
        assert_eq!(median(&[9.0, 1.0, 5.0]).to_bits(), 5.0_f64.to_bits());
        assert_eq!(median(&[4.0, 1.0, 2.0, 9.0]).to_bits(), 3.0_f64.to_bits());
    }

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let values: Vec<f64> = (1..=200_u32).rev().map(f64::from).collect();
        let wanted = [(0, 1.0), (50, 100.0), (95, 190.0), (99, 198.0), (100, 200.0)];
        for (percent, value) in wanted {
            let found: f64 = percentile(&values, percent);
            assert_eq!(found.to_bits(), f64::to_bits(value), "{percent}");
        }
        assert_eq!(percentile(&[7.0], 99).to_bits(), 7.0_f64.to_bits());
        assert_eq!(percentile(&[], 99).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn a_line_is_one_object() {
        let figures = Figures::default().with("ratio", rounded(0.456_78, 3)).with("runs", 3);
        assert_eq!(figures.line(), r#"{"ratio":0.457,"runs":3}"#);
    }
}
