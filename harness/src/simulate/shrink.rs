//! Shrinking: the simplest choices that still break the same invariant.
//!
//! **Invariant:** what comes out fails as what went in did, and no try is made without end.

use std::sync::Arc;

use super::choices::Choices;
use super::ground::Ground;
use super::play::{Played, Wanted, play};
use super::store::{Store, StoreError};

/// The longest run of choices that is taken out at once.
const CUT_MAX: usize = 64;

/// A shrinking under way.
struct Shrinking<'a> {
    ground: &'a Ground,
    store: &'a Arc<Store>,
    code: &'static str,
    best: Vec<u32>,
    /// Plays that it may still cost.
    tries: usize,
}

/// Finds simpler choices than `failed` has that break what it broke; answers with the story of the simplest.
/// That costs up to `tries` plays.
pub(super) async fn shrink(
    ground: &Ground,
    store: &Arc<Store>,
    failed: &Played,
    tries: usize,
) -> Result<Played, StoreError> {
    let code = failed.found.first().map_or("", super::Found::code);
    let best = failed.choices.clone();
    let mut shrinking = Shrinking { ground, store, code, best, tries };
    loop {
        let before = shrinking.best.clone();
        shrinking.cut().await?;
        shrinking.lower().await?;
        if shrinking.best == before || shrinking.tries == 0 {
            break;
        }
    }
    let choices = Choices::scripted(shrinking.best);
    play(ground, store, choices, Wanted { is_told: true, is_covered: false }).await
}

impl Shrinking<'_> {
    /// Takes a simpler story if it fails as well. Answers whether it does.
    async fn take(&mut self, script: Vec<u32>) -> Result<bool, StoreError> {
        if self.tries == 0 || script == self.best {
            return Ok(false);
        }
        self.tries -= 1;
        let choices = Choices::scripted(script.clone());
        let played = play(self.ground, self.store, choices, Wanted::default()).await?;
        let fails = played.found.first().is_some_and(|found| found.code() == self.code);
        if fails {
            // What was read beyond the script's end was zero, and is left out again.
            let used = script.len().min(played.choices.len());
            self.best = script.into_iter().take(used).collect();
        }
        Ok(fails)
    }

    /// Takes runs of choices out, long ones first, from the end.
    async fn cut(&mut self) -> Result<(), StoreError> {
        let mut size = CUT_MAX;
        while size > 0 {
            let mut end = self.best.len();
            while end > 0 && self.tries > 0 {
                let start = end.saturating_sub(size);
                let kept = self.best.iter().enumerate();
                let kept = kept.filter(|(at, _)| *at < start || *at >= end).map(|(_, it)| *it);
                let script: Vec<u32> = kept.collect();
                self.take(script).await?;
                end = start.min(self.best.len());
            }
            size /= 2;
        }
        Ok(())
    }

    /// Makes single choices zero, or half of what they are.
    async fn lower(&mut self) -> Result<(), StoreError> {
        for at in (0..self.best.len()).rev() {
            let Some(value) = self.best.get(at).copied().filter(|value| *value > 0) else {
                continue;
            };
            for lower in [0, value / 2, value - 1] {
                let mut script = self.best.clone();
                if let Some(choice) = script.get_mut(at) {
                    *choice = lower;
                }
                if lower < value && self.take(script).await? {
                    break;
                }
            }
        }
        Ok(())
    }
}
