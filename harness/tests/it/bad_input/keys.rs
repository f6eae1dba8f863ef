//! Keys that do not open: none, unknown, expired, revoked, of too low a role, of several sites.

use api::db::keys;
use domain::access::Role;
use domain::id::SiteId;
use harness::client::Client;
use harness::scenario::Scenario;
use harness::world::World;
use sea_orm::ActiveValue::Set;
use sea_orm::{ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, QueryFilter as _};
use serde_json::{Value, json};

use super::{Case, all_refused};
use crate::common::{
    ACTIVATE, AUDIENCE, CANCEL, CLEAR, CREATE, DELETE, DUPLICATE, PAUSE, RESCHEDULE, RESOLVE,
    RESUME, Rows, SEND_TEST, SITE_UPDATE, UNSUBSCRIBE, UPDATE, UPSERT, at, caller, done, draft,
    draft_input, key, now, payload, post, problems, sites, world,
};

/// Changes the row of the key that `token` opens with.
async fn change_key(world: &World, role: Role, change: impl Fn(&mut entity::api_key::ActiveModel)) {
    let named = entity::api_key::Column::Name.eq(role.as_str());
    let found = entity::api_key::Entity::find().filter(named).one(world.db().read()).await;
    let mut row = entity::api_key::ActiveModel::from(found.unwrap().unwrap());
    change(&mut row);
    let txn = world.db().begin_write().await.unwrap();
    row.update(&txn).await.unwrap();
    txn.commit().await.unwrap();
}

async fn refused_as_nobody(world: &World, what: &str, token: Option<String>) {
    let before = Rows::of(world).await;
    let client = world.client_with(token.clone()).unwrap();
    let input = json!({ "input": draft_input(world) });
    let answer = client.send(CREATE, input).await.unwrap();
    assert_eq!(answer.status, 401, "{what}");
    assert_eq!(problems(&answer.body), ["! UNAUTHENTICATED"], "{what}");
    assert!(answer.body.get("data").is_none(), "{what}");
    assert_eq!(Rows::of(world).await, before, "{what}");
    let refused = client.subscribe("subscription { campaignsChanged { cursor } }", json!({})).await;
    assert!(refused.is_err(), "{what}: {refused:?}");
    if let Some(token) = token.filter(|token| token.len() > 3) {
        assert!(!answer.body.to_string().contains(&token), "{what}");
    }
}

