//! Activations and times that cannot be.

use harness::world::World;
use serde_json::{Value, json};

use super::{Case, all_refused};
use crate::common::{
    ACTIVATE, CREATE, RESCHEDULE, Rows, activated, at, at_each, done, draft, draft_input, now,
    patched, post, problems, text, world,
};

async fn made(world: &World, patch: Value) -> String {
    let input = patched(&draft_input(world), &patch);
    text(&done(world.client(), CREATE, json!({ "input": input })).await["campaign"]["id"])
}

/// Goal: an activation says all that is missing at once. Method: drafts without steps, without an
/// audience, without either, and a passed time besides.
#[tokio::test]
async fn an_activation_names_everything_that_is_missing() {
    let world = world("subscribers: []\n").await;
    let no_steps = made(&world, json!({ "steps": null })).await;
    let no_audience = made(&world, json!({ "audienceIds": null })).await;
    let neither = made(&world, json!({ "audienceIds": [], "steps": [] })).await;
    let with = |id: &str, input: Value| json!({ "id": id, "input": input });
    let cases: [Case<'_>; 4] = [
        ("no steps", with(&no_steps, now()), &["NO_STEPS id"]),
        ("no audience", with(&no_audience, now()), &["NO_AUDIENCE id"]),
        ("neither", with(&neither, now()), &["NO_STEPS id", "NO_AUDIENCE id"]),
        (
            "neither, and too late",
            with(&neither, at("2026-11-23T09:00:00")),
            &[
                "NO_STEPS id",
                "NO_AUDIENCE id",
                "TIME_PASSED input.schedule.atStoreTime.localDateTime",
            ],
        ),
    ];
    all_refused(&world, world.client(), ACTIVATE, &cases).await;
    world.stop().await.unwrap();
}

