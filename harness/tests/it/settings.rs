//! A site's settings through the API: what is set is read back, logged with who set it, and never lost.

use domain::rule_pack::RulePack;
use futures_util::future::join_all;
use harness::world::World;
use sea_orm::ConnectionTrait as _;
use serde_json::{Value, json};

use crate::common::{CREATE, Rows, SITE_UPDATE, UPDATE, done, draft_input, post, text, world};

const CHANGES: &str = "{ site { settingChanges { nodes { setting before after actor { kind name } \
    changedAt } pageInfo { hasNextPage } } } }";

async fn update(world: &World, input: Value) -> Value {
    let variables = json!({ "id": world.site_id(), "input": input });
    done(world.client(), SITE_UPDATE, variables).await["site"].clone()
}

/// The log in words, newest first.
async fn log(world: &World) -> String {
    let answer = post(world.client(), CHANGES, json!({})).await;
    let nodes = answer["data"]["site"]["settingChanges"]["nodes"].as_array().cloned().unwrap();
    let line = |one: &Value| {
        let side = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
        let (kind, name) = (text(&one["actor"]["kind"]), text(&one["actor"]["name"]));
        let (before, after) = (side("before"), side("after"));
        format!("{}: {before} > {after} by {kind} {name}", text(&one["setting"]))
    };
    nodes.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Settings of a site, as the API names them.
const SETTINGS: [&str; 9] = [
    "name",
    "timeZone",
    "subdomain",
    "quietHours",
    "smartSending",
    "countries",
    "textPrefix",
    "textFooter",
    "helpReply",
];

/// Goal: every setting of the input is written, read back and logged; what is left out stays. Method: all
/// at once, then some taken away, then an operator's change.
#[tokio::test]
async fn what_is_set_is_read_back_and_logged() {
    let world = world("subscribers: []\n").await;
    let site = update(
        &world,
        json!({
            "name": "Acme", "timeZone": "America/Denver", "subdomain": "acme",
            "quietHours": { "isEnabled": true, "start": "21:30:00", "end": "08:15:00" },
            "smartSending": { "isEnabled": true, "window": "PT12H" },
            "rulePacks": [{ "code": "us_tx", "isEnabled": true }, { "code": "us_fl", "isEnabled": true }],
            "countries": ["US", "CA", "US"], "textPrefix": "Acme", "textFooter": "STOP ends",
            "helpReply": "Call us.",
        }),
    )
    .await;
    let told = SETTINGS.map(|name| site[name].to_string());
    insta::assert_snapshot!(told.join("\n"), @r#"
    "Acme"
    "America/Denver"
    "acme"
    {"end":"08:15:00","isEnabled":true,"start":"21:30:00"}
    {"isEnabled":true,"window":"PT12H"}
    ["US","CA"]
    "Acme"
    "STOP ends"
    "Call us."
    "#);
    world.advance_by(chrono::TimeDelta::hours(1));
    let site = update(
        &world,
        json!({
            "subdomain": null, "textPrefix": null, "textFooter": null, "helpReply": null,
            "countries": [], "rulePacks": [{ "code": "us_fl", "isEnabled": false }],
        }),
    )
    .await;
    assert_eq!((&site["name"], &site["subdomain"]), (&json!("Acme"), &Value::Null));
    assert!(text(&site["helpReply"]).contains("STOP"), "{site}");
    let change = harness::scenario::SiteChange {
        text_prefix: Some("Ours".to_owned()),
        ..harness::scenario::SiteChange::default()
    };
    world.change_site(&change).await.unwrap();
    insta::assert_snapshot!(log(&world).await, @r"
    TEXT_PREFIX: - > Ours by OPERATOR operator
    HELP_REPLY: Call us. > - by API_KEY dashboard
    TEXT_FOOTER: STOP ends > - by API_KEY dashboard
    TEXT_PREFIX: Acme > - by API_KEY dashboard
    COUNTRIES: US CA > - by API_KEY dashboard
    RULE_PACKS: us_fl us_tx > us_tx by API_KEY dashboard
    SUBDOMAIN: acme > - by API_KEY dashboard
    HELP_REPLY: - > Call us. by API_KEY dashboard
    TEXT_FOOTER: - > STOP ends by API_KEY dashboard
    TEXT_PREFIX: - > Acme by API_KEY dashboard
    COUNTRIES: - > US CA by API_KEY dashboard
    SMART_SENDING: off (8 h) > 12 h by API_KEY dashboard
    RULE_PACKS: - > us_fl us_tx by API_KEY dashboard
    QUIET_HOURS: off (20:00:00 to 09:00:00) > 21:30:00 to 08:15:00 by API_KEY dashboard
    SUBDOMAIN: demo > acme by API_KEY dashboard
    TIME_ZONE: America/New_York > America/Denver by API_KEY dashboard
    NAME: Demo > Acme by API_KEY dashboard
    ");
    world.stop().await.unwrap();
}

/// Goal: what changes nothing writes nothing, and the log cannot be rewritten.
#[tokio::test]
async fn the_log_holds_changes_only_and_only_grows() {
    let world = world("subscribers: []\n").await;
    update(&world, json!({ "textPrefix": "Acme" })).await;
    let before = Rows::of(&world).await;
    world.advance_by(chrono::TimeDelta::hours(1));
    update(&world, json!({ "textPrefix": "Acme", "subdomain": "demo" })).await;
    update(&world, json!({})).await;
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    assert_eq!(before.count("site_change"), 1);
    for sql in ["UPDATE site_change SET actor_name = 'nobody'", "DELETE FROM site_change"] {
        let txn = world.db().begin_write().await.unwrap();
        assert!(txn.execute_unprepared(sql).await.is_err(), "{sql}");
        txn.rollback().await.unwrap();
    }
    world.stop().await.unwrap();
}

/// Goal: calls at once lose nothing: each switches a pack of its own. Method: all packs at once, from none.
#[tokio::test]
async fn packs_switched_at_once_are_all_switched() {
    let world = world("subscribers: []\n").await;
    let calls = RulePack::ALL.iter().map(|pack| {
        update(&world, json!({ "rulePacks": [{ "code": pack.as_str(), "isEnabled": true }] }))
    });
    join_all(calls).await;
    let answer = post(world.client(), "{ site { rulePacks { isEnabled } } }", json!({})).await;
    let packs = answer["data"]["site"]["rulePacks"].as_array().cloned().unwrap();
    assert_eq!(packs, vec![json!({ "isEnabled": true }); RulePack::ALL.len()]);
    assert_eq!(Rows::of(&world).await.count("site_change"), RulePack::ALL.len());
    world.stop().await.unwrap();
}

/// Goal: two sites that want one subdomain at once never both have it.
#[tokio::test]
async fn one_subdomain_is_one_sites() {
    let world = world("subscribers: []\n").await;
    let key = world.other_site_key(&harness::scenario::Scenario::default()).await.unwrap();
    let other = world.client_with(Some(key)).unwrap();
    let site = post(&other, "{ site { id } }", json!({})).await;
    let site = text(&site["data"]["site"]["id"]);
    let want = |id: String| json!({ "id": id, "input": { "subdomain": "both" } });
    let (ours, theirs) = tokio::join!(
        post(world.client(), SITE_UPDATE, want(world.site_id())),
        post(&other, SITE_UPDATE, want(site)),
    );
    let mut told: Vec<String> =
        [ours, theirs].iter().map(|one| crate::common::problems(one).join(", ")).collect();
    told.sort();
    assert_eq!(told, ["", "SUBDOMAIN_TAKEN input.subdomain"]);
    world.stop().await.unwrap();
}

/// Goal: a pack is told whole: whom it protects, when, how often, and where that was read.
#[tokio::test]
async fn every_rule_pack_is_told_whole() {
    let world = world("subscribers: []\nsite: { rule_packs: [us_fl, us_tx] }\n").await;
    let query = "{ site { rulePacks { code name isEnabled jurisdiction summary cap { messageCount \
        window } effectiveFrom checkedOn source note hours { day opensAt closesAt } } } }";
    let answer = post(world.client(), query, json!({})).await;
    let packs = answer["data"]["site"]["rulePacks"].as_array().cloned().unwrap();
    let mut lines = Vec::new();
    for pack in &packs {
        assert!(!text(&pack["source"]).is_empty() && pack["checkedOn"] == "2026-11-24", "{pack}");
        let (switch, cap) = (pack["isEnabled"] == true, &pack["cap"]);
        let cap =
            cap["messageCount"].as_i64().map(|n| format!(", {n} in {}", text(&cap["window"])));
        lines.push(format!(
            "{}{} {} ({}) from {}: {}{}",
            if switch { "* " } else { "" },
            text(&pack["code"]),
            text(&pack["name"]),
            text(&pack["jurisdiction"]),
            pack["effectiveFrom"].as_str().unwrap_or("ever"),
            text(&pack["summary"]),
            cap.unwrap_or_default(),
        ));
    }
    insta::assert_snapshot!(lines.join("\n"), @r"
    us_federal United States (US) from 1992-12-20: every day 08:00-21:00
    us_al Alabama (US-AL) from ever: Monday to Saturday 08:00-20:00, Sunday not at all
    us_ct Connecticut (US-CT) from 2023-10-01: every day 09:00-20:00
    * us_fl Florida (US-FL) from 2021-07-01: every day 08:00-20:00, 3 in P1D
    us_la Louisiana (US-LA) from ever: Monday to Saturday 08:00-20:00, Sunday not at all
    us_md Maryland (US-MD) from 2024-01-01: every day 08:00-20:00, 3 in P1D
    us_ms Mississippi (US-MS) from ever: Monday to Saturday 08:00-20:00, Sunday not at all
    us_nj New Jersey (US-NJ) from ever: every day 08:00-20:00
    us_ok Oklahoma (US-OK) from 2022-11-01: every day 08:00-20:00, 3 in P1D
    us_ri Rhode Island (US-RI) from ever: Monday to Friday 09:00-18:00, Saturday and Sunday 10:00-17:00
    * us_tx Texas (US-TX) from 2025-09-01: Monday to Saturday 09:00-21:00, Sunday 12:00-21:00
    us_va Virginia (US-VA) from 2026-01-01: every day 08:00-21:00
    us_wa Washington (US-WA) from 2022-06-09: every day 08:00-20:00
    ");
    let days = |code: &str| {
        let pack = packs.iter().find(|pack| pack["code"] == code).unwrap();
        let hours = pack["hours"].as_array().cloned().unwrap();
        let day = |one: &Value| {
            format!("{} {}-{}", text(&one["day"]), text(&one["opensAt"]), text(&one["closesAt"]))
        };
        hours.iter().map(day).collect::<Vec<_>>()
    };
    assert_eq!(days("us_al").len(), 6, "no Sunday in Alabama");
    assert_eq!(days("us_tx")[5..], ["SATURDAY 09:00:00-21:00:00", "SUNDAY 12:00:00-21:00:00"]);
    world.stop().await.unwrap();
}

/// Goal: a campaign's own quiet hours are kept, changed, copied and taken away; a window that is off is none.
#[tokio::test]
async fn a_campaigns_own_quiet_hours_are_kept() {
    let world = world("subscribers: []\n").await;
    let own = async |id: &str| {
        let query = "query($id: ID!) { campaign(id: $id) { quietHours { isEnabled start end } \
            maxLateness } }";
        post(world.client(), query, json!({ "id": id })).await["data"]["campaign"].clone()
    };
    let told = |start: &str, end: &str| json!({ "quietHours": { "isEnabled": true, "start": start, "end": end }, "maxLateness": null });
    let none = json!({ "quietHours": null, "maxLateness": null });
    let mut input = draft_input(&world);
    input["quietHours"] = json!({ "start": "18:00:00", "end": "11:00:00" });
    let made = done(world.client(), CREATE, json!({ "input": input })).await;
    let id = text(&made["campaign"]["id"]);
    assert_eq!(own(&id).await, told("18:00:00", "11:00:00"));
    let change = async |patch: Value| {
        done(world.client(), UPDATE, json!({ "id": id, "input": patch })).await;
    };
    change(json!({ "name": "Other" })).await;
    assert_eq!(own(&id).await, told("18:00:00", "11:00:00"));
    change(json!({ "quietHours": { "start": "12:00:00", "end": "13:00:00" } })).await;
    assert_eq!(own(&id).await, told("12:00:00", "13:00:00"));
    let copy = done(world.client(), crate::common::DUPLICATE, json!({ "id": id })).await;
    assert_eq!(own(&text(&copy["campaign"]["id"])).await, told("12:00:00", "13:00:00"));
    change(json!({ "quietHours": null })).await;
    assert_eq!(own(&id).await, none);
    change(json!({ "quietHours": { "start": "12:00:00", "end": "13:00:00" } })).await;
    let off = json!({ "isEnabled": false, "start": "12:00:00", "end": "13:00:00" });
    change(json!({ "quietHours": off })).await;
    assert_eq!(own(&id).await, none);
    world.stop().await.unwrap();
}
