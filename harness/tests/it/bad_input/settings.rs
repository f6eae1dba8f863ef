//! Settings that cannot be: of the site, and of a campaign's quiet hours and lateness.

use harness::scenario::Scenario;
use serde_json::{Value, json};

use super::{Case, all_refused};
use crate::common::{
    ACTIVATE, CREATE, RESCHEDULE, SITE_UPDATE, UPDATE, UPSERT, activated, at, done, draft,
    draft_input, patched, post, text, world,
};

/// A wrong setting, and what is told.
type Wrong = (&'static str, Value, &'static [&'static str]);

/// Windows of quiet hours that are none. A window that ends before it starts spans midnight.
fn bad_windows() -> Vec<Wrong> {
    const WIDTH: &[&str] = &["INVALID input.quietHours.end"];
    const UNREADABLE: &[&str] = &["! BAD_USER_INPUT"];
    let hours = |start: &str, end: &str| json!({ "quietHours": { "start": start, "end": end } });
    vec![
        ("without width", hours("20:00:00", "20:00:00"), WIDTH),
        ("without width at midnight", hours("00:00:00", "00:00:00"), WIDTH),
        (
            "without width and off",
            json!({ "quietHours": { "isEnabled": false, "start": "09:00:00", "end": "09:00:00" } }),
            WIDTH,
        ),
        ("until the end of the day", hours("20:00:00", "24:00:00"), UNREADABLE),
        ("a leap second", hours("20:00:00", "23:59:60"), UNREADABLE),
        ("without seconds", hours("20:00", "09:00"), UNREADABLE),
        ("an offset", hours("20:00:00Z", "09:00:00Z"), UNREADABLE),
        ("a negative time", hours("-01:00:00", "09:00:00"), UNREADABLE),
        ("no end", json!({ "quietHours": { "start": "20:00:00" } }), UNREADABLE),
        ("no start", json!({ "quietHours": { "end": "09:00:00" } }), UNREADABLE),
        (
            "neither on nor off",
            json!({ "quietHours": { "isEnabled": null, "start": "20:00:00",
            "end": "09:00:00" } }),
            UNREADABLE,
        ),
    ]
}

fn bad_labels() -> Vec<Wrong> {
    let name = |name: String| json!({ "name": name });
    let subdomain = |name: String| json!({ "subdomain": name });
    vec![
        ("an empty name", name(String::new()), &["BLANK input.name"]),
        ("a name that shows nothing", name("\u{200b} ".to_owned()), &["BLANK input.name"]),
        ("a long name", name("é".repeat(201)), &["TOO_LONG input.name"]),
        ("a line break in a name", name("A\nB".to_owned()), &["INVALID input.name"]),
        ("a zero-width space in a name", name("A\u{200b}B".to_owned()), &["INVALID input.name"]),
        ("a name turned round", name("A\u{202e}B".to_owned()), &["INVALID input.name"]),
        ("an empty subdomain", subdomain(String::new()), &["BLANK input.subdomain"]),
        ("a long subdomain", subdomain("a".repeat(64)), &["TOO_LONG input.subdomain"]),
        ("capitals", subdomain("Demo".to_owned()), &["INVALID input.subdomain"]),
        ("a dot", subdomain("demo.example".to_owned()), &["INVALID input.subdomain"]),
        ("a dash at the end", subdomain("demo-".to_owned()), &["INVALID input.subdomain"]),
        ("a zero-width joiner", subdomain("de\u{200d}mo".to_owned()), &["INVALID input.subdomain"]),
        ("another site's", subdomain("demo-2".to_owned()), &["SUBDOMAIN_TAKEN input.subdomain"]),
        ("no such zone", json!({ "timeZone": "America/Atlantis" }), &["! BAD_USER_INPUT"]),
        ("a zone of old data", json!({ "timeZone": "US/Pacific-New" }), &["! BAD_USER_INPUT"]),
        ("a System V zone", json!({ "timeZone": "SystemV/EST5EDT" }), &["! BAD_USER_INPUT"]),
        (
            "a zone in small letters",
            json!({ "timeZone": "america/new_york" }),
            &["! BAD_USER_INPUT"],
        ),
        ("a status", json!({ "status": "INACTIVE" }), &["! BAD_USER_INPUT"]),
        ("a plan", json!({ "smsPlan": { "status": "ACTIVE" } }), &["! BAD_USER_INPUT"]),
    ]
}

fn bad_texts() -> Vec<Wrong> {
    let prefix = |text: &str| json!({ "textPrefix": text });
    let footer = |text: &str| json!({ "textFooter": text });
    let reply = |text: &str| json!({ "helpReply": text });
    vec![
        ("a blank prefix", prefix("  "), &["BLANK input.textPrefix"]),
        ("a long prefix", prefix(&"é".repeat(41)), &["TOO_LONG input.textPrefix"]),
        ("a line break in a prefix", prefix("A\nB"), &["INVALID input.textPrefix"]),
        ("a variable in a prefix", prefix("{{ name }}"), &["INVALID input.textPrefix"]),
        ("a zero-width space in a prefix", prefix("A\u{200b}"), &["INVALID input.textPrefix"]),
        ("an empty footer", footer(""), &["BLANK input.textFooter"]),
        ("a long footer", footer(&"a".repeat(161)), &["TOO_LONG input.textFooter"]),
        ("half a variable in a footer", footer("Bye }}"), &["INVALID input.textFooter"]),
        ("a control character in a footer", footer("Bye\u{7}"), &["INVALID input.textFooter"]),
        ("a blank reply", reply("\n"), &["BLANK input.helpReply"]),
        ("a reply of three segments", reply(&"a".repeat(307)), &["TOO_LONG input.helpReply"]),
        ("a variable in a reply", reply("Hi {{ name }}"), &["INVALID input.helpReply"]),
        ("a hidden mark in a reply", reply("Call\u{2060} us"), &["INVALID input.helpReply"]),
    ]
}

fn bad_rules() -> Vec<Wrong> {
    const WINDOW: &[&str] = &["INVALID input.smartSending.window"];
    let packs = |codes: &[&str]| {
        let switch = |code: &&str| json!({ "code": code, "isEnabled": true });
        json!({ "rulePacks": codes.iter().map(switch).collect::<Vec<Value>>() })
    };
    let smart = |window: &str| json!({ "smartSending": { "isEnabled": true, "window": window } });
    vec![
        ("an unknown pack", packs(&["us_zz"]), &["INVALID input.rulePacks.0.code"]),
        ("no pack", packs(&[""]), &["INVALID input.rulePacks.0.code"]),
        ("two in one", packs(&["us_fl us_tx"]), &["INVALID input.rulePacks.0.code"]),
        ("in capitals", packs(&["us_tx", "US_FL"]), &["INVALID input.rulePacks.1.code"]),
        ("one twice", packs(&["us_fl", "us_fl"]), &["INVALID input.rulePacks.1.code"]),
        ("more than there are", packs(&["us_fl"; 14]), &["TOO_LONG input.rulePacks"]),
        (
            "a country that is none",
            json!({ "countries": ["US", "ZZ"] }),
            &["INVALID input.countries.1"],
        ),
        (
            "a country in small letters",
            json!({ "countries": ["us"] }),
            &["INVALID input.countries.0"],
        ),
        ("a state", json!({ "countries": ["US-FL"] }), &["INVALID input.countries.0"]),
        ("an empty country", json!({ "countries": [""] }), &["INVALID input.countries.0"]),
        ("301 countries", json!({ "countries": vec!["US"; 301] }), &["TOO_LONG input.countries"]),
        ("no window", smart("PT0S"), WINDOW),
        ("less than a minute", smart("PT59S"), WINDOW),
        ("more than a week", smart("P7DT0.001S"), WINDOW),
        ("a huge window", smart("PT999999999H"), WINDOW),
        ("a negative window", smart("-PT8H"), &["! BAD_USER_INPUT"]),
        ("a month", smart("P1M"), &["! BAD_USER_INPUT"]),
        (
            "everything at once",
            json!({ "name": "", "quietHours": { "start": "09:00:00", "end": "09:00:00" },
                "rulePacks": [{ "code": "x", "isEnabled": false }], "countries": ["x"] }),
            &[
                "BLANK input.name",
                "INVALID input.quietHours.end",
                "INVALID input.rulePacks.0.code",
                "INVALID input.countries.0",
            ],
        ),
        ("an empty key", json!({ "idempotencyKey": "" }), &["BLANK input.idempotencyKey"]),
    ]
}

/// Goal: no site is left with a setting that cannot be, and every problem names its field. Method: each
/// wrong setting alone, and several at once.
#[tokio::test]
async fn a_setting_that_cannot_be_is_refused_by_name() {
    let world = world("subscribers: []\n").await;
    world.other_site_key(&Scenario::default()).await.unwrap();
    let id = world.site_id();
    let all = [bad_windows(), bad_labels(), bad_texts(), bad_rules()].concat();
    let with = |(what, input, wanted)| (what, json!({ "id": id, "input": input }), wanted);
    let cases: Vec<Case<'_>> = all.into_iter().map(with).collect();
    all_refused(&world, world.client(), SITE_UPDATE, &cases).await;
    world.stop().await.unwrap();
}

/// Goal: the limits are where they are said to be. Method: the longest and the shortest of everything.
#[tokio::test]
async fn the_furthest_that_fits_is_taken() {
    let world = world("subscribers: []\n").await;
    for input in [
        json!({ "name": "é".repeat(200), "subdomain": "a".repeat(63) }),
        json!({ "textPrefix": "é".repeat(40), "textFooter": "a".repeat(160) }),
        json!({ "helpReply": "a".repeat(306) }),
        json!({ "smartSending": { "isEnabled": true, "window": "PT1M" } }),
        json!({ "smartSending": { "isEnabled": false, "window": "P7D" } }),
        json!({ "quietHours": { "isEnabled": true, "start": "00:00:00", "end": "23:59:59" } }),
        // Before it starts: it spans midnight.
        json!({ "quietHours": { "isEnabled": true, "start": "00:00:01", "end": "00:00:00" } }),
        json!({ "name": "Black 👩‍👩‍👧 Friday" }),
    ] {
        done(world.client(), SITE_UPDATE, json!({ "id": world.site_id(), "input": input })).await;
    }
    world.stop().await.unwrap();
}

/// Goal: a campaign's own quiet hours are held to the same rules, when made and when changed.
#[tokio::test]
async fn a_campaigns_own_window_that_cannot_be_is_refused() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let base = draft_input(&world);
    let all = bad_windows();
    let made =
        |(what, patch, wanted): &Wrong| (*what, json!({ "input": patched(&base, patch) }), *wanted);
    let made: Vec<Case<'_>> = all.iter().map(made).collect();
    all_refused(&world, world.client(), CREATE, &made).await;
    let changed = |(what, patch, wanted): &Wrong| {
        (*what, json!({ "id": id, "input": patch.clone() }), *wanted)
    };
    let changed: Vec<Case<'_>> = all.iter().map(changed).collect();
    all_refused(&world, world.client(), UPDATE, &changed).await;
    world.stop().await.unwrap();
}

/// Goal: how late a campaign may start has bounds, when activated and when moved.
#[tokio::test]
async fn a_lateness_that_cannot_be_is_refused() {
    const LATE: &[&str] = &["INVALID input.maxLateness"];
    const UNREADABLE: &[&str] = &["! BAD_USER_INPUT"];
    let world = world("subscribers: []\n").await;
    let drafted = draft(&world).await;
    let scheduled = activated(&world, at("2026-11-24T10:00:00")).await;
    let cases = |id: &str| -> Vec<Case<'_>> {
        let with = |(what, late, wanted): (&'static str, &str, &'static [&'static str])| {
            let input = patched(&at("2026-11-24T11:00:00"), &json!({ "maxLateness": late }));
            (what, json!({ "id": id, "input": input }), wanted)
        };
        let all = [
            ("never late", "PT0S", LATE),
            ("less than a minute", "PT59S", LATE),
            ("more than a week", "P7DT1S", LATE),
            ("huge", "P999999999W", LATE),
            ("negative", "-PT10M", UNREADABLE),
            ("a month", "P1M", UNREADABLE),
            ("a number", "600", UNREADABLE),
        ];
        all.into_iter().map(with).collect()
    };
    all_refused(&world, world.client(), ACTIVATE, &cases(&drafted)).await;
    all_refused(&world, world.client(), RESCHEDULE, &cases(&scheduled)).await;
    let both = patched(&at("2026-11-22T10:00:00"), &json!({ "maxLateness": "PT1S" }));
    let both = json!({ "id": drafted, "input": both });
    let wanted: &[&str] =
        &["INVALID input.maxLateness", "TIME_PASSED input.schedule.atStoreTime.localDateTime"];
    all_refused(&world, world.client(), ACTIVATE, &[("late, and too late", both, wanted)]).await;
    world.stop().await.unwrap();
}

/// Goal: a zone that only old data has is no zone anywhere: neither of a site nor of a subscriber.
#[tokio::test]
async fn a_zone_of_old_data_is_no_subscribers_either() {
    let world = world("subscribers: []\n").await;
    for zone in ["US/Pacific-New", "SystemV/EST5EDT", "Asia/Hanoi"] {
        for field in ["timeZone", "observedTimeZone"] {
            let row = json!({ "phoneNumber": "+14155550100", field: zone });
            let input = json!({ "input": { "subscribers": [row] } });
            let case: [Case<'_>; 1] = [(zone, input.clone(), &["! BAD_USER_INPUT"])];
            all_refused(&world, world.client(), UPSERT, &case).await;
            let answer = post(world.client(), UPSERT, input).await;
            let said = text(&answer["errors"][0]["message"]);
            assert!(said.contains(field) && !said.contains(zone), "{said}");
        }
    }
    // A name that is only an older spelling of one there is stays a name.
    let row = json!({ "phoneNumber": "+14155550100", "timeZone": "US/Pacific" });
    done(world.client(), UPSERT, json!({ "input": { "subscribers": [row] } })).await;
    world.stop().await.unwrap();
}
