//! Requests that are not to be executed: unknown fields, missing variables, pages and cursors that
//! cannot be, and texts that no database keeps.

use serde_json::json;

use super::{Case, all_refused};
use crate::common::{CREATE, DUPLICATE, Rows, draft, draft_input, patched, post, problems, world};

/// Documents that are refused as a whole, with their codes.
const DOCUMENTS: &[(&str, &str)] = &[
    ("{ campaigns { id } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ viewer { secret } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ viewer }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ site { name(as: X) } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ campaign { id } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ campaign(id: \"x\", status: SENT) { id } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ viewer { scopes } ", "GRAPHQL_PARSE_FAILED"),
    ("", "GRAPHQL_PARSE_FAILED"),
    ("mutation { campaignSend(id: \"x\") { id } }", "GRAPHQL_VALIDATION_FAILED"),
    ("mutation { campaignDelete { deletedCampaignId } }", "GRAPHQL_VALIDATION_FAILED"),
    ("query($x: Int) { viewer { scopes } }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ ...nowhere }", "GRAPHQL_VALIDATION_FAILED"),
    ("{ site { campaigns(filter: { statuses: [PAUSED] }) { totalCount } } }", "BAD_USER_INPUT"),
    ("{ site { campaigns(orderBy: { field: REVENUE }) { totalCount } } }", "BAD_USER_INPUT"),
    ("{ site { subscribers(filter: { phoneNumber: \"555\" }) { totalCount } } }", "BAD_USER_INPUT"),
];

#[tokio::test]
async fn a_document_that_is_not_valid_runs_nothing() {
    let world = world("subscribers: []\n").await;
    let before = Rows::of(&world).await;
    for (document, code) in DOCUMENTS {
        let answer = world.client().send(document, json!({})).await.unwrap();
        assert_eq!(answer.status, 400, "{document}: {}", answer.body);
        assert_eq!(problems(&answer.body), [format!("! {code}")], "{document}: {}", answer.body);
        assert!(answer.body.get("data").is_none(), "{document}");
    }
    assert_eq!(Rows::of(&world).await, before);
    world.stop().await.unwrap();
}

/// Goal: an operation whose variables are not all there runs not even its first mutation. Method: two
/// mutations, the second of which lacks its variable or has one of the wrong kind.
#[tokio::test]
async fn a_missing_variable_keeps_every_mutation_from_running() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let query = "mutation($first: ID!, $second: CampaignCreateInput!, $third: Int) { \
        a: campaignDuplicate(id: $first) { campaign { id } userErrors { code message field } } \
        b: campaignCreate(input: $second) { campaign { id } userErrors { code message field } } \
        c: campaignUpdate(id: $first, input: { name: \"Other\", expectedRevision: $third }) { \
        campaign { id } userErrors { code message field } } }";
    let input = draft_input(&world);
    let cases: [Case<'_>; 8] = [
        ("no second", json!({ "first": id }), &["! BAD_USER_INPUT"]),
        ("a null second", json!({ "first": id, "second": null }), &["! BAD_USER_INPUT"]),
        ("an empty second", json!({ "first": id, "second": {} }), &["! BAD_USER_INPUT"]),
        ("no first", json!({ "second": input }), &["! BAD_USER_INPUT"]),
        (
            "no name",
            json!({ "first": id, "second": patched(&input, &json!({ "name": null })) }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "a text for a number",
            json!({ "first": id, "second": input, "third": "1" }),
            &["! BAD_USER_INPUT"],
        ),
        (
            "a number of more than 32 bits",
            json!({ "first": id, "second": input, "third": 2_147_483_648_i64 }),
            &["! BAD_USER_INPUT"],
        ),
        ("a number for an input", json!({ "first": id, "second": 5 }), &["! BAD_USER_INPUT"]),
    ];
    all_refused(&world, world.client(), query, &cases).await;
    let good = post(world.client(), query, json!({ "first": id, "second": input })).await;
    assert_eq!(problems(&good), [""; 0], "{good}");
    world.stop().await.unwrap();
}

/// Every connection of the schema, with a place for arguments.
const CONNECTIONS: &[&str] = &[
    "{ viewer { sites(ARGS) { nodes { id } } } }",
    "{ viewer { apiKey { sites(ARGS) { nodes { id } } } } }",
    "{ site { campaigns(ARGS) { nodes { id } } } }",
    "{ site { campaigns(ARGS, orderBy: { field: NAME }) { nodes { id } } } }",
    "{ site { audiences(ARGS) { nodes { id } } } }",
    "{ site { audiences(first: 1) { nodes { subscribers(ARGS) { nodes { id } } } } } }",
    "{ site { subscribers(ARGS) { nodes { id } } } }",
    "{ site { subscribers(first: 1) { nodes { messages(ARGS) { nodes { id } } } } } }",
    "{ site { campaigns(first: 1) { nodes { messages(ARGS) { nodes { id } } } } } }",
    "{ site { campaigns(first: 1) { nodes { events(ARGS) { nodes { id } } } } } }",
];