#[tokio::test]
async fn without_a_valid_key_nothing_is_answered() {
    let world = world("subscribers: []\n").await;
    let site = world.site_id().parse().unwrap();
    let expired = key(&world, Role::Viewer, &[site]).await;
    let revoked = key(&world, Role::Editor, &[site]).await;
    let now_ms = world.now().timestamp_millis();
    change_key(&world, Role::Viewer, |row| row.expires_at = Set(Some(now_ms))).await;
    change_key(&world, Role::Editor, |row| row.revoked_at = Set(Some(now_ms))).await;
    let known = world.key();
    for (what, token) in [
        ("none", None),
        ("unknown", Some("sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned())),
        ("the beginning of one", Some(known[..12].to_owned())),
        ("one and more", Some(format!("{known}x"))),
        ("one in capitals", Some(known.to_uppercase())),
        ("very long", Some("s".repeat(4_000))),
        ("expired", Some(expired.clone())),
        ("revoked", Some(revoked)),
    ] {
        refused_as_nobody(&world, what, token).await;
    }
    change_key(&world, Role::Viewer, |row| row.expires_at = Set(Some(now_ms + 1))).await;
    let client = world.client_with(Some(expired)).unwrap();
    assert_eq!(client.send("{ viewer { scopes } }", json!({})).await.unwrap().status, 200);
    world.stop().await.unwrap();
}

/// Every mutation, with variables that let it reach the service.
pub(crate) fn mutations(world: &World, id: &str) -> Vec<(&'static str, &'static str, Value)> {
    let with = |input: Value| json!({ "id": id, "input": input });
    let draft = draft_input(world);
    let rules = json!({ "input": { "name": "New", "rules": {} } });
    let rows = json!({ "input": { "subscribers": [{ "phoneNumber": "+14155550100" }] } });
    let test = json!({ "stepId": "none", "phoneNumbers": ["+14155550100"] });
    let nobody = json!({ "id": "sub_0190a5b20000700080000000000000ff" });
    vec![
        ("campaignCreate", CREATE, json!({ "input": draft })),
        ("campaignUpdate", UPDATE, with(json!({ "name": "Other" }))),
        ("campaignActivate", ACTIVATE, with(now())),
        ("campaignReschedule", RESCHEDULE, with(at("2026-12-24T10:00:00"))),
        ("campaignPause", PAUSE, with(json!({}))),
        ("campaignResume", RESUME, with(json!({}))),
        ("campaignResolveUnknown", RESOLVE, with(json!({ "resolution": "RESEND" }))),
        ("campaignCancel", CANCEL, with(json!({}))),
        ("campaignDuplicate", DUPLICATE, with(json!({}))),
        ("campaignDelete", DELETE, with(json!({}))),
        ("campaignSendTest", SEND_TEST, with(test)),
        ("audienceCreate", AUDIENCE, rules),
        ("subscribersUpsert", UPSERT, rows),
        ("subscriberUnsubscribe", UNSUBSCRIBE, nobody.clone()),
        ("subscriberClearPossibleOptOut", CLEAR, nobody),
        (
            "siteUpdate",
            SITE_UPDATE,
            json!({ "id": world.site_id(), "input": { "textPrefix": "Acme" } }),
        ),
    ]
}

/// Goal: a mutation below its role is refused and changes nothing; the matrix is what it says.
/// Method: every mutation of the schema under a key of each role.
#[tokio::test]
async fn a_mutation_asks_for_its_role() {
    let world = world("subscribers: []\n").await;
    let all = mutations(&world, "");
    let query = "{ __schema { mutationType { fields { name } } } }";
    let schema = post(world.client(), query, json!({})).await;
    let fields = schema["data"]["__schema"]["mutationType"]["fields"].as_array().cloned().unwrap();
    let names: Vec<&str> = all.iter().map(|(name, ..)| *name).collect();
    assert_eq!(fields.iter().map(|it| it["name"].as_str().unwrap()).collect::<Vec<_>>(), names);

    let mut matrix = String::new();
    for (at, (name, query, _)) in all.iter().enumerate() {
        let mut line = format!("{name:<30} ");
        for role in Role::ALL {
            let client = caller(&world, *role).await;
            let id = draft(&world).await;
            let (_, _, mut variables) = mutations(&world, &id).swap_remove(at);
            if *query == AUDIENCE {
                variables["input"]["name"] = json!(role.as_str());
            }
            let before = Rows::of(&world).await;
            let answer = post(&client, query, variables).await;
            let told = problems(&answer);
            if told == ["! FORBIDDEN"] {
                assert_eq!(Rows::of(&world).await.differing(&before), [""; 0], "{name} {role}");
                assert_eq!(answer["data"], Value::Null, "{answer}");
            }
            let told = if told.is_empty() { "done".to_owned() } else { told.join(", ") };
            line.extend([role.as_str(), ": ", &format!("{told:<29} ")]);
        }
        matrix.push_str(line.trim_end());
        matrix.push('\n');
    }
    insta::assert_snapshot!(matrix, @r"
    campaignCreate                 viewer: ! FORBIDDEN                   editor: done                          sender: done                          admin: done
    campaignUpdate                 viewer: ! FORBIDDEN                   editor: done                          sender: done                          admin: done
    campaignActivate               viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: done                          admin: done
    campaignReschedule             viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: WRONG_STATUS id               admin: WRONG_STATUS id
    campaignPause                  viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: WRONG_STATUS id               admin: WRONG_STATUS id
    campaignResume                 viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: WRONG_STATUS id               admin: WRONG_STATUS id
    campaignResolveUnknown         viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: WRONG_STATUS                  admin: WRONG_STATUS
    campaignCancel                 viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: WRONG_STATUS id               admin: WRONG_STATUS id
    campaignDuplicate              viewer: ! FORBIDDEN                   editor: done                          sender: done                          admin: done
    campaignDelete                 viewer: ! FORBIDDEN                   editor: done                          sender: done                          admin: done
    campaignSendTest               viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: STEP_NOT_FOUND input.stepId   admin: STEP_NOT_FOUND input.stepId
    audienceCreate                 viewer: ! FORBIDDEN                   editor: done                          sender: done                          admin: done
    subscribersUpsert              viewer: ! FORBIDDEN                   editor: done                          sender: done                          admin: done
    subscriberUnsubscribe          viewer: ! FORBIDDEN                   editor: NOT_FOUND id                  sender: NOT_FOUND id                  admin: NOT_FOUND id
    subscriberClearPossibleOptOut  viewer: ! FORBIDDEN                   editor: NOT_FOUND id                  sender: NOT_FOUND id                  admin: NOT_FOUND id
    siteUpdate                     viewer: ! FORBIDDEN                   editor: ! FORBIDDEN                   sender: ! FORBIDDEN                   admin: done
    ");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: what a campaign allows is cut down to what the caller may.
#[tokio::test]
async fn allowed_actions_are_the_callers() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let mut lines = Vec::new();
    for role in Role::ALL {
        let query = "query($id: ID!) { campaign(id: $id) { allowedActions } }";
        let answer = post(&caller(&world, *role).await, query, json!({ "id": id })).await;
        lines.push(format!("{role}: {}", answer["data"]["campaign"]["allowedActions"]));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    viewer: []
    editor: ["EDIT","DUPLICATE","DELETE"]
    sender: ["EDIT","ACTIVATE","DUPLICATE","DELETE"]
    admin: ["EDIT","ACTIVATE","DUPLICATE","DELETE"]
    "#);
    world.stop().await.unwrap();
}

/// A caller who reaches both sites of a world.
async fn of_both(world: &World) -> (Client, [SiteId; 2]) {
    let other = world.other_site_key(&Scenario::default()).await.unwrap();
    let other = sites(&world.client_with(Some(other)).unwrap()).await[0];
    let both = [world.site_id().parse().unwrap(), other];
    let key = key(world, Role::Admin, &both).await;
    (world.client_with(Some(key)).unwrap(), both)
}

#[tokio::test]
async fn a_key_of_several_sites_must_name_one() {
    let world = world("subscribers: []\n").await;
    let (client, [ours, theirs]) = of_both(&world).await;
    let required: &[&str] = &["SITE_REQUIRED input.siteId"];
    let not_found: &[&str] = &["NOT_FOUND input.siteId"];
    let random = "site_0190a5b20000700080000000000000ff";
    let inputs = [
        (CREATE, json!({ "name": "Sale" })),
        (AUDIENCE, json!({ "name": "New", "rules": {} })),
        (UPSERT, json!({ "subscribers": [{ "phoneNumber": "+14155550100" }] })),
    ];
    for (query, input) in &inputs {
        let named = |site: &str| json!({ "input": crate::common::patched(input, &json!({ "siteId": site })) });
        let cases: [Case<'_>; 4] = [
            ("none", json!({ "input": input }), required),
            ("a random one", named(random), not_found),
            ("garbage", named("Demo"), not_found),
            ("an empty one", named(""), not_found),
        ];
        all_refused(&world, &client, query, &cases).await;
        done(&client, query, named(&ours.to_string())).await;
        done(&client, query, named(&theirs.to_string())).await;
        // A key of one site need not name it, and cannot name another.
        let foreign: [Case<'_>; 1] = [("another's", named(&theirs.to_string()), not_found)];
        all_refused(&world, world.client(), query, &foreign).await;
    }
    // An audience of one site is none of the other's, though the caller reaches both.
    let input = json!({ "input": {
        "siteId": theirs.to_string(), "name": "Sale",
        "audienceIds": [world.audience("everyone").unwrap()],
    } });
    let case: [Case<'_>; 1] =
        [("the other site's", input, &["AUDIENCE_NOT_FOUND input.audienceIds.0"])];
    all_refused(&world, &client, CREATE, &case).await;
    let answer = post(&client, "{ site { id } }", json!({})).await;
    assert_eq!(answer["data"], json!({ "site": null }), "{answer}");
    world.stop().await.unwrap();
}

/// Goal: a key that loses a site loses it at once.
#[tokio::test]
async fn a_key_reaches_what_it_reaches_now() {
    let world = world("subscribers: []\n").await;
    let (client, [ours, theirs]) = of_both(&world).await;
    let query = "query($id: ID!) { site(id: $id) { id } }";
    let reached = json!({ "id": ours.to_string() });
    let answer = post(&client, query, reached.clone()).await;
    assert_eq!(*payload(&answer), reached);
    let viewer = post(&client, "{ viewer { apiKey { id } } }", json!({})).await;
    let id = viewer["data"]["viewer"]["apiKey"]["id"].as_str().unwrap().parse().unwrap();
    let txn = world.db().begin_write().await.unwrap();
    keys::reach(&txn, id, &[theirs]).await.unwrap();
    txn.commit().await.unwrap();
    let answer = post(&client, query, reached).await;
    assert_eq!(*payload(&answer), Value::Null);
    world.stop().await.unwrap();
}
