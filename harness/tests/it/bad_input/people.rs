//! Subscribers and audiences that cannot be.

use serde_json::{Value, json};

use super::{Case, all_refused};
use crate::common::{AUDIENCE, Rows, UPSERT, done, post, problems, world};

/// What looks like a phone number and is none.
const MALFORMED: &[&str] = &[
    "",
    " ",
    "+",
    "++14155550100",
    "14155550100",
    "0014155550100",
    "+1",
    "+1415555010",
    "+141555501000",
    "+10155550100",
    "+11155550100",
    "+14150550100",
    "+14151550100",
    "+1 415 555 0100",
    "+1-415-555-0100",
    "+1(415)5550100",
    "+1.415.555.0100",
    " +14155550100",
    "+14155550100 ",
    "+14155550100\n",
    "+14155550100\u{0}",
    "+14155550100;ext=1",
    "+14155550100x1",
    "tel:+14155550100",
    "+0155550100",
    "+04155550100",
    "+1234567890123456",
    "+44207946095800000",
    "+123456",
    "+1415555010a",
    "+1415555O1OO",
    "+1 (555) CALL-NOW",
    "+٤١٥٥٥٥٠١٠٠٠",
    "\u{ff0b}14155550100",
    "+1\u{200b}4155550100",
    "'; DROP TABLE subscriber; --",
    "+14155550100,+14155550101",
    "not a number",
];

fn rows(rows: &[Value]) -> Value {
    json!({ "input": { "subscribers": rows } })
}

/// Goal: no malformed number is ever a subscriber. Method: each alone, and all together.
#[tokio::test]
async fn only_e164_is_a_phone_number() {
    let world = world("subscribers: []\n").await;
    let wanted: &[&str] = &["INVALID_PHONE_NUMBER input.subscribers.0.phoneNumber"];
    let alone = MALFORMED.iter().map(|number| json!({ "phoneNumber": number }));
    let alone: Vec<Case<'_>> =
        alone.zip(MALFORMED).map(|(row, number)| (*number, rows(&[row]), wanted)).collect();
    all_refused(&world, world.client(), UPSERT, &alone).await;
    let all: Vec<Value> = MALFORMED.iter().map(|number| json!({ "phoneNumber": number })).collect();
    let answer = post(world.client(), UPSERT, rows(&all)).await;
    let told = |at| format!("INVALID_PHONE_NUMBER input.subscribers.{at}.phoneNumber");
    let told: Vec<String> = (0..MALFORMED.len()).map(told).collect();
    assert_eq!(problems(&answer), told);
    assert_eq!(Rows::of(&world).await.count("subscriber"), 0);
    // What was sent is not repeated; the number of the sentence is an example.
    let told = answer.to_string().replace("+14155550100.", "");
    assert!(!told.contains("555"), "{answer}");
    world.stop().await.unwrap();
}

