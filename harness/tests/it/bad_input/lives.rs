//! Actions at the wrong moment: every action in every status, stale views, and sites that cannot send.

use std::collections::BTreeMap;

use api::service::admin::{SenderSettings, SiteSettings};
use domain::campaign::{CampaignAction, CampaignStatus};
use domain::phone::PhoneNumber;
use domain::site::{SiteStatus, SmsPlanStatus};
use harness::world::World;
use serde_json::{Value, json};

use super::{Case, all_refused};
use crate::common::{
    ACTIVATE, AUDIENCE, CANCEL, CREATE, DELETE, DUPLICATE, PAUSE, RESCHEDULE, RESUME, Rows, UPDATE,
    activated, at, connection, done, draft, draft_input, now, patched, post, problems, status,
    step_until, text, world,
};

/// A window of two among five, so that a campaign can stand in the middle of sending.
const SMALL_WINDOW: &str = "engine: { max_in_flight: 2 }\n";

/// A campaign in each status, at one instant.
async fn one_in_each(world: &World) -> BTreeMap<CampaignStatus, String> {
    let client = world.client();
    let rules = json!({ "name": "nobody", "rules": { "tagsAny": ["nobody"] } });
    let nobody = done(client, AUDIENCE, json!({ "input": rules })).await;
    let sent = activated(world, now()).await;
    let patch = json!({ "audienceIds": [nobody["audience"]["id"]] });
    let input = json!({ "input": patched(&draft_input(world), &patch) });
    let failed = text(&done(client, CREATE, input).await["campaign"]["id"]);
    done(client, ACTIVATE, json!({ "id": failed, "input": now() })).await;
    world.run_until_idle().await.unwrap();
    let canceled = activated(world, now()).await;
    done(client, CANCEL, json!({ "id": canceled })).await;
    let sending = activated(world, now()).await;
    step_until(world, &sending, "SENDING").await;
    let processing = activated(world, now()).await;
    let scheduled = activated(world, at("2026-12-24T10:00:00")).await;
    let draft = draft(world).await;
    BTreeMap::from([
        (CampaignStatus::Draft, draft),
        (CampaignStatus::Scheduled, scheduled),
        (CampaignStatus::Processing, processing),
        (CampaignStatus::Sending, sending),
        (CampaignStatus::Sent, sent),
        (CampaignStatus::Failed, failed),
        (CampaignStatus::Canceled, canceled),
    ])
}

/// What a caller with a stale view is told.
const STALE: &str = "STALE_REVISION input.expectedRevision";

/// Asks for an action on a condition that cannot hold, so that only the status decides between the
/// two refusals; a copy, which knows no condition, is asked for under a name that cannot be.
pub(super) fn probe(action: CampaignAction, id: &str) -> (&'static str, Value, &'static str) {
    let stale = |input: Value| patched(&input, &json!({ "expectedRevision": 0 }));
    let with = |input: Value| json!({ "id": id, "input": input });
    match action {
        CampaignAction::Edit => (UPDATE, with(stale(json!({ "name": "Other" }))), STALE),
        CampaignAction::Activate => (ACTIVATE, with(stale(now())), STALE),
        CampaignAction::Reschedule => (RESCHEDULE, with(stale(at("2026-12-25T10:00:00"))), STALE),
        CampaignAction::Pause => (PAUSE, with(stale(json!({}))), STALE),
        CampaignAction::Resume => (RESUME, with(stale(json!({}))), STALE),
        CampaignAction::Delete => (DELETE, with(stale(json!({}))), STALE),
        CampaignAction::Cancel => {
            (CANCEL, with(json!({ "onlyFrom": [] })), "WRONG_STATUS input.onlyFrom")
        }
        CampaignAction::Duplicate => (DUPLICATE, with(json!({ "name": "" })), "BLANK input.name"),
    }
}

