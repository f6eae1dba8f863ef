//! Drafts that cannot be: names, texts, pictures, steps and audiences, when made and when changed.

use harness::world::World;
use serde_json::{Value, json};

use super::{Case, all_refused};
use crate::common::{
    AUDIENCE, CREATE, DUPLICATE, UPDATE, done, draft, draft_input, patched, post, problems, text,
    world,
};

/// A name, by what is wrong with it.
fn bad_names() -> Vec<(&'static str, String, &'static str)> {
    vec![
        ("empty", String::new(), "BLANK"),
        ("spaces", "   ".to_owned(), "BLANK"),
        ("no-break spaces and tabs", "\u{a0}\t\u{2003}".to_owned(), "BLANK"),
        ("201 characters", "é".repeat(201), "TOO_LONG"),
        ("a line break", "Black\nFriday".to_owned(), "INVALID"),
        ("a NUL", "Black\u{0}Friday".to_owned(), "INVALID"),
        ("an escape", "\u{1b}[31mSale".to_owned(), "INVALID"),
        ("a control character of Latin-1", "Sale\u{85}".to_owned(), "INVALID"),
        ("only what has no shape", "\u{200b}\u{feff}".to_owned(), "BLANK"),
        ("a zero-width space", "Black\u{200b}Friday".to_owned(), "INVALID"),
        ("text turned round", "Sale\u{202e}".to_owned(), "INVALID"),
    ]
}

