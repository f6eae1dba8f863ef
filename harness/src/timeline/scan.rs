//! Finds ids, phones and instants in words.

use chrono::{DateTime, Utc};

/// Digits of an id after its prefix.
const ID_DIGITS: usize = 32;
/// Letters of an id's prefix, at least and at most.
const PREFIX_LETTERS: std::ops::RangeInclusive<usize> = 2..=5;
/// Digits of a phone number, at least and at most.
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;
/// The shortest instant: `2026-11-23T15:00:00Z`.
const INSTANT_CHARS_MIN: usize = 20;

/// A piece of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Words as they are.
    Text(&'a str),
    /// An id: `msg_` and 32 hexadecimal digits.
    Id { prefix: &'a str, whole: &'a str },
    /// A phone number in E.164.
    Phone(&'a str),
    /// An instant in RFC 3339.
    Instant(DateTime<Utc>),
}

/// Takes words apart. Every piece of an alphanumeric run is looked at as a whole, so that nothing
/// is found within a word.
pub(super) fn pieces(words: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        let in_run = |c: char| is_run(c);
        let length = if in_run(first) {
            rest.find(|c| !in_run(c)).unwrap_or(rest.len())
        } else {
            rest.find(in_run).unwrap_or(rest.len())
        };
        let (run, after) = rest.split_at(length);
        pieces.extend(read_run(run));
        rest = after;
    }
    pieces
}

/// Whether a character belongs to a run that may be an id, a phone or an instant.
fn is_run(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '-' | ':' | '.')
}

/// Reads a run: as one piece, or with a full stop or colon that ends a sentence apart.
fn read_run(run: &str) -> Vec<Piece<'_>> {
    let core = run.trim_end_matches(['.', ':', '-']);
    let (core, tail) = run.split_at(core.len());
    let piece = read_core(core);
    let mut pieces = Vec::new();
    if !core.is_empty() {
        pieces.push(piece);
    }
    if !tail.is_empty() {
        pieces.push(Piece::Text(tail));
    }
    pieces
}

fn read_core(core: &str) -> Piece<'_> {
    if let Some((prefix, digits)) = core.split_once('_')
        && PREFIX_LETTERS.contains(&prefix.len())
        && prefix.bytes().all(|byte| byte.is_ascii_lowercase())
        && digits.len() == ID_DIGITS
        && digits.bytes().all(|byte| byte.is_ascii_hexdigit() && !byte.is_ascii_uppercase())
    {
        return Piece::Id { prefix, whole: core };
    }
    if let Some(digits) = core.strip_prefix('+')
        && PHONE_DIGITS.contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Piece::Phone(core);
    }
    if core.len() >= INSTANT_CHARS_MIN
        && let Ok(instant) = DateTime::parse_from_rfc3339(core)
    {
        return Piece::Instant(instant.to_utc());
    }
    Piece::Text(core)
}

/// An instant as an offset: `+00:15:00.000`, hours first, as many as there are; `-` before the
/// start.
pub(super) fn offset(start: DateTime<Utc>, at: DateTime<Utc>) -> String {
    let ms = at.signed_duration_since(start).num_milliseconds();
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    let (s, ms) = (ms / 1000, ms % 1000);
    let (m, s) = (s / 60, s % 60);
    let (h, m) = (m / 60, m % 60);
    format!("{sign}{h:02}:{m:02}:{s:02}.{ms:03}")
}
