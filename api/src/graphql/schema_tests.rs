//! Tests of the schema as a whole, with no service behind it.

use super::{
    expectations::explain,
    schema::{bare, sdl},
};
use crate::service::Actor;
use async_graphql::{
    Request, Response,
    parser::{
        parse_schema,
        types::{
            FieldDefinition, InputValueDefinition, TypeDefinition, TypeKind, TypeSystemDefinition,
        },
    },
};
use domain::{access::Role, id::ApiKeyId};
use uuid::Uuid;

/// A mutation for each scope that a role can lack, with the scope its `@requiresScope` names.
const WRITES: [(&str, &str); 16] = [
    (r#"campaignCreate(input: {name: "x"}) {userErrors {code}}"#, "CAMPAIGN_WRITE"),
    (r#"campaignUpdate(id: "x", input: {}) {userErrors {code}}"#, "CAMPAIGN_WRITE"),
    (
        r#"campaignActivate(id: "x", input: {schedule: {now: true}}) {userErrors {code}}"#,
        "CAMPAIGN_SEND",
    ),
    (
        r#"campaignReschedule(id: "x", input: {schedule: {now: true}}) {userErrors {code}}"#,
        "CAMPAIGN_SEND",
    ),
    (r#"campaignPause(id: "x") {userErrors {code}}"#, "CAMPAIGN_SEND"),
    (r#"campaignResume(id: "x") {userErrors {code}}"#, "CAMPAIGN_SEND"),
    (
        r#"campaignSendTest(id: "x", input: {stepId: "x", phoneNumbers: []}) {userErrors {code}}"#,
        "CAMPAIGN_SEND",
    ),
    (
        r#"campaignResolveUnknown(id: "x", input: {resolution: RESEND}) {userErrors {code}}"#,
        "CAMPAIGN_SEND",
    ),
    (r#"campaignCancel(id: "x") {userErrors {code}}"#, "CAMPAIGN_SEND"),
    (r#"campaignDuplicate(id: "x") {userErrors {code}}"#, "CAMPAIGN_WRITE"),
    (r#"campaignDelete(id: "x") {userErrors {code}}"#, "CAMPAIGN_WRITE"),
    (r#"audienceCreate(input: {name: "x", rules: {}}) {userErrors {code}}"#, "SUBSCRIBER_WRITE"),
    ("subscribersUpsert(input: {subscribers: []}) {userErrors {code}}", "SUBSCRIBER_WRITE"),
    (r#"subscriberUnsubscribe(id: "x") {userErrors {code}}"#, "SUBSCRIBER_WRITE"),
    (r#"subscriberClearPossibleOptOut(id: "x") {userErrors {code}}"#, "SUBSCRIBER_WRITE"),
    (r#"siteUpdate(id: "x", input: {}) {userErrors {code}}"#, "SITE_WRITE"),
];

fn viewer() -> Actor {
    Actor::new(ApiKeyId(Uuid::nil()), "a viewer".to_owned(), Role::Viewer, Vec::new())
}

async fn answer(document: &str, actor: Option<Actor>) -> Response {
    let request = Request::new(document);
    let request = actor.into_iter().fold(request, Request::data);
    bare().finish().execute(request).await
}

/// The message and the code of the only error.
fn error(response: &Response) -> (String, String) {
    let [error] = response.errors.as_slice() else { panic!("{response:?}") };
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    (error.message.clone(), code.map(ToString::to_string).unwrap_or_default())
}

fn types() -> Vec<TypeDefinition> {
    let definitions = parse_schema(sdl()).unwrap().definitions.into_iter();
    definitions
        .filter_map(|definition| match definition {
            TypeSystemDefinition::Type(definition) => Some(definition.node),
            TypeSystemDefinition::Schema(_) | TypeSystemDefinition::Directive(_) => None,
        })
        .collect()
}

fn fields(of: &TypeDefinition) -> Vec<&FieldDefinition> {
    let fields = match &of.kind {
        TypeKind::Object(object) => &object.fields,
        TypeKind::Interface(interface) => &interface.fields,
        _ => return Vec::new(),
    };
    fields.iter().map(|field| &field.node).collect()
}

fn inputs(of: &TypeDefinition) -> Vec<(String, &InputValueDefinition)> {
    let arguments = fields(of).into_iter().flat_map(|field| {
        let of = &field.name.node;
        field
            .arguments
            .iter()
            .map(move |argument| (format!("{of}({})", argument.node.name), &argument.node))
    });
    let members = match &of.kind {
        TypeKind::InputObject(object) => object.fields.as_slice(),
        _ => &[],
    };
    arguments
        .chain(members.iter().map(|member| (member.node.name.to_string(), &member.node)))
        .collect()
}

#[test]
fn everything_is_described() {
    let mut bare = Vec::new();
    let mut check = |name: String, description: Option<&str>| {
        if description.is_none_or(|text| text.trim().is_empty()) {
            bare.push(name);
        }
    };
    for of in types() {
        let name = of.name.node.clone();
        check(name.to_string(), of.description.as_ref().map(|text| text.node.as_str()));
        for field in fields(&of) {
            let text = field.description.as_ref().map(|text| text.node.as_str());
            check(format!("{name}.{}", field.name), text);
        }
        for (path, input) in inputs(&of) {
            let text = input.description.as_ref().map(|text| text.node.as_str());
            check(format!("{name}.{path}"), text);
        }
        if let TypeKind::Enum(values) = &of.kind {
            for value in &values.values {
                let text = value.node.description.as_ref().map(|text| text.node.as_str());
                check(format!("{name}.{}", value.node.value), text);
            }
        }
    }
    assert_eq!(bare, [""; 0]);
}

/// Goal: what the schema says of a write is what its resolver asks. Method: a viewer, who has none
/// of the scopes, is refused each with the scope that the schema names, before the service is
/// asked.
#[tokio::test]
async fn a_write_asks_for_the_scope_that_the_schema_names() {
    let sdl = sdl();
    for (write, scope) in WRITES {
        let (name, _) = write.split_once('(').unwrap();
        let declared = types().into_iter().find(|of| of.name.node == "Mutation").unwrap();
        let field = fields(&declared).into_iter().find(|field| field.name.node == name).unwrap();
        let directive = field.directives.first().unwrap();
        assert_eq!(directive.node.name.node, "requiresScope");
        assert_eq!(directive.node.get_argument("scope").unwrap().node.to_string(), scope);
        let refused = error(&answer(&format!("mutation {{{write}}}"), Some(viewer())).await);
        let message = format!("The caller's role does not grant the scope {scope}.");
        assert_eq!(refused, (message, "\"FORBIDDEN\"".to_owned()), "{name}");
    }
    let declared = types().into_iter().find(|of| of.name.node == "Mutation").unwrap();
    assert_eq!(fields(&declared).len(), WRITES.len(), "{sdl}");
}

#[tokio::test]
async fn nobody_is_answered_and_the_null_stays_where_the_field_is() {
    let response = answer(r#"{campaign(id: "x") {id} site {id} node(id: "x") {id}}"#, None).await;
    let data = response.data.to_string();
    assert_eq!(data, "{campaign: null, site: null, node: null}");
    assert_eq!(response.errors.len(), 3);
    for error in &response.errors {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
        assert_eq!(code.map(ToString::to_string).as_deref(), Some("\"UNAUTHENTICATED\""));
        assert_eq!(error.path.len(), 1);
    }
}

#[tokio::test]
async fn an_unreadable_scalar_is_refused_before_anything_runs() {
    let document = r#"mutation {
        a: campaignDelete(id: "x") {deletedCampaignId}
        b: campaignActivate(
            id: "x"
            input: {schedule: {atStoreTime: {localDateTime: "tomorrow"}}}
        ) {campaign {id}}
    }"#;
    let mut response = answer(document, Some(viewer())).await;
    response.errors.iter_mut().for_each(explain);
    let (message, code) = error(&response);
    assert_eq!(code, "\"BAD_USER_INPUT\"");
    assert_eq!(
        message,
        "Invalid value for argument \"input.schedule.atStoreTime.localDateTime\", expected type \
         \"LocalDateTime\": a wall-clock date and time with no zone or offset, such as \
         2026-11-27T09:30:00"
    );
}

#[tokio::test]
async fn the_limits_hold_and_nothing_is_suggested() {
    let (message, _) = error(&answer("{viewr {scopes}}", Some(viewer())).await);
    assert!(!message.contains("Did you mean"), "{message}");
    let deep = format!("{{viewer {}{}", "{sites {nodes ".repeat(12), "}}".repeat(13));
    let refused = answer(&deep, Some(viewer())).await;
    assert!(refused.is_err() && refused.data.to_string() == "null");
    let aliases: Vec<String> = (0..51).map(|n| format!("a{n}: viewer {{scopes}}")).collect();
    let refused = answer(&format!("{{{}}}", aliases.join(" ")), Some(viewer())).await;
    assert!(error(&refused).0.to_lowercase().contains("alias"), "{refused:?}");
}
