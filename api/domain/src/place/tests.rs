//! Where numbers and codes are taken to be: the facts that must never be wrong again.

use super::*;
use std::collections::BTreeSet;

const SITE: &str = "Pacific/Auckland";

fn clues(phone: &str) -> Clues<'_> {
    Clues { explicit: None, observed: None, postal_code: None, phone }
}

fn zone(name: &str) -> Zone {
    name.parse().unwrap()
}

fn at(clues: &Clues<'_>) -> Place {
    locate(clues, zone(SITE))
}

/// Where a number of an area code is taken to be.
fn area(code: &str) -> Place {
    at(&clues(&format!("+1{code}5550142")))
}

/// Where somebody with this postal code and a number of New York is taken to be.
fn postal(code: &str) -> Place {
    at(&Clues { postal_code: Some(code), ..clues("+12125550142") })
}

fn told(place: &Place) -> (&str, String, &str, &str) {
    let region = place.region.as_ref().map_or("", Region::as_str);
    (region, place.zones.to_string(), place.source.as_str(), place.confidence.as_str())
}

/// One row a case: the area code, its region, its zones.
const AREAS: &[(&str, &str, &str)] = &[
    // Codes that span two zones or more.
    ("208", "US-ID", "America/Boise America/Los_Angeles"),
    ("219", "US-IN", "America/Chicago America/Indiana/Indianapolis"),
    ("250", "CA-BC", "America/Vancouver America/Edmonton America/Dawson_Creek"),
    ("270", "US-KY", "America/Chicago America/New_York"),
    ("306", "CA-SK", "America/Regina America/Edmonton America/Winnipeg"),
    ("308", "US-NE", "America/Chicago America/Denver"),
    ("418", "CA-QC", "America/Toronto America/Halifax America/Blanc-Sablon"),
    ("423", "US-TN", "America/New_York America/Chicago"),
    ("541", "US-OR", "America/Los_Angeles America/Boise"),
    ("574", "US-IN", "America/Indiana/Indianapolis America/Chicago"),
    ("605", "US-SD", "America/Chicago America/Denver"),
    ("606", "US-KY", "America/New_York America/Chicago"),
    ("620", "US-KS", "America/Chicago America/Denver"),
    ("701", "US-ND", "America/Chicago America/Denver"),
    ("709", "CA-NL", "America/St_Johns America/Goose_Bay"),
    ("775", "US-NV", "America/Los_Angeles America/Denver"),
    ("785", "US-KS", "America/Chicago America/Denver"),
    ("807", "CA-ON", "America/Toronto America/Winnipeg America/Atikokan"),
    ("812", "US-IN", "America/Indiana/Indianapolis America/Chicago"),
    ("850", "US-FL", "America/Chicago America/New_York"),
    ("906", "US-MI", "America/Detroit America/Menominee"),
    ("907", "US-AK", "America/Anchorage America/Adak"),
    ("928", "US-AZ", "America/Phoenix America/Denver"),
    // Minnesota is Central throughout.
    ("218", "US-MN", "America/Chicago"),
    // New codes that elsewhere are unknown, or an hour wrong.
    ("689", "US-FL", "America/New_York"),
    ("235", "US-MO", "America/Chicago"),
    ("821", "US-SC", "America/New_York"),
    ("839", "US-SC", "America/New_York"),
    ("983", "US-CO", "America/Denver"),
    ("679", "US-MI", "America/Detroit"),
    // States whose clocks or rules are their own.
    ("602", "US-AZ", "America/Phoenix"),
    ("915", "US-TX", "America/Denver"),
    ("713", "US-TX", "America/Chicago"),
    ("808", "US-HI", "Pacific/Honolulu"),
    ("202", "US-DC", "America/New_York"),
    ("604", "CA-BC", "America/Vancouver"),
    ("902", "CA", "America/Halifax"),
    ("506", "CA-NB", "America/Moncton"),
    // Islands.
    ("242", "BS", "America/Nassau"),
    ("246", "BB", "America/Barbados"),
    ("340", "US-VI", "America/St_Thomas"),
    ("441", "BM", "Atlantic/Bermuda"),
    ("658", "JM", "America/Jamaica"),
    ("876", "JM", "America/Jamaica"),
    ("671", "US-GU", "Pacific/Guam"),
    ("787", "US-PR", "America/Puerto_Rico"),
    ("939", "US-PR", "America/Puerto_Rico"),
    ("809", "DO", "America/Santo_Domingo"),
    ("829", "DO", "America/Santo_Domingo"),
    ("849", "DO", "America/Santo_Domingo"),
    ("868", "TT", "America/Port_of_Spain"),
];

