//! The rules of quiet hours by example; every zone and every half hour are in `every_zone`.

mod every_zone;

use super::*;

fn at(text: &str) -> Instant {
    text.parse().unwrap()
}

fn quiet(start: &str, end: &str) -> QuietHours {
    QuietHours::new(start.parse().unwrap(), end.parse().unwrap()).unwrap()
}

fn zones(names: &str) -> Vec<Zone> {
    names.split(' ').map(|name| name.parse().unwrap()).collect()
}

/// A site with quiet hours and no law.
fn site(start: &str, end: &str) -> Curfew {
    Curfew::new(&[quiet(start, end)], None, RulePacks::NONE, None)
}

/// The law of one region alone.
fn law(region: &str) -> Curfew {
    Curfew::new(&[], None, RulePacks::ALL, Some(region.parse().unwrap()))
}

#[track_caller]
fn check(curfew: &Curfew, names: &str, due: &str, expected: &str) {
    check_named("", curfew, (names, due, expected));
}

#[track_caller]
fn check_named(vector: &str, curfew: &Curfew, (names, due, expected): (&str, &str, &str)) {
    let opening = curfew.first_open(at(due), &zones(names));
    assert_eq!(opening.at, Some(at(expected)), "{vector} {names} {due}");
    assert_eq!(opening.held_by.is_some(), at(due) != at(expected), "{vector} {names} {due}");
}

/// Q1 to Q12 of the golden vectors.
#[test]
fn golden_vectors() {
    let night = site("20:00:00", "09:00:00");
    let new_york = "America/New_York";
    let split = "America/New_York America/Chicago";
    for (vector, names, due, expected) in [
        ("Q1", new_york, "2026-06-10T23:30:00Z", "2026-06-10T23:30:00Z"),
        ("Q2", new_york, "2026-06-11T00:00:00Z", "2026-06-11T13:00:00Z"),
        ("Q3", new_york, "2026-06-11T12:59:59Z", "2026-06-11T13:00:00Z"),
        ("Q4", new_york, "2026-06-11T13:00:00Z", "2026-06-11T13:00:00Z"),
        ("Q5", new_york, "2026-03-08T04:00:00Z", "2026-03-08T13:00:00Z"),
        ("Q6, first", new_york, "2026-11-01T05:30:00Z", "2026-11-01T14:00:00Z"),
        ("Q6, second", new_york, "2026-11-01T06:30:00Z", "2026-11-01T14:00:00Z"),
        ("Q8", split, "2026-06-10T12:30:00Z", "2026-06-10T14:00:00Z"),
        ("Q9", split, "2026-06-11T00:00:00Z", "2026-06-11T14:00:00Z"),
        ("Q11", "Asia/Kolkata", "2026-06-10T22:00:00Z", "2026-06-11T03:30:00Z"),
        ("Q12", "Pacific/Honolulu", "2026-06-10T16:00:00Z", "2026-06-10T19:00:00Z"),
    ] {
        check_named(vector, &night, (names, due, expected));
    }
    let in_gap = (new_york, "2026-03-08T04:00:00Z", "2026-03-08T07:00:00Z");
    check_named("Q7", &site("22:00:00", "02:30:00"), in_gap);
    let texas: RulePacks = "us_tx".parse().unwrap();
    let sunday = Curfew::new(&[quiet("21:00:00", "09:00:00")], None, texas, "US-TX".parse().ok());
    let before_noon = ("America/Chicago", "2026-06-14T15:00:00Z", "2026-06-14T17:00:00Z");
    check_named("Q10", &sunday, before_noon);
}

/// Once quiet began it does not break off when the clock goes back, at either edge.
#[test]
fn a_clock_that_goes_back_does_not_open_the_night() {
    let new_york = "America/New_York";
    // 01:30 EDT begins the night; 01:15 EST, 45 minutes later, is in it.
    let late = site("01:30:00", "08:00:00");
    check(&late, new_york, "2026-11-01T05:29:59Z", "2026-11-01T05:29:59Z");
    check(&late, new_york, "2026-11-01T05:30:00Z", "2026-11-01T13:00:00Z");
    check(&late, new_york, "2026-11-01T06:15:00Z", "2026-11-01T13:00:00Z");
    // 01:30 EDT does not end the night; 01:30 EST does.
    let early = site("22:00:00", "01:30:00");
    check(&early, new_york, "2026-11-01T05:45:00Z", "2026-11-01T06:30:00Z");
    check(&early, new_york, "2026-11-01T06:30:00Z", "2026-11-01T06:30:00Z");
}

