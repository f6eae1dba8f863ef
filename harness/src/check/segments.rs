//! Billable segments of a text, counted anew from the standard (3GPP TS 23.038 and 23.040), so that what the
//! service counts is held against something else than itself.
//!
//! **Invariant:** no septet pair of the extension table and no surrogate pair is parted by a segment's end.

/// The default alphabet in the order of its codes, 0x00 to 0x7F; 0x1B is the escape and stands for nothing.
const DEFAULT: [&str; 8] = [
    "@£$¥èéùìòÇ\nØø\rÅå",
    "Δ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ",
    " !\"#¤%&'()*+,-./",
    "0123456789:;<=>?",
    "¡ABCDEFGHIJKLMNO",
    "PQRSTUVWXYZÄÖÑÜ§",
    "¿abcdefghijklmno",
    "pqrstuvwxyzäöñüà",
];
/// The extension table: each takes the escape and a septet.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// What one short message carries alone, and each part of a longer one behind its header of six bytes.
struct Room {
    alone: usize,
    part: usize,
}

/// 140 bytes of septets.
const SEPTETS: Room = Room { alone: 160, part: 153 };
/// 140 bytes of 16-bit units.
const UNITS: Room = Room { alone: 70, part: 67 };

/// The segments of a text; none for an empty one.
pub(super) fn segments(text: &str) -> u32 {
    let septets: Option<Vec<usize>> = text.chars().map(septets_of).collect();
    match septets {
        Some(widths) => parts(&widths, &SEPTETS),
        None => parts(&text.chars().map(char::len_utf16).collect::<Vec<_>>(), &UNITS),
    }
}

fn septets_of(character: char) -> Option<usize> {
    let is_default = character != '\u{1b}' && DEFAULT.iter().any(|row| row.contains(character));
    if is_default {
        return Some(1);
    }
    EXTENSION.contains(character).then_some(2)
}

fn parts(widths: &[usize], room: &Room) -> u32 {
    let all: usize = widths.iter().sum();
    if all == 0 {
        return 0;
    }
    if all <= room.alone {
        return 1;
    }
    let (mut parts, mut left) = (0_u32, 0_usize);
    for width in widths {
        if *width > left {
            parts = parts.saturating_add(1);
            left = room.part;
        }
        left = left.saturating_sub(*width);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn texts_are_counted_as_the_standard_says() {
        let cases = [
            (String::new(), 0),
            ("a".repeat(160), 1),
            ("a".repeat(161), 2),
            ("a".repeat(306), 2),
            ("a".repeat(307), 3),
            ("é".repeat(160), 1),
            ("ê".repeat(70), 1),
            ("ê".repeat(71), 2),
            ("ê".repeat(134), 2),
            ("ê".repeat(135), 3),
            ("€".repeat(80), 1),
            (format!("{}€", "a".repeat(159)), 2),
            // The pair does not fit the last septet of the first part.
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), 3),
            ("😀".repeat(35), 1),
            ("😀".repeat(36), 2),
            // 33 pairs fill 66 of 67 units; a pair is not parted.
            ("😀".repeat(67), 3),
            ("\u{1b}".to_owned(), 1),
        ];
        for (text, expected) in cases {
            assert_eq!(segments(&text), expected, "{} characters", text.chars().count());
        }
    }
}
