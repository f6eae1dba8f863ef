//! Texts with variables, before anything is sent: what a composer is shown, what is foreseen, and what a
//! campaign may not be activated with.

use std::collections::BTreeMap;

use api::service::admin::SiteSettings;
use entity::convert::values_json;
use entity::subscriber;
use harness::scenario::Scenario;
use harness::world::World;
use sea_orm::{
    ActiveModelTrait as _, ActiveValue::Set, ColumnTrait as _, EntityTrait as _, QueryFilter as _,
};
use serde_json::{Value, json};

use crate::common::{ACTIVATE, CREATE, RESCHEDULE, at, done, now, post, problems, text, world};

const PREVIEW: &str = "query($body: String!, $site: ID) { messagePreview(body: $body, siteId: $site) \
    { text channel encoding length segmentCount maxSegmentCount remainingInSegment \
    offendingCharacter { position character codePoint replacement } unknownVariables problem } }";

/// Gives a subscriber attributes.
pub(crate) async fn give(world: &World, phone: &str, attributes: &[(&str, &str)]) {
    let pairs = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let values: BTreeMap<String, String> = pairs.collect();
    let txn = world.db().begin_write().await.unwrap();
    let found = subscriber::Entity::find().filter(subscriber::Column::Phone.eq(phone));
    let row = found.one(&txn).await.unwrap().unwrap();
    let site = row.site_id.into();
    let mut row = subscriber::ActiveModel::from(row);
    row.attributes = Set(Some(values_json(&values)));
    row.update(&txn).await.unwrap();
    api::db::attributes::note(&txn, site, [&values]).await.unwrap();
    txn.commit().await.unwrap();
}

/// Changes what stands around every text of the site.
pub(crate) async fn frame(world: &World, prefix: &str, footer: &str) {
    let settings = SiteSettings {
        text_prefix: Some(prefix.to_owned()),
        text_footer: Some(footer.to_owned()),
        ..SiteSettings::default()
    };
    let site = world.site_id().parse().unwrap();
    assert!(world.app().service().admin_site_set(site, settings).await.unwrap());
}

async fn preview(world: &World, body: &str) -> Value {
    let answer = post(world.client(), PREVIEW, json!({ "body": body })).await;
    assert!(answer.get("errors").is_none(), "{answer}");
    answer["data"]["messagePreview"].clone()
}

/// Makes a draft with one text; answers its id.
async fn draft_of(world: &World, body: &str) -> String {
    let input = json!({
        "name": "Sale",
        "audienceIds": [world.audience("everyone").unwrap()],
        "steps": [{ "body": body }],
    });
    text(&done(world.client(), CREATE, json!({ "input": input })).await["campaign"]["id"])
}

/// Goal: the composer sees what goes out and what it costs. Method: a text with everything in it.
#[tokio::test]
async fn a_preview_counts_all_that_is_sent() {
    let world = world("").await;
    let bare = preview(&world, "Hello").await;
    assert_eq!(
        bare,
        json!({
            "text": "Hello", "channel": "SMS", "encoding": "GSM_7", "length": 5, "segmentCount": 1,
            "maxSegmentCount": 1, "remainingInSegment": 155, "offendingCharacter": null,
            "unknownVariables": [], "problem": null,
        })
    );
    frame(&world, "Acme", "Reply STOP to opt out").await;
    give(&world, "+14155550100", &[("first_name", "Ana")]).await;
    let long = "Jo".repeat(20);
    give(&world, "+14155550101", &[("first_name", &long), ("points", "12")]).await;
    let body = "It’s {{ first_name | you }}, {{ points }} of {{ nick | }}!";
    assert_eq!(
        preview(&world, body).await,
        json!({
            "text": "Acme: It’s Alex, points of nick!\nReply STOP to opt out", "channel": "SMS",
            "encoding": "UCS_2", "length": 54, "segmentCount": 1, "maxSegmentCount": 2,
            "remainingInSegment": 16,
            "offendingCharacter": {
                "position": 8, "character": "’", "codePoint": "U+2019", "replacement": "'",
            },
            "unknownVariables": ["nick"], "problem": null,
        })
    );
    let malformed = preview(&world, "Hi {{ First name }}").await;
    assert_eq!(malformed["text"], "Acme: Hi {{ First name }}\nReply STOP to opt out");
    assert!(text(&malformed["problem"]).contains("`First name` is not the name"), "{malformed}");
    let hidden = preview(&world, "Sa\u{200b}le").await;
    assert_eq!(
        hidden["offendingCharacter"],
        json!({ "position": 8, "character": "\u{200b}", "codePoint": "U+200B", "replacement": "" })
    );
    assert!(text(&hidden["problem"]).contains("U+200B, at character 3"), "{hidden}");
    let long = preview(&world, &"a".repeat(1_530)).await;
    assert_eq!((&long["segmentCount"], &long["maxSegmentCount"]), (&json!(11), &json!(11)));
    assert!(text(&long["problem"]).contains("11 segments"), "{long}");
    world.stop().await.unwrap();
}

