//! Commands repeated under one key: the first answer again, and nothing done twice.

use std::collections::BTreeMap;

use domain::access::Role;
use futures_util::future::join_all;
use harness::client::Client;
use harness::world::World;
use serde_json::{Value, json};

use crate::common::{
    ACTIVATE, AUDIENCE, CANCEL, CREATE, DUPLICATE, PAUSE, RESUME, Rows, SITE_UPDATE, activated, at,
    caller, done, draft, draft_input, now, patched, post, problems, step_until, text, world,
};

/// The key that everything is done under.
const KEY: &str = "k-1";
/// What a key used for something else is told.
const REUSED: [&str; 1] = ["IDEMPOTENCY_KEY_REUSED input.idempotencyKey"];

fn keyed(input: &Value) -> Value {
    patched(input, &json!({ "idempotencyKey": KEY }))
}

/// How a command is given, and how it is given with another input.
struct Command {
    query: &'static str,
    variables: Value,
    other: Value,
}

/// Each command that takes a key, with campaigns to do it to.
async fn commands(world: &World) -> BTreeMap<&'static str, Command> {
    let (drafted, running) = (draft(world).await, activated(world, now()).await);
    let (held, paused) = (activated(world, now()).await, activated(world, now()).await);
    done(world.client(), PAUSE, json!({ "id": paused })).await;
    let with = |id: &str, input: Value| json!({ "id": id, "input": keyed(&input) });
    let input = |input: Value| json!({ "input": keyed(&input) });
    let create = draft_input(world);
    let rules = |tag: &str| json!({ "name": "new", "rules": { "tagsAny": [tag] } });
    let command = |query, variables, other| Command { query, variables, other };
    BTreeMap::from([
        (
            "create",
            command(
                CREATE,
                input(create.clone()),
                input(patched(&create, &json!({ "name": "B" }))),
            ),
        ),
        ("audience", command(AUDIENCE, input(rules("a")), input(rules("b")))),
        (
            "activate",
            command(
                ACTIVATE,
                with(&drafted, at("2026-11-24T10:00:00")),
                with(&drafted, at("2026-11-24T11:00:00")),
            ),
        ),
        (
            "duplicate",
            command(
                DUPLICATE,
                with(&running, json!({ "name": "A" })),
                with(&running, json!({ "name": "B" })),
            ),
        ),
        ("cancel", command(CANCEL, with(&running, json!({})), with(&drafted, json!({})))),
        ("pause", command(PAUSE, with(&held, json!({})), with(&drafted, json!({})))),
        (
            "site",
            command(
                SITE_UPDATE,
                with(&world.site_id(), json!({ "textPrefix": "A" })),
                with(&world.site_id(), json!({ "textPrefix": "B" })),
            ),
        ),
        (
            "resume",
            command(
                RESUME,
                with(&paused, json!({ "expectedRevision": 3 })),
                with(&paused, json!({ "expectedRevision": 4 })),
            ),
        ),
    ])
}

