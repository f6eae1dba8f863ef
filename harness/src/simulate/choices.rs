//! The choices of a schedule: drawn from a seed, written down, and played again from what was written.
//!
//! Zero is always the simplest choice, and what lies beyond the end of a script is zero: so a script that is
//! cut or made smaller tells a simpler story, which is how a failing schedule is shrunk.
//!
//! **Invariant:** the same seed, or the same script, makes the same choices on every machine.

/// Parts of a thousand.
const PER_MILLE: u32 = 1_000;

/// Where choices come from.
#[derive(Debug)]
enum Source {
    /// A generator's state.
    Seed(u64),
    /// Choices that were written down.
    Script(Vec<u32>),
}

/// The choices of one schedule.
#[derive(Debug)]
pub(super) struct Choices {
    source: Source,
    made: Vec<u32>,
}

impl Choices {
    /// Those of a seed.
    pub(super) const fn seeded(seed: u64) -> Self {
        Self { source: Source::Seed(seed), made: Vec::new() }
    }

    /// Those that were written down.
    pub(super) const fn scripted(script: Vec<u32>) -> Self {
        Self { source: Source::Script(script), made: Vec::new() }
    }

    /// What was chosen so far.
    pub(super) fn made(&self) -> &[u32] {
        &self.made
    }

    /// A number below `bound`; 0 if that is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        let last = bound.saturating_sub(1);
        let chosen = match &mut self.source {
            Source::Seed(state) => {
                let drawn = next(state) >> 32;
                u32::try_from(drawn.checked_rem(u64::from(bound)).unwrap_or_default()).unwrap_or(0)
            }
            Source::Script(script) => script.get(self.made.len()).copied().unwrap_or_default(),
        };
        let chosen = chosen.min(last);
        self.made.push(chosen);
        chosen
    }

    /// Whether something happens that happens `per_mille` times in a thousand.
    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.below(PER_MILLE) >= PER_MILLE.saturating_sub(per_mille)
    }

    /// The place of one of `weights`, the first being the simplest; none when nothing weighs.
    pub(super) fn weighed(&mut self, weights: impl Iterator<Item = u32> + Clone) -> Option<usize> {
        let total = weights.clone().fold(0_u32, u32::saturating_add);
        if total == 0 {
            return None;
        }
        let mut drawn = self.below(total);
        for (place, weight) in weights.enumerate() {
            if drawn < weight {
                return Some(place);
            }
            drawn -= weight;
        }
        None
    }
}

/// The next number of Steele, Lea and Flood's `SplitMix64`.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_makes_the_choices_of_its_seed() {
        let draw = |choices: &mut Choices| -> Vec<u32> {
            (0..100_u32).map(|n| choices.below(n) + u32::from(choices.chance(n))).collect()
        };
        let mut seeded = Choices::seeded(7);
        let first = draw(&mut seeded);
        let mut scripted = Choices::scripted(seeded.made().to_vec());
        assert_eq!(draw(&mut scripted), first);
        assert_ne!(draw(&mut Choices::seeded(8)), first);
        let simplest = draw(&mut Choices::scripted(Vec::new()));
        assert!(simplest.iter().all(|chosen| *chosen == 0));
    }
}
