//! What of GSM 03.38 looks like a character that it lacks.
//!
//! **Invariant:** every look-alike is itself of GSM 03.38: following the advice ends the trouble.

/// The printable part of ASCII, which full-width forms follow in order.
const ASCII: &str = "!\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_'\
    abcdefghijklmnopqrstuvwxyz{|}~";
/// The first of the full-width forms.
const FULL_WIDTH: char = '！';

/// Characters, and what looks like each of them.
const TABLE: &[(&str, &str)] = &[
    ("‘’‚‛′‵´`ʹʻʼʽˈˊˋ❛❜", "'"),
    ("“”„‟″‶«»ʺ❝❞〝〞", "\""),
    ("‹", "<"),
    ("›", ">"),
    ("‐‑‒–—―−⁃•‣∙·", "-"),
    ("…", "..."),
    ("‼", "!!"),
    ("⁉", "!?"),
    ("⁈", "?!"),
    (
        "\t\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{202f}\u{205f}\u{3000}",
        " ",
    ),
    ("\u{b}\u{85}\u{2028}\u{2029}", "\n"),
    ("¼", "1/4"),
    ("½", "1/2"),
    ("¾", "3/4"),
    ("×", "x"),
    ("÷⁄∕", "/"),
    ("±", "+-"),
    ("→", "->"),
    ("←", "<-"),
    ("©", "(c)"),
    ("®", "(R)"),
    ("™", "(TM)"),
    ("№", "No."),
    ("°º", "o"),
    ("ª", "a"),
    ("¹", "1"),
    ("²", "2"),
    ("³", "3"),
    ("ÁÂÃĀĂĄÀ", "A"),
    ("áâãāăą", "a"),
    ("ĆĈĊČ", "C"),
    ("çćĉċč", "c"),
    ("ĎĐ", "D"),
    ("ďđ", "d"),
    ("ÈÊËĒĔĖĘĚ", "E"),
    ("êëēĕėęě", "e"),
    ("ĜĞĠĢ", "G"),
    ("ĝğġģ", "g"),
    ("ÌÍÎÏĨĪĬĮİ", "I"),
    ("íîïĩīĭįı", "i"),
    ("Ķ", "K"),
    ("ķ", "k"),
    ("ĹĻĽŁ", "L"),
    ("ĺļľł", "l"),
    ("ŃŅŇ", "N"),
    ("ńņň", "n"),
    ("ÒÓÔÕŌŎŐ", "O"),
    ("óôõōŏő", "o"),
    ("ŔŖŘ", "R"),
    ("ŕŗř", "r"),
    ("ŚŜŞŠȘ", "S"),
    ("śŝşšș", "s"),
    ("ŢŤȚ", "T"),
    ("ţťț", "t"),
    ("ÙÚÛŨŪŬŮŰŲ", "U"),
    ("úûũūŭůűų", "u"),
    ("ÝŶŸ", "Y"),
    ("ýŷÿ", "y"),
    ("ŹŻŽ", "Z"),
    ("źżž", "z"),
    ("Œ", "OE"),
    ("œ", "oe"),
    // Greek and Cyrillic letters that cannot be told from Latin ones.
    ("\u{391}\u{410}", "A"),
    ("\u{392}\u{412}", "B"),
    ("\u{395}\u{415}", "E"),
    ("\u{397}\u{41d}", "H"),
    ("\u{399}\u{406}", "I"),
    ("\u{39a}\u{41a}", "K"),
    ("\u{39c}\u{41c}", "M"),
    ("\u{39d}", "N"),
    ("\u{39f}\u{41e}", "O"),
    ("\u{3a1}\u{420}", "P"),
    ("\u{421}", "C"),
    ("\u{3a4}\u{422}", "T"),
    ("\u{3a5}", "Y"),
    ("\u{3a7}\u{425}", "X"),
    ("\u{396}", "Z"),
    ("\u{430}", "a"),
    ("\u{435}", "e"),
    ("\u{456}", "i"),
    ("\u{3bf}\u{43e}", "o"),
    ("\u{440}", "p"),
    ("\u{441}", "c"),
    ("\u{443}", "y"),
    ("\u{445}", "x"),
];

/// What of GSM 03.38 looks like `character`; an empty text if it has no shape.
pub(super) fn of(character: char) -> Option<&'static str> {
    let is_shapeless =
        character.is_control() || super::is_blank(character.encode_utf8(&mut [0; 4]));
    if is_shapeless && !character.is_whitespace() {
        return Some("");
    }
    let listed = TABLE.iter().find(|(alike, _)| alike.contains(character));
    listed.map(|(_, by)| *by).or_else(|| half_width(character))
}

/// The ASCII character that a full-width form is a form of.
fn half_width(character: char) -> Option<&'static str> {
    let at = u32::from(character).checked_sub(u32::from(FULL_WIDTH))?;
    let at = usize::try_from(at).ok()?;
    ASCII.get(at..=at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{SmsEncoding, measure};

    /// Goal: following the advice ends the trouble. Method: every entry, and every full-width form: what
    /// is listed is not of GSM 03.38, and what is to stand for it is.
    #[test]
    fn what_looks_alike_is_of_gsm() {
        let listed = TABLE.iter().flat_map(|(alike, _)| alike.chars());
        let full_width = '！'..='～';
        for character in listed.chain(full_width) {
            let text = character.to_string();
            assert_eq!(measure(&text).encoding, SmsEncoding::Ucs2, "{text} {character:?}");
            let by = of(character).unwrap();
            assert_eq!(measure(by).encoding, SmsEncoding::Gsm7, "{text} {by}");
            assert!(!by.is_empty(), "{text}");
        }
        assert_eq!([of('Ａ'), of('＿'), of('～')], [Some("A"), Some("_"), Some("~")]);
    }

    #[test]
    fn some_characters_have_no_shape_and_some_no_likeness() {
        for shapeless in ['\u{200b}', '\u{feff}', '\u{ad}', '\u{202e}', '\u{7}'] {
            assert_eq!(of(shapeless), Some(""), "{shapeless:?}");
        }
        for unlike in ['日', '😀', 'ж', 'ش', '\u{ffe5}'] {
            assert_eq!(of(unlike), None, "{unlike:?}");
        }
    }
}
