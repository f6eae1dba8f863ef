//! Encodings and segments at every boundary, and against a slow reference of its own.

use super::*;
use proptest::prelude::*;

fn counted(text: &str) -> (SmsEncoding, u32, u32, u32) {
    let measure = measure(text);
    (measure.encoding, measure.units, measure.segments, measure.remaining)
}

/// The golden vectors: lengths either side of every boundary.
#[test]
fn segments_at_the_boundaries() {
    let gsm = |n| measure(&"a".repeat(n)).segments;
    assert_eq!([0, 1, 160, 161, 306, 307].map(gsm), [0, 1, 1, 2, 2, 3]);
    let ucs = |n| measure(&"日".repeat(n)).segments;
    assert_eq!([1, 70, 71, 134, 135].map(ucs), [1, 1, 2, 2, 3]);
    let euro = measure(&format!("{}€", "a".repeat(159)));
    assert_eq!((euro.units, euro.segments), (161, 2));
    let quote = measure(&format!("{}’", "a".repeat(120)));
    assert_eq!((quote.encoding, quote.segments), (SmsEncoding::Ucs2, 2));
    assert_eq!([1_530, 1_531].map(gsm), [10, 11]);
    assert_eq!([670, 671].map(ucs), [10, 11]);
}

#[test]
fn units_left_in_the_last_segment() {
    use SmsEncoding::{Gsm7, Ucs2};
    assert_eq!(counted(""), (Gsm7, 0, 0, 160));
    assert_eq!(counted("hello"), (Gsm7, 5, 1, 155));
    assert_eq!(counted(&"a".repeat(160)), (Gsm7, 160, 1, 0));
    assert_eq!(counted(&"a".repeat(161)), (Gsm7, 161, 2, 2 * 153 - 161));
    assert_eq!(counted(&"a".repeat(306)), (Gsm7, 306, 2, 0));
    assert_eq!(counted("日"), (Ucs2, 1, 1, 69));
    assert_eq!(counted(&"日".repeat(71)), (Ucs2, 71, 2, 2 * 67 - 71));
}

/// 152 letters leave one septet, which the two of `€` cannot use; likewise a surrogate pair.
#[test]
fn two_unit_characters_do_not_straddle() {
    use SmsEncoding::{Gsm7, Ucs2};
    let text = format!("{}€{}", "a".repeat(152), "a".repeat(152));
    assert_eq!(counted(&text), (Gsm7, 306, 3, 152));
    let text = format!("{}€{}", "a".repeat(151), "a".repeat(153));
    assert_eq!(counted(&text), (Gsm7, 306, 2, 0));
    let text = format!("{}😀{}", "日".repeat(66), "日".repeat(66));
    assert_eq!(counted(&text), (Ucs2, 134, 3, 66));
    let text = format!("{}😀{}", "日".repeat(65), "日".repeat(67));
    assert_eq!(counted(&text), (Ucs2, 134, 2, 0));
    // A text of one segment has no boundary to straddle.
    assert_eq!(counted(&format!("{}€", "a".repeat(158))), (Gsm7, 160, 1, 0));
    assert_eq!(counted(&"😀".repeat(35)), (Ucs2, 70, 1, 0));
    assert_eq!(counted(&"😀".repeat(36)), (Ucs2, 72, 2, 67 - 6));
}

#[test]
fn the_first_offending_character_is_named() {
    assert_eq!(measure("It's {fine} €").offending, None);
    let found = |text: &str| {
        let offending = measure(text).offending.unwrap();
        (offending.position, offending.code_point(), offending.look_alike())
    };
    assert_eq!(found("It’s – fine"), (2, "U+2019".to_owned(), Some("'")));
    assert_eq!(found("a\u{200b}b’"), (1, "U+200B".to_owned(), Some("")));
    assert_eq!(found("\u{a0}"), (0, "U+00A0".to_owned(), Some(" ")));
    assert_eq!(found("éà😀…"), (2, "U+1F600".to_owned(), None));
    assert_eq!(found("so…"), (2, "U+2026".to_owned(), Some("...")));
    assert_eq!(found("tab\there"), (3, "U+0009".to_owned(), Some(" ")));
    assert_eq!(found("Ça fait `ç`"), (8, "U+0060".to_owned(), Some("'")));
}

#[test]
fn a_text_without_a_shape_is_blank() {
    for blank in ["", " \n", "\u{200b}", "\u{feff}\u{202e} ", "\u{3164}", "\u{e0041}"] {
        assert!(is_blank(blank), "{blank:?}");
    }
    assert!(!is_blank("\u{200b}a"));
}

/// What cannot be seen is refused where it stands; what shapes visible text is not.
#[test]
fn hidden_characters_have_no_place() {
    for fine in [
        "",
        "two\r\nlines\n",
        "👨‍👩‍👧 and ❤️‍🔥",
        "1️⃣ ☎︎",
        "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
        "می‌خواهم क्‍ष",
        "’…\u{a0}",
    ] {
        assert_eq!(problem_in(fine), None, "{fine:?}");
        assert_eq!(shown(fine), fine.replace("\r\n", " ").replace('\n', " "));
    }
    for (text, position) in [
        ("a\0", 1),
        ("日\tb", 1),
        ("a\u{85}", 1),
        ("a\u{2028}", 1),
        ("ab\u{200b}c", 2),
        ("\u{feff}a", 0),
        ("a\u{200d}b", 1),
        ("日\u{200d}b", 1),
        ("日\u{200d}", 1),
        ("日\u{200d}\u{200d}日", 1),
        ("\u{200f}שלום", 0),
        ("a\u{202e}b", 1),
        ("a\u{ad}b", 1),
        (" \u{fe0f}", 1),
        ("a\u{e0041}", 1),
    ] {
        let problem = problem_in(text).unwrap();
        assert_eq!(problem.position, position, "{text:?}");
        assert_eq!(Some(problem.character), text.chars().nth(position));
    }
    let bell = problem_in("ring\u{7}").unwrap().to_string();
    assert_eq!(bell, "The text has a control character, U+0007, at character 5.");
    let wide = problem_in("\u{200b}").unwrap().to_string();
    assert_eq!(wide, "The text has a character that cannot be seen, U+200B, at character 1.");
}

