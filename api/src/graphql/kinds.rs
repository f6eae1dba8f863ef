//! Whether every value of a document and its variables is of the kind that its place takes.
//!
//! async-graphql's own validation takes any whole number for an `Int`, anything at all for an input object and a text
//! for a value of an enum, and looks at no argument in which a variable was left out. It finds out at the field that
//! needs the value, after those before it ran.
//!
//! **Invariant:** no field of an operation runs when a value anywhere in its document is of the wrong kind.

use super::expectations::{EXPECTED_TYPE, INVALID_VALUE};
use async_graphql::{
    Name, ObjectType, Pos, Positioned, Request, ServerError, ServerResult, SubscriptionType,
    ValidationResult, Value, Variables,
    extensions::{
        Extension, ExtensionContext, ExtensionFactory, NextPrepareRequest, NextValidation,
    },
    parser::types::{
        ExecutableDocument, Field, OperationDefinition, OperationType, Selection, SelectionSet,
    },
    registry::{MetaField, MetaType, MetaTypeName, Registry},
};
use std::{
    convert::Infallible,
    fmt, mem,
    sync::{Arc, Mutex, PoisonError},
};

/// The scalar whose own check is too wide: it has 32 bits.
const INT: &str = "Int";

/// What a schema says of its places for values.
pub struct Kinds(Registry);

impl Kinds {
    /// Those of the schema of these roots.
    pub fn of<Q: ObjectType, M: ObjectType, S: SubscriptionType>() -> Self {
        let mut registry =
            Registry { query_type: Q::type_name().into_owned(), ..Registry::default() };
        Q::create_type_info(&mut registry);
        if !M::is_empty() {
            registry.mutation_type = Some(M::type_name().into_owned());
            M::create_type_info(&mut registry);
        }
        if !S::is_empty() {
            registry.subscription_type = Some(S::type_name().into_owned());
            S::create_type_info(&mut registry);
        }
        Self(registry)
    }

    /// Whether a value of a request is of the wrong kind. [`Unkind`] tells which, after whatever else is wrong.
    pub fn are_wrong_in(&self, request: &mut Request) -> bool {
        Places { registry: &self.0 }.wrong_of(request).is_some()
    }
}

impl fmt::Debug for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kinds").finish_non_exhaustive()
    }
}

/// The schema extension that refuses what validation lets pass. Its words come after those of validation. A schema with
/// extensions asks each of them about each field, so that it is for those requests of which [`Kinds`] found that
/// it has something to say.
#[derive(Clone, Copy, Debug)]
pub struct Unkind;

impl ExtensionFactory for Unkind {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Found::default())
    }
}

/// What was found in the document of one request.
#[derive(Default)]
struct Found(Mutex<Option<ServerError>>);

#[async_trait::async_trait]
impl Extension for Found {
    async fn prepare_request(
        &self,
        ctx: &ExtensionContext<'_>,
        request: Request,
        next: NextPrepareRequest<'_>,
    ) -> ServerResult<Request> {
        let mut request = next.run(ctx, request).await?;
        let found = Places { registry: &ctx.schema_env.registry }.wrong_of(&mut request);
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(request)
    }

    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        let valid = next.run(ctx).await?;
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        found.map_or(Ok(valid), |error| Err(vec![error]))
    }
}

/// Where a value comes from: only a variable's has texts for the values of enums.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Document,
    Variables,
}

/// A value of the wrong kind: where it stands, innermost first, and the type of that place.
struct Wrong {
    path: Vec<String>,
    of: String,
}

impl Wrong {
    fn within(mut self, place: &impl ToString) -> Self {
        self.path.push(place.to_string());
        self
    }

    fn told(mut self, argument: &str, at: Pos) -> ServerError {
        self.path.push(argument.to_owned());
        self.path.reverse();
        let (path, of) = (self.path.join("."), self.of);
        ServerError::new(format!("{INVALID_VALUE} \"{path}\", {EXPECTED_TYPE}{of}\""), Some(at))
    }
}