/// Goal: what a campaign allows is the domain's table, in the mutations and in `allowedActions`; a
/// refusal changes nothing, and names what is allowed. Method: every action on a campaign in each
/// status.
#[tokio::test]
async fn every_action_in_every_status_follows_the_table() {
    let world = world(SMALL_WINDOW).await;
    let campaigns = one_in_each(&world).await;
    let before = Rows::of(&world).await;
    for (wanted, id) in &campaigns {
        assert_eq!(status(&world, id).await, wanted.as_str().to_uppercase());
        let mut allowed = Vec::new();
        for action in CampaignAction::ALL {
            let (query, variables, condition) = probe(*action, id);
            let answer = post(world.client(), query, variables).await;
            let is_allowed = action.is_allowed_in(*wanted, false);
            let told = if is_allowed { condition } else { "WRONG_STATUS id" };
            assert_eq!(problems(&answer), [told], "{action} in {wanted}: {answer}");
            allowed.extend(is_allowed.then(|| action.as_str().to_uppercase()));
        }
        let query = "query($id: ID!) { campaign(id: $id) { allowedActions } }";
        let answer = post(world.client(), query, json!({ "id": id })).await;
        assert_eq!(answer["data"]["campaign"]["allowedActions"], json!(allowed), "{wanted}");
    }
    assert_eq!(campaigns.len(), CampaignStatus::ALL.len());
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a copy can be made of any campaign, and cancel does what the preview says. Method: do what
/// is allowed, in each status.
#[tokio::test]
async fn what_is_allowed_is_done() {
    let world = world(SMALL_WINDOW).await;
    let campaigns = one_in_each(&world).await;
    let mut ends = Vec::new();
    for (from, id) in &campaigns {
        let copy = done(world.client(), DUPLICATE, json!({ "id": id })).await;
        assert_eq!(copy["campaign"]["status"], "DRAFT", "{from}");
        assert_eq!(copy["campaign"]["name"], "Sale (copy)");
        let query = "query($id: ID!) { campaign(id: $id) { cancelPreview { resultingStatus \
            stoppableCount handedOverCount inFlightCount } } }";
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let preview = &answer["data"]["campaign"]["cancelPreview"];
        if !CampaignAction::Cancel.is_allowed_in(*from, false) {
            assert_eq!(*preview, Value::Null, "{from}");
            continue;
        }
        let canceled = done(world.client(), CANCEL, json!({ "id": id })).await;
        let counts = ["stoppableCount", "handedOverCount", "inFlightCount"].map(|it| &preview[it]);
        let told = ["canceledCount", "handedOverCount", "inFlightCount"].map(|it| &canceled[it]);
        assert_eq!(told, counts, "{from}");
        assert_eq!(canceled["campaign"]["status"], preview["resultingStatus"], "{from}");
        let end = text(&canceled["campaign"]["status"]);
        ends.push(format!("{from} -> {end}: {} {} {}", told[0], told[1], told[2]));
    }
    insta::assert_snapshot!(ends.join("\n"), @r"
    scheduled -> DRAFT: 0 0 0
    processing -> CANCELED: 0 0 0
    sending -> CANCELED: 3 2 0
    ");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a condition that does not hold refuses, and one that holds does not.
#[tokio::test]
async fn conditions_are_held_against_the_campaign() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let with = |input: Value| json!({ "id": id, "input": input });
    for revision in [0, 2, -1, i32::MAX] {
        let input = with(json!({ "name": "Other", "expectedRevision": revision }));
        let case: [Case<'_>; 1] = [("stale", input, &["STALE_REVISION input.expectedRevision"])];
        all_refused(&world, world.client(), UPDATE, &case).await;
    }
    let edit = with(json!({ "name": "Other", "expectedRevision": 1 }));
    assert_eq!(done(world.client(), UPDATE, edit).await["campaign"]["revision"], 2);
    let schedule = patched(&at("2026-11-24T10:00:00"), &json!({ "expectedRevision": 2 }));
    assert_eq!(done(world.client(), ACTIVATE, with(schedule)).await["campaign"]["revision"], 3);
    let moved = patched(&at("2026-11-25T10:00:00"), &json!({ "expectedRevision": 3 }));
    assert_eq!(done(world.client(), RESCHEDULE, with(moved)).await["campaign"]["revision"], 4);
    let from = |statuses: &[&str]| with(json!({ "onlyFrom": statuses }));
    let cases: [Case<'_>; 2] = [
        ("sending only", from(&["SENDING", "PROCESSING"]), &["WRONG_STATUS input.onlyFrom"]),
        ("no such status", from(&["PAUSED"]), &["! BAD_USER_INPUT"]),
    ];
    all_refused(&world, world.client(), CANCEL, &cases).await;
    let canceled = done(world.client(), CANCEL, from(&["SENDING", "SCHEDULED"])).await;
    assert_eq!(canceled["campaign"]["status"], "DRAFT");
    let gone = done(world.client(), DELETE, with(json!({ "expectedRevision": 5 }))).await;
    assert_eq!(gone["deletedCampaignId"], id);
    let again: [Case<'_>; 1] = [("gone", with(json!({})), &["NOT_FOUND id"])];
    all_refused(&world, world.client(), DELETE, &again).await;
    world.stop().await.unwrap();
}

/// What is changed of a site that can send.
fn blocked() -> Vec<(&'static str, SiteSettings)> {
    let inactive = SiteSettings { status: Some(SiteStatus::Inactive), ..SiteSettings::default() };
    let no_plan = SiteSettings { plan: Some(SmsPlanStatus::None), ..SiteSettings::default() };
    let used_up = SiteSettings {
        plan: Some(SmsPlanStatus::Trial),
        trial_limit: Some(0),
        ..SiteSettings::default()
    };
    let bare = SiteSettings { subdomain: Some(String::new()), ..SiteSettings::default() };
    vec![
        ("SITE_INACTIVE", inactive),
        ("SMS_PLAN_MISSING", no_plan),
        ("TRIAL_LIMIT_REACHED", used_up),
        ("SUBDOMAIN_MISSING", bare),
    ]
}

fn restored() -> SiteSettings {
    SiteSettings {
        status: Some(SiteStatus::Active),
        plan: Some(SmsPlanStatus::Active),
        subdomain: Some("demo".to_owned()),
        ..SiteSettings::default()
    }
}

async fn set_sender(world: &World, is_ready: bool) {
    let settings = SenderSettings {
        site_id: world.site_id().parse().unwrap(),
        phone: PhoneNumber::parse("+18885550100").unwrap(),
        connection_id: Some(connection(world).await.parse().unwrap()),
        segments_per_s: None,
        is_ready: Some(is_ready),
    };
    world.app().service().admin_sender(settings).await.unwrap();
}

async fn blockers(world: &World) -> Vec<String> {
    let query = "{ site { sendingBlockers { code message } } }";
    let answer = post(world.client(), query, json!({})).await;
    let list = answer["data"]["site"]["sendingBlockers"].as_array().cloned().unwrap();
    list.iter().map(|one| text(&one["code"])).collect()
}

/// Goal: a site that cannot send refuses activations by the code that it shows beforehand. Method:
/// take each of what a site needs away, then everything.
#[tokio::test]
async fn a_site_that_cannot_send_says_so_before_and_when_asked() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let site = world.site_id().parse().unwrap();
    let app = world.app();
    let service = app.service();
    assert_eq!(blockers(&world).await, [""; 0]);
    let activate = json!({ "id": id, "input": at("2026-11-24T10:00:00") });
    for (code, settings) in blocked() {
        assert!(service.admin_site_set(site, settings).await.unwrap());
        let case: [Case<'_>; 1] = [(code, activate.clone(), &[code])];
        all_refused(&world, world.client(), ACTIVATE, &case).await;
        assert_eq!(blockers(&world).await, [code]);
        assert!(service.admin_site_set(site, restored()).await.unwrap());
    }
    set_sender(&world, false).await;
    let all = SiteSettings {
        status: Some(SiteStatus::Inactive),
        plan: Some(SmsPlanStatus::None),
        subdomain: Some(String::new()),
        ..SiteSettings::default()
    };
    let wanted = ["SITE_INACTIVE", "SMS_PLAN_MISSING", "SUBDOMAIN_MISSING", "SENDER_NOT_READY"];
    let only: [Case<'_>; 1] = [("no sender", activate.clone(), &["SENDER_NOT_READY"])];
    all_refused(&world, world.client(), ACTIVATE, &only).await;
    assert!(service.admin_site_set(site, all).await.unwrap());
    let case: [Case<'_>; 1] = [("everything", activate.clone(), &wanted)];
    all_refused(&world, world.client(), ACTIVATE, &case).await;
    assert_eq!(blockers(&world).await, wanted);
    assert!(service.admin_site_set(site, restored()).await.unwrap());
    set_sender(&world, true).await;
    assert_eq!(done(world.client(), ACTIVATE, activate).await["campaign"]["status"], "SCHEDULED");
    world.stop().await.unwrap();
}
