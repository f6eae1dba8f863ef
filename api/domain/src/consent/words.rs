//! What a text from a phone says about consent.
//!
//! Opting out is made easy and opting in is not: a text that begins with a word of the carriers' opts out
//! whatever follows, while START counts only alone. YES is not a word here, though some carriers take it
//! for START: it answers any question, a shop's as well as the network's own "did you mean all messages?",
//! and who said STOP must not be texted again for having answered one. A toll-free network does not lift
//! its block on YES either.
//!
//! **Invariant:** what is reported is the word as this table spells it, never what the person wrote.

use crate::text::{Offending, is_blank};

/// What a text says, with the word or wish of the tables that says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// It withdraws consent.
    OptOut(&'static str),
    /// It gives consent.
    OptIn(&'static str),
    /// It asks for help.
    Help(&'static str),
    /// It may withdraw consent: somebody has to look at it.
    PossibleOptOut(&'static str),
    /// It says anything else.
    Reply,
}

/// A text that is or begins with one of these opts out: the words of Twilio, Telnyx and AWS, among them all
/// that the FCC names (47 CFR 64.1200(a)(10)). Where one begins another, the longer comes first.
pub const OPT_OUT: [&str; 13] = [
    "STOP ALL",
    "STOP",
    "STOPALL",
    "UNSUBSCRIBE",
    "UNSUB",
    "CANCEL",
    "END",
    "QUIT",
    "REVOKE",
    "OPTOUT",
    "OPT OUT",
    "REMOVE",
    "ARRET",
];
/// One that AWS takes, and that means too much else to be looked for in longer texts.
pub const OPT_OUT_ALONE: &str = "TD";
/// A text that is one of these opts in.
pub const OPT_IN: [&str; 3] = ["START", "UNSTOP", "SUBSCRIBE"];
/// A text that is one of these asks for help.
pub const HELP: [&str; 2] = ["HELP", "INFO"];
/// A text with one of these in it may be meant to opt out, like one with an opt-out word in it: no reasonable
/// person would go on texting without a second look.
const WISHES: [&str; 27] = [
    "LEAVE ME ALONE",
    "TAKE ME OFF",
    "GET ME OFF",
    "DELETE ME",
    "DELETE MY NUMBER",
    "LOSE MY NUMBER",
    "OPT ME OUT",
    "OPTED OUT",
    "OPTING OUT",
    "UN SUBSCRIBE",
    "UNSUBSCRIBED",
    "UNSUBSCRIBING",
    "NO MORE TEXT",
    "NO MORE TEXTS",
    "NO MORE MESSAGES",
    "NOT INTERESTED",
    "WRONG NUMBER",
    "WRONG PERSON",
    "DONT TEXT",
    "DO NOT TEXT",
    "DONT MESSAGE",
    "DO NOT MESSAGE",
    "DONT CONTACT",
    "DO NOT CONTACT",
    "DONT SEND",
    "DO NOT SEND",
    "DO NOT DISTURB",
];
/// How phones begin the text that stands for a reaction to another one; they quote that one whole, with the
/// line that says how to opt out.
const REACTIONS: [&str; 7] =
    ["LIKED", "LOVED", "DISLIKED", "LAUGHED AT", "EMPHASIZED", "EMPHASISED", "QUESTIONED"];

/// Reads a text from a phone.
pub fn hear(text: &str) -> Heard {
    let said = plain(text);
    let is = |word: &&&'static str| said == **word;
    let begins = |word: &&&'static str| {
        said.strip_prefix(**word).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    if said == OPT_OUT_ALONE {
        return Heard::OptOut(OPT_OUT_ALONE);
    }
    if let Some(word) = OPT_OUT.iter().find(begins) {
        return Heard::OptOut(word);
    }
    if let Some(word) = OPT_IN.iter().find(is) {
        return Heard::OptIn(word);
    }
    if let Some(word) = HELP.iter().find(is) {
        return Heard::Help(word);
    }
    if is_reaction(text) {
        return Heard::Reply;
    }
    let spaced = format!(" {said} ");
    let has = |words: &&&'static str| spaced.contains(&format!(" {words} "));
    match OPT_OUT.iter().chain(&WISHES).find(has) {
        Some(words) => Heard::PossibleOptOut(words),
        None => Heard::Reply,
    }
}

/// Whether the text only says that another one was liked, laughed at and so on: the words are those of
/// the text that it quotes.
fn is_reaction(text: &str) -> bool {
    let Some((verb, quoted)) = text.trim().split_once(['“', '„', '«', '"']) else {
        return false;
    };
    let verb = plain(verb);
    // Some name a sign: `Reacted 😍 to “…”`, `Removed a heart from “…”`.
    let names_a_sign = (verb.starts_with("REACTED ") && verb.ends_with(" TO"))
        || (verb.starts_with("REMOVED A") && verb.ends_with(" FROM"));
    quoted.ends_with(['”', '“', '»', '"']) && (names_a_sign || REACTIONS.contains(&verb.as_str()))
}

/// The words of a text in plain upper-case letters and digits, with one space between. Fancy forms of
/// letters become plain ones, apostrophes vanish (`don't` is `DONT`), all other punctuation parts words.
/// Single letters in a row are one word: `S T O P`.
fn plain(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.chars() {
        if let Some(letter) = letter_of(character) {
            folded.push(letter);
        } else if let Some(alike) = (Offending { position: 0, character }).look_alike() {
            folded.push_str(alike);
        } else {
            folded.push(character);
        }
    }
    let keeps = |c: &char| !matches!(c, '\'' | '\u{300}'..='\u{36f}') && !is_shapeless(*c);
    let upper: String = folded.chars().filter(keeps).flat_map(char::to_uppercase).collect();
    let words: Vec<&str> =
        upper.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_spelled = words.len() > 1 && words.iter().all(|word| word.chars().nth(1).is_none());
    words.join(if is_spelled { "" } else { " " })
}

/// The letter that a mathematical, circled or squared one is a form of. Full-width ones are found among the
/// look-alikes.
fn letter_of(character: char) -> Option<char> {
    /// The first and the last of each row of letters, and how far apart its alphabets begin.
    const ROWS: [(u32, u32, u32); 3] =
        [(0x1d400, 0x1d6a3, 26), (0x24b6, 0x24e9, 26), (0x1f130, 0x1f189, 32)];
    let code = u32::from(character);
    let (first, _, apart) =
        ROWS.into_iter().find(|(first, last, _)| (*first..=*last).contains(&code))?;
    let place = (code - first).checked_rem(apart)?;
    ('A'..='Z').nth(usize::try_from(place).ok()?)
}

/// Whether a character shows nothing and parts nothing.
fn is_shapeless(c: char) -> bool {
    !c.is_whitespace() && is_blank(c.encode_utf8(&mut [0; 4]))
}
