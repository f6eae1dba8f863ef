//! What graphql-cop (github.com/dolevf/graphql-cop, its thirteen checks) asks of a service, written anew:
//! four ways to keep it busy and one to send many at once, three to make a browser call for somebody else, and five that
//! tell too much.
//!
//! **Invariant:** each test sends what that tool sends, or more of it, and looks where it looks.

use harness::client::http_builder;
use harness::world::World;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::common::{Rows, draft, world};

/// An answer: the status, the type and the text.
struct Told {
    status: u16,
    content_type: String,
    text: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }

    /// The codes of its errors, and the name of the limit if one was exceeded.
    fn refusal(&self) -> Vec<String> {
        let body = self.json();
        assert!(body.get("data").is_none(), "something ran: {body}");
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        let told = errors.iter().map(|error| {
            let name = error["extensions"]["limit"]["name"].as_str().unwrap_or_default();
            let code = error["extensions"]["code"].as_str().unwrap_or("no code");
            format!("{code} {name}").trim_end().to_owned()
        });
        told.collect()
    }
}

async fn told(request: RequestBuilder) -> Told {
    let response = request.send().await.unwrap();
    let content_type = response.headers().get("content-type");
    let content_type = content_type.map(|it| it.to_str().unwrap().to_owned()).unwrap_or_default();
    let status = response.status().as_u16();
    Told { status, content_type, text: response.text().await.unwrap() }
}

fn endpoint(world: &World) -> String {
    format!("{}/graphql", world.url())
}

/// Sends a document by POST, with the world's key.
async fn ask(world: &World, document: &str) -> Told {
    send(world, &json!({ "query": document })).await
}

/// Sends a body by POST, with the world's key.
async fn send(world: &World, body: &Value) -> Told {
    let request = http_builder().build().unwrap().post(endpoint(world)).bearer_auth(world.key());
    let request = request.header("content-type", "application/json");
    let accept = "application/graphql-response+json";
    told(request.header("accept", accept).body(body.to_string())).await
}

