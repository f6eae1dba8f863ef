//! Where a subscriber is taken to be: which zones their clock may show, and which region's rules hold.
//!
//! A phone number says where it was given out, not where its owner is, and one area code can reach into
//! two zones. So the answer is a *set* of zones with its source: whoever sends must wait until every zone
//! of the set is open, and reads a local time in the first, the *principal* one.
//!
//! The facts stand in `api/domain/data/*.csv`, one file a kind of clue, each with a word on where they are
//! published; `tables` is those files in a form that is looked up without parsing.
//!
//! **Invariant:** a set has at least one zone and at most [`ZONES_MAX`], the principal one first, none twice.
//! **Invariant:** the zones come from the best clue that says anything; clues are never mixed.

use crate::zone::{InvalidZone, Zone};
use std::{fmt, str::FromStr};

mod lookup;
mod tables;
#[cfg(test)]
mod tests;

pub use lookup::is_postal_code;

/// Zones of one set: the most that an area code, postal code or country of the tables spans is seven.
pub const ZONES_MAX: usize = 8;
/// Characters of a region's code: a country's two, a dash, and up to three (ISO 3166-2).
const REGION_BYTES_MAX: usize = 6;

crate::codes! {
    /// What says which zones a subscriber is in, the best first.
    pub enum TimeZoneSource {
        /// It was given.
        Explicit = "explicit",
        /// It was seen, such as by the browser at sign-up.
        Observed = "observed",
        /// The postal code.
        PostalCode = "postal_code",
        /// The area code or country of the phone number.
        PhonePrefix = "phone_prefix",
        /// Nothing does, so the site's own zone is used.
        Site = "site",
    }
}

crate::codes! {
    /// How sure the zone is.
    pub enum Confidence {
        /// It was given, or the postal code lies in a single zone.
        High = "high",
        /// It was seen, or the phone number's area has a single zone.
        Medium = "medium",
        /// One of several, or the site's.
        Low = "low",
    }
}

impl Confidence {
    /// How sure zones from `source` are.
    pub fn of(source: TimeZoneSource, zones: &ZoneSet) -> Self {
        match source {
            TimeZoneSource::Explicit => Self::High,
            TimeZoneSource::Site => Self::Low,
            _ if zones.zones().len() > 1 => Self::Low,
            TimeZoneSource::PostalCode => Self::High,
            TimeZoneSource::Observed | TimeZoneSource::PhonePrefix => Self::Medium,
        }
    }
}

/// Zones that a clock may show, the principal one first.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ZoneSet {
    /// Unused places hold the principal zone again, so that equal sets are equal arrays.
    zones: [Zone; ZONES_MAX],
    count: usize,
}

/// What is not a set of zones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidZoneSet {
    /// No zone.
    #[error("a set of zones needs at least one")]
    Empty,
    /// More than [`ZONES_MAX`].
    #[error("a set of zones has at most {ZONES_MAX}")]
    TooMany,
    /// A name that is no zone.
    #[error("a set of zones holds an unknown one")]
    Zone(#[from] InvalidZone),
}

impl ZoneSet {
    /// These zones, the first as the principal one; repeats count once.
    pub fn new(zones: impl IntoIterator<Item = Zone>) -> Result<Self, InvalidZoneSet> {
        let mut rest = zones.into_iter();
        let mut set = Self::from(rest.next().ok_or(InvalidZoneSet::Empty)?);
        for zone in rest {
            if !set.zones().contains(&zone) {
                *set.zones.get_mut(set.count).ok_or(InvalidZoneSet::TooMany)? = zone;
                set.count += 1;
            }
        }
        Ok(set)
    }

    /// The zones, the principal one first: one to [`ZONES_MAX`].
    pub fn zones(&self) -> &[Zone] {
        self.zones.get(..self.count).unwrap_or(&self.zones)
    }

    /// The zone that local times are read in: where most people of the area live.
    pub fn principal(&self) -> Zone {
        let [principal, ..] = self.zones;
        principal
    }
}

impl From<Zone> for ZoneSet {
    fn from(zone: Zone) -> Self {
        Self { zones: [zone; ZONES_MAX], count: 1 }
    }
}

impl FromStr for ZoneSet {
    type Err = InvalidZoneSet;

    /// Reads names with spaces between, as rows hold them.
    fn from_str(text: &str) -> Result<Self, InvalidZoneSet> {
        let zones: Result<Vec<Zone>, _> = text.split_whitespace().map(str::parse).collect();
        Self::new(zones?)
    }
}

