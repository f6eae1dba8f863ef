//! The lines of one instant and one phase: sorted, named, and many alike told as one.

use std::collections::HashMap;

use super::Entry;
use super::naming::{Names, is_about_one, pattern};

/// From how many on lines that differ by recipient alone are told as one.
const FOLD_FROM: usize = 4;
/// How wide the column of the actors is.
const ACTOR_WIDTH: usize = 10;

/// The lines, without their offsets.
pub(super) fn lines(names: &mut Names, entries: &[&Entry]) -> Vec<String> {
    let mut sorted = entries.to_vec();
    sorted.sort_by_cached_key(|entry| (entry.actor.clone(), names.key(&entry.words)));
    let mut alike: HashMap<(&str, String), usize> = HashMap::new();
    for entry in &sorted {
        let count = alike.entry((&entry.actor, pattern(&entry.words))).or_default();
        *count = count.saturating_add(1);
    }
    let mut lines = Vec::new();
    for entry in sorted {
        // Named even where it is folded, so that later lines have the same names at any size.
        let shown = names.show(&entry.words);
        let pattern = pattern(&entry.words);
        let count = alike.get_mut(&(entry.actor.as_str(), pattern.clone()));
        match count {
            Some(0) => {}
            Some(count) if *count >= FOLD_FROM && is_about_one(&entry.words) => {
                lines.push(line(&entry.actor, &counted(*count, &names.show(&pattern))));
                // Told; the others of its kind are left out.
                *count = 0;
            }
            _ => lines.push(line(&entry.actor, &shown)),
        }
    }
    lines
}

fn line(actor: &str, words: &str) -> String {
    format!("{actor:<ACTOR_WIDTH$} {words}")
}

/// Puts a count before words, after an arrow if they begin with one.
fn counted(count: usize, words: &str) -> String {
    match words.split_once(' ') {
        Some((arrow @ ("←" | "→"), rest)) => format!("{arrow} {count} × {rest}"),
        _ => format!("{count} × {words}"),
    }
}