/// Goal: a step's preview shows what was frozen around it. Method: change the frame before and after
/// activation.
#[tokio::test]
async fn a_frame_is_frozen_at_activation() {
    let world = world("").await;
    frame(&world, "Acme", "").await;
    let id = draft_of(&world, "Hi from {{ site_name }}").await;
    let shown = async || {
        let query = "query($id: ID!) { campaign(id: $id) { site { name textPrefix textFooter } steps { \
            preview { text } } } }";
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let campaign = &answer["data"]["campaign"];
        let name = text(&campaign["site"]["name"]);
        (
            text(&campaign["steps"][0]["preview"]["text"]).replace(&name, "NAME"),
            campaign["site"].clone(),
        )
    };
    assert_eq!(shown().await.0, "Acme: Hi from NAME");
    frame(&world, "Acme Inc.", "STOP to end").await;
    assert_eq!(shown().await.0, "Acme Inc.: Hi from NAME\nSTOP to end");
    let input = json!({ "id": id, "input": at("2026-12-24T10:00:00") });
    done(world.client(), ACTIVATE, input).await;
    frame(&world, "", "Other").await;
    let (frozen, site) = shown().await;
    assert_eq!(frozen, "Acme Inc.: Hi from NAME\nSTOP to end");
    assert_eq!((&site["textPrefix"], &site["textFooter"]), (&json!(null), &json!("Other")));
    let input = json!({ "id": id, "input": at("2026-12-25T10:00:00") });
    done(world.client(), RESCHEDULE, input).await;
    assert_eq!(shown().await.0, "Hi from NAME\nOther");
    world.stop().await.unwrap();
}