#[test]
fn an_area_code_has_all_its_zones() {
    for (code, region, zones) in AREAS {
        let place = area(code);
        let confidence = if zones.contains(' ') { "low" } else { "medium" };
        assert_eq!(
            told(&place),
            (*region, (*zones).to_owned(), "phone_prefix", confidence),
            "{code}"
        );
    }
    assert_eq!(area("867").zones.zones().len(), 6);
    assert_eq!(area("867").region.unwrap().as_str(), "CA");
}

/// An overlay serves the area of its parent, so it has the parent's zones: the code that came later is
/// where ready-made tables know only half.
#[test]
fn an_overlay_is_its_parent() {
    for pair in [
        "986 208", "364 270", "448 850", "930 812", "729 423", "689 407", "879 709", "458 541",
        "572 405", "539 918", "227 240", "667 410", "564 206", "475 203", "959 860", "672 250",
        "778 250", "236 250", "257 250", "639 306", "474 306", "581 418", "367 418", "273 418",
        "726 210", "945 214", "346 713", "621 713", "737 512", "430 903", "682 817", "645 305",
        "786 305", "728 561", "656 813", "324 904", "754 954", "321 407", "938 256", "659 205",
        "483 334", "327 870", "235 573", "557 314", "975 816", "821 864", "839 803", "854 843",
        "629 615", "457 318", "471 662", "679 313", "947 248", "725 702", "771 202", "983 303",
        "748 970", "943 404", "565 912", "762 706", "463 317", "531 402", "385 801", "971 503",
        "681 304", "353 608", "274 920", "534 715", "861 309", "924 507", "934 631", "829 809",
        "658 876", "939 787", "782 902", "428 506", "584 204", "368 403", "683 705", "942 416",
        "468 819",
    ] {
        let (overlay, parent) = pair.split_once(' ').unwrap();
        assert_eq!(area(overlay), area(parent), "{pair}");
    }
}

/// A number that belongs nowhere says nothing: the site's zone is used, and no state's rules are guessed.
#[test]
fn numbers_of_nowhere_fall_to_the_site() {
    for code in [
        "800", "833", "844", "855", "866", "877", "888", "822", "900", "500", "533", "588", "600",
        "622", "633", "700", "710", "211", "311", "411", "511", "611", "711", "811", "911", "999",
        "222", "370",
    ] {
        assert_eq!(told(&area(code)), ("", SITE.to_owned(), "site", "low"), "{code}");
    }
    for phone in
        ["+80012345678", "+881612345678", "+882161234567", "+21012345678", "", "+", "+1", "x"]
    {
        assert_eq!(told(&at(&clues(phone))), ("", SITE.to_owned(), "site", "low"), "{phone}");
    }
}

/// The states that rule packs name, with the codes that people of these states have.
#[test]
fn states_with_rules_have_all_their_codes() {
    for (state, codes) in [
        ("AL", "205 251 256 334 483 659 938"),
        ("CT", "203 475 860 959"),
        (
            "FL",
            "239 305 321 324 352 386 407 448 561 645 656 689 727 728 754 772 786 813 850 863 904 941 954",
        ),
        ("LA", "225 318 337 457 504 985"),
        ("MD", "227 240 301 410 443 667"),
        ("MS", "228 471 601 662 769"),
        ("NJ", "201 551 609 640 732 848 856 862 908 973"),
        ("OK", "405 539 572 580 918"),
        ("RI", "401"),
        (
            "TX",
            "210 214 254 281 325 346 361 409 430 432 469 512 621 682 713 726 737 806 817 830 832 903 915 \
             936 940 945 956 972 979",
        ),
        ("WA", "206 253 360 425 509 564"),
        ("VA", "276 434 540 571 686 703 757 804 826 948"),
        ("NV", "702 725 775"),
        ("KY", "270 364 502 606 859"),
    ] {
        let wanted: BTreeSet<String> = codes.split(' ').map(str::to_owned).collect();
        let region: Region = format!("US-{state}").parse().unwrap();
        let all = (200..1_000).map(|code| code.to_string());
        let found: BTreeSet<String> =
            all.filter(|code| area(code).region == Some(region)).collect();
        assert_eq!(found, wanted, "{state}");
    }
}