/// What is wrong with a row, and where.
fn bad_rows() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let tags = |tags: Value| json!({ "phoneNumber": "+14155550100", "tags": tags });
    let many: Vec<String> = (0..51).map(|n| format!("t{n}")).collect();
    vec![
        ("a blank tag", tags(json!(["vip", " "])), &["INVALID input.subscribers.0.tags.1"]),
        ("a tag of 65", tags(json!(["é".repeat(65)])), &["INVALID input.subscribers.0.tags.0"]),
        ("a NUL in a tag", tags(json!(["a\u{0}"])), &["INVALID input.subscribers.0.tags.0"]),
        (
            "a zero-width space in a tag",
            tags(json!(["vi\u{200b}p"])),
            &["INVALID input.subscribers.0.tags.0"],
        ),
        ("51 tags", tags(json!(many)), &["INVALID input.subscribers.0.tags.50"]),
        (
            "no such zone",
            json!({ "phoneNumber": "+14155550100", "timeZone": "America/Atlantis" }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "an offset for a zone",
            json!({ "phoneNumber": "+14155550100", "timeZone": "+05:00" }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "an empty zone",
            json!({ "phoneNumber": "+14155550100", "timeZone": "" }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "a date for an instant",
            json!({ "phoneNumber": "+14155550100", "subscribedAt": "2026-11-23" }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "a status",
            json!({ "phoneNumber": "+14155550100", "status": "SUBSCRIBED" }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "a number for a text",
            json!({ "phoneNumber": 14_155_550_100_i64 }),
            &["! BAD_USER_INPUT"],
        ),
        ("no number", json!({ "tags": [] }), &["! BAD_USER_INPUT"]),
    ]
}

/// Postal codes and attributes, by what is wrong with them.
fn bad_fields() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let code = |code: &str| json!({ "phoneNumber": "+14155550100", "postalCode": code });
    let all = |list: Value| json!({ "phoneNumber": "+14155550100", "attributes": list });
    let one = |name: &str, value: &str| all(json!([{ "name": name, "value": value }]));
    let many: Vec<Value> =
        (0..31).map(|n| json!({ "name": format!("a{n}"), "value": "x" })).collect();
    let twice = json!([{ "name": "a", "value": "1" }, { "name": "a", "value": "2" }]);
    let bad_code: &[&str] = &["INVALID input.subscribers.0.postalCode"];
    let bad_name: &[&str] = &["INVALID input.subscribers.0.attributes.0.name"];
    let bad_value: &[&str] = &["INVALID input.subscribers.0.attributes.0.value"];
    vec![
        ("an empty postal code", code(""), bad_code),
        ("a blank postal code", code(" - "), bad_code),
        ("a postal code of 13", code("1234567890123"), bad_code),
        ("a hidden character in it", code("10\u{200b}001"), bad_code),
        ("a NUL in it", code("10001\u{0}"), bad_code),
        ("full-width digits", code("１０００１"), bad_code),
        ("no name", one("", "x"), bad_name),
        ("a capital", one("First", "x"), bad_name),
        ("a digit first", one("1st", "x"), bad_name),
        ("a space in a name", one("first name", "x"), bad_name),
        ("a brace in a name", one("a}}", "x"), bad_name),
        ("a name of 33", one(&"a".repeat(33), "x"), bad_name),
        ("a value of 201", one("a", &"é".repeat(201)), bad_value),
        ("a control character", one("a", "x\u{7}y"), bad_value),
        ("a NUL in a value", one("a", "\u{0}"), bad_value),
        ("a line break", one("a", "x\ny"), bad_value),
        ("a zero-width space", one("a", "x\u{200b}y"), bad_value),
        ("text that runs backwards", one("a", "x\u{202e}y"), bad_value),
        ("a name twice", all(twice), &["INVALID input.subscribers.0.attributes.1.name"]),
        ("31 attributes", all(json!(many)), &["INVALID input.subscribers.0.attributes.30"]),
        ("no value", all(json!([{ "name": "a" }])), &["! BAD_USER_INPUT"]),
        ("an object", all(json!({ "a": "x" })), &["! BAD_USER_INPUT"]),
        (
            "no such zone, observed",
            json!({ "phoneNumber": "+14155550100", "observedTimeZone": "Mars/Base" }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "a zone in small letters, observed",
            json!({ "phoneNumber": "+14155550100", "observedTimeZone": "america/chicago" }),
            &["! BAD_USER_INPUT"],
        ),
    ]
}

#[tokio::test]
async fn a_row_that_cannot_be_is_refused_by_place() {
    let world = world("subscribers: []\n").await;
    let bad = bad_rows()
        .into_iter()
        .chain(bad_fields())
        .map(|(what, row, wanted)| (what, rows(&[row]), wanted));
    let bad: Vec<Case<'_>> = bad.collect();
    all_refused(&world, world.client(), UPSERT, &bad).await;
    let thousand_and_one: Vec<Value> = (0..1_001)
        .map(|n| json!({ "phoneNumber": format!("+1{}555{n:04}", 200 + n / 1_000) }))
        .collect();
    let case: [Case<'_>; 1] =
        [("1,001 rows", rows(&thousand_and_one), &["TOO_MANY input.subscribers"])];
    all_refused(&world, world.client(), UPSERT, &case).await;
    let answer = post(world.client(), UPSERT, rows(&thousand_and_one)).await;
    assert_eq!(answer["data"]["subscribersUpsert"]["subscribers"], json!([]));
    let kept = done(world.client(), UPSERT, rows(thousand_and_one.split_last().unwrap().1)).await;
    assert_eq!(kept["subscribers"].as_array().unwrap().len(), 1_000);
    world.stop().await.unwrap();
}

/// Goal: good rows are kept when others are refused, and a number given twice is told at the second.
#[tokio::test]
async fn good_rows_are_kept_beside_bad_ones() {
    let world = world("subscribers: []\n").await;
    let number = |number: &str| json!({ "phoneNumber": number });
    let input = rows(&[
        number("+14155550100"),
        number("+1415"),
        number("+14155550100"),
        json!({ "phoneNumber": "+14155550101", "tags": ["vip", "vip"] }),
        json!({ "phoneNumber": "+14155550102", "tags": [""] }),
        json!({ "phoneNumber": "+14155550102" }),
    ]);
    let answer = post(world.client(), UPSERT, input).await;
    assert_eq!(
        problems(&answer),
        [
            "INVALID_PHONE_NUMBER input.subscribers.1.phoneNumber",
            "DUPLICATE_PHONE_NUMBER input.subscribers.2.phoneNumber",
            "INVALID input.subscribers.4.tags.0",
            "DUPLICATE_PHONE_NUMBER input.subscribers.5.phoneNumber",
        ]
    );
    let kept = answer["data"]["subscribersUpsert"]["subscribers"].as_array().unwrap();
    let kept: Vec<bool> = kept.iter().map(|one| !one.is_null()).collect();
    assert_eq!(kept, [true, false, false, true, false, false]);
    let rows_after = Rows::of(&world).await;
    assert_eq!((rows_after.count("subscriber"), rows_after.count("subscriber_tag")), (2, 1));
    world.stop().await.unwrap();
}

/// Audiences, by what is wrong with them.
fn bad_audiences() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let named = |name: String| json!({ "name": name, "rules": {} });
    let rules = |rules: Value| json!({ "name": "New", "rules": rules });
    let within = |from: &str, until: &str| {
        rules(json!({ "subscribedWithin": { "from": from, "until": until } }))
    };
    let many: Vec<String> = (0..51).map(|n| format!("t{n}")).collect();
    vec![
        ("a blank name", named("  ".to_owned()), &["BLANK input.name"]),
        ("a name of 201", named("x".repeat(201)), &["TOO_LONG input.name"]),
        ("a control character", named("a\u{7}".to_owned()), &["INVALID input.name"]),
        ("a taken name", named("everyone".to_owned()), &["NAME_TAKEN input.name"]),
        ("a blank tag", rules(json!({ "tagsAny": [""] })), &["BLANK input.rules.tagsAny.0"]),
        (
            "a tag of 65",
            rules(json!({ "tagsAll": ["a", "x".repeat(65)] })),
            &["INVALID input.rules.tagsAll.1"],
        ),
        ("a NUL", rules(json!({ "tagsNone": ["a\u{0}"] })), &["INVALID input.rules.tagsNone.0"]),
        ("51 tags", rules(json!({ "tagsAny": many })), &["TOO_LONG input.rules.tagsAny"]),
        (
            "an empty span",
            within("2026-11-23T15:00:00Z", "2026-11-23T15:00:00Z"),
            &["INVALID input.rules.subscribedWithin"],
        ),
        (
            "a span backwards",
            within("2026-11-23T15:00:00Z", "2026-11-22T15:00:00Z"),
            &["INVALID input.rules.subscribedWithin"],
        ),
        (
            "everything",
            json!({ "name": "", "rules": { "tagsAny": [""], "tagsAll": [""], "tagsNone": [""] } }),
            &[
                "BLANK input.name",
                "BLANK input.rules.tagsAny.0",
                "BLANK input.rules.tagsAll.0",
                "BLANK input.rules.tagsNone.0",
            ],
        ),
        ("no rules", json!({ "name": "New" }), &["! BAD_USER_INPUT"]),
        ("a null tag", rules(json!({ "tagsAny": [null] })), &["! BAD_USER_INPUT"]),
    ]
}

#[tokio::test]
async fn an_audience_that_cannot_be_is_refused_by_name() {
    let world = world("subscribers: []\n").await;
    let bad = bad_audiences().into_iter();
    let bad = bad.map(|(what, input, wanted)| (what, json!({ "input": input }), wanted));
    let bad: Vec<Case<'_>> = bad.collect();
    all_refused(&world, world.client(), AUDIENCE, &bad).await;
    world.stop().await.unwrap();
}
