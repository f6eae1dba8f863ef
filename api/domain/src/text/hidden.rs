//! Characters that a reader cannot see: controls, zero-width characters, marks of direction.
//!
//! They hide what a text says, or that it says anything, and cost segments nobody can explain.
//!
//! **Invariant:** what shapes visible text stays: a joiner within an emoji or a script that joins, the tags
//! of a flag, variation selectors, line breaks.

use super::{code_point, gsm7_units};
use std::fmt;

/// A character that has no place in a text. It reads as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HiddenCharacter {
    /// How many characters of the text come before it.
    pub position: usize,
    /// The character.
    pub character: char,
}

impl fmt::Display for HiddenCharacter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.character.is_control() {
            "a control character"
        } else {
            "a character that cannot be seen"
        };
        let (code, place) = (code_point(self.character), self.position.saturating_add(1));
        write!(f, "The text has {kind}, {code}, at character {place}.")
    }
}

/// The first character of `text` that has no place in it: a control other than a line break, or one that
/// cannot be seen.
pub fn problem_in(text: &str) -> Option<HiddenCharacter> {
    let mut judged = judged(text).enumerate();
    let found = judged.find(|(_, (_, is_hidden))| *is_hidden);
    found.map(|(position, (character, _))| HiddenCharacter { position, character })
}

/// `value` as a text shows it: a line break or a tab as a space, and nothing that cannot be seen.
pub fn shown(value: &str) -> String {
    let space = |c| if is_break(c) { ' ' } else { c };
    let value: String = value.replace("\r\n", "\n").chars().map(space).collect();
    judged(&value).filter(|(_, is_hidden)| !is_hidden).map(|(character, _)| character).collect()
}

/// Whether a text shows nothing: spaces, and characters without a shape of their own (zero-width spaces and
/// joiners, marks of direction).
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_shapeless(c))
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Characters that choose among the shapes of the one before them.
const VARIATION_FIRST: char = '\u{fe00}';
const VARIATION_LAST: char = '\u{fe0f}';

/// Characters without a shape of their own, by their blocks in Unicode.
fn is_shapeless(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e01ef}'
    )
}

/// Each character, and whether it hides: between the last one that does not, and the next one.
fn judged(text: &str) -> impl Iterator<Item = (char, bool)> {
    let next = text.chars().skip(1).map(Some).chain(std::iter::once(None));
    text.chars().zip(next).scan(None, |before, (character, after)| {
        let is_hidden = is_hidden(*before, character, after);
        if !is_hidden {
            *before = Some(character);
        }
        Some((character, is_hidden))
    })
}

fn is_hidden(before: Option<char>, character: char, after: Option<char>) -> bool {
    match character {
        '\n' | '\r' => false,
        '\u{2028}' | '\u{2029}' => true,
        // A variation selector follows what it varies, a digit of a keycap too.
        VARIATION_FIRST..=VARIATION_LAST => {
            before.is_none_or(|c| c.is_whitespace() || is_shapeless(c))
        }
        // The tags of a flag follow a black flag.
        '\u{e0020}'..='\u{e007f}' => {
            !before.is_some_and(|c| matches!(c, '\u{1f3f4}' | '\u{e0020}'..='\u{e007e}'))
        }
        // A joiner joins what the alphabet of GSM lacks, where it cannot be what costs the segments.
        '\u{200c}' | '\u{200d}' => {
            let is_varied = |c| matches!(c, VARIATION_FIRST..=VARIATION_LAST);
            let joins = |c| is_written(c) && gsm7_units(c).is_none();
            !(before.is_some_and(|c| joins(c) || is_varied(c)) && after.is_some_and(joins))
        }
        _ => character.is_control() || is_shapeless(character),
    }
}

/// Whether a character shows by itself.
fn is_written(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !is_shapeless(c)
}
