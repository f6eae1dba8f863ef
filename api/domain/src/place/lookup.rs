//! What the tables say of a phone number and of a postal code.
//!
//! **Invariant:** the whole area code decides, never the digits after it: numbers move within an area when
//! their owners do, so the rest of a number says nothing that is safe to rely on.
//! **Invariant:** a postal code is read only where it cannot be another country's: `10115` is New York beside
//! a number of the United States, and Berlin beside a German one.

use super::{Region, ZoneSet, tables};
use crate::limits::POSTAL_CODE_CHARS_MAX;
use std::sync::LazyLock;

/// The first area code there can be: the plan's codes begin with 2 to 9.
const AREA_CODE_FIRST: usize = 200;
/// Letters that postal codes of Canada never have: they are mistaken for digits, or for other letters.
const LETTERS_NEVER: &[u8] = b"DFIOQU";

/// What a row of the tables says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// Whose rules hold.
    pub(super) region: Option<Region>,
    /// The zones; none for a country that has more than a set holds.
    pub(super) zones: Option<ZoneSet>,
}

/// What a phone number says.
#[derive(Clone, Copy, Debug)]
pub(super) enum ByPhone {
    /// It belongs to North America (+1), and to this place if its area code is a place's: a toll-free
    /// number has none.
    NorthAmerican(Option<&'static Known>),
    /// It belongs to another country, this one if the tables have it.
    Foreign(Option<&'static Known>),
}

impl ByPhone {
    /// The place.
    pub(super) fn known(self) -> Option<&'static Known> {
        match self {
            Self::NorthAmerican(known) | Self::Foreign(known) => known,
        }
    }

    /// Whether a postal code beside it can be one of the United States or Canada: not beside a number of
    /// another country, the Dominican Republic among them, whose codes have five digits too.
    fn may_have_zip_code(self) -> bool {
        match self {
            Self::NorthAmerican(known) => known
                .and_then(|known| known.region)
                .is_none_or(|region| matches!(region.country(), "US" | "CA")),
            Self::Foreign(_) => false,
        }
    }
}

/// The rows of the tables, read once.
static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| tables::PLACES.iter().map(known).collect());

fn known((region, zones): &(&str, &[u16])) -> Known {
    let name = |at: &u16| tables::ZONES.get(usize::from(*at));
    // A test reads every name of the tables, so none is lost here.
    let zones = zones.iter().filter_map(name).filter_map(|name| name.parse().ok());
    Known { region: region.parse().ok(), zones: ZoneSet::new(zones).ok() }
}

/// The row that a table names; they count from one, and 0 is none.
fn row(number: u16) -> Option<&'static Known> {
    KNOWN.get(usize::from(number).checked_sub(1)?)
}

/// The row of `prefix` in a table sorted by prefix.
fn row_of(table: &'static [(&str, u16)], prefix: &str) -> Option<&'static Known> {
    let at = table.binary_search_by(|(candidate, _)| (*candidate).cmp(prefix)).ok()?;
    table.get(at).and_then(|(_, number)| row(*number))
}

/// What a phone number in E.164 says.
pub(super) fn by_phone(phone: &str) -> ByPhone {
    let digits = phone.strip_prefix('+').unwrap_or_default();
    match digits.strip_prefix('1') {
        Some(national) => ByPhone::NorthAmerican(by_area_code(national)),
        None => ByPhone::Foreign(by_calling_code(digits)),
    }
}

fn by_area_code(national: &str) -> Option<&'static Known> {
    let code: usize = national.get(..3)?.parse().ok()?;
    row(*tables::AREA_CODES.get(code.checked_sub(AREA_CODE_FIRST)?)?)
}

/// The longest prefix decides: Kazakhstan's 77 goes before Russia's 7.
fn by_calling_code(digits: &str) -> Option<&'static Known> {
    (1..=tables::CALLING_CODE_DIGITS_MAX)
        .rev()
        .find_map(|len| row_of(&tables::CALLING_CODES, digits.get(..len)?))
}

/// What a postal code says, beside a phone number that says `by_phone`.
pub(super) fn by_postal_code(text: &str, by_phone: ByPhone) -> Option<&'static Known> {
    if !by_phone.may_have_zip_code() {
        return None;
    }
    let text = text.trim().to_ascii_uppercase();
    zip_code(&text).map_or_else(|| by_canadian_code(&text), by_zip_code)
}

fn by_zip_code(zip: &str) -> Option<&'static Known> {
    row_of(&tables::ZIP_CODES, zip).or_else(|| {
        let first_three: usize = zip.get(..3)?.parse().ok()?;
        row(*tables::ZIP_PREFIXES.get(first_three)?)
    })
}

/// The five digits of a ZIP code, which may be followed by a dash and four more.
fn zip_code(text: &str) -> Option<&str> {
    let (zip, more) = text.split_once('-').map_or((text, None), |(zip, more)| (zip, Some(more)));
    let is = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    (is(zip, 5) && more.is_none_or(|more| is(more, 4))).then_some(zip)
}

/// The three characters of the area, else the letter of the province.
fn by_canadian_code(text: &str) -> Option<&'static Known> {
    let compact: String = text.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let fits = |(at, byte): (usize, u8)| match at % 2 {
        0 => byte.is_ascii_uppercase() && !LETTERS_NEVER.contains(&byte),
        _ => byte.is_ascii_digit(),
    };
    if compact.len() != 6 || !compact.bytes().enumerate().all(fits) {
        return None;
    }
    [3, 1].into_iter().find_map(|len| row_of(&tables::CANADA, compact.get(..len)?))
}

/// Whether a text can be kept as a postal code, of any country: letters, digits, spaces and dashes, at
/// most [`POSTAL_CODE_CHARS_MAX`], and not blank.
pub fn is_postal_code(text: &str) -> bool {
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'-');
    text.len() <= POSTAL_CODE_CHARS_MAX
        && text.bytes().all(is_plain)
        && text.bytes().any(|b| b.is_ascii_alphanumeric())
}
