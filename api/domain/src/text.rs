//! Texts: how they are encoded and billed (GSM 03.38 septets or UCS-2 units, in segments), which characters
//! have no place in them, and what a site puts around them.
//!
//! **Invariant:** a two-unit character (a GSM escape, a surrogate pair) never straddles two segments.

mod hidden;
mod look_alike;

use crate::limits::{TEXT_FOOTER_CHARS_MAX, TEXT_PREFIX_CHARS_MAX};
pub use hidden::{HiddenCharacter, is_blank, problem_in, shown};
use std::sync::LazyLock;

crate::codes! {
    /// Encodings of a text.
    pub enum SmsEncoding {
        /// The 7-bit GSM 03.38 alphabet.
        Gsm7 = "gsm_7",
        /// 16-bit, for everything else.
        Ucs2 = "ucs_2",
    }
}

/// Units of a text that fits one segment, and of each segment of a longer one.
const GSM7_UNITS: (u32, u32) = (160, 153);
const UCS2_UNITS: (u32, u32) = (70, 67);

/// The basic GSM 03.38 alphabet, one septet each.
const GSM7_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// Its extension, an escape and a septet each.
const GSM7_EXTENDED: &str = "\u{c}^{}\\[~]|€";

/// How a text is encoded and billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The encoding it needs.
    pub encoding: SmsEncoding,
    /// Its length in units of that encoding.
    pub units: u32,
    /// Billable segments; an empty text has none.
    pub segments: u32,
    /// Units left in the last segment; for an empty text, in its first.
    pub remaining: u32,
    /// The first character that GSM 03.38 lacks, which makes the text UCS-2.
    pub offending: Option<Offending>,
}

/// A character that GSM 03.38 lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offending {
    /// How many characters of the text come before it.
    pub position: usize,
    /// The character.
    pub character: char,
}

impl Offending {
    /// Its place in Unicode: `U+2019`.
    pub fn code_point(self) -> String {
        code_point(self.character)
    }

    /// What could stand in its place without making the text UCS-2, if anything looks like it: `'` for a
    /// curly quote. Nothing at all (an empty text) for a character that has no shape.
    pub fn look_alike(self) -> Option<&'static str> {
        look_alike::of(self.character)
    }
}

/// A character's place in Unicode: `U+2019`.
fn code_point(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

/// Measures `text`.
pub fn measure(text: &str) -> Measure {
    let mut offending = None;
    let (mut septets, mut units) = (Filling::new(GSM7_UNITS), Filling::new(UCS2_UNITS));
    for (position, character) in text.chars().enumerate() {
        match gsm7_units(character) {
            Some(width) => septets.add(width),
            None => {
                offending = offending.or(Some(Offending { position, character }));
            }
        }
        units.add(ucs2_units(character));
    }
    let (encoding, filling) = match offending {
        None => (SmsEncoding::Gsm7, septets),
        Some(_) => (SmsEncoding::Ucs2, units),
    };
    let (segments, remaining) = filling.segments_and_rest();
    Measure { encoding, units: filling.units, segments, remaining, offending }
}

/// Septets of each ASCII character: planning measures a text for every recipient, and most of it is ASCII.
static ASCII_SEPTETS: LazyLock<[Option<u32>; 128]> = LazyLock::new(|| {
    std::array::from_fn(|place| u8::try_from(place).ok().map(char::from).and_then(listed_units))
});

fn gsm7_units(c: char) -> Option<u32> {
    let place = usize::try_from(u32::from(c)).unwrap_or(usize::MAX);
    ASCII_SEPTETS.get(place).copied().unwrap_or_else(|| listed_units(c))
}

fn listed_units(c: char) -> Option<u32> {
    if GSM7_BASIC.contains(c) {
        Some(1)
    } else if GSM7_EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

fn ucs2_units(c: char) -> u32 {
    if c.len_utf16() == 1 { 1 } else { 2 }
}

/// Segments being filled, a character at a time.
struct Filling {
    /// What fits a text of one segment, and each segment of a longer one.
    limits: (u32, u32),
    units: u32,
    /// Segments that are full, were the text longer than one, and what the last one holds.
    full: u32,
    used: u32,
}

impl Filling {
    fn new(limits: (u32, u32)) -> Self {
        Self { limits, units: 0, full: 0, used: 0 }
    }

    fn add(&mut self, width: u32) {
        let (_, each) = self.limits;
        if self.used + width > each {
            self.full += 1;
            self.used = 0;
        }
        self.used += width;
        self.units += width;
    }

    fn segments_and_rest(&self) -> (u32, u32) {
        let (alone, each) = self.limits;
        if self.units <= alone {
            (self.units.min(1), alone - self.units)
        } else {
            (self.full + 1, each - self.used)
        }
    }
}

/// What a site puts around every text: counted, like all that is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Who is texting, put before the text: `Acme` makes `Acme: …`.
    pub prefix: Option<String>,
    /// How to opt out, put after the text on a line of its own.
    pub footer: Option<String>,
}

impl Frame {
    /// What keeps a text from standing before every other, in a sentence. An empty one is none.
    pub fn problem_in_prefix(prefix: &str) -> Option<String> {
        if prefix.contains(['\n', '\r']) {
            return Some("The prefix has a line break.".to_owned());
        }
        problem_in_part("prefix", prefix, TEXT_PREFIX_CHARS_MAX)
    }

    /// What keeps a text from standing below every other, in a sentence. An empty one is none.
    pub fn problem_in_footer(footer: &str) -> Option<String> {
        problem_in_part("footer", footer, TEXT_FOOTER_CHARS_MAX)
    }

    /// The whole text around a rendered body. Variables mean nothing in a frame.
    pub fn compose(&self, body: &str) -> String {
        let mut text = String::new();
        if let Some(prefix) = &self.prefix {
            text.push_str(prefix);
            text.push_str(": ");
        }
        text.push_str(body);
        if let Some(footer) = &self.footer {
            text.push('\n');
            text.push_str(footer);
        }
        text
    }
}

fn problem_in_part(what: &str, text: &str, chars_max: usize) -> Option<String> {
    if text.is_empty() {
        None
    } else if is_blank(text) {
        Some(format!("The {what} is blank."))
    } else if text.chars().count() > chars_max {
        Some(format!("The {what} is longer than {chars_max} characters."))
    } else if text.contains("{{") || text.contains("}}") {
        Some(format!("The {what} takes no variables."))
    } else {
        problem_in(text).map(|problem| problem.to_string())
    }
}

#[cfg(test)]
mod tests;