/// A window that a gap swallows whole is never closed, one that a gap opens in is closed up to its end.
#[test]
fn a_gap_is_passed_in_one_step() {
    let new_york = "America/New_York";
    let swallowed = site("02:10:00", "02:50:00");
    check(&swallowed, new_york, "2026-03-08T06:59:59Z", "2026-03-08T06:59:59Z");
    check(&swallowed, new_york, "2026-03-08T07:00:00Z", "2026-03-08T07:00:00Z");
    let begun_in_it = site("02:30:00", "04:00:00");
    check(&begun_in_it, new_york, "2026-03-08T06:59:59Z", "2026-03-08T06:59:59Z");
    check(&begun_in_it, new_york, "2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z");
    let closing = swallowed.closes_at(at("2026-03-08T06:00:00Z"), &zones(new_york));
    assert_eq!(closing, Some(at("2026-03-09T06:10:00Z")), "the next day's");
}

/// A date that a zone skips altogether has neither an opening nor a closing.
#[test]
fn a_day_that_never_was() {
    // Samoa went from Thursday 29 December 2011 straight to Saturday.
    let night = site("20:00:00", "09:00:00");
    check(&night, "Pacific/Apia", "2011-12-30T08:00:00Z", "2011-12-30T19:00:00Z");
    let noon = site("12:00:00", "13:00:00");
    let closing = noon.closes_at(at("2011-12-30T02:00:00Z"), &zones("Pacific/Apia"));
    assert_eq!(closing, Some(at("2011-12-30T22:00:00Z")));
}

#[test]
fn the_rule_that_opens_last_is_named_and_the_law_before_the_site() {
    let packs = RulePacks::ALL;
    let named = |curfew: &Curfew, due: &str| {
        curfew.first_open(at(due), &zones("America/New_York")).held_by.map(HeldBy::as_str)
    };
    let florida = "US-FL".parse().ok();
    // The site opens at nine, the law at eight.
    let later = Curfew::new(&[quiet("20:00:00", "09:00:00")], None, packs, florida);
    assert_eq!(named(&later, "2026-06-11T00:30:00Z"), Some("site_quiet_hours"));
    // Both open at eight: the law's name stands, and the state's before the federal one.
    let same = Curfew::new(&[quiet("20:00:00", "08:00:00")], None, packs, florida);
    assert_eq!(named(&same, "2026-06-11T00:30:00Z"), Some("us_fl"));
    assert_eq!(named(&same, "2026-06-11T02:30:00Z"), Some("us_fl"));
    // A campaign's own window is named when it opens last, and yields to the site's when it does not.
    let own = |own: QuietHours| {
        Curfew::new(&[quiet("20:00:00", "09:00:00")], Some(own), RulePacks::NONE, None)
    };
    let due = "2026-06-11T00:30:00Z";
    assert_eq!(named(&own(quiet("20:00:00", "10:00:00")), due), Some("campaign_quiet_hours"));
    assert_eq!(named(&own(quiet("20:00:00", "09:00:00")), due), Some("site_quiet_hours"));
    // At 19:30 only the campaign's window holds, though the site's takes over at eight.
    let chained = own(quiet("19:00:00", "21:00:00"));
    let opening = chained.first_open(at("2026-06-10T23:30:00Z"), &zones("America/New_York"));
    assert_eq!(opening.held_by, Some(HeldBy::CampaignQuietHours));
    assert_eq!(opening.at, Some(at("2026-06-11T13:00:00Z")));
}

#[test]
fn a_stricter_setting_since_activation_binds_too() {
    let (frozen, current) = (quiet("20:00:00", "09:00:00"), quiet("18:00:00", "08:00:00"));
    let both = Curfew::new(&[frozen, current], None, RulePacks::NONE, None);
    check(&both, "America/New_York", "2026-06-10T22:30:00Z", "2026-06-11T13:00:00Z");
    let off = Curfew::new(&[frozen.switched(false)], None, RulePacks::NONE, None);
    check(&off, "America/New_York", "2026-06-11T02:30:00Z", "2026-06-11T02:30:00Z");
}

#[test]
fn the_law_by_state() {
    let new_york = "America/New_York";
    // Saturday 20:30 in Alabama waits for Monday, in New York state for nothing.
    check(&law("US-AL"), "America/Chicago", "2026-06-14T01:30:00Z", "2026-06-15T13:00:00Z");
    check(&law("US-NY"), new_york, "2026-06-14T00:30:00Z", "2026-06-14T00:30:00Z");
    check(&law("US-NY"), new_york, "2026-06-14T01:00:00Z", "2026-06-14T12:00:00Z");
    // Rhode Island: Friday 18:00 waits for Saturday 10:00, Sunday 17:00 for Monday 09:00.
    check(&law("US-RI"), new_york, "2026-06-12T22:00:00Z", "2026-06-13T14:00:00Z");
    check(&law("US-RI"), new_york, "2026-06-14T21:00:00Z", "2026-06-15T13:00:00Z");
    // The weekday is the recipient's: Sunday morning in Chicago while it is noon in London.
    check(&law("US-TX"), "America/Chicago", "2026-06-14T16:59:59Z", "2026-06-14T17:00:00Z");
    check(&law("US-TX"), "America/Denver", "2026-06-14T17:00:00Z", "2026-06-14T18:00:00Z");
    // No law of ours reaches Ontario.
    check(&law("CA-ON"), "America/Toronto", "2026-06-14T06:00:00Z", "2026-06-14T06:00:00Z");
}

