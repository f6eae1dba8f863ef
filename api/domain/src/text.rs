//! How a text is encoded and billed: GSM 03.38 septets or UCS-2 units, in segments.
//!
//! **Invariant:** a two-unit character (a GSM escape, a surrogate pair) never straddles two segments.

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

/// Whether a text shows nothing: spaces, and characters without a shape of their own (zero-width spaces and
/// joiners, marks of direction).
pub fn is_blank(text: &str) -> bool {
    let is_shapeless = |c: char| matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    text.chars().all(|c| c.is_whitespace() || is_shapeless(c))
}

/// How a text is encoded and billed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The encoding it needs.
    pub encoding: SmsEncoding,
    /// Its length in units of that encoding.
    pub units: u32,
    /// Billable segments; an empty text has none.
    pub segments: u32,
}

/// Measures `text`.
pub fn measure(text: &str) -> Measure {
    let gsm: Option<Vec<u32>> = text.chars().map(gsm7_units).collect();
    let (encoding, widths, limits) = match gsm {
        Some(widths) => (SmsEncoding::Gsm7, widths, GSM7_UNITS),
        None => (SmsEncoding::Ucs2, text.chars().map(ucs2_units).collect(), UCS2_UNITS),
    };
    let units = widths.iter().sum();
    Measure { encoding, units, segments: segments(&widths, units, limits) }
}

fn gsm7_units(c: char) -> Option<u32> {
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

fn segments(widths: &[u32], units: u32, (alone, each): (u32, u32)) -> u32 {
    if units == 0 {
        return 0;
    }
    if units <= alone {
        return 1;
    }
    let (mut segments, mut used) = (1, 0);
    for width in widths {
        if used + width > each {
            segments += 1;
            used = 0;
        }
        used += width;
    }
    segments
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of the research: lengths either side of every boundary.
    #[test]
    fn segments_at_the_boundaries() {
        let gsm = |n| measure(&"a".repeat(n)).segments;
        assert_eq!([0, 1, 160, 161, 306, 307].map(gsm), [0, 1, 1, 2, 2, 3]);
        let ucs = |n| measure(&"日".repeat(n)).segments;
        assert_eq!([70, 71, 134, 135].map(ucs), [1, 2, 2, 3]);
        let euro = measure(&format!("{}€", "a".repeat(159)));
        assert_eq!((euro.units, euro.segments), (161, 2));
        let quote = measure(&format!("{}’", "a".repeat(120)));
        assert_eq!((quote.encoding, quote.segments), (SmsEncoding::Ucs2, 2));
    }

    #[test]
    fn a_text_without_a_shape_is_blank() {
        for blank in ["", " \n", "\u{200b}", "\u{feff}\u{202e} "] {
            assert!(is_blank(blank), "{blank:?}");
        }
        assert!(!is_blank("\u{200b}a"));
    }

    /// 152 letters leave one septet, which the two of `€` cannot use; likewise a surrogate pair.
    #[test]
    fn two_unit_characters_do_not_straddle() {
        let text = format!("{}€{}", "a".repeat(152), "a".repeat(152));
        assert_eq!(
            measure(&text),
            Measure { encoding: SmsEncoding::Gsm7, units: 306, segments: 3 }
        );
        let text = format!("{}😀{}", "日".repeat(66), "日".repeat(66));
        assert_eq!(
            measure(&text),
            Measure { encoding: SmsEncoding::Ucs2, units: 134, segments: 3 }
        );
    }
}