#[test]
fn every_state_and_province_has_a_code() {
    let regions: BTreeSet<String> = (200..1_000)
        .filter_map(|code| area(&code.to_string()).region)
        .map(|region| region.to_string())
        .collect();
    let of = |country: &str| regions.iter().filter(|region| region.starts_with(country)).count();
    // Fifty states, the District of Columbia, and five territories.
    assert_eq!(of("US-"), 50 + 1 + 5);
    // Eight provinces of their own; Nova Scotia shares with Prince Edward Island, the territories share too.
    assert_eq!((of("CA-"), of("CA")), (8, 9));
    assert_eq!(regions.len(), 56 + 9 + 18);
}

#[test]
fn the_tables_are_whole() {
    let given = |table: &[u16]| table.iter().filter(|number| **number != 0).count();
    assert_eq!(given(&tables::AREA_CODES), 457);
    assert_eq!(tables::CALLING_CODES.len(), 212);
    assert_eq!(given(&tables::ZIP_PREFIXES), 914);
    assert_eq!((tables::ZIP_CODES.len(), tables::CANADA.len()), (14, 47));
    for name in tables::ZONES {
        assert!(name.parse::<Zone>().is_ok(), "{name}");
    }
    for (region, zones) in tables::PLACES {
        let parsed: Region = region.parse().unwrap();
        assert_eq!(parsed.as_str(), region);
        let names = zones.iter().map(|at| zone(tables::ZONES[usize::from(*at)]));
        match ZoneSet::new(names) {
            Ok(set) => assert_eq!(set.zones().len(), zones.len(), "{region} repeats a zone"),
            Err(none) => assert_eq!((region, none), ("RU", InvalidZoneSet::Empty)),
        }
    }
    let sparse = [&tables::CALLING_CODES[..], &tables::ZIP_CODES, &tables::CANADA];
    for table in sparse {
        assert!(table.is_sorted());
        for (prefix, number) in table {
            assert!((1..=tables::PLACES.len()).contains(&usize::from(*number)), "{prefix}");
        }
    }
    assert!(size_of_val(&tables::AREA_CODES) + size_of_val(&tables::ZIP_PREFIXES) < 4_096);
}

#[test]
fn a_country_is_its_calling_code() {
    for (phone, region, zones) in [
        ("+442079460958", "GB", "Europe/London"),
        ("+33142685300", "FR", "Europe/Paris"),
        ("+4930123456", "DE", "Europe/Berlin"),
        ("+81312345678", "JP", "Asia/Tokyo"),
        ("+919876543210", "IN", "Asia/Kolkata"),
        ("+85223456789", "HK", "Asia/Hong_Kong"),
        ("+34911234567", "ES", "Europe/Madrid Atlantic/Canary"),
        ("+77012345678", "KZ", "Asia/Almaty"),
        ("+5999123456", "CW", "America/Curacao"),
        ("+5997123456", "BQ", "America/Kralendijk"),
        ("+262639123456", "YT", "Indian/Mayotte"),
        ("+262692123456", "RE", "Indian/Reunion"),
        ("+61891641234", "CX", "Indian/Christmas"),
        ("+67230001", "NF", "Pacific/Norfolk"),
        ("+6281234567890", "ID", "Asia/Jakarta Asia/Makassar Asia/Jayapura"),
    ] {
        let place = at(&clues(phone));
        assert_eq!(told(&place).0, region, "{phone}");
        assert_eq!(place.zones.to_string(), zones, "{phone}");
    }
    let australia = at(&clues("+61491570156"));
    assert_eq!(
        (australia.zones.principal(), australia.zones.zones().len()),
        (zone("Australia/Sydney"), 7)
    );
    // Russia has more zones than a set holds: its number tells the country, and no zone.
    assert_eq!(told(&at(&clues("+79161234567"))), ("RU", SITE.to_owned(), "site", "low"));
}

