//! What clocks show in a zone, worked out without the service: from chrono-tz, and for the zones in which its
//! data is out of date from `zones/drift.csv`, which Python's zoneinfo wrote from current tzdata.
//!
//! **Invariant:** nothing here asks `domain`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use chrono::{DateTime, NaiveDateTime, Offset as _, TimeDelta, TimeZone as _};

/// The offsets of the zones that drifted.
const DRIFT: &str = include_str!("../../zones/drift.csv");
/// What one line of it says: from this second on, so many seconds east.
type Since = (i64, i32);

static DRIFTED: LazyLock<BTreeMap<&'static str, Vec<Since>>> = LazyLock::new(|| {
    let mut zones: BTreeMap<&str, Vec<Since>> = BTreeMap::new();
    for line in DRIFT.lines().filter(|line| !line.starts_with('#')) {
        let mut parts = line.split(',');
        let (name, from, offset) = (parts.next(), parts.next(), parts.next());
        let from = from.and_then(|text| text.parse().ok());
        let offset = offset.and_then(|text| text.parse().ok());
        if let (Some(name), Some(from), Some(offset)) = (name, from, offset) {
            zones.entry(name).or_default().push((from, offset));
        }
    }
    zones
});

/// Where the numbers of an area code are, for codes that lie in one zone and for those that are known to be
/// split: the zones of the North American Numbering Plan's map of area codes. The others are not judged.
const AREAS: [(&str, &[&str]); 40] = [
    ("202", &["America/New_York"]),
    ("203", &["America/New_York"]),
    ("206", &["America/Los_Angeles"]),
    ("212", &["America/New_York"]),
    ("213", &["America/Los_Angeles"]),
    ("214", &["America/Chicago"]),
    ("215", &["America/New_York"]),
    ("303", &["America/Denver"]),
    ("305", &["America/New_York"]),
    ("310", &["America/Los_Angeles"]),
    ("312", &["America/Chicago"]),
    ("313", &["America/Detroit"]),
    ("314", &["America/Chicago"]),
    ("404", &["America/New_York"]),
    ("408", &["America/Los_Angeles"]),
    ("415", &["America/Los_Angeles"]),
    ("416", &["America/Toronto"]),
    ("504", &["America/Chicago"]),
    ("505", &["America/Denver"]),
    ("510", &["America/Los_Angeles"]),
    ("514", &["America/Toronto"]),
    ("602", &["America/Phoenix"]),
    ("604", &["America/Vancouver"]),
    ("612", &["America/Chicago"]),
    ("617", &["America/New_York"]),
    ("619", &["America/Los_Angeles"]),
    ("646", &["America/New_York"]),
    ("702", &["America/Los_Angeles"]),
    ("713", &["America/Chicago"]),
    ("718", &["America/New_York"]),
    ("720", &["America/Denver"]),
    ("773", &["America/Chicago"]),
    ("801", &["America/Denver"]),
    ("808", &["Pacific/Honolulu"]),
    ("816", &["America/Chicago"]),
    ("850", &["America/Chicago", "America/New_York"]),
    ("901", &["America/Chicago"]),
    ("907", &["America/Anchorage", "America/Adak"]),
    ("917", &["America/New_York"]),
    ("972", &["America/Chicago"]),
];

/// The zones of a phone's area code, if they are known.
pub(super) fn of_phone(phone: &str) -> Option<&'static [&'static str]> {
    let area = phone.strip_prefix("+1")?.get(..3)?;
    AREAS.iter().find(|(known, _)| *known == area).map(|(_, zones)| *zones)
}

/// How far east of UTC the clocks of a zone are at an instant, in milliseconds; none for a zone nobody knows.
fn offset_ms(zone: &str, at_ms: i64) -> Option<i64> {
    let drifted = DRIFTED.get(zone).and_then(|offsets| {
        let seconds = at_ms.div_euclid(1_000);
        let after = offsets.partition_point(|(from, _)| *from <= seconds);
        offsets.get(after.checked_sub(1)?)
    });
    if let Some((_, offset)) = drifted {
        return Some(i64::from(*offset).saturating_mul(1_000));
    }
    let zone: chrono_tz::Tz = zone.parse().ok()?;
    let at = DateTime::from_timestamp_millis(at_ms)?.naive_utc();
    let offset = zone.offset_from_utc_datetime(&at).fix().local_minus_utc();
    Some(i64::from(offset).saturating_mul(1_000))
}