/// The times that no campaign can be sent at. It is ten in the morning of 23 November 2026 in the
/// store's zone.
fn bad_times() -> Vec<(&'static str, Value, &'static [&'static str])> {
    const LOCAL: &[&str] = &["TIME_PASSED input.schedule.atStoreTime.localDateTime"];
    const FAR: &[&str] = &["INVALID input.schedule.atStoreTime.localDateTime"];
    const SEND_BY: &[&str] = &["INVALID input.sendBy"];
    const UNREADABLE: &[&str] = &["! BAD_USER_INPUT"];
    let by = |local: &str, send_by: &str| patched(&at(local), &json!({ "sendBy": send_by }));
    vec![
        ("yesterday", at("2026-11-22T12:00:00"), LOCAL),
        ("a second ago", at("2026-11-23T09:59:59"), LOCAL),
        ("this very second", at("2026-11-23T10:00:00"), LOCAL),
        ("the year 1", at("0001-01-01T00:00:00"), LOCAL),
        ("367 days ahead", at("2027-11-25T10:00:00"), FAR),
        ("the last year there is", at("9999-12-31T23:59:59"), FAR),
        ("sent by the start", by("2026-11-24T10:00:00", "2026-11-24T15:00:00Z"), SEND_BY),
        ("sent before the start", by("2026-11-24T10:00:00", "2026-11-24T10:00:00Z"), SEND_BY),
        ("no time of day", at("2026-11-24"), UNREADABLE),
        ("an offset", at("2026-11-24T10:00:00-05:00"), UNREADABLE),
        ("no such day", at("2026-02-30T10:00:00"), UNREADABLE),
        ("no such hour", at("2026-11-24T25:00:00"), UNREADABLE),
        ("a word", at("tomorrow"), UNREADABLE),
        ("no schedule", json!({}), &["! BAD_USER_INPUT"]),
        ("an empty schedule", json!({ "schedule": {} }), &["! BAD_USER_INPUT"]),
        (
            "both",
            json!({ "schedule": {
                "now": true, "atStoreTime": { "localDateTime": "2026-11-24T10:00:00" },
            } }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "one and a null",
            json!({ "schedule": { "now": true, "atStoreTime": null } }),
            &["! BAD_USER_INPUT"],
        ),
        ("a null", json!({ "schedule": { "now": null } }), &["! BAD_USER_INPUT"]),
        ("not now", json!({ "schedule": { "now": false } }), &["INVALID input.schedule.now"]),
        (
            "a sendBy without an offset",
            by("2026-11-24T10:00:00", "2026-11-24T15:00:00"),
            UNREADABLE,
        ),
    ]
}

#[tokio::test]
async fn a_time_that_cannot_be_is_refused_when_activated_and_when_moved() {
    let world = world("subscribers: []\n").await;
    let draft = draft(&world).await;
    let scheduled = activated(&world, at("2026-11-24T10:00:00")).await;
    let cases = |id: &str| -> Vec<Case<'_>> {
        let with = |(what, input, wanted)| (what, json!({ "id": id, "input": input }), wanted);
        bad_times().into_iter().map(with).collect()
    };
    all_refused(&world, world.client(), ACTIVATE, &cases(&draft)).await;
    all_refused(&world, world.client(), RESCHEDULE, &cases(&scheduled)).await;
    let only: [Case<'_>; 1] =
        [("now", json!({ "id": scheduled, "input": now() }), &["INVALID input.schedule.now"])];
    all_refused(&world, world.client(), RESCHEDULE, &only).await;
    let soon = patched(&now(), &json!({ "sendBy": "2026-11-23T15:00:00Z" }));
    let only: [Case<'_>; 1] =
        [("now, by now", json!({ "id": draft, "input": soon }), &["INVALID input.sendBy"])];
    all_refused(&world, world.client(), ACTIVATE, &only).await;
    world.stop().await.unwrap();
}

/// Those whose clocks the next times are read from: it is ten, nine and five in the morning.
const THREE_ZONES: &str = "
subscribers:
  - { count: 1, area: 212, time_zone: America/New_York }
  - { count: 1, area: 312, time_zone: America/Chicago }
  - { count: 1, area: 808, time_zone: Pacific/Honolulu }
";

/// The times in each subscriber's zone that no campaign can be sent at.
fn bad_times_of_each() -> Vec<(&'static str, Value, &'static [&'static str])> {
    const LOCAL: &[&str] = &["TIME_PASSED input.schedule.atSubscriberLocalTime.localDateTime"];
    const FAR: &[&str] = &["INVALID input.schedule.atSubscriberLocalTime.localDateTime"];
    const SEND_BY: &[&str] = &["INVALID input.sendBy"];
    const UNREADABLE: &[&str] = &["! BAD_USER_INPUT"];
    let by = |local: &str, send_by: &str| {
        patched(&at_each(local, "SEND_NOW"), &json!({ "sendBy": send_by }))
    };
    let one = |at: Value| json!({ "schedule": { "atSubscriberLocalTime": at } });
    vec![
        ("yesterday", at_each("2026-11-22T12:00:00", "SEND_NOW"), LOCAL),
        ("passed everywhere", at_each("2026-11-23T04:59:59", "SEND_NOW"), LOCAL),
        ("passed everywhere, for the next day", at_each("2026-11-23T04:59:59", "NEXT_DAY"), LOCAL),
        ("passed everywhere, to skip", at_each("2026-11-23T04:59:59", "SKIP"), LOCAL),
        ("this very second in the last zone", at_each("2026-11-23T05:00:00", "SKIP"), LOCAL),
        ("the year 1", at_each("0001-01-01T00:00:00", "SEND_NOW"), LOCAL),
        ("367 days ahead in the last zone", at_each("2027-11-24T06:00:00", "SEND_NOW"), FAR),
        ("the last year there is", at_each("9999-12-31T23:59:59", "SEND_NOW"), FAR),
        ("sent by the start", by("2026-11-24T10:00:00", "2026-11-24T15:00:00Z"), SEND_BY),
        ("sent before the start", by("2026-11-24T10:00:00", "2026-11-24T14:00:00Z"), SEND_BY),
        ("no time of day", at_each("2026-11-24", "SKIP"), UNREADABLE),
        ("an offset", at_each("2026-11-24T10:00:00Z", "SKIP"), UNREADABLE),
        ("no such policy", at_each("2026-11-24T10:00:00", "WAIT"), UNREADABLE),
        ("no time", one(json!({ "ifPassed": "SKIP" })), UNREADABLE),
        (
            "a zone",
            one(json!({ "localDateTime": "2026-11-24T10:00:00", "timeZone": "America/Denver" })),
            UNREADABLE,
        ),
    ]
}

#[tokio::test]
async fn a_time_of_each_subscriber_that_cannot_be_is_refused() {
    let world = world(THREE_ZONES).await;
    let draft = draft(&world).await;
    let scheduled = activated(&world, at("2026-11-24T10:00:00")).await;
    let cases = |id: &str| -> Vec<Case<'_>> {
        let with = |(what, input, wanted)| (what, json!({ "id": id, "input": input }), wanted);
        bad_times_of_each().into_iter().map(with).collect()
    };
    all_refused(&world, world.client(), ACTIVATE, &cases(&draft)).await;
    all_refused(&world, world.client(), RESCHEDULE, &cases(&scheduled)).await;
    let passed = json!({ "id": draft, "input": at_each("2026-11-22T12:00:00", "SKIP") });
    let answer = post(world.client(), ACTIVATE, passed).await;
    let said = answer.pointer("/data/campaignActivate/userErrors/0/message");
    assert_eq!(said.unwrap(), "The time named has passed in every time zone it applies to.");
    world.stop().await.unwrap();
}

/// Goal: a time is read by the clocks of those who receive the campaign, and of nobody else. Method: the
/// same time for everyone, and for everyone without those who are left out or have opted out.
#[tokio::test]
async fn a_time_of_each_subscriber_is_read_in_the_zones_of_the_recipients() {
    const MORE: &str = "
site: { time_zone: America/Denver }
subscribers:
  - { count: 1, area: 212, time_zone: America/New_York }
  - { count: 1, area: 312, time_zone: America/Chicago, tags: [out] }
  - { count: 1, area: 808, time_zone: Pacific/Honolulu, tags: [out] }
  - { count: 1, area: 415, time_zone: Europe/London, unsubscribed: true }
audiences:
  everyone: {}
  out: { tags_any: [out] }
  nobody: { tags_any: [nobody] }
";
    let world = world(MORE).await;
    let query = "query($id: ID!) { campaign(id: $id) { schedule { mode startsAt endsAt lastChangeAt \
        timeZone ifPassed } } }";
    let audience = |name: &str| json!([world.audience(name).unwrap()]);
    let mut told = Vec::new();
    for (what, patch) in [
        ("everyone", json!({})),
        ("without some", json!({ "excludedAudienceIds": audience("out") })),
        ("some", json!({ "audienceIds": audience("out") })),
        ("nobody", json!({ "audienceIds": audience("nobody") })),
    ] {
        let id = made(&world, patch).await;
        let input = json!({ "id": id, "input": at_each("2026-11-24T10:00:00", "NEXT_DAY") });
        assert_eq!(done(world.client(), ACTIVATE, input).await["campaign"]["status"], "SCHEDULED");
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let schedule = &answer["data"]["campaign"]["schedule"];
        assert_eq!(schedule["mode"], "SUBSCRIBER_TIME");
        assert_eq!(
            (&schedule["timeZone"], &schedule["ifPassed"]),
            (&Value::Null, &json!("NEXT_DAY"))
        );
        let times = ["lastChangeAt", "startsAt", "endsAt"].map(|name| text(&schedule[name]));
        told.push(format!("{what}: {}", times.join(" ")));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    everyone: 2026-11-24T14:45:00.000Z 2026-11-24T15:00:00.000Z 2026-11-24T20:00:00.000Z
    without some: 2026-11-24T14:45:00.000Z 2026-11-24T15:00:00.000Z 2026-11-24T15:00:00.000Z
    some: 2026-11-24T15:45:00.000Z 2026-11-24T16:00:00.000Z 2026-11-24T20:00:00.000Z
    nobody: 2026-11-24T16:45:00.000Z 2026-11-24T17:00:00.000Z 2026-11-24T17:00:00.000Z
    ");
    world.stop().await.unwrap();
}

/// Goal: where the time has passed in some zones only, the campaign is taken, and the policy decides
/// about them.
#[tokio::test]
async fn a_time_that_has_passed_in_some_zones_is_taken() {
    let world = world(THREE_ZONES).await;
    let query = "query($id: ID!) { campaign(id: $id) { status schedule { startsAt endsAt } } }";
    let mut told = Vec::new();
    for policy in ["SEND_NOW", "NEXT_DAY", "SKIP"] {
        // Passed by half an hour in New York, half an hour ahead in Chicago.
        let id = activated(&world, at_each("2026-11-23T09:30:00", policy)).await;
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let campaign = &answer["data"]["campaign"];
        let times = ["startsAt", "endsAt"].map(|name| text(&campaign["schedule"][name]));
        told.push(format!("{policy}: {} {}", text(&campaign["status"]), times.join(" ")));
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    SEND_NOW: PROCESSING 2026-11-23T15:00:00.000Z 2026-11-23T19:30:00.000Z
    NEXT_DAY: SCHEDULED 2026-11-23T15:30:00.000Z 2026-11-24T14:30:00.000Z
    SKIP: SCHEDULED 2026-11-23T15:30:00.000Z 2026-11-23T19:30:00.000Z
    ");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a wall time that a clock change skips moves forward, and one that occurs twice is the first.
#[tokio::test]
async fn a_wall_time_in_a_gap_or_a_fold_is_taken() {
    let world = world("subscribers: []\n").await;
    for (local, starts_at) in [
        ("2027-03-14T02:30:00", "2027-03-14T07:30:00.000Z"),
        ("2027-11-07T01:30:00", "2027-11-07T05:30:00.000Z"),
        ("2027-11-24T10:00:00", "2027-11-24T15:00:00.000Z"),
    ] {
        let id = activated(&world, at(local)).await;
        let query = "query($id: ID!) { campaign(id: $id) { schedule { startsAt localDateTime } } }";
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let wanted = json!({ "startsAt": starts_at, "localDateTime": local });
        assert_eq!(answer["data"]["campaign"]["schedule"], wanted);
    }
    world.stop().await.unwrap();
}

/// Goal: the same in each subscriber's zone: a change of one zone's clock is no other's.
#[tokio::test]
async fn a_gap_or_a_fold_is_each_zones_own() {
    let world = world(THREE_ZONES).await;
    for (local, starts_at, ends_at) in [
        ("2027-03-14T02:30:00", "2027-03-14T07:30:00.000Z", "2027-03-14T12:30:00.000Z"),
        ("2027-11-07T01:30:00", "2027-11-07T05:30:00.000Z", "2027-11-07T11:30:00.000Z"),
    ] {
        let id = activated(&world, at_each(local, "SKIP")).await;
        let query =
            "query($id: ID!) { campaign(id: $id) { schedule { startsAt endsAt localDateTime } } }";
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let wanted = json!({ "startsAt": starts_at, "endsAt": ends_at, "localDateTime": local });
        assert_eq!(answer["data"]["campaign"]["schedule"], wanted);
    }
    world.stop().await.unwrap();
}

/// Goal: a rescheduling leaves `sendBy` as it is unless it is given, and null takes it away; one that
/// is kept is still held against the new time.
#[tokio::test]
async fn a_kept_send_by_is_held_against_the_new_time() {
    let world = world("subscribers: []\n").await;
    let send_by = json!({ "sendBy": "2026-11-24T16:00:00Z" });
    let id = activated(&world, patched(&at("2026-11-24T10:00:00"), &send_by)).await;
    let before = Rows::of(&world).await;
    let late = json!({ "id": id, "input": at("2026-11-24T11:00:00") });
    let answer = post(world.client(), RESCHEDULE, late).await;
    assert_eq!(problems(&answer), ["INVALID input.sendBy"]);
    assert_eq!(Rows::of(&world).await, before);
    let moved = async |input: Value| {
        let moved = done(world.client(), RESCHEDULE, json!({ "id": id, "input": input })).await;
        moved["campaign"]["schedule"].clone()
    };
    let kept = moved(at("2026-11-24T10:30:00")).await;
    assert_eq!(
        kept,
        json!({ "startsAt": "2026-11-24T15:30:00.000Z", "sendBy": "2026-11-24T16:00:00.000Z" })
    );
    let mut without = at("2026-11-24T11:00:00");
    without["sendBy"] = Value::Null;
    let gone = moved(without).await;
    assert_eq!(gone, json!({ "startsAt": "2026-11-24T16:00:00.000Z", "sendBy": null }));
    world.stop().await.unwrap();
}