#[test]
fn a_postal_code_tells_zone_and_state() {
    for (code, region, zones) in [
        ("10001", "US-NY", "America/New_York"),
        (" 94103-1234 ", "US-CA", "America/Los_Angeles"),
        ("32801", "US-FL", "America/New_York"),
        ("32301", "US-FL", "America/New_York"),
        ("32501", "US-FL", "America/Chicago"),
        ("32401", "US-FL", "America/Chicago America/New_York"),
        ("42101", "US-KY", "America/Chicago"),
        ("40202", "US-KY", "America/Kentucky/Louisville"),
        ("42701", "US-KY", "America/New_York America/Chicago"),
        ("47901", "US-IN", "America/Indiana/Indianapolis America/Chicago"),
        ("79901", "US-TX", "America/Denver"),
        ("79821", "US-TX", "America/Denver America/Chicago"),
        ("78701", "US-TX", "America/Chicago"),
        ("83814", "US-ID", "America/Los_Angeles"),
        ("83702", "US-ID", "America/Boise"),
        ("86503", "US-AZ", "America/Denver America/Phoenix"),
        ("57701", "US-SD", "America/Denver"),
        ("00901", "US-PR", "America/Puerto_Rico"),
        ("00802", "US-VI", "America/St_Thomas"),
        ("96813", "US-HI", "Pacific/Honolulu"),
        ("96799", "US-AS", "Pacific/Pago_Pago"),
        ("96910", "US-GU", "Pacific/Guam"),
        ("99501", "US-AK", "America/Anchorage America/Adak"),
        ("83414", "US-WY", "America/Denver"),
        ("06390", "US-NY", "America/New_York"),
        ("M5V 3L9", "CA-ON", "America/Toronto"),
        ("m5v3l9", "CA-ON", "America/Toronto"),
        ("K1A-0B1", "CA-ON", "America/Toronto"),
        ("P9N 1A1", "CA-ON", "America/Winnipeg"),
        ("S9V 0A1", "CA-SK", "America/Edmonton"),
        ("S4P 3Y2", "CA-SK", "America/Regina"),
        ("V1C 1A1", "CA-BC", "America/Edmonton"),
        ("V6B 1A1", "CA-BC", "America/Vancouver"),
        ("G4T 1A1", "CA-QC", "America/Halifax"),
        ("A2V 1A1", "CA-NL", "America/Goose_Bay"),
        ("X0A 0H0", "CA-NU", "America/Iqaluit America/Resolute"),
        ("Y1A 1A1", "CA-YT", "America/Whitehorse"),
    ] {
        let confidence = if zones.contains(' ') { "low" } else { "high" };
        assert_eq!(
            told(&postal(code)),
            (region, zones.to_owned(), "postal_code", confidence),
            "{code}"
        );
    }
}

/// What is not a code of these two countries says nothing, and the phone decides.
#[test]
fn other_postal_codes_say_nothing() {
    for code in [
        "",
        " ",
        "1234",
        "123456",
        "10001-123",
        "10001-12345",
        "1000a",
        "SW1A 1AA",
        "E1W 1AA",
        "M5V",
        "D1A 1A1",
        "M5V 3L",
        "09012",
        "34012",
        "96201",
        "21300",
        "00000",
        "99 999",
        "12345-",
        "Z1A 1A1",
        "X9A 1A1",
        "１０００１",
    ] {
        assert_eq!(told(&postal(code)).2, "phone_prefix", "{code}");
    }
    // Five digits are somebody else's beside a number of Germany or the Dominican Republic.
    for (phone, region) in [("+4930123456", "DE"), ("+18095550142", "DO"), ("+525512345678", "MX")]
    {
        let place = at(&Clues { postal_code: Some("10115"), ..clues(phone) });
        assert_eq!((told(&place).0, told(&place).2), (region, "phone_prefix"));
    }
    // Beside a toll-free number they are the only clue.
    let place = at(&Clues { postal_code: Some("10115"), ..clues("+18005550142") });
    assert_eq!(told(&place), ("US-NY", "America/New_York".to_owned(), "postal_code", "high"));
}

