//! The nearest known key, for the error about an unknown one.

use super::ConfigError;

/// The error for an unknown `key`. Of each candidate, the first half is compared with `compared_as`
/// and the second shown.
pub(super) fn unknown_key(
    key: &str,
    compared_as: &str,
    candidates: impl Iterator<Item = (String, String)>,
) -> ConfigError {
    ConfigError::UnknownKey {
        key: key.escape_debug().to_string(),
        nearest: nearest(compared_as, candidates),
    }
}

/// The candidate spelled most like `given`, as its second half says it. A candidate's whole path
/// and its last part both count, so that a key without its section finds home.
fn nearest(given: &str, candidates: impl Iterator<Item = (String, String)>) -> String {
    let distance_to = |path: &str| {
        let last = path.rsplit('.').next().unwrap_or(path);
        edit_distance(given, path).min(edit_distance(given, last))
    };
    candidates
        .min_by_key(|(path, _)| distance_to(path))
        .map(|(_, display)| display)
        .unwrap_or_default()
}

/// Levenshtein's distance, in characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut left = i + 1;
        let mut next = Vec::with_capacity(row.len());
        next.push(left);
        for (to, pair) in b.iter().zip(row.windows(2)) {
            let [diagonal, above] = pair else { continue };
            left = (left + 1).min(above + 1).min(diagonal + usize::from(from != *to));
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
