//! What async-graphql must do about nulls, order and omitted variables. Releases 7.1 to 7.2.1 do
//! not, and 7.0 turns omitted variables into null: these tests keep the version pin honest.
use async_graphql::{
    EmptyMutation, EmptySubscription, InputObject, MaybeUndefined, Object, Request, Result, Schema,
    SimpleObject, Subscription, Variables,
};
use futures_util::{Stream, StreamExt, stream};
use serde_json::json;
use tokio::sync::Notify;

struct Query {
    /// Lets `early` finish before `late`, whatever their order in the query.
    early_is_done: Notify,
}

impl Query {
    fn new() -> Self {
        Self { early_is_done: Notify::new() }
    }
}

#[derive(InputObject)]
struct Change {
    name: MaybeUndefined<String>,
}

fn describe(name: &MaybeUndefined<String>) -> &'static str {
    match name {
        MaybeUndefined::Undefined => "undefined",
        MaybeUndefined::Null => "null",
        MaybeUndefined::Value(_) => "value",
    }
}

#[derive(SimpleObject)]
#[graphql(complex)]
struct Item {
    number: i32,
}

#[async_graphql::ComplexObject]
impl Item {
    /// Fails for an odd number.
    #[expect(clippy::unused_async, reason = "the macro wants resolvers to be async")]
    async fn even(&self) -> Result<i32> {
        if self.number % 2 == 0 { Ok(self.number) } else { Err("odd".into()) }
    }
}

#[Object]
impl Query {
    async fn late(&self) -> &str {
        self.early_is_done.notified().await;
        "late"
    }

    async fn early(&self) -> &str {
        self.early_is_done.notify_one();
        "early"
    }

    async fn nullable(&self) -> Option<Item> {
        Some(Item { number: 1 })
    }

    async fn items(&self) -> Vec<Item> {
        vec![Item { number: 0 }, Item { number: 1 }]
    }

    async fn nullable_items(&self) -> Option<Vec<Item>> {
        Some(vec![Item { number: 0 }, Item { number: 1 }])
    }

    async fn items_with_holes(&self) -> Vec<Option<Item>> {
        vec![Some(Item { number: 0 }), Some(Item { number: 1 })]
    }

    /// A nullable field that can fail; the list of them tells the siblings.
    async fn maybe(&self) -> Option<Result<i32>> {
        Some(Err("no".into()))
    }

    async fn change(&self, name: MaybeUndefined<String>) -> &'static str {
        describe(&name)
    }

    async fn change_in(&self, change: Change) -> &'static str {
        describe(&change.name)
    }
}

async fn answer(request: impl Into<Request>) -> String {
    let schema = Schema::new(Query::new(), EmptyMutation, EmptySubscription);
    serde_json::to_string(&schema.execute(request).await.data).unwrap()
}

#[tokio::test]
async fn keys_follow_the_query_not_the_clock() {
    assert_eq!(answer("{late early}").await, r#"{"late":"late","early":"early"}"#);
    assert_eq!(answer("{early late}").await, r#"{"early":"early","late":"late"}"#);
}

#[tokio::test]
async fn a_failed_non_null_field_nulls_its_parent() {
    assert_eq!(
        answer("{early nullable{number even}}").await,
        r#"{"early":"early","nullable":null}"#
    );
    assert_eq!(answer("{items{even}}").await, "null");
}

#[tokio::test]
async fn a_failed_non_null_item_nulls_the_list() {
    let list = answer("{early nullableItems{number even}}").await;
    assert_eq!(list, r#"{"early":"early","nullableItems":null}"#);
    let holes = answer("{itemsWithHoles{number even}}").await;
    assert_eq!(holes, r#"{"itemsWithHoles":[{"number":0,"even":0},null]}"#);
}

#[tokio::test]
async fn a_failed_nullable_field_is_null_in_its_place() {
    assert_eq!(
        answer("{early a:maybe nullable{number}}").await,
        r#"{"early":"early","a":null,"nullable":{"number":1}}"#
    );
}

#[tokio::test]
async fn an_omitted_variable_is_undefined() {
    let query = "query($n:String){a:change(name:$n) b:changeIn(change:{name:$n})}";
    for (variables, seen) in
        [(json!({}), "undefined"), (json!({"n": null}), "null"), (json!({"n": "x"}), "value")]
    {
        let request = Request::new(query).variables(Variables::from_json(variables));
        assert_eq!(answer(request).await, format!(r#"{{"a":"{seen}","b":"{seen}"}}"#));
    }
}

struct Mutation;

#[Object]
impl Mutation {
    async fn make(&self, number: i32) -> Option<Item> {
        Some(Item { number })
    }
}

struct Events;

#[Subscription]
impl Events {
    async fn made(&self) -> impl Stream<Item = Option<Item>> + use<> {
        stream::iter([Some(Item { number: 1 }), Some(Item { number: 2 })])
    }
}

#[tokio::test]
async fn nulls_propagate_in_mutations_and_subscriptions() {
    let schema = Schema::new(Query::new(), Mutation, Events);
    let response =
        schema.execute("mutation{b:make(number:1){number even} a:make(number:2){even}}").await;
    assert_eq!(serde_json::to_string(&response.data).unwrap(), r#"{"b":null,"a":{"even":2}}"#);
    let events = schema.execute_stream("subscription{made{number even}}");
    let events: Vec<String> =
        events.map(|event| serde_json::to_string(&event.data).unwrap()).collect().await;
    assert_eq!(events, [r#"{"made":null}"#, r#"{"made":{"number":2,"even":2}}"#]);
}