#[test]
fn a_pack_binds_from_its_day_on() {
    let texas: RulePacks = "us_tx".parse().unwrap();
    let texas = Curfew::new(&[], None, texas, "US-TX".parse().ok());
    let chicago = "America/Chicago";
    // 1 September 2025 is a Monday: the night before it is free up to midnight.
    check(&texas, chicago, "2025-08-31T07:00:00Z", "2025-08-31T07:00:00Z");
    check(&texas, chicago, "2025-09-01T04:59:59Z", "2025-09-01T04:59:59Z");
    check(&texas, chicago, "2025-09-01T05:00:00Z", "2025-09-01T14:00:00Z");
    let closing = texas.closes_at(at("2025-08-31T15:00:00Z"), &zones(chicago));
    assert_eq!(closing, Some(at("2025-09-01T05:00:00Z")));
    // A pack without Sundays whose day is a Monday: the Sunday before it is free, its night is not.
    let mut rule = Rule::law(RulePack::Alabama);
    rule.since_ms = Some(at("2025-09-01T00:00:00Z").timestamp_millis());
    let alabama = Curfew { rules: vec![rule] };
    check(&alabama, chicago, "2025-08-31T15:00:00Z", "2025-08-31T15:00:00Z");
    let closing = alabama.closes_at(at("2025-08-31T15:00:00Z"), &zones(chicago));
    assert_eq!(closing, Some(at("2025-09-01T05:00:00Z")));
}

#[test]
fn windows_that_are_never_open_together_say_so() {
    let due = at("2026-06-10T16:00:00Z");
    // Open for one minute a day, and never the same one in two zones.
    let minute = site("09:00:00", "08:59:00");
    check(&minute, "America/New_York", "2026-06-10T16:00:00Z", "2026-06-11T12:59:00Z");
    let opening = minute.first_open(due, &zones("America/New_York America/Chicago"));
    assert_eq!(opening, Opening { at: None, held_by: Some(HeldBy::SiteQuietHours) });
    // A site that sends in the small hours, in a state that forbids them.
    let small_hours = [quiet("06:00:00", "01:00:00")];
    let forbidden = Curfew::new(&small_hours, None, RulePacks::ALL, "US-FL".parse().ok());
    assert_eq!(forbidden.first_open(due, &zones("America/New_York")).at, None);
    // Six hours apart, Rhode Island's weekend leaves one hour, its weekdays three.
    let weekend = law("US-RI");
    let apart = "America/New_York Pacific/Honolulu";
    check(&weekend, apart, "2026-06-13T12:00:00Z", "2026-06-13T20:00:00Z");
    // Nobody knows that it is not night.
    assert_eq!(weekend.first_open(due, &[]), Opening { at: None, held_by: None });
    assert_eq!(weekend.closes_at(due, &[]), Some(due));
}

#[test]
fn the_open_span_ends_where_the_first_rule_closes() {
    let florida = Curfew::new(
        &[quiet("21:00:00", "09:00:00")],
        Some(quiet("12:00:00", "13:00:00")),
        RulePacks::ALL,
        "US-FL".parse().ok(),
    );
    let new_york = zones("America/New_York");
    let closes = |due: &str| florida.closes_at(at(due), &new_york);
    assert_eq!(closes("2026-06-10T13:00:00Z"), Some(at("2026-06-10T16:00:00Z")));
    assert_eq!(closes("2026-06-10T17:00:00Z"), Some(at("2026-06-11T00:00:00Z")));
    assert_eq!(closes("2026-06-10T16:30:00Z"), Some(at("2026-06-10T16:30:00Z")), "closed already");
    let both = zones("America/Chicago America/New_York");
    let closing = florida.closes_at(at("2026-06-10T18:00:00Z"), &both);
    assert_eq!(closing, Some(at("2026-06-11T00:00:00Z")));
    let free = Curfew::new(&[], None, RulePacks::NONE, None);
    assert_eq!(free.closes_at(at("2026-06-10T18:00:00Z"), &both), None);
}

#[test]
fn a_rule_is_named_by_a_stable_code_and_a_sentence() {
    for by in [HeldBy::SiteQuietHours, HeldBy::CampaignQuietHours, HeldBy::Rule(RulePack::Texas)] {
        assert_eq!(by.as_str().parse(), Ok(by));
        assert!(by.message().ends_with('.'), "{by}");
    }
    assert!("nonsense".parse::<HeldBy>().is_err());
    assert_eq!(
        HeldBy::Rule(RulePack::Florida).message(),
        "Florida: texts are allowed every day 08:00-20:00 on the recipient's clock (Florida Telephone \
         Solicitation Act, Fla. Stat. 501.616(6), as tabled in blog.clickpointsoftware.com)."
    );
}