/// Steps, by what is wrong with them and where.
fn bad_steps() -> Vec<(&'static str, Value, &'static [&'static str])> {
    let body = |body: String| json!([{ "body": body }]);
    let media = |url: &str| json!([{ "body": "Look", "mediaUrl": url }]);
    vec![
        ("an empty text", body(String::new()), &["BLANK input.steps.0.body"]),
        ("a blank text", body(" \n\t".to_owned()), &["BLANK input.steps.0.body"]),
        ("1,601 characters", body("é".repeat(1_601)), &["TOO_LONG input.steps.0.body"]),
        ("11 segments of GSM-7", body("a".repeat(1_531)), &["TOO_LONG input.steps.0.body"]),
        ("11 segments of UCS-2", body("語".repeat(671)), &["TOO_LONG input.steps.0.body"]),
        ("a NUL", body("a\u{0}b".to_owned()), &["INVALID input.steps.0.body"]),
        ("a tab", body("a\tb".to_owned()), &["INVALID input.steps.0.body"]),
        ("a zero-width space", body("a\u{200b}b".to_owned()), &["INVALID input.steps.0.body"]),
        ("a byte-order mark", body("\u{feff}Sale".to_owned()), &["INVALID input.steps.0.body"]),
        ("text turned round", body("a\u{202e}b".to_owned()), &["INVALID input.steps.0.body"]),
        ("only what has no shape", body("\u{200b}".to_owned()), &["BLANK input.steps.0.body"]),
        ("half a variable", body("Hi {{name".to_owned()), &["INVALID input.steps.0.body"]),
        ("the other half", body("Hi name}}".to_owned()), &["INVALID input.steps.0.body"]),
        ("a variable without a name", body("Hi {{ }}".to_owned()), &["INVALID input.steps.0.body"]),
        ("a name in capitals", body("Hi {{Name}}".to_owned()), &["INVALID input.steps.0.body"]),
        ("a variable in another", body("{{a|{{b}}}}".to_owned()), &["INVALID input.steps.0.body"]),
        (
            "a fallback of 101 characters",
            body(format!("Hi {{{{a|{}}}}}", "é".repeat(101))),
            &["INVALID input.steps.0.body"],
        ),
        ("blank without values", body("{{a|}} {{b|}}".to_owned()), &["BLANK input.steps.0.body"]),
        (
            "11 segments beside a variable",
            body(format!("{{{{a}}}}{}", "a".repeat(1_531))),
            &["TOO_LONG input.steps.0.body"],
        ),
        (
            "a URL of 2,049 characters",
            media(&format!("https://example.com/{}", "a".repeat(2_029))),
            &["TOO_LONG input.steps.0.mediaUrl"],
        ),
        ("a relative URL", media("/picture.jpg"), &["! BAD_USER_INPUT"]),
        ("another scheme", media("ftp://example.com/picture.jpg"), &["! BAD_USER_INPUT"]),
        ("a script", media("javascript:alert(1)"), &["! BAD_USER_INPUT"]),
        ("a password in a URL", media("https://a:b@example.com/"), &["! BAD_USER_INPUT"]),
        ("a space in a URL", media("https://example.com/a b"), &["! BAD_USER_INPUT"]),
        ("an empty URL", media(""), &["! BAD_USER_INPUT"]),
        ("a delay that is none", json!([{ "body": "a", "delay": "1h" }]), &["! BAD_USER_INPUT"]),
    ]
}

/// Lists of audiences, by what is wrong with them.
fn bad_audiences(ours: &str, foreign: &str) -> Vec<(&'static str, Value, Vec<&'static str>)> {
    const RANDOM: &str = "aud_0190a5b20000700080000000000000ff";
    let camp = RANDOM.replace("aud_", "camp_");
    vec![
        ("none of that id", json!([RANDOM]), vec!["0"]),
        ("another site's", json!([foreign]), vec!["0"]),
        ("garbage", json!(["everyone"]), vec!["0"]),
        ("an empty id", json!([""]), vec!["0"]),
        ("a campaign's id", json!([camp]), vec!["0"]),
        ("an id in capitals", json!([ours.to_uppercase()]), vec!["0"]),
        ("one good and two bad", json!([ours, foreign, "x"]), vec!["1", "2"]),
    ]
}

/// Every case of content, as members of an input.
fn cases(ours: &str, foreign: &str) -> Vec<(String, Value, Vec<String>)> {
    let mut all = Vec::new();
    for (what, name, code) in bad_names() {
        all.push((what.to_owned(), json!({ "name": name }), vec![format!("{code} input.name")]));
    }
    for (what, steps, wanted) in bad_steps() {
        let wanted = wanted.iter().map(|text| (*text).to_owned()).collect();
        all.push((what.to_owned(), json!({ "steps": steps }), wanted));
    }
    for member in ["audienceIds", "excludedAudienceIds"] {
        for (what, ids, at) in bad_audiences(ours, foreign) {
            let told = |at| format!("AUDIENCE_NOT_FOUND input.{member}.{at}");
            let wanted = at.into_iter().map(told).collect();
            all.push((format!("{member}: {what}"), json!({ member: ids }), wanted));
        }
        let many = json!({ member: vec![ours; 51] });
        all.push((format!("51 {member}"), many, vec![format!("TOO_LONG input.{member}")]));
    }
    let everything = json!({ "name": "", "steps": [{ "body": "" }], "audienceIds": ["x"] });
    let told =
        ["BLANK input.name", "BLANK input.steps.0.body", "AUDIENCE_NOT_FOUND input.audienceIds.0"];
    all.push(("all at once".to_owned(), everything, told.map(str::to_owned).to_vec()));
    all
}

/// An audience of another site.
async fn foreign_audience(world: &World) -> String {
    let key = world.other_site_key(&harness::scenario::Scenario::default()).await.unwrap();
    let other = world.client_with(Some(key)).unwrap();
    let input = json!({ "input": { "name": "theirs", "rules": {} } });
    text(&done(&other, AUDIENCE, input).await["audience"]["id"])
}

/// Goal: no draft is made or changed by content that cannot be sent. Method: each bad member of an
/// otherwise good input, in both mutations.
#[tokio::test]
async fn content_that_cannot_be_is_refused_by_name() {
    let world = world("subscribers: []\n").await;
    let foreign = foreign_audience(&world).await;
    let ours = world.audience("everyone").unwrap().to_owned();
    let id = draft(&world).await;
    let all = cases(&ours, &foreign);
    let base = draft_input(&world);
    let wanted: Vec<Vec<&str>> =
        all.iter().map(|(.., wanted)| wanted.iter().map(String::as_str).collect()).collect();
    let cases = |variables: &dyn Fn(&Value) -> Value| -> Vec<Case<'_>> {
        let all = all.iter().zip(&wanted);
        all.map(|((what, patch, _), wanted)| (what.as_str(), variables(patch), wanted.as_slice()))
            .collect()
    };
    let made = cases(&|patch| json!({ "input": patched(&base, patch) }));
    all_refused(&world, world.client(), CREATE, &made).await;
    let changed = cases(&|patch| json!({ "id": id, "input": patch }));
    all_refused(&world, world.client(), UPDATE, &changed).await;
    world.stop().await.unwrap();
}

