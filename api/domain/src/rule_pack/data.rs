//! The packs' data. To change one: read the source again, change the hours and `checked` together, and say
//! in `note` what the sources disagree about.
//!
//! **Invariant:** a pack names its source and the day it was read.

use super::{Cap, Facts, Jurisdiction, RulePack};
use crate::week::{Hours, Week};
use chrono::{NaiveDate, TimeDelta};

const CHECKED: NaiveDate = date(2026, 11, 24);
const FROM_8_TO_20: Week = Week::daily(Hours::new(8, 20));
const THREE_A_DAY: Cap = Cap { messages: 3, window: TimeDelta::hours(24) };

const fn date(year: i32, month: u32, day: u32) -> NaiveDate {
    match NaiveDate::from_ymd_opt(year, month, day) {
        Some(date) => date,
        None => panic!("not a date"),
    }
}

/// What `pack` says.
pub(super) const fn facts(pack: RulePack) -> &'static Facts {
    match pack {
        RulePack::Federal => &FEDERAL,
        RulePack::Alabama => &ALABAMA,
        RulePack::Connecticut => &CONNECTICUT,
        RulePack::Florida => &FLORIDA,
        RulePack::Louisiana => &LOUISIANA,
        RulePack::Maryland => &MARYLAND,
        RulePack::Mississippi => &MISSISSIPPI,
        RulePack::NewJersey => &NEW_JERSEY,
        RulePack::Oklahoma => &OKLAHOMA,
        RulePack::RhodeIsland => &RHODE_ISLAND,
        RulePack::Texas => &TEXAS,
        RulePack::Virginia => &VIRGINIA,
        RulePack::Washington => &WASHINGTON,
    }
}

const FEDERAL: Facts = Facts {
    name: "United States",
    jurisdiction: Jurisdiction::UnitedStates,
    since: Some(date(1992, 12, 20)),
    week: Week::daily(Hours::new(8, 21)),
    cap: None,
    source: "Telephone Consumer Protection Act, 47 CFR 64.1200(c)(1)",
    checked: CHECKED,
    note: Some(
        "Whether it binds texts that the recipient consented to is disputed before the FCC; it is kept either way.",
    ),
};

const ALABAMA: Facts = Facts {
    name: "Alabama",
    jurisdiction: Jurisdiction::State("US-AL"),
    since: None,
    week: Week::with_sunday(Hours::new(8, 20), None),
    cap: None,
    source: "Alabama telephone solicitation law, as tabled in dropcowboy.com/state-compliance",
    checked: CHECKED,
    note: Some(
        "One source, which tables voice calls. State holidays are closed too and are not covered here.",
    ),
};

const CONNECTICUT: Facts = Facts {
    name: "Connecticut",
    jurisdiction: Jurisdiction::State("US-CT"),
    since: Some(date(2023, 10, 1)),
    week: Week::daily(Hours::new(9, 20)),
    cap: None,
    source: "Conn. Gen. Stat. 42-288a as amended by SB 1058 of 2023, as quoted in mondaq.co.uk 1340464",
    checked: CHECKED,
    note: Some("One vendor still tables 8:00 to 20:00; the statute says nine."),
};

const FLORIDA: Facts = Facts {
    name: "Florida",
    jurisdiction: Jurisdiction::State("US-FL"),
    since: Some(date(2021, 7, 1)),
    week: FROM_8_TO_20,
    cap: Some(THREE_A_DAY),
    source: "Florida Telephone Solicitation Act, Fla. Stat. 501.616(6), as tabled in blog.clickpointsoftware.com",
    checked: CHECKED,
    note: Some(
        "The statute counts texts on the same subject; here all campaign texts of a site count together.",
    ),
};

const LOUISIANA: Facts = Facts {
    name: "Louisiana",
    jurisdiction: Jurisdiction::State("US-LA"),
    since: None,
    week: Week::with_sunday(Hours::new(8, 20), None),
    cap: None,
    source: "Louisiana telephone solicitation law, as tabled in dropcowboy.com/state-compliance",
    checked: CHECKED,
    note: Some(
        "One source, which tables voice calls. State holidays and declared emergencies are closed too and are not covered here.",
    ),
};

