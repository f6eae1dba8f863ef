//! The hours in which the law of a place lets texts leave, as a table of its own: read from the statutes that
//! the rule packs name, and not from the packs.
//!
//! **Invariant:** a place or a day that is not in the table is not judged.

use chrono::{Datelike as _, NaiveDateTime, Timelike as _, Weekday};

/// From 2026 on every law of the table binds; some began in the years before.
const BINDS_FROM_YEAR: i32 = 2026;

/// The hours of a day, the last not included.
type Open = Option<(u32, u32)>;

/// One law: the pack's code, the region it protects (none for the whole of the United States and for whoever
/// nobody knows the place of), and when texts may leave from Monday to Friday, on Saturday and on Sunday.
struct Law {
    pack: &'static str,
    region: Option<&'static str>,
    week: [Open; 3],
}

const fn law(pack: &'static str, region: Option<&'static str>, week: [Open; 3]) -> Law {
    Law { pack, region, week }
}

const FROM_8_TO_20: [Open; 3] = [Some((8, 20)); 3];
const NO_SUNDAY: [Open; 3] = [Some((8, 20)), Some((8, 20)), None];

const LAWS: [Law; 13] = [
    law("us_federal", None, [Some((8, 21)); 3]),
    law("us_al", Some("US-AL"), NO_SUNDAY),
    law("us_ct", Some("US-CT"), [Some((9, 20)); 3]),
    law("us_fl", Some("US-FL"), FROM_8_TO_20),
    law("us_la", Some("US-LA"), NO_SUNDAY),
    law("us_md", Some("US-MD"), FROM_8_TO_20),
    law("us_ms", Some("US-MS"), NO_SUNDAY),
    law("us_nj", Some("US-NJ"), FROM_8_TO_20),
    law("us_ok", Some("US-OK"), FROM_8_TO_20),
    law("us_ri", Some("US-RI"), [Some((9, 18)), Some((10, 17)), Some((10, 17))]),
    law("us_tx", Some("US-TX"), [Some((9, 21)), Some((9, 21)), Some((12, 21))]),
    law("us_va", Some("US-VA"), [Some((8, 21)); 3]),
    law("us_wa", Some("US-WA"), FROM_8_TO_20),
];

/// The first of the packs that forbids a text to somebody of `region` whose clock shows `local`.
pub(super) fn forbids(
    packs: &[String],
    region: Option<&str>,
    local: NaiveDateTime,
) -> Option<&'static str> {
    let hour = local.hour();
    let day = match local.weekday() {
        Weekday::Sat => 1,
        Weekday::Sun => 2,
        _ => 0,
    };
    let binding = LAWS.iter().filter(|law| packs.iter().any(|pack| pack == law.pack));
    let mut covering = binding.filter(|law| match (law.region, region) {
        (Some(place), region) => region == Some(place),
        (None, Some(region)) => region.starts_with("US-"),
        (None, None) => true,
    });
    if local.year() < BINDS_FROM_YEAR {
        return None;
    }
    let is_closed = |law: &&Law| {
        let open = law.week.get(day).copied().flatten();
        open.is_none_or(|(from, until)| hour < from || hour >= until)
    };
    covering.find(is_closed).map(|law| law.pack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_law_holds_in_its_place() {
        let packs = ["us_federal".to_owned(), "us_tx".to_owned()];
        let says = |region, local: &str| forbids(&packs, region, local.parse().unwrap());
        // A Sunday morning.
        assert_eq!(says(Some("US-TX"), "2026-11-29T11:59:59"), Some("us_tx"));
        assert_eq!(says(Some("US-TX"), "2026-11-29T12:00:00"), None);
        assert_eq!(says(Some("US-NY"), "2026-11-29T11:00:00"), None);
        assert_eq!(says(None, "2026-11-29T21:00:00"), Some("us_federal"));
        assert_eq!(says(Some("CA-ON"), "2026-11-29T03:00:00"), None);
        assert_eq!(says(Some("US-TX"), "2025-11-30T11:00:00"), None);
    }
}