impl fmt::Display for ZoneSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, zone) in self.zones().iter().enumerate() {
            write!(f, "{}{zone}", if at == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for ZoneSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

/// A country or a part of one, in ISO 3166: `US-FL`, `CA-ON`, `JM`. The territories of the United States
/// are parts of it (`US-PR`). Where two provinces share an area code it is the country alone (`CA`).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Region {
    bytes: [u8; REGION_BYTES_MAX],
    len: usize,
}

/// Countries that a site texts, by their ISO 3166-1 codes. None at all means every one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Countries(Vec<Region>);

/// Whether there is a country of this ISO 3166-1 code, as the standard has them in 2026.
pub fn is_country(code: &str) -> bool {
    /// Letters of a code.
    const LETTERS: usize = 2;
    code.len() == LETTERS && COUNTRIES.split_ascii_whitespace().any(|known| known == code)
}

const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ \
    BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE \
    DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR \
    GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP \
    KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT \
    MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
    TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// Text that is not a list of countries.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a country's code, such as US")]
pub struct InvalidCountry(pub String);

impl Countries {
    /// Whether numbers of this region are texted. Where only some countries are, a number that tells of
    /// none is not.
    pub fn serve(&self, region: Option<Region>) -> bool {
        self.0.is_empty()
            || region.is_some_and(|region| {
                self.0.iter().any(|served| served.country() == region.country())
            })
    }

    /// The codes, in the order given.
    pub fn codes(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Region::as_str)
    }
}

impl FromStr for Countries {
    type Err = InvalidCountry;

    /// Reads codes with spaces or commas between.
    fn from_str(text: &str) -> Result<Self, InvalidCountry> {
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        let read = |word: &str| {
            let region = word.parse::<Region>().ok().filter(|known| known.subdivision().is_none());
            region.ok_or_else(|| InvalidCountry(word.to_owned()))
        };
        words.map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Countries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.codes().collect::<Vec<_>>().join(" "))
    }
}

/// The region that a phone number tells of, whatever else is known of its holder.
pub fn region_of_phone(phone: &str) -> Option<Region> {
    lookup::by_phone(phone).known().and_then(|known| known.region)
}

/// Text that is not the code of a region.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a region's code, such as US-FL")]
pub struct InvalidRegion(pub String);

impl Region {
    /// The code.
    pub fn as_str(&self) -> &str {
        // Only ASCII is ever taken in, so this is always text.
        self.bytes.get(..self.len).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// The country's two letters.
    pub fn country(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }

    /// What follows the country: a state's or province's letters, `FL`.
    pub fn subdivision(&self) -> Option<&str> {
        self.as_str().get(3..)
    }
}

impl FromStr for Region {
    type Err = InvalidRegion;

    fn from_str(text: &str) -> Result<Self, InvalidRegion> {
        let invalid = || InvalidRegion(text.to_owned());
        let (country, part) = text.split_once('-').map_or((text, None), |(c, p)| (c, Some(p)));
        let is_country = country.len() == 2 && country.bytes().all(|b| b.is_ascii_uppercase());
        let is_part = part.is_none_or(|part| {
            (1..=3).contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        if !is_country || !is_part {
            return Err(invalid());
        }
        let mut bytes = [0; REGION_BYTES_MAX];
        bytes.get_mut(..text.len()).ok_or_else(invalid)?.copy_from_slice(text.as_bytes());
        Ok(Self { bytes, len: text.len() })
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// All that is known of where a subscriber is.
#[derive(Clone, Copy, Debug)]
pub struct Clues<'a> {
    /// A zone that was given.
    pub explicit: Option<Zone>,
    /// A zone that was seen.
    pub observed: Option<Zone>,
    /// A postal code, as it was given; what is not one of the United States or Canada says nothing.
    pub postal_code: Option<&'a str>,
    /// The phone number in E.164.
    pub phone: &'a str,
}

/// Where a subscriber is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The zones that the clock may show.
    pub zones: ZoneSet,
    /// What says so.
    pub source: TimeZoneSource,
    /// How sure that is.
    pub confidence: Confidence,
    /// Whose rules hold; none where nothing tells.
    pub region: Option<Region>,
}

impl Place {
    /// A place as it was found before.
    pub fn new(zones: ZoneSet, source: TimeZoneSource, region: Option<Region>) -> Self {
        Self { zones, source, confidence: Confidence::of(source, &zones), region }
    }
}

/// Where somebody is taken to be: the zones of the best clue that says anything, in the order of
/// [`TimeZoneSource`]; the region of the postal code, else of the phone number, whatever the zones come
/// from. `site` is the zone of the site, used when no clue says any.
pub fn locate(clues: &Clues<'_>, site: Zone) -> Place {
    let by_phone = lookup::by_phone(clues.phone);
    let by_postal_code = clues.postal_code.and_then(|code| lookup::by_postal_code(code, by_phone));
    let known = [
        (TimeZoneSource::Explicit, clues.explicit.map(ZoneSet::from)),
        (TimeZoneSource::Observed, clues.observed.map(ZoneSet::from)),
        (TimeZoneSource::PostalCode, by_postal_code.and_then(|known| known.zones)),
        (TimeZoneSource::PhonePrefix, by_phone.known().and_then(|known| known.zones)),
    ];
    let best = known.into_iter().find_map(|(source, zones)| zones.map(|zones| (source, zones)));
    let (source, zones) = best.unwrap_or((TimeZoneSource::Site, ZoneSet::from(site)));
    let region = by_postal_code.or(by_phone.known()).and_then(|known| known.region);
    Place::new(zones, source, region)
}