/// Goal: a retry is safe. Method: each command five times under one key, then with another input,
/// then under the same key by another caller.
#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_does_nothing() {
    let world = world("").await;
    for (name, command) in commands(&world).await {
        let first = post(world.client(), command.query, command.variables.clone()).await;
        assert_eq!(problems(&first), [""; 0], "{name}: {first}");
        let after = Rows::of(&world).await;
        for _ in 0..4 {
            let again = post(world.client(), command.query, command.variables.clone()).await;
            assert_eq!(again, first, "{name}");
        }
        let other = post(world.client(), command.query, command.other.clone()).await;
        assert_eq!(problems(&other), REUSED, "{name}: {other}");
        assert_eq!(Rows::of(&world).await.differing(&after), [""; 0], "{name}");
    }
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: keys are each caller's own: what one used, another can use. Where the work can be done only
/// once, the second is told so by the campaign, not by the key.
#[tokio::test]
async fn keys_of_two_callers_do_not_meet() {
    let world = world("").await;
    let colleague = caller(&world, Role::Admin).await;
    let mut told = Vec::new();
    for (name, command) in commands(&world).await {
        done(world.client(), command.query, command.variables.clone()).await;
        let second = post(&colleague, command.query, command.variables).await;
        told.push(format!("{name}: {}", problems(&second).join(", ")).trim_end().to_owned());
    }
    insta::assert_snapshot!(told.join("\n"), @r"
    activate: WRONG_STATUS id
    audience: NAME_TAKEN input.name
    cancel: WRONG_STATUS id
    create:
    duplicate:
    pause: WRONG_STATUS id
    resume: WRONG_STATUS id
    site:
    ");
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}

/// Goal: a key belongs to its operation: the same one under another is another.
#[tokio::test]
async fn a_key_is_an_operations_own() {
    let world = world("subscribers: []\n").await;
    let input = keyed(&draft_input(&world));
    let made = done(world.client(), CREATE, json!({ "input": input })).await;
    let id = text(&made["campaign"]["id"]);
    let input = keyed(&json!({}));
    done(world.client(), DUPLICATE, json!({ "id": id, "input": input })).await;
    let input = keyed(&at("2026-11-24T10:00:00"));
    done(world.client(), ACTIVATE, json!({ "id": id, "input": input })).await;
    world.stop().await.unwrap();
}

/// Goal: an answer is kept for 24 hours and no longer. Method: the virtual clock.
#[tokio::test]
async fn a_key_is_free_again_after_a_day() {
    let world = world("subscribers: []\n").await;
    let input = json!({ "input": keyed(&draft_input(&world)) });
    let create =
        async || text(&done(world.client(), CREATE, input.clone()).await["campaign"]["id"]);
    let first = create().await;
    world.advance_by(chrono::TimeDelta::hours(24));
    assert_eq!(create().await, first);
    world.advance_by(chrono::TimeDelta::milliseconds(1));
    let second = create().await;
    assert_ne!(second, first);
    assert_eq!(create().await, second);
    world.stop().await.unwrap();
}

/// Goal: a command that was refused has used no key: it can be put right under the same one.
#[tokio::test]
async fn a_refusal_takes_no_key() {
    let world = world("subscribers: []\n").await;
    let bad = keyed(&patched(&draft_input(&world), &json!({ "name": "" })));
    let before = Rows::of(&world).await;
    let refused = post(world.client(), CREATE, json!({ "input": bad })).await;
    assert_eq!(problems(&refused), ["BLANK input.name"]);
    assert_eq!(Rows::of(&world).await, before);
    done(world.client(), CREATE, json!({ "input": keyed(&draft_input(&world)) })).await;
    world.stop().await.unwrap();
}

/// Goal: a cancel repeated gets the first answer, counts included, though the campaign moved on; one
/// without the key is refused.
#[tokio::test]
async fn a_repeated_cancel_tells_the_first_counts() {
    let world = world("engine: { max_in_flight: 2 }\n").await;
    let id = activated(&world, now()).await;
    step_until(&world, &id, "SENDING").await;
    let cancel = json!({ "id": id, "input": keyed(&json!({})) });
    let first = done(world.client(), CANCEL, cancel.clone()).await;
    let counts = json!({ "canceledCount": 3, "handedOverCount": 2, "inFlightCount": 0 });
    assert_eq!(patched(&first, &counts), first, "{first}");
    world.run_until_idle().await.unwrap();
    world.advance_by(chrono::TimeDelta::hours(2));
    assert_eq!(done(world.client(), CANCEL, cancel).await, first);
    let unkeyed = post(world.client(), CANCEL, json!({ "id": id })).await;
    assert_eq!(problems(&unkeyed), ["WRONG_STATUS id"]);
    world.stop().await.unwrap();
}

/// How many callers repeat a command at once.
const AT_ONCE: usize = 8;

async fn all_at_once(client: &Client, query: &str, variables: &Value) -> Value {
    let calls = (0..AT_ONCE).map(|_| post(client, query, variables.clone()));
    let answers = join_all(calls).await;
    for answer in &answers {
        assert_eq!(problems(answer), [""; 0], "{answer}");
        assert_eq!(answer, &answers[0]);
    }
    answers[0].clone()
}

/// Goal: a key holds against callers who do not wait for one another. Method: eight at once, for each
/// command; one effect and one event.
#[tokio::test]
async fn eight_at_once_have_one_effect() {
    let world = world("").await;
    for (name, command) in commands(&world).await {
        let before = Rows::of(&world).await;
        all_at_once(world.client(), command.query, &command.variables).await;
        let after = Rows::of(&world).await;
        let more = |table| after.count(table) - before.count(table);
        let is_campaign = usize::from(["create", "duplicate"].contains(&name));
        let is_audience = usize::from(name == "audience");
        assert_eq!(more("campaign"), is_campaign, "{name}");
        assert_eq!(more("audience"), is_audience, "{name}");
        let is_site = usize::from(name == "site");
        assert_eq!(more("event"), 1 - is_audience - is_site, "{name}");
        assert_eq!(more("site_change"), is_site, "{name}");
        assert_eq!(more("idempotency"), 1, "{name}");
    }
    world.run_until_idle().await.unwrap();
    world.stop().await.unwrap();
}