/// A cursor of no list's order.
const NO_CURSOR: &str = "eGNhbXA";

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_in_every_connection() {
    let world = world("subscribers: [{ count: 1 }]\n").await;
    draft(&world).await;
    let bad = [
        "first: 0".to_owned(),
        "first: 101".to_owned(),
        "first: -1".to_owned(),
        "last: 0".to_owned(),
        "last: 101".to_owned(),
        "last: -1".to_owned(),
        "first: 1, last: 1".to_owned(),
        "after: \"\"".to_owned(),
        "after: \"nonsense\"".to_owned(),
        "before: \"!\"".to_owned(),
        format!("first: 1, after: \"{NO_CURSOR}\""),
        format!("last: 1, before: \"{NO_CURSOR}\""),
    ];
    for connection in CONNECTIONS {
        for args in &bad {
            let answer = post(world.client(), &connection.replace("ARGS", args), json!({})).await;
            assert_eq!(problems(&answer), ["! BAD_USER_INPUT"], "{connection} {args}: {answer}");
            let name = args.rsplit(", ").next().unwrap().split(':').next().unwrap();
            let message = answer["errors"][0]["message"].as_str().unwrap();
            assert!(message.contains(&format!("`{name}`")), "{args}: {message}");
        }
        for args in ["first: 100", "last: 1", "first: null, last: 100"] {
            let answer = post(world.client(), &connection.replace("ARGS", args), json!({})).await;
            assert_eq!(problems(&answer), [""; 0], "{connection} {args}: {answer}");
        }
    }
    world.stop().await.unwrap();
}

/// Goal: a cursor is good for a list in the order it was given for, and no other.
#[tokio::test]
async fn a_cursor_of_another_order_is_refused() {
    let world = world("subscribers: []\n").await;
    draft(&world).await;
    let by = |order: &str, args: &str| {
        format!(
            "{{ site {{ campaigns(orderBy: {{ field: {order} }}{args}) {{ edges {{ cursor }} }} }} }}"
        )
    };
    let orders = ["CREATED_AT", "UPDATED_AT", "STARTS_AT", "NAME"];
    for given in orders {
        let answer = post(world.client(), &by(given, ""), json!({})).await;
        let cursor = &answer["data"]["site"]["campaigns"]["edges"][0]["cursor"];
        for used in orders {
            let answer =
                post(world.client(), &by(used, &format!(", after: {cursor}")), json!({})).await;
            let wanted: &[&str] = if given == used { &[] } else { &["! BAD_USER_INPUT"] };
            assert_eq!(problems(&answer), wanted, "{given} as {used}: {answer}");
        }
    }
    world.stop().await.unwrap();
}

/// Goal: no text is a fault of ours, whatever is in it: PostgreSQL keeps no NUL. Method: NULs and
/// lone escapes wherever a text is taken.
#[tokio::test]
async fn a_nul_is_never_a_fault() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let nul = "a\u{0}b";
    let keyed = patched(&draft_input(&world), &json!({ "idempotencyKey": nul }));
    let create: [Case<'_>; 1] =
        [("a key", json!({ "input": keyed }), &["INVALID input.idempotencyKey"])];
    all_refused(&world, world.client(), CREATE, &create).await;
    let keyed = json!({ "id": id, "input": { "idempotencyKey": nul } });
    let copy: [Case<'_>; 1] = [("a key", keyed, &["INVALID input.idempotencyKey"])];
    all_refused(&world, world.client(), DUPLICATE, &copy).await;
    let reads = [
        "query($x: String!) { site { campaigns(filter: { nameContains: $x }) { totalCount nodes { \
         id } } } }",
        "query($x: String!) { site { subscribers(filter: { tagsAny: [$x] }) { totalCount nodes { \
         id } } } }",
        "query($x: String!) { messagePreview(body: $x) { segmentCount } }",
    ];
    for read in reads {
        let answer = post(world.client(), read, json!({ "x": nul })).await;
        assert_eq!(problems(&answer), [""; 0], "{read}: {answer}");
    }
    // A cursor of the order by name, with a NUL for the name.
    let cursor = forged_cursor();
    let query = "query($x: String!) { site { campaigns(orderBy: { field: NAME }, after: $x) { nodes \
        { id } } } }";
    let answer = post(world.client(), query, json!({ "x": cursor })).await;
    assert_eq!(problems(&answer), ["! BAD_USER_INPUT"], "{answer}");
    world.stop().await.unwrap();
}

fn forged_cursor() -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    let bytes = [b"n".as_slice(), &[7; 16], b"a\0b"].concat();
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// Goal: an idempotency key is a key. Method: blank, too long, and the longest.
#[tokio::test]
async fn an_idempotency_key_has_a_size() {
    let world = world("subscribers: []\n").await;
    let keyed = |key: String| json!({ "input": patched(&draft_input(&world), &json!({ "idempotencyKey": key })) });
    let cases: [Case<'_>; 2] = [
        ("an empty one", keyed(String::new()), &["BLANK input.idempotencyKey"]),
        ("256 characters", keyed("k".repeat(256)), &["TOO_LONG input.idempotencyKey"]),
    ];
    all_refused(&world, world.client(), CREATE, &cases).await;
    let answer = post(world.client(), CREATE, keyed("k".repeat(255))).await;
    assert_eq!(problems(&answer), [""; 0]);
    world.stop().await.unwrap();
}
