//! Choices that look random and are not: each is a hash of the seed and of what it is about.
//!
//! **Invariant:** a choice depends on nothing but its arguments; neither the order of arrival nor
//! the number of threads can change it.

use sha2::{Digest, Sha256};

use crate::scenario::Percent;

/// Bytes of an id: 32 hexadecimal digits.
const ID_BYTES: usize = 16;

/// Whether something that happens to `percent` of all happens to what `parts` name.
pub fn chance(seed: u64, parts: &[&str], percent: Percent) -> bool {
    let digest = digest(seed, parts);
    let drawn = f64::from(digest.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes)));
    // 2^32: one more than the largest draw, so that 100 percent is always and 0 percent never.
    drawn < percent.get() / 100.0 * 4_294_967_296.0
}

/// A number below `bound`, or 0 if `bound` is 0.
pub fn below(seed: u64, parts: &[&str], bound: u64) -> u64 {
    let digest = digest(seed, parts);
    let number = digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
    number.checked_rem(bound).unwrap_or(0)
}

/// An id: `prefix`, an underscore, 32 hexadecimal digits.
pub fn id(prefix: &str, seed: u64, parts: &[&str]) -> String {
    let digest = digest(seed, parts);
    let digits = digest.iter().take(ID_BYTES).map(|byte| format!("{byte:02x}"));
    format!("{prefix}_{}", digits.collect::<String>())
}

/// The hash of the seed and of the parts, each preceded by its length so that no two lists of parts
/// read the same.
fn digest(seed: u64, parts: &[&str]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(seed.to_be_bytes());
    for part in parts {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(percent: f64) -> usize {
        let percent = Percent::try_from(percent).unwrap();
        (0..10_000).filter(|n| chance(7, &["rule", &n.to_string()], percent)).count()
    }

    #[test]
    fn a_percentage_is_met_closely_and_its_ends_exactly() {
        assert_eq!(hits(0.0), 0);
        assert_eq!(hits(100.0), 10_000);
        assert!((200..300).contains(&hits(2.5)), "{}", hits(2.5));
    }

    #[test]
    fn a_choice_is_the_same_every_time_and_differs_by_seed_and_parts() {
        assert_eq!(id("agg", 1, &["a", "1"]), id("agg", 1, &["a", "1"]));
        assert_ne!(id("agg", 1, &["a", "1"]), id("agg", 2, &["a", "1"]));
        assert_ne!(id("agg", 1, &["a", "11"]), id("agg", 1, &["a1", "1"]));
        assert_eq!(id("agg", 1, &["a"]).len(), "agg_".len() + 32);
        assert_eq!(below(1, &["a"], 0), 0);
        assert!(below(1, &["a"], 10) < 10);
    }
}
