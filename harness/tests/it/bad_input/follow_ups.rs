//! Follow-ups that cannot be: delays missing, too short, too long or on the first, conditions on the first,
//! too many steps.

use serde_json::{Value, json};

use super::{Case, all_refused};
use crate::common::{
    ACTIVATE, CREATE, UPDATE, at, done, draft, draft_input, patched, post, text, world,
};

/// A first step and a second that is `follow_up`, with `body` unless it says otherwise.
fn followed_by(follow_up: &Value) -> Value {
    json!([{ "body": "a" }, patched(&json!({ "body": "b" }), follow_up)])
}

fn bad_steps() -> Vec<(&'static str, Value, &'static [&'static str])> {
    const DELAY: &[&str] = &["INVALID input.steps.1.delay"];
    const UNREADABLE: &[&str] = &["! BAD_USER_INPUT"];
    let delay = |delay: &str| followed_by(&json!({ "delay": delay }));
    let first = |member: Value| json!([patched(&json!({ "body": "a" }), &member)]);
    let many = |count: usize| -> Value {
        let step = |at: usize| match at {
            0 => json!({ "body": "a" }),
            _ => json!({ "body": "b", "delay": "PT1H" }),
        };
        (0..count).map(step).collect()
    };
    vec![
        ("no delay", followed_by(&json!({})), DELAY),
        ("no time at all", delay("PT0S"), DELAY),
        ("59 seconds", delay("PT59S"), DELAY),
        ("ninety days and a second", delay("P90DT1S"), DELAY),
        ("ten thousand years", delay("P3650000D"), DELAY),
        ("before the first", delay("-PT1H"), UNREADABLE),
        ("a month, whose length varies", delay("P1M"), UNREADABLE),
        ("words", delay("an hour"), UNREADABLE),
        ("no text", delay(""), UNREADABLE),
        (
            "a delay on the first",
            first(json!({ "delay": "PT1H" })),
            &["INVALID input.steps.0.delay"],
        ),
        (
            "a condition on the first",
            first(json!({ "condition": "NO_REPLY" })),
            &["INVALID input.steps.0.condition"],
        ),
        (
            "both on the first",
            first(json!({ "condition": "NOT_DELIVERED", "delay": "PT1H" })),
            &["INVALID input.steps.0.delay", "INVALID input.steps.0.condition"],
        ),
        (
            "no such condition",
            followed_by(&json!({ "delay": "PT1H", "condition": "NO_CLICK" })),
            UNREADABLE,
        ),
        ("eleven steps", many(11), &["TOO_LONG input.steps"]),
        (
            "everything at once",
            json!([{ "body": "", "delay": "PT1H" }, { "body": "", "delay": "PT1S" }, { "body": "c" }]),
            &[
                "BLANK input.steps.0.body",
                "INVALID input.steps.0.delay",
                "BLANK input.steps.1.body",
                "INVALID input.steps.1.delay",
                "INVALID input.steps.2.delay",
            ],
        ),
    ]
}

/// Goal: no draft is made or changed with follow-ups that cannot be sent.
#[tokio::test]
async fn follow_ups_that_cannot_be_are_refused_by_name() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let base = draft_input(&world);
    let cases = |variables: &dyn Fn(Value) -> Value| -> Vec<Case<'_>> {
        let case = |(what, steps, wanted)| (what, variables(json!({ "steps": steps })), wanted);
        bad_steps().into_iter().map(case).collect()
    };
    let made = cases(&|patch| json!({ "input": patched(&base, &patch) }));
    all_refused(&world, world.client(), CREATE, &made).await;
    let changed = cases(&|patch| json!({ "id": id, "input": patch }));
    all_refused(&world, world.client(), UPDATE, &changed).await;
    world.stop().await.unwrap();
}

/// Goal: the limits are where they are said to be. Method: the shortest and the longest delay, every
/// condition, and the most steps, taken and activated.
#[tokio::test]
async fn the_shortest_and_the_longest_delays_are_taken() {
    let world = world("subscribers: []\n").await;
    let mut steps = vec![json!({ "body": "a", "condition": "ALWAYS" })];
    for (delay, condition) in
        [("PT1M", "ALWAYS"), ("P90D", "NO_REPLY"), ("PT2160H", "NOT_DELIVERED")]
    {
        steps.push(json!({ "body": "b", "delay": delay, "condition": condition }));
    }
    steps.resize(10, json!({ "body": "c", "delay": "P1W" }));
    let input = patched(&draft_input(&world), &json!({ "steps": steps }));
    let made = done(world.client(), CREATE, json!({ "input": input })).await;
    let id = text(&made["campaign"]["id"]);
    let query = "query($id: ID!) { campaign(id: $id) { steps { delay condition } } }";
    let answer = post(world.client(), query, json!({ "id": id })).await;
    let kept = answer["data"]["campaign"]["steps"].as_array().unwrap();
    let kept: Vec<String> =
        kept.iter().map(|step| format!("{} {}", step["delay"], step["condition"])).collect();
    insta::assert_snapshot!(kept.join("\n"), @r#"
    null "ALWAYS"
    "PT1M" "ALWAYS"
    "P90D" "NO_REPLY"
    "P90D" "NOT_DELIVERED"
    "P7D" "ALWAYS"
    "P7D" "ALWAYS"
    "P7D" "ALWAYS"
    "P7D" "ALWAYS"
    "P7D" "ALWAYS"
    "P7D" "ALWAYS"
    "#);
    let activate = json!({ "id": id, "input": at("2026-11-24T10:00:00") });
    done(world.client(), ACTIVATE, activate).await;
    world.stop().await.unwrap();
}