const MARYLAND: Facts = Facts {
    name: "Maryland",
    jurisdiction: Jurisdiction::State("US-MD"),
    since: Some(date(2024, 1, 1)),
    week: FROM_8_TO_20,
    cap: Some(THREE_A_DAY),
    source: "Stop the Spam Calls Act of 2023, Md. Code, Com. Law 14-4501, as tabled in Klaviyo's help page 44447515845019",
    checked: CHECKED,
    note: None,
};

const MISSISSIPPI: Facts = Facts {
    name: "Mississippi",
    jurisdiction: Jurisdiction::State("US-MS"),
    since: None,
    week: Week::with_sunday(Hours::new(8, 20), None),
    cap: None,
    source: "Mississippi Telephone Solicitation Act, Miss. Code 77-3-723",
    checked: CHECKED,
    note: Some(
        "Miss. Code 77-3-603 allows unsolicited sales calls until 21:00; the earlier hour is kept. One vendor leaves out the Sunday.",
    ),
};

const NEW_JERSEY: Facts = Facts {
    name: "New Jersey",
    jurisdiction: Jurisdiction::State("US-NJ"),
    since: None,
    week: FROM_8_TO_20,
    cap: None,
    source: "N.J. Stat. 56:8-128(d); the earlier evening as tabled by Referrizer",
    checked: CHECKED,
    note: Some(
        "The statute and one vendor say 21:00, another vendor 20:00 since early 2024; the earlier hour is kept.",
    ),
};

const OKLAHOMA: Facts = Facts {
    name: "Oklahoma",
    jurisdiction: Jurisdiction::State("US-OK"),
    since: Some(date(2022, 11, 1)),
    week: FROM_8_TO_20,
    cap: Some(THREE_A_DAY),
    source: "Oklahoma Telephone Solicitation Act of 2022, Okla. Stat. tit. 15, 775C.4, as tabled in blog.clickpointsoftware.com",
    checked: CHECKED,
    note: Some(
        "The statute counts texts on the same subject; here all campaign texts of a site count together.",
    ),
};

const RHODE_ISLAND: Facts = Facts {
    name: "Rhode Island",
    jurisdiction: Jurisdiction::State("US-RI"),
    since: None,
    week: Week::with_weekend(Hours::new(9, 18), Hours::new(10, 17)),
    cap: None,
    source: "Telephone Sales Solicitation Act, R.I. Gen. Laws 5-61-3.6; its hours as tabled by Referrizer and Drop Cowboy",
    checked: CHECKED,
    note: Some("Legal holidays are closed too and are not covered here."),
};

const TEXAS: Facts = Facts {
    name: "Texas",
    jurisdiction: Jurisdiction::State("US-TX"),
    since: Some(date(2025, 9, 1)),
    week: Week::with_sunday(Hours::new(9, 21), Some(Hours::new(12, 21))),
    cap: None,
    source: "Tex. Bus. & Com. Code 301.051(b)(2) as extended to texts by SB 140 of 2025, as quoted in springboardlegal.com",
    checked: CHECKED,
    note: Some(
        "One law firm reads the hours in Central time, others on the recipient's clock, which is kept; the two differ around El Paso.",
    ),
};

const VIRGINIA: Facts = Facts {
    name: "Virginia",
    jurisdiction: Jurisdiction::State("US-VA"),
    since: Some(date(2026, 1, 1)),
    week: Week::daily(Hours::new(8, 21)),
    cap: None,
    source: "Virginia Telephone Privacy Protection Act, Va. Code 59.1-511, as amended by SB 1339 of 2025",
    checked: CHECKED,
    note: Some("Consent given beforehand lifts the hours; they are kept even then."),
};

const WASHINGTON: Facts = Facts {
    name: "Washington",
    jurisdiction: Jurisdiction::State("US-WA"),
    since: Some(date(2022, 6, 9)),
    week: FROM_8_TO_20,
    cap: None,
    source: "RCW 80.36.390 as amended by HB 1497 of 2022, as described in dwt.com",
    checked: CHECKED,
    note: None,
};
