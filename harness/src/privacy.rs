//! Phone numbers as they may be shown: the last four digits.

/// How many digits of a phone number may be shown.
const DIGITS_SHOWN: usize = 4;
/// The fewest digits of a phone number in E.164.
const PHONE_DIGITS_MIN: usize = 8;

/// A phone number as `…0142`. A shorter one is hidden whole.
pub fn mask(phone: &str) -> String {
    let hidden = phone.chars().count().saturating_sub(DIGITS_SHOWN);
    if hidden == 0 {
        return "…".to_owned();
    }
    format!("…{}", phone.chars().skip(hidden).collect::<String>())
}

/// A text with every phone number in it masked: a `+` and at least eight digits.
pub fn mask_all(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    for (index, part) in text.split('+').enumerate() {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let (number, rest) = part.split_at(digits);
        match index {
            0 => masked.push_str(part),
            _ if number.len() >= PHONE_DIGITS_MIN => {
                masked.push_str(&mask(number));
                masked.push_str(rest);
            }
            _ => {
                masked.push('+');
                masked.push_str(part);
            }
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::{mask, mask_all};

    #[test]
    fn every_number_of_a_text_is_masked_and_nothing_else() {
        let text = r#"{"a":"+14155550142","b":"1 + 1","c":"+12","d":"+4915112345678"} +"#;
        let masked = r#"{"a":"…0142","b":"1 + 1","c":"+12","d":"…5678"} +"#;
        assert_eq!(mask_all(text), masked);
        assert_eq!(mask_all("14155550142"), "14155550142");
    }

    #[test]
    fn four_digits_are_shown_and_never_a_whole_number() {
        assert_eq!(mask("+14155550142"), "…0142");
        assert_eq!(mask("0142"), "…");
        assert_eq!(mask(""), "…");
    }
}