#[test]
fn a_frame_is_checked() {
    let (prefix, footer) = (Frame::problem_in_prefix, Frame::problem_in_footer);
    for fine in ["", "Acme", "Café & Söhne €", &"x".repeat(40)] {
        assert_eq!((prefix(fine), footer(fine)), (None, None), "{fine}");
    }
    assert_eq!(footer("Msg rates apply.\nReply STOP to opt out"), None);
    for bad in [" ", "a\nb", "a\u{200b}", "{{ a }}", &"x".repeat(41)] {
        assert!(prefix(bad).is_some_and(|told| told.ends_with('.')), "{bad:?}");
    }
    for bad in ["\n", "a\tb", "}}", &"x".repeat(161)] {
        assert!(footer(bad).is_some_and(|told| told.ends_with('.')), "{bad:?}");
    }
}

/// The alphabet in the order of its codes, 0 to 127, without the escape.
const ALPHABET: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

#[test]
fn the_alphabet_is_whole() {
    assert_eq!(ALPHABET.chars().count(), 127);
    assert_eq!(GSM7_BASIC, ALPHABET);
    let of_gsm = |c: &char| gsm7_units(*c).is_some();
    assert_eq!(('\0'..=char::MAX).filter(of_gsm).count(), 127 + 10);
}

/// A slow reference: the longest beginning that fits, again and again, tried from the longest down.
fn by_definition(text: &str) -> (SmsEncoding, u32, u32) {
    let is_gsm = text.chars().all(|c| ALPHABET.contains(c) || "\u{c}^{}\\[~]|€".contains(c));
    let width = |text: &str| -> usize {
        if is_gsm {
            text.chars().map(|c| if ALPHABET.contains(c) { 1 } else { 2 }).sum()
        } else {
            text.encode_utf16().count()
        }
    };
    let (alone, each) = if is_gsm { (160, 153) } else { (70, 67) };
    let encoding = if is_gsm { SmsEncoding::Gsm7 } else { SmsEncoding::Ucs2 };
    let mut segments = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let limit = if width(text) <= alone { alone } else { each };
        let fits = |end: &usize| rest.is_char_boundary(*end) && width(&rest[..*end]) <= limit;
        let end = (1..=rest.len()).rev().find(fits).unwrap();
        rest = &rest[end..];
        segments += 1;
    }
    (encoding, u32::try_from(width(text)).unwrap(), segments)
}

/// Goal: segments are exact where they could be off by one. Method: texts as long as one to three segments of
/// either encoding, and up to two units less or more, with a character of two units before, on and behind each
/// boundary, against the definition.
#[test]
fn segments_at_every_boundary() {
    for (one, two, alone, each) in [('a', '€', 160, 153), ('日', '😀', 70, 67)] {
        let lengths = std::iter::once(alone).chain((1..=3).map(|segments| segments * each));
        for length in lengths.flat_map(|length| length - 2..=length + 2) {
            let plain: Vec<char> = std::iter::repeat_n(one, length).collect();
            let boundaries = (1..=3).map(|segments| segments * each).filter(|at| *at < length);
            let straddling = boundaries.flat_map(|at| at.saturating_sub(3)..=at + 1);
            for at in straddling.map(Some).chain([None]) {
                let mut text = plain.clone();
                if let Some(at) = at.filter(|at| at + 1 < length) {
                    text.splice(at..at + 2, [two]);
                }
                let text: String = text.into_iter().collect();
                let (encoding, units, segments, _) = counted(&text);
                assert_eq!((encoding, units, segments), by_definition(&text), "{length} {at:?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Goal: segments are exact. Method: many texts about the boundaries, one-unit and two-unit
    /// characters mixed, against the definition.
    #[test]
    fn segments_are_as_defined(
        head in "[aé€{]{0,12}",
        body in "a{140,156}|日{55,70}|[a€]{130,170}|[日😀]{25,75}",
        tail in "[a€^\u{c}]{0,160}|[日😀’]{0,70}",
    ) {
        let text = format!("{head}{body}{tail}");
        let (encoding, units, segments, remaining) = counted(&text);
        prop_assert_eq!((encoding, units, segments), by_definition(&text), "{}", text);
        // As many one-unit characters as remain still fit, and not one more.
        let more = |n: u32| measure(&format!("{text}{}", "a".repeat(n.try_into().unwrap()))).segments;
        prop_assert_eq!(more(remaining), segments);
        prop_assert_eq!(more(remaining + 1), segments + 1);
    }

    /// Goal: what is shown of a value has nothing hidden in it, and showing it again changes nothing.
    #[test]
    fn what_is_shown_is_clean(
        value in "[a日❤ \u{0}\n\r\t\u{85}\u{200b}\u{200c}\u{200d}\u{fe0f}\u{2028}\u{1f3f4}\u{e0067}\u{e007f}\u{202e}]{0,24}"
    ) {
        let once = shown(&value);
        prop_assert_eq!(problem_in(&once), None);
        prop_assert_eq!(shown(&once), once);
    }
}