/// Goal: the best clue decides the zones, and the region never comes from a zone. Method: all clues, then
/// one fewer each time.
#[test]
fn the_best_clue_decides() {
    let mut all = Clues {
        explicit: Some(zone("Europe/Paris")),
        observed: Some(zone("Asia/Tokyo")),
        postal_code: Some("32501"),
        phone: "+12065550142",
    };
    assert_eq!(told(&at(&all)), ("US-FL", "Europe/Paris".to_owned(), "explicit", "high"));
    all.explicit = None;
    assert_eq!(told(&at(&all)), ("US-FL", "Asia/Tokyo".to_owned(), "observed", "medium"));
    all.observed = None;
    assert_eq!(told(&at(&all)), ("US-FL", "America/Chicago".to_owned(), "postal_code", "high"));
    all.postal_code = None;
    assert_eq!(
        told(&at(&all)),
        ("US-WA", "America/Los_Angeles".to_owned(), "phone_prefix", "medium")
    );
    all.phone = "+18005550142";
    assert_eq!(told(&at(&all)), ("", SITE.to_owned(), "site", "low"));
}

#[test]
fn a_set_keeps_order_and_has_bounds() {
    let set: ZoneSet = "America/Chicago  America/New_York America/Chicago".parse().unwrap();
    assert_eq!(set.to_string(), "America/Chicago America/New_York");
    assert_eq!((set.principal(), set.zones().len()), (zone("America/Chicago"), 2));
    assert_eq!(set.to_string().parse(), Ok(set));
    assert_ne!(set, "America/New_York America/Chicago".parse().unwrap());
    assert_eq!("".parse::<ZoneSet>(), Err(InvalidZoneSet::Empty));
    assert!(matches!("Mars/Base".parse::<ZoneSet>(), Err(InvalidZoneSet::Zone(_))));
    let nine = "UTC Asia/Tokyo Asia/Seoul Asia/Dubai Asia/Macau Asia/Dili Asia/Aden Asia/Baku";
    assert_eq!(nine.parse::<ZoneSet>().unwrap().zones().len(), ZONES_MAX);
    assert_eq!(format!("{nine} Asia/Hovd").parse::<ZoneSet>(), Err(InvalidZoneSet::TooMany));
    assert_eq!(format!("{nine} Asia/Baku").parse::<ZoneSet>().unwrap().zones().len(), ZONES_MAX);
}

#[test]
fn a_region_reads_back_as_itself() {
    for text in ["US-FL", "CA-ON", "JM", "GB-ENG", "US-PR", "XK"] {
        let region: Region = text.parse().unwrap();
        assert_eq!(
            (region.as_str(), format!("{region} {region:?}")),
            (text, format!("{text} {text}"))
        );
    }
    for bad in
        ["", "U", "us-fl", "US-", "US_FL", "USA", "US-FLOR", "US-f", "-FL", "ÜS", "US-FL-X", "US-É"]
    {
        assert!(bad.parse::<Region>().is_err(), "{bad}");
    }
    let florida: Region = "US-FL".parse().unwrap();
    assert_eq!((florida.country(), florida.subdivision()), ("US", Some("FL")));
    assert_eq!("JM".parse::<Region>().unwrap().subdivision(), None);
}

#[test]
fn a_postal_code_of_any_country_can_be_kept() {
    for good in [
        "10001",
        "10001-1234",
        "M5V 3L9",
        "SW1A 1AA",
        "75008",
        "1234 AB",
        "JMAAA01",
        "123456789012",
    ] {
        assert!(is_postal_code(good), "{good}");
    }
    for bad in [
        "",
        " ",
        " - ",
        "1234567890123",
        "10001\n",
        "10\u{0}01",
        "10\u{200b}001",
        "１０００１",
        "a;b",
        "10_01",
    ] {
        assert!(!is_postal_code(bad), "{bad}");
    }
}