/// What a clock in the zone shows at an instant.
pub(super) fn local(zone: &str, at_ms: i64) -> Option<NaiveDateTime> {
    let shown_ms = at_ms.checked_add(offset_ms(zone, at_ms)?)?;
    DateTime::from_timestamp_millis(shown_ms).map(|at| at.naive_utc())
}

/// The instant at which a clock in the zone shows `local`: the first of two; and where the clocks jump over
/// it, as long after the jump as it would have been after.
pub(super) fn instant_ms(zone: &str, local: NaiveDateTime) -> Option<i64> {
    let shown_ms = local.and_utc().timestamp_millis();
    let day_ms = TimeDelta::days(1).num_milliseconds();
    let before = offset_ms(zone, shown_ms.checked_sub(day_ms)?)?;
    let after = offset_ms(zone, shown_ms.checked_add(day_ms)?)?;
    let fits = |offset: &i64| offset_ms(zone, shown_ms - offset) == Some(*offset);
    // The greater offset is the earlier instant.
    let offset = [before.max(after), before.min(after)].into_iter().find(fits).unwrap_or(before);
    shown_ms.checked_sub(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp_millis()
    }

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn clocks_show_what_they_show() {
        let cases = [
            ("America/New_York", "2026-07-01T12:00:00Z", "2026-07-01T08:00:00"),
            ("America/New_York", "2026-12-01T12:00:00Z", "2026-12-01T07:00:00"),
            ("Asia/Kathmandu", "2026-12-01T12:00:00Z", "2026-12-01T17:45:00"),
            // British Columbia stays on summer time from 2026 on, and Morocco on UTC.
            ("America/Vancouver", "2026-12-01T12:00:00Z", "2026-12-01T05:00:00"),
            ("Africa/Casablanca", "2026-12-01T12:00:00Z", "2026-12-01T12:00:00"),
        ];
        for (zone, at, shown) in cases {
            assert_eq!(local(zone, ms(at)), Some(wall(shown)), "{zone} {at}");
            assert_eq!(instant_ms(zone, wall(shown)), Some(ms(at)), "{zone} {shown}");
        }
        assert_eq!(local("Mars/Olympus", 0), None);
    }

    #[test]
    fn a_gap_moves_forward_and_of_two_the_first_counts() {
        let zone = "America/New_York";
        let gap = instant_ms(zone, wall("2026-03-08T02:30:00"));
        assert_eq!(gap, Some(ms("2026-03-08T07:30:00Z")));
        let fold = instant_ms(zone, wall("2026-11-01T01:30:00"));
        assert_eq!(fold, Some(ms("2026-11-01T05:30:00Z")));
    }

    /// A zone may differ from its last change on.
    const YEAR_S: i64 = 366 * 24 * 3_600;

    /// Goal: the list of zones that drifted is still needed. Method: chrono-tz disagrees with each somewhere.
    #[test]
    fn every_zone_of_the_list_drifted() {
        assert_eq!(DRIFTED.len(), 15);
        for (name, offsets) in DRIFTED.iter() {
            let zone: chrono_tz::Tz = name.parse().unwrap();
            let (first, last) = (offsets[0].0, offsets[offsets.len() - 1].0);
            let differs = (first..last + YEAR_S).step_by(3_600).any(|at| {
                let naive = DateTime::from_timestamp(at, 0).unwrap().naive_utc();
                let plain = zone.offset_from_utc_datetime(&naive).fix().local_minus_utc();
                offset_ms(name, at * 1_000) != Some(i64::from(plain) * 1_000)
            });
            assert!(differs, "{name}");
        }
    }

    #[test]
    fn every_area_has_zones_that_exist() {
        for (area, zones) in AREAS {
            assert_eq!(of_phone(&format!("+1{area}5550100")), Some(zones));
            assert!(zones.iter().all(|zone| zone.parse::<chrono_tz::Tz>().is_ok()), "{area}");
        }
        assert_eq!(of_phone("+442079460000"), None);
    }
}
