//! Pauses that cannot be: of what does not run, twice, on a stale view.

use domain::campaign::{CampaignAction, CampaignStatus};
use serde_json::{Value, json};

use super::{Case, all_refused, lives::probe};
use crate::common::{
    CANCEL, PAUSE, RESUME, Rows, activated, at, done, draft, now, post, problems, status,
    step_until, text, world,
};

/// What the answer says first.
fn said(answer: &Value, mutation: &str) -> String {
    text(&answer["data"][mutation]["userErrors"][0]["message"])
}

/// Goal: a pause allows what it allows in either status, in the mutations and in `allowedActions`.
/// Method: every action on a paused campaign that is being processed, and on one that is being sent.
#[tokio::test]
async fn a_paused_campaign_allows_what_the_table_says() {
    let world = world("engine: { max_in_flight: 2 }\n").await;
    let sending = activated(&world, now()).await;
    step_until(&world, &sending, "SENDING").await;
    let processing = activated(&world, now()).await;
    for id in [&processing, &sending] {
        done(world.client(), PAUSE, json!({ "id": id })).await;
    }
    let before = Rows::of(&world).await;
    for (wanted, id) in
        [(CampaignStatus::Processing, &processing), (CampaignStatus::Sending, &sending)]
    {
        assert_eq!(status(&world, id).await, wanted.as_str().to_uppercase());
        let mut allowed = Vec::new();
        for action in CampaignAction::ALL {
            let (query, variables, condition) = probe(*action, id);
            let answer = post(world.client(), query, variables).await;
            let is_allowed = action.is_allowed_in(wanted, true);
            let told = if is_allowed { condition } else { "WRONG_STATUS id" };
            assert_eq!(problems(&answer), [told], "{action} in {wanted}: {answer}");
            allowed.extend(is_allowed.then(|| action.as_str().to_uppercase()));
        }
        let query = "query($id: ID!) { campaign(id: $id) { isPaused allowedActions } }";
        let answer = post(world.client(), query, json!({ "id": id })).await;
        let told = json!({ "isPaused": true, "allowedActions": allowed });
        assert_eq!(answer["data"]["campaign"], told, "{wanted}");
    }
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: what does not run is not paused, what is not paused is not resumed, and the refusal names what
/// is allowed instead.
#[tokio::test]
async fn a_pause_needs_a_campaign_that_runs_and_a_resumption_one_that_is_paused() {
    let world = world("subscribers: []\n").await;
    let draft = draft(&world).await;
    let scheduled = activated(&world, at("2026-11-24T10:00:00")).await;
    let canceled = activated(&world, now()).await;
    done(world.client(), CANCEL, json!({ "id": canceled })).await;
    let running = activated(&world, now()).await;
    let paused = activated(&world, now()).await;
    done(world.client(), PAUSE, json!({ "id": paused })).await;
    let mut told = Vec::new();
    for (what, id) in [
        ("draft", &draft),
        ("scheduled", &scheduled),
        ("canceled", &canceled),
        ("running", &running),
        ("paused", &paused),
    ] {
        for (mutation, query) in [("campaignPause", PAUSE), ("campaignResume", RESUME)] {
            if [("running", "campaignPause"), ("paused", "campaignResume")]
                .contains(&(what, mutation))
            {
                continue;
            }
            let before = Rows::of(&world).await;
            let answer = post(world.client(), query, json!({ "id": id })).await;
            assert_eq!(problems(&answer), ["WRONG_STATUS id"], "{mutation} {what}");
            assert_eq!(answer["data"][mutation]["campaign"], Value::Null);
            assert_eq!(Rows::of(&world).await.differing(&before), [""; 0], "{mutation} {what}");
            told.push(said(&answer, mutation));
        }
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    A campaign that is draft cannot be paused. Allowed now: edit, activate, duplicate, delete.
    A campaign that is draft cannot be resumed. Allowed now: edit, activate, duplicate, delete.
    A campaign that is scheduled cannot be paused. Allowed now: reschedule, cancel, duplicate.
    A campaign that is scheduled cannot be resumed. Allowed now: reschedule, cancel, duplicate.
    A campaign that is canceled cannot be paused. Allowed now: duplicate.
    A campaign that is canceled cannot be resumed. Allowed now: duplicate.
    A campaign that is processing cannot be resumed. Allowed now: pause, cancel, duplicate.
    A campaign that is processing and paused cannot be paused. Allowed now: resume, cancel, duplicate.
    ");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_stale_view_neither_pauses_nor_resumes() {
    let world = world("subscribers: []\n").await;
    let id = activated(&world, now()).await;
    let stale: &[&str] = &["STALE_REVISION input.expectedRevision"];
    let with = |input: Value| json!({ "id": id, "input": input });
    let cases = |revisions: [i32; 3]| -> Vec<Case<'_>> {
        let case = |revision| ("stale", with(json!({ "expectedRevision": revision })), stale);
        revisions.into_iter().map(case).collect()
    };
    all_refused(&world, world.client(), PAUSE, &cases([1, 3, -1])).await;
    done(world.client(), PAUSE, with(json!({ "expectedRevision": 2 }))).await;
    all_refused(&world, world.client(), RESUME, &cases([2, 4, i32::MAX])).await;
    let others: [Case<'_>; 3] = [
        ("a blank key", with(json!({ "idempotencyKey": "" })), &["BLANK input.idempotencyKey"]),
        ("a status to set", with(json!({ "isPaused": false })), &["! BAD_USER_INPUT"]),
        ("no number", with(json!({ "expectedRevision": "3" })), &["! BAD_USER_INPUT"]),
    ];
    all_refused(&world, world.client(), RESUME, &others).await;
    done(world.client(), RESUME, with(json!({ "expectedRevision": 3 }))).await;
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}