#[tokio::test]
async fn aliases_cannot_be_piled_up() {
    let world = world("subscribers: []\n").await;
    let aliases: Vec<String> = (0..101).map(|n| format!("alias{n}: __typename")).collect();
    let answer = ask(&world, &format!("query cop {{ {} }}", aliases.join(" "))).await;
    assert_eq!(answer.refusal(), ["GRAPHQL_VALIDATION_FAILED ALIASES"]);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn queries_cannot_be_sent_by_the_dozen() {
    let world = world("subscribers: []\n").await;
    let one = json!({ "query": "query cop { __typename }" });
    let answer = send(&world, &Value::Array(vec![one; 10])).await;
    assert_eq!((answer.status, answer.refusal()), (400, vec!["BAD_REQUEST".to_owned()]));
    world.stop().await.unwrap();
}

/// The tool sends ten and counts ten errors; fifty-one are told as one.
#[tokio::test]
async fn directives_cannot_be_piled_up() {
    let world = world("subscribers: []\n").await;
    let answer = ask(&world, "query cop { __typename @aa@aa@aa@aa@aa@aa@aa@aa@aa@aa }").await;
    assert_eq!((answer.status, answer.refusal().len()), (400, 1), "{}", answer.text);
    let known = "@skip(if: false)".repeat(51);
    let answer = ask(&world, &format!("query cop {{ __typename {known} }}")).await;
    assert_eq!(answer.refusal(), ["GRAPHQL_VALIDATION_FAILED DIRECTIVES"]);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn introspection_does_not_go_in_circles() {
    let world = world("subscribers: []\n").await;
    let circle = format!("{}name{}", "fields { type { ".repeat(4), " } }".repeat(4));
    let answer = ask(&world, &format!("query cop {{ __schema {{ types {{ {circle} }} }} }}")).await;
    assert_eq!(answer.refusal(), ["GRAPHQL_VALIDATION_FAILED INTROSPECTION_LISTS"]);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_field_cannot_be_asked_again_and_again() {
    let world = world("subscribers: []\n").await;
    let answer = ask(&world, &format!("query cop {{ {} }}", "__typename ".repeat(500))).await;
    assert_eq!(answer.refusal(), ["GRAPHQL_VALIDATION_FAILED REPEATS"]);
    world.stop().await.unwrap();
}

#[tokio::test]
async fn no_mutation_runs_by_get() {
    let world = world("subscribers: []\n").await;
    let id = draft(&world).await;
    let before = Rows::of(&world).await;
    let mutation =
        format!("mutation cop {{ campaignDelete(id: \"{id}\") {{ deletedCampaignId }} }}");
    for document in ["mutation cop { __typename }", &mutation] {
        let mut url = reqwest::Url::parse(&endpoint(&world)).unwrap();
        url.query_pairs_mut().append_pair("query", document);
        let request = http_builder().build().unwrap().get(url).bearer_auth(world.key());
        let answer = told(request).await;
        assert_eq!((answer.status, answer.refusal()), (405, vec!["BAD_REQUEST".to_owned()]));
    }
    assert_eq!(Rows::of(&world).await.differing(&before), [""; 0]);
    world.stop().await.unwrap();
}

/// Queries may be asked by GET. What a foreign page makes a browser send carries no key: a key is never in a
/// cookie.
#[tokio::test]
async fn what_a_browser_sends_by_itself_opens_nothing() {
    let world = world("subscribers: []\n").await;
    let mut url = reqwest::Url::parse(&endpoint(&world)).unwrap();
    url.query_pairs_mut().append_pair("query", "query cop { __typename }");
    for cookie in ["", "authorization=KEY", "token=KEY", "Authorization=Bearer KEY"] {
        let cookie = cookie.replace("KEY", world.key());
        let request = http_builder().build().unwrap().get(url.clone()).header("cookie", cookie);
        let answer = told(request).await;
        assert_eq!((answer.status, answer.refusal()), (401, vec!["UNAUTHENTICATED".to_owned()]));
    }
    world.stop().await.unwrap();
}

#[tokio::test]
async fn a_form_is_not_read() {
    let world = world("subscribers: []\n").await;
    let form = "query=query+cop+%7B+__typename+%7D";
    let json = r#"{"query":"query cop { __typename }"}"#;
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", form),
        ("text/plain", json),
        ("multipart/form-data; boundary=x", "--x--"),
    ] {
        let request = http_builder().build().unwrap().post(endpoint(&world));
        let request = request.bearer_auth(world.key()).header("content-type", content_type);
        let answer = told(request.body(body)).await;
        assert_eq!((answer.status, answer.refusal()), (415, vec!["BAD_REQUEST".to_owned()]));
    }
    world.stop().await.unwrap();
}

#[tokio::test]
async fn nothing_is_suggested() {
    let world = world("subscribers: []\n").await;
    for document in [
        "query cop { __schema { directive } }",
        "query cop { viewr { scopes } }",
        "query cop { site { campaign } }",
        "query cop { site(identity: \"x\") { id } }",
        "query cop { node(id: \"x\") { ... on Campain { id } } }",
        "query cop { site { campaigns(orderBy: { field: NAMES }) { totalCount } } }",
        "mutation cop { campaignCancl(id: \"x\") { canceledCount } }",
    ] {
        let answer = ask(&world, document).await;
        assert_eq!(answer.status, 400, "{document}: {}", answer.text);
        assert!(!answer.text.to_lowercase().contains("did you mean"), "{}", answer.text);
    }
    world.stop().await.unwrap();
}

/// The page for browsers tells how to connect; no explorer is served, under none of the names that they have.
#[tokio::test]
async fn no_explorer_is_served() {
    let world = world("subscribers: []\n").await;
    for path in ["graphql", "graphiql", "playground", "console", "altair", "v1/graphql"] {
        let request = http_builder().build().unwrap().get(format!("{}/{path}", world.url()));
        let answer = told(request.header("accept", "text/html")).await;
        for mark in ["graphiql", "graphql playground", "graphql-playground", "<script"] {
            assert!(!answer.text.to_lowercase().contains(mark), "{path}: {}", answer.text);
        }
        let is_page = answer.content_type.starts_with("text/html");
        assert_eq!(
            (is_page, answer.status == 200),
            (path == "graphql", path == "graphql"),
            "{path}"
        );
    }
    world.stop().await.unwrap();
}

/// The schema is no secret, and those who hold a key may ask for it; `api.introspection` takes it away.
#[tokio::test]
async fn nobody_introspects_without_a_key() {
    let world = world("subscribers: []\n").await;
    let body = json!({ "query": "query cop { __schema { types { name } } }" }).to_string();
    let request = http_builder().build().unwrap().post(endpoint(&world));
    let answer = told(request.header("content-type", "application/json").body(body)).await;
    assert_eq!((answer.status, answer.refusal()), (401, vec!["UNAUTHENTICATED".to_owned()]));
    world.stop().await.unwrap();
}

#[tokio::test]
async fn no_trace_is_told() {
    let world = world("subscribers: []\n").await;
    let answer = ask(&world, "query cop { __typename }").await.json();
    let names: Vec<&String> = answer["extensions"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["cost"], "{answer}");
    world.stop().await.unwrap();
}

#[tokio::test]
async fn no_error_shows_where_it_came_from() {
    let world = world("subscribers: []\n").await;
    for document in ["qwerty cop { abc }", "query cop { abc }", "query cop { site { id", "\u{0}"] {
        let answer = ask(&world, document).await;
        assert_eq!(answer.status, 400, "{document}: {}", answer.text);
        for error in answer.json()["errors"].as_array().unwrap() {
            let members: Vec<&String> = error["extensions"].as_object().unwrap().keys().collect();
            assert_eq!(members, ["code"], "{error}");
        }
        for mark in ["exception", "stack", "panick", ".rs:", "src/"] {
            assert!(!answer.text.to_lowercase().contains(mark), "{mark}: {}", answer.text);
        }
    }
    world.stop().await.unwrap();
}