/// The places for values that the schema has.
struct Places<'a> {
    registry: &'a Registry,
}

impl Places<'_> {
    /// The first value of the wrong kind in a request.
    fn wrong_of(&self, request: &mut Request) -> Option<ServerError> {
        let name = request.operation_name.clone();
        let variables = mem::take(&mut request.variables);
        // What cannot be parsed is told by who parses it.
        let document = request.parsed_query().ok();
        let found =
            document.and_then(|document| self.wrong_in(document, name.as_deref(), &variables));
        request.variables = variables;
        found
    }

    /// The first value of the wrong kind: of a variable of the operation that is to run, or of any argument.
    fn wrong_in(
        &self,
        document: &ExecutableDocument,
        name: Option<&str>,
        variables: &Variables,
    ) -> Option<ServerError> {
        for (own, operation) in document.operations.iter() {
            let is_chosen = name.is_none() || own.map(Name::as_str) == name;
            let wrong = self.wrong_variable(&operation.node, is_chosen.then_some(variables));
            let root = match operation.node.ty {
                OperationType::Query => Some(&self.registry.query_type),
                OperationType::Mutation => self.registry.mutation_type.as_ref(),
                OperationType::Subscription => self.registry.subscription_type.as_ref(),
            };
            let set = &operation.node.selection_set.node;
            let wrong = wrong.or_else(|| self.wrong_argument(set, root?));
            if wrong.is_some() {
                return wrong;
            }
        }
        // Each once, by itself: a fragment knows its type.
        document.fragments.values().find_map(|fragment| {
            let of = fragment.node.type_condition.node.on.node.as_str();
            self.wrong_argument(&fragment.node.selection_set.node, of)
        })
    }

    fn wrong_variable(
        &self,
        operation: &OperationDefinition,
        variables: Option<&Variables>,
    ) -> Option<ServerError> {
        operation.variable_definitions.iter().find_map(|Positioned { pos, node }| {
            let of = node.var_type.node.to_string();
            let name = &node.name.node;
            let given = variables.and_then(|variables| variables.get(name));
            let default = node.default_value.as_ref().map(|default| &default.node);
            let wrong = given.and_then(|value| self.wrong(&of, value, Source::Variables));
            let wrong = wrong.or_else(|| self.wrong(&of, default?, Source::Document));
            wrong.map(|wrong| wrong.told(&format!("${name}"), *pos))
        })
    }

    /// The first argument of the wrong kind in `set`, which is asked of an object of the type `of`.
    fn wrong_argument<'v>(&'v self, set: &'v SelectionSet, of: &'v str) -> Option<ServerError> {
        let mut sets = vec![(set, of)];
        while let Some((set, of)) = sets.pop() {
            for selection in &set.items {
                match &selection.node {
                    Selection::Field(field) => {
                        let Some(meta) = self.field(of, &field.node) else { continue };
                        let wrong = self.wrong_argument_of(&field.node, meta);
                        if wrong.is_some() {
                            return wrong;
                        }
                        let of = MetaTypeName::concrete_typename(&meta.ty);
                        sets.push((&field.node.selection_set.node, of));
                    }
                    Selection::InlineFragment(inline) => {
                        let on = inline.node.type_condition.as_ref();
                        let of = on.map_or(of, |on| on.node.on.node.as_str());
                        sets.push((&inline.node.selection_set.node, of));
                    }
                    Selection::FragmentSpread(_) => {}
                }
            }
        }
        None
    }

    /// What the schema says of a field; what is not there is told by validation.
    fn field(&self, of: &str, field: &Field) -> Option<&MetaField> {
        self.registry.types.get(of)?.field_by_name(field.name.node.as_str())
    }

    fn wrong_argument_of(&self, field: &Field, meta: &MetaField) -> Option<ServerError> {
        field.arguments.iter().find_map(|(name, Positioned { pos, node: value })| {
            let argument = meta.args.get(name.node.as_str())?;
            // A variable is looked at by itself, and a null is validation's matter.
            let Ok(value) = value.clone().into_const_with(|_| Ok::<_, Infallible>(Value::Null));
            let wrong = self.wrong(&argument.ty, &value, Source::Document)?;
            Some(wrong.told(&name.node, *pos))
        })
    }

    /// What is wrong with `value` in a place of the type `of`; nothing is wrong with a null here.
    fn wrong(&self, of: &str, value: &Value, source: Source) -> Option<Wrong> {
        if let Value::Null = value {
            return None;
        }
        let name = match MetaTypeName::create(of) {
            MetaTypeName::NonNull(of) => return self.wrong(of, value, source),
            MetaTypeName::List(of) => {
                let Value::List(items) = value else { return self.wrong(of, value, source) };
                let mut items = items.iter().enumerate();
                return items.find_map(|(index, item)| {
                    self.wrong(of, item, source).map(|wrong| wrong.within(&index))
                });
            }
            MetaTypeName::Named(name) => name,
        };
        let is_right = match (self.registry.types.get(name)?, value) {
            (MetaType::InputObject { input_fields, .. }, Value::Object(members)) => {
                return members.iter().find_map(|(member, value)| {
                    let field = input_fields.get(member.as_str())?;
                    self.wrong(&field.ty, value, source).map(|wrong| wrong.within(member))
                });
            }
            (MetaType::Enum { enum_values, .. }, Value::Enum(value)) => {
                enum_values.contains_key(value.as_str())
            }
            (MetaType::Enum { enum_values, .. }, Value::String(text)) => {
                source == Source::Variables && enum_values.contains_key(text)
            }
            (MetaType::Scalar { name, .. }, Value::Number(number)) if name == INT => {
                number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
            }
            (MetaType::Scalar { is_valid: Some(is_valid), .. }, value) => is_valid(value),
            (MetaType::InputObject { .. } | MetaType::Enum { .. }, _) => false,
            // A place that takes no values is told by validation.
            _ => true,
        };
        (!is_right).then(|| Wrong { path: Vec::new(), of: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        expectations::explain, mutation::Mutation, query::Query, schema::bare,
        subscription::Subscription,
    };
    use super::{Kinds, Unkind};
    use async_graphql::{Request, Response, Variables};
    use serde_json::json;

    async fn answer(query: &str, variables: serde_json::Value) -> Response {
        run(Request::new(query).variables(Variables::from_json(variables))).await
    }

    /// As whoever runs the schema does.
    async fn run(mut request: Request) -> Response {
        let are_wrong = Kinds::of::<Query, Mutation, Subscription>().are_wrong_in(&mut request);
        let schema = if are_wrong { bare().extension(Unkind) } else { bare() };
        let mut response = schema.finish().execute(request).await;
        response.errors.iter_mut().for_each(explain);
        response
    }

    /// What is said of the only error, which nothing ran before.
    async fn refusal(query: &str, variables: serde_json::Value) -> String {
        let response = answer(query, variables).await;
        let [error] = response.errors.as_slice() else { panic!("{query}: {response:?}") };
        assert_eq!(error.path.len(), 0, "{query}: {error:?}");
        let code = error.extensions.as_ref().unwrap().get("code").unwrap().to_string();
        assert_eq!(code, "\"BAD_USER_INPUT\"", "{query}");
        error.message.clone()
    }

    #[tokio::test]
    async fn a_value_of_the_wrong_kind_is_refused_before_anything_runs() {
        let of = |argument: &str| {
            format!(
                "mutation {{a: campaignDelete(id: \"x\") {{deletedCampaignId}} \
                 b: campaignUpdate(id: \"x\", input: {argument}) {{campaign {{id}}}}}}"
            )
        };
        let int = "expected type \"Int\": a whole number of 32 bits, such as 25";
        let text = "expected type \"String\"";
        for (input, said) in [
            ("{expectedRevision: 2147483648}", format!("\"input.expectedRevision\", {int}")),
            (
                "{steps: [{body: \"a\"}, 5]}",
                "\"input.steps.1\", expected type \"MessageStepInput\"".to_owned(),
            ),
            ("{steps: 5}", "\"input.steps\", expected type \"MessageStepInput\"".to_owned()),
            ("5", "\"input\", expected type \"CampaignUpdateInput\"".to_owned()),
            ("{name: 5}", format!("\"input.name\", {text}")),
        ] {
            let said = format!("Invalid value for argument {said}");
            assert_eq!(refusal(&of(input), json!({})).await, said, "{input}");
        }
    }

    #[tokio::test]
    async fn a_variable_is_no_way_around() {
        let query = |kind: &str, input: &str| {
            format!(
                "mutation($v: {kind}) {{a: campaignDelete(id: \"x\") {{deletedCampaignId}} \
                 b: campaignUpdate(id: \"x\", input: {input}) {{campaign {{id}}}}}}"
            )
        };
        let (int, whole) = (query("Int", "{expectedRevision: $v}"), "CampaignUpdateInput!");
        for given in [json!(2_147_483_648_i64), json!(-2_147_483_649_i64)] {
            let said = refusal(&int, json!({ "v": given })).await;
            assert!(said.contains("\"$v\", expected type \"Int\""), "{said}");
        }
        let said = refusal(&query("Int = 99999999999", "{expectedRevision: $v}"), json!({})).await;
        assert!(said.contains("\"$v\", expected type \"Int\""), "{said}");
        for (given, path) in
            [(json!(5), "$v"), (json!({ "steps": [[]] }), "$v.steps.0"), (json!("x"), "$v")]
        {
            let said = refusal(&query(whole, "$v"), json!({ "v": given })).await;
            assert!(said.contains(&format!("\"{path}\", expected type")), "{said}");
        }
        // With a variable that is left out, validation looks at nothing of the argument.
        let beside = query("Int", "{name: 5, expectedRevision: $v}");
        let said = refusal(&beside, json!({})).await;
        assert!(said.contains("\"input.name\", expected type \"String\""), "{said}");
    }

    #[tokio::test]
    async fn a_text_is_no_value_of_an_enum_but_in_variables() {
        let query = "{site {campaigns(filter: {statuses: [\"DRAFT\"]}) {totalCount}}}";
        let said = refusal(query, json!({})).await;
        assert!(said.contains("\"filter.statuses.0\", expected type \"CampaignStatus\""), "{said}");
        let query =
            "query($s: [CampaignStatus!]) {site {campaigns(filter: {statuses: $s}) {totalCount}}}";
        // They run, and tell nobody.
        for given in [json!(["DRAFT", "SENT"]), json!("DRAFT"), json!(null)] {
            let response = answer(query, json!({ "s": given })).await;
            assert_eq!(response.errors.first().unwrap().path.len(), 1, "{response:?}");
        }
    }

    #[tokio::test]
    async fn fragments_and_other_operations_are_looked_at() {
        for query in [
            "{site {...F}} fragment F on Site {campaigns(first: 99999999999) {totalCount}}",
            "{node(id: \"x\") {... on Site {campaigns(first: 99999999999) {totalCount}}}}",
            "{site {... {campaigns(first: 99999999999) {totalCount}}}}",
            "subscription {campaignsChanged {campaign {messages(first: 99999999999) {totalCount}}}}",
        ] {
            let said = refusal(query, json!({})).await;
            assert!(said.contains("\"first\", expected type \"Int\""), "{said}");
        }
        let two = "query A($v: Int) {site {campaigns(first: $v) {totalCount}}} \
                   query B($v: String) {site {campaigns(after: $v) {totalCount}}}";
        let request = Request::new(two).operation_name("B");
        let request = request.variables(Variables::from_json(json!({ "v": "x" })));
        let response = run(request).await;
        assert_eq!(response.errors.first().unwrap().path.len(), 1, "{response:?}");
    }
}
