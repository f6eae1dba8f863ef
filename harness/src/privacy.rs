//! Phone numbers as they may be shown: the last four digits.

/// How many digits of a phone number may be shown.
const DIGITS_SHOWN: usize = 4;

/// A phone number as `…0142`. A shorter one is hidden whole.
pub fn mask(phone: &str) -> String {
    let hidden = phone.chars().count().saturating_sub(DIGITS_SHOWN);
    if hidden == 0 {
        return "…".to_owned();
    }
    format!("…{}", phone.chars().skip(hidden).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn four_digits_are_shown_and_never_a_whole_number() {
        assert_eq!(mask("+14155550142"), "…0142");
        assert_eq!(mask("0142"), "…");
        assert_eq!(mask(""), "…");
    }
}