/// Goal: the limits are where they are said to be. Method: the longest of everything is taken.
#[tokio::test]
async fn the_longest_that_fits_is_taken() {
    let world = world("subscribers: []\n").await;
    let ours = world.audience("everyone").unwrap();
    let longest = json!({
        "name": "é".repeat(200),
        "steps": [{
            "body": "a".repeat(1_530),
            "mediaUrl": format!("https://example.com/{}", "a".repeat(2_028)),
        }],
        "audienceIds": vec![ours; 50],
        "excludedAudienceIds": vec![ours; 50],
    });
    let made = done(world.client(), CREATE, json!({ "input": longest })).await;
    let id = text(&made["campaign"]["id"]);
    let query = "query($id: ID!) { campaign(id: $id) { audiences { id } excludedAudiences { id } \
        steps { preview { segmentCount channel } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    let once = json!([{ "id": ours }]);
    let campaign = &answer["data"]["campaign"];
    assert_eq!((&campaign["audiences"], &campaign["excludedAudiences"]), (&once, &once));
    let steps = json!([{ "preview": { "segmentCount": 10, "channel": "MMS" } }]);
    assert_eq!(campaign["steps"], steps);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_copys_name_is_held_to_the_same_rules() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    for (what, name, code) in bad_names() {
        let wanted = format!("{code} input.name");
        let input = json!({ "id": id, "input": { "name": name } });
        all_refused(&world, world.client(), DUPLICATE, &[(what, input, &[&wanted])]).await;
    }
    world.stop().await.unwrap();
}

/// Goal: what a client may not set, it cannot. Method: members of the object that are no members of
/// the input, in the document and in variables.
#[tokio::test]
async fn nobody_sets_what_the_service_works_out() {
    let world = world("subscribers: []\n").await;
    let members = [
        ("status", json!("SENT")),
        ("statusReason", json!(null)),
        ("revision", json!(7)),
        ("progress", json!({ "counts": { "delivered": 1 } })),
        ("id", json!("camp_0190a5b20000700080000000000000ff")),
        ("createdAt", json!("2026-11-23T15:00:00Z")),
        ("duplicatedFrom", json!("camp_0190a5b20000700080000000000000ff")),
        ("unknown", json!(true)),
    ];
    let before = crate::common::Rows::of(&world).await;
    for (member, value) in &members {
        let mut input = draft_input(&world);
        input[*member] = value.clone();
        let answer = post(world.client(), CREATE, json!({ "input": input })).await;
        assert_eq!(problems(&answer).len(), 1, "{member}: {answer}");
        assert!(answer.get("data").is_none() && answer.to_string().contains(member), "{answer}");
        let document = format!(
            "mutation {{ campaignCreate(input: {{ name: \"x\", {member}: null }}) {{ campaign {{ id }} }} }}"
        );
        let answer = post(world.client(), &document, json!({})).await;
        assert!(answer.get("data").is_none() && answer.to_string().contains(member), "{answer}");
    }
    assert_eq!(crate::common::Rows::of(&world).await, before);
    world.stop().await.unwrap();
}
