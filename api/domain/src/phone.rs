//! Phone numbers in E.164.
//!
//! **Invariant:** a [`PhoneNumber`] prints in full only through [`PhoneNumber::as_str`]; `Debug` and
//! `Display` are masked, so that no log can carry one by accident.

use std::fmt;

/// The longest E.164 number, in digits.
const DIGITS_MAX: usize = 15;
/// The shortest number taken: country code and subscriber number.
const DIGITS_MIN: usize = 7;
/// Digits of a North American number, its country code 1 included.
const NANP_DIGITS: usize = 11;
/// Digits left readable at the end of a masked number.
const MASK_SHOWN: usize = 2;
/// What stands for a hidden digit.
const MASK: char = '•';

/// A phone number in E.164: `+` and digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber(String);

/// Text that is not a phone number in E.164.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number in E.164 form, such as +14155550100")]
pub struct InvalidPhoneNumber;

impl PhoneNumber {
    /// Reads E.164 and nothing looser. A North American number (+1) must have an area code and an exchange
    /// that begin with 2 to 9, as its numbering plan demands.
    pub fn parse(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let digits = text.strip_prefix('+').ok_or(InvalidPhoneNumber)?.as_bytes();
        let fits = (DIGITS_MIN..=DIGITS_MAX).contains(&digits.len());
        if !fits || !digits.iter().all(u8::is_ascii_digit) || digits.first() == Some(&b'0') {
            return Err(InvalidPhoneNumber);
        }
        if digits.first() == Some(&b'1') {
            let begins = |at: usize| digits.get(at).is_some_and(|d| (b'2'..=b'9').contains(d));
            if digits.len() != NANP_DIGITS || !begins(1) || !begins(4) {
                return Err(InvalidPhoneNumber);
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// Reads a number as aggregators write it of inbound texts: E.164, perhaps without its `+`, perhaps
    /// with spaces, dots, dashes or brackets. Fewer than eleven digits without a `+` could be a local
    /// number, and are not guessed at.
    pub fn normalize(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let is_filler = |c: char| c.is_whitespace() || matches!(c, '-' | '.' | '(' | ')');
        let compact: String = text.chars().filter(|c| !is_filler(*c)).collect();
        if compact.starts_with('+') {
            return Self::parse(&compact);
        }
        if compact.len() < NANP_DIGITS {
            return Err(InvalidPhoneNumber);
        }
        Self::parse(&format!("+{compact}"))
    }

    /// The number in full: for the database, the aggregator and callers who may see it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a North American toll-free number: its texts go through an exclusive aggregator.
    pub fn is_toll_free(&self) -> bool {
        self.0.get(..5).is_some_and(|start| TOLL_FREE.contains(&start))
    }

    /// The number with all but its country code and last two digits hidden: `+1••••••••00`.
    pub fn masked(&self) -> String {
        let digits = self.0.get(1..).unwrap_or_default();
        let shown = country_code_len(digits);
        let hidden = digits.len().saturating_sub(shown + MASK_SHOWN);
        let mut text = String::from("+");
        for (at, digit) in digits.char_indices() {
            let is_hidden = at >= shown && at < shown + hidden;
            text.push(if is_hidden { MASK } else { digit });
        }
        text
    }
}

/// How many digits a country code takes: 1 and 7 stand alone, the two-digit codes are those assigned by
/// ITU-T E.164, and all others have three.
fn country_code_len(digits: &str) -> usize {
    let two = digits.get(..2).unwrap_or_default();
    match digits.as_bytes().first() {
        Some(b'1' | b'7') => 1,
        _ if TWO_DIGIT_CODES.contains(&two) => 2,
        _ => 3,
    }
}

/// What toll-free numbers of North America begin with: the codes assigned, and 822, which is reserved.
const TOLL_FREE: [&str; 8] =
    ["+1800", "+1822", "+1833", "+1844", "+1855", "+1866", "+1877", "+1888"];

const TWO_DIGIT_CODES: [&str; 43] = [
    "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46", "47",
    "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63", "64", "65",
    "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95",
];

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_e164_is_taken() {
        for good in ["+14155550100", "+442079460958", "+4930123456", "+61491570156", "+3725550100"]
        {
            assert_eq!(
                PhoneNumber::parse(good).map(|p| p.as_str().to_owned()),
                Ok(good.to_owned())
            );
        }
        for bad in [
            "",
            "+",
            "14155550100",
            "+1415555010",
            "+141555501000",
            "+10155550100",
            "+14151550100",
            "+1 415 555 0100",
            "+04155550100",
            "+1234567890123456",
            "+1415555010a",
            "+٤١٥٥٥٥٠١٠٠٠",
            "+123456",
        ] {
            assert_eq!(PhoneNumber::parse(bad), Err(InvalidPhoneNumber), "{bad}");
        }
    }

    #[test]
    fn a_number_is_read_as_aggregators_write_it() {
        for text in ["+14155550142", "14155550142", "+1 (415) 555-0142", "1.415.555.0142"] {
            assert_eq!(
                PhoneNumber::normalize(text).map(|p| p.as_str().to_owned()).unwrap(),
                "+14155550142"
            );
        }
        for text in ["4155550142", "", "shop", "+1415"] {
            assert_eq!(PhoneNumber::normalize(text), Err(InvalidPhoneNumber), "{text}");
        }
    }

    #[test]
    fn toll_free_numbers_are_told_apart() {
        let is_toll_free = |text| PhoneNumber::parse(text).unwrap().is_toll_free();
        for free in ["+18005550100", "+18335550100", "+18885550100"] {
            assert!(is_toll_free(free), "{free}");
        }
        for not in ["+14155550100", "+18995550100", "+18015550100", "+8005550100"] {
            assert!(!is_toll_free(not), "{not}");
        }
    }

    #[test]
    fn a_number_never_prints_in_full() {
        let masked = |text| PhoneNumber::parse(text).unwrap().masked();
        assert_eq!(masked("+14155550100"), "+1••••••••00");
        assert_eq!(masked("+442079460958"), "+44••••••••58");
        assert_eq!(masked("+3725550100"), "+372•••••00");
        let phone = PhoneNumber::parse("+14155550142").unwrap();
        assert_eq!(format!("{phone} {phone:?}"), "+1••••••••42 +1••••••••42");
    }
}
