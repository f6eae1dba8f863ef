//! Estimates at once: a few, some more in a queue, and the rest refused with a code.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::common::{draft, post, problems, world};

/// Estimates in one request: more than work and wait at once, and fewer than aliases are allowed.
const ASKED: usize = 30;
/// Estimates that are worked out or wait.
const TAKEN: usize = 20;

/// Goal: however many ask at once, a bounded number works and waits, and the others are told to come again.
/// Method: fields of one request are answered side by side, so all of them ask before one is done; then one
/// asks alone.
#[tokio::test]
async fn estimates_at_once_have_a_bound() {
    let world = world("").await;
    let id = draft(&world).await;
    let mut fields = String::new();
    for n in 0..ASKED {
        write!(fields, "e{n}: estimate {{ recipientCount }} ").unwrap();
    }
    let query = format!("query($id: ID!) {{ campaign(id: $id) {{ {fields} }} }}");
    let answer = post(world.client(), &query, json!({ "id": id })).await;
    assert_eq!(problems(&answer), vec!["! RATE_LIMITED"; ASKED - TAKEN], "{answer}");
    let estimates = answer["data"]["campaign"].as_object().unwrap();
    let done = estimates.values().filter(|it| **it == json!({ "recipientCount": 5 })).count();
    let refused = estimates.values().filter(|it| it.is_null()).count();
    assert_eq!((done, refused), (TAKEN, ASKED - TAKEN));
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("Ask again in a few seconds."), "{message}");

    let query = "query($id: ID!) { campaign(id: $id) { estimate { recipientCount } } }";
    let alone = post(world.client(), query, json!({ "id": id })).await;
    assert_eq!(alone["data"]["campaign"]["estimate"], json!({ "recipientCount": 5 }));
    assert_eq!(alone.get("errors"), None::<&Value>);
    world.stop().await.unwrap();
}