/// Goal: no campaign starts with a text that is too long for somebody. Method: a text that fits by
/// itself, and does not with the longest value, or with the footer.
#[tokio::test]
async fn a_text_that_can_become_too_long_is_refused_at_activation() {
    let world = world("").await;
    let id = draft_of(&world, &format!("{}{{{{ city | }}}}", "a".repeat(1_520))).await;
    let input = json!({ "id": id, "input": now() });
    let refused = ["CONTENT_INVALID id"];
    give(&world, "+14155550100", &[("city", "elevenchars")]).await;
    let answer = post(world.client(), ACTIVATE, input.clone()).await;
    assert_eq!(problems(&answer), refused);
    let message = text(&answer["data"]["campaignActivate"]["userErrors"][0]["message"]);
    assert!(message.contains("message 1") && message.contains("11 segments"), "{message}");
    let short = draft_of(&world, &"a".repeat(1_520)).await;
    frame(&world, "", "Reply STOP").await;
    let input = json!({ "id": short, "input": now() });
    assert_eq!(problems(&post(world.client(), ACTIVATE, input.clone()).await), refused);
    frame(&world, "", "").await;
    done(world.client(), ACTIVATE, input).await;
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a key of several sites names the one, and learns nothing of others.
#[tokio::test]
async fn a_preview_is_of_the_site_named() {
    let world = world("subscribers: []\n").await;
    frame(&world, "Acme", "").await;
    let theirs = world.other_site_key(&Scenario::default()).await.unwrap();
    let theirs = crate::common::sites(&world.client_with(Some(theirs)).unwrap()).await;
    let ours: domain::id::SiteId = world.site_id().parse().unwrap();
    let both = crate::common::key(&world, domain::access::Role::Viewer, &[ours, theirs[0]]).await;
    let both = world.client_with(Some(both)).unwrap();
    let shown = async |site: Value| {
        let answer = post(&both, PREVIEW, json!({ "body": "Hi {{ a | }}", "site": site })).await;
        (answer["data"]["messagePreview"]["text"].clone(), problems(&answer))
    };
    assert_eq!(shown(json!(ours.to_string())).await, (json!("Acme: Hi a"), Vec::new()));
    assert_eq!(shown(json!(theirs[0].to_string())).await.0, "Hi a");
    assert_eq!(shown(Value::Null).await.0, "Hi a");
    let bad = vec!["! BAD_USER_INPUT".to_owned()];
    assert_eq!(shown(json!("site_0190a5b20000700080000000000000ff")).await.1, bad);
    world.stop().await.unwrap();
}

/// Whom the text differs for, and how.
const PEOPLE: &str = "
subscribers:
  - { phones: ['+14155550100'], attributes: { first_name: Ada, city: '{{ site_name }}' } }
  - { phones: ['+14155550101'], attributes: { first_name: \"O’Neil\" } }
  - { phones: ['+14155550102'], attributes: { city: Lima } }
  - { phones: ['+14155550103'], attributes: { points: '7' } }
";

/// Goal: each recipient gets the text that the preview promised, billed as it is; who lacks a value
/// gets none. Method: one campaign to four, framed; what the aggregator took, and each message.
#[tokio::test]
async fn each_recipient_gets_their_own_text() {
    let world = world(PEOPLE).await;
    frame(&world, "Acme", "Reply STOP").await;
    let body = format!("Hi {{{{ first_name }}}} of {{{{ city | nowhere }}}}{}", "!".repeat(40));
    let id = draft_of(&world, &body).await;
    done(world.client(), ACTIVATE, json!({ "id": id, "input": now() })).await;
    // What is planned keeps its values, whatever is set later.
    world.activate(api::ports::Task::Planner).await.unwrap();
    give(&world, "+14155550100", &[("first_name", "Eve")]).await;
    frame(&world, "Other", "").await;
    world.run_until_idle().await.unwrap();
    let mut taken: Vec<(String, String)> = world.aggregator().core().with_ledger(|ledger| {
        let requests = ledger.iter().map(|taken| &taken.request);
        requests.map(|request| (request.to.clone(), request.text.clone())).collect()
    });
    taken.sort();
    let marks = "!".repeat(40);
    let expected = [
        ("+14155550100", format!("Acme: Hi Ada of {{{{ site_name }}}}{marks}\nReply STOP")),
        ("+14155550101", format!("Acme: Hi O’Neil of nowhere{marks}\nReply STOP")),
    ];
    assert_eq!(taken, expected.map(|(to, text)| (to.to_owned(), text)));
    let query = "query($id: ID!) { campaign(id: $id) { status messages { nodes { status reason { code } \
        segmentCount subscriber { phoneNumber } } } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    let nodes = answer["data"]["campaign"]["messages"]["nodes"].as_array().unwrap();
    let mut told: Vec<String> = nodes
        .iter()
        .map(|node| {
            let (phone, code) = (&node["subscriber"]["phoneNumber"], &node["reason"]["code"]);
            format!("{phone} {} {code} {}", node["status"], node["segmentCount"]).replace('"', "")
        })
        .collect();
    told.sort();
    insta::assert_snapshot!(told.join("\n"), @r"
    +14155550100 DELIVERED null 1
    +14155550101 DELIVERED null 2
    +14155550102 SKIPPED VARIABLE_MISSING null
    +14155550103 SKIPPED VARIABLE_MISSING null
    ");
    world.stop().await.unwrap();
}
