//! What is settled before anything runs: the document's size and syntax, which of its operations,
//! whether the required variables are there, what it costs.
//!
//! **Invariant:** no field of an operation runs when a required variable is missing. Left to
//! itself, async-graphql finds it out at the field that needs it, after the fields before it ran.
use super::{
    bound::Bound,
    cost::Costs,
    documents::Documents,
    limits::{DOCUMENT_BYTES, DOCUMENT_DEPTH, TOKENS, VARIABLES_DEPTH},
    problem::{Outcome, Problem, code, error, set_code},
    scan::scan,
    size,
};
use async_graphql::{
    Request, Value, Variables,
    parser::types::{ExecutableDocument, OperationDefinition, OperationType, Selection},
};

/// What is known of an operation before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Prepared {
    /// Its kind.
    pub(super) kind: OperationType,
    /// Its points.
    pub(super) cost: usize,
}

/// On which terms an operation may run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// The most that it may cost.
    pub(super) cost_max: usize,
    /// Whether it may ask for the schema.
    pub(super) introspection: bool,
}

/// Parses the document into `request`, and tells what would run.
pub(super) fn prepare(
    request: &mut Request,
    costs: &Costs,
    documents: &Documents,
    terms: Terms,
) -> Result<Prepared, Problem> {
    Bound::DocumentBytes.check(request.query.len(), DOCUMENT_BYTES)?;
    let Some(found) = scan(&request.query) else {
        return Err(refused(code::PARSE_FAILED, "A string in the document has no end."));
    };
    Bound::Tokens.check(found.tokens, TOKENS)?;
    Bound::Nesting.check(found.nesting, DOCUMENT_DEPTH)?;
    let deepest = request.variables.values().map(levels).max().unwrap_or_default();
    Bound::VariablesDepth.check(deepest, VARIABLES_DEPTH)?;
    let name = request.operation_name.clone();
    let variables = request.variables.clone();
    let new = match documents.of(&request.query) {
        Some(known) => {
            request.set_parsed_query(known);
            None
        }
        None => Some(request.query.clone()),
    };
    let document = request.parsed_query().map_err(|mut fault| {
        fault.message = gist(&fault.message);
        set_code(&mut fault, code::PARSE_FAILED);
        Problem::of(Outcome::Refused, vec![fault])
    })?;
    size::check(document, terms.introspection)?;
    let operation = pick(document, name.as_deref())?;
    let kind = operation.ty;
    if kind == OperationType::Mutation {
        size::check_mutation(document, operation)?;
    }
    require_variables(operation, &variables)?;
    if kind == OperationType::Subscription {
        require_one_root_field(operation)?;
    }
    let cost = costs.reckon(document, operation, &variables);
    Bound::Cost.check(cost, terms.cost_max)?;
    if let Some(text) = new {
        documents.keep(&text, document);
    }
    Ok(Prepared { kind, cost })
}

/// How many values stand inside one another; the reader of JSON has bounded it.
fn levels(value: &Value) -> usize {
    let inner = match value {
        Value::List(items) => items.iter().map(levels).max(),
        Value::Object(members) => members.values().map(levels).max(),
        _ => return 1,
    };
    inner.unwrap_or_default().saturating_add(1)
}

fn refused(code: &str, message: impl Into<String>) -> Problem {
    Problem::new(Outcome::Refused, code, message)
}

/// What the parser says without the drawing of the line around it: the line may be the whole
/// document, and its place is told apart.
fn gist(message: &str) -> String {
    let last = message.lines().next_back().unwrap_or_default().trim();
    format!("Syntax error: {}", last.trim_start_matches("= ").trim_end_matches('.'))
}

/// The operation of this name, or the only one.
fn pick<'a>(
    document: &'a ExecutableDocument,
    name: Option<&str>,
) -> Result<&'a OperationDefinition, Problem> {
    let mut operations = document.operations.iter();
    let found = match name {
        Some(name) => operations.find(|(own, _)| own.is_some_and(|own| own.as_str() == name)),
        None => operations.next().filter(|_| operations.next().is_none()),
    };
    let message = match name {
        Some(_) => "The document has no operation of the name in `operationName`.",
        None => "The document has several operations: `operationName` must name the one to run.",
    };
    found.map(|(_, operation)| &operation.node).ok_or_else(|| refused(code::NO_OPERATION, message))
}

/// Every variable of a non-null type without a default has a value, and none of them is null.
/// Values of the wrong type are found by the validation of the arguments that use them, which is
/// before execution too.
fn require_variables(
    operation: &OperationDefinition,
    variables: &Variables,
) -> Result<(), Problem> {
    let mut errors = Vec::new();
    for definition in &operation.variable_definitions {
        let (position, definition) = (definition.pos, &definition.node);
        let (name, required) = (&definition.name.node, &definition.var_type.node);
        let lacking = match variables.get(name) {
            None => definition.default_value.is_none(),
            Some(value) => matches!(value, Value::Null),
        };
        if lacking && !required.nullable {
            let message = format!("Variable \"${name}\" of type \"{required}\" is required.");
            let mut fault = error(code::BAD_USER_INPUT, message);
            fault.locations = vec![position];
            errors.push(fault);
        }
    }
    if errors.is_empty() { Ok(()) } else { Err(Problem::of(Outcome::Refused, errors)) }
}

/// async-graphql would run several root fields side by side, and would silently answer nothing for
/// those in a fragment.
fn require_one_root_field(operation: &OperationDefinition) -> Result<(), Problem> {
    let bare = |selection: &Selection| match selection {
        Selection::Field(field) => field.node.directives.is_empty(),
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
    };
    match operation.selection_set.node.items.as_slice() {
        [only] if bare(&only.node) => Ok(()),
        _ => Err(refused(
            code::VALIDATION_FAILED,
            "A subscription must have exactly one root field, not in a fragment and without \
             @skip or @include.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Costs, Documents, Prepared, Terms, levels};
    use async_graphql::{Request, Variables, parser::types::OperationType};
    use serde_json::json;

    fn kind(query: &str) -> Result<OperationType, (String, String)> {
        outcome(Request::new(query))
    }

    fn prepare(request: &mut Request) -> Result<Prepared, super::Problem> {
        super::prepare(request, &Costs::default(), &Documents::default(), terms(1_000))
    }

    fn terms(cost_max: usize) -> Terms {
        Terms { cost_max, introspection: true }
    }

    fn outcome(mut request: Request) -> Result<OperationType, (String, String)> {
        prepare(&mut request).map(|prepared| prepared.kind).map_err(|problem| {
            let error = problem.into_errors().remove(0);
            let code = error.extensions.unwrap().get("code").unwrap().to_string();
            (code.trim_matches('"').to_owned(), error.message)
        })
    }

    fn with(query: &str, variables: serde_json::Value) -> Result<OperationType, (String, String)> {
        outcome(Request::new(query).variables(Variables::from_json(variables)))
    }

    #[test]
    fn tells_the_kind() {
        assert_eq!(kind("{a}"), Ok(OperationType::Query));
        assert_eq!(kind("mutation{a}"), Ok(OperationType::Mutation));
        assert_eq!(kind("subscription{a}"), Ok(OperationType::Subscription));
    }

    /// A fragment that spreads the next one twice, and so on, doubles at each level.
    #[test]
    fn what_fragments_multiply_is_counted() {
        use std::fmt::Write as _;
        let bomb = |levels: usize| {
            let mut text = "{...F0}".to_owned();
            for level in 0..levels {
                let next = level + 1;
                write!(text, " fragment F{level} on Q{{...F{next} ...F{next}}}").unwrap();
            }
            write!(text, " fragment F{levels} on Q{{a}}").unwrap();
            text
        };
        assert_eq!(kind(&bomb(5)), Ok(OperationType::Query));
        for levels in [15, 40, 150] {
            assert_eq!(kind(&bomb(levels)).unwrap_err().0, "GRAPHQL_VALIDATION_FAILED");
        }
        let circle = "{...A} fragment A on Q{...B} fragment B on Q{...A}";
        assert_eq!(kind(circle).unwrap_err().0, "GRAPHQL_VALIDATION_FAILED");
        let fields = |count: usize| {
            let names: Vec<String> = (0..count).map(|n| format!("a{n}")).collect();
            format!("{{{}}}", names.join(" "))
        };
        assert!(kind(&fields(1_999)).is_ok());
        assert!(kind(&fields(2_001)).is_err());
    }

    #[test]
    fn a_mutation_names_each_field_once() {
        assert_eq!(kind("mutation{a b}"), Ok(OperationType::Mutation));
        assert_eq!(kind("mutation{a c:a}"), Ok(OperationType::Mutation));
        for twice in
            ["mutation{a a}", "mutation{a b:a ...on M{b:c}}", "mutation{a ...F} fragment F on M{a}"]
        {
            assert_eq!(kind(twice).unwrap_err().0, "GRAPHQL_VALIDATION_FAILED", "{twice}");
        }
        assert_eq!(kind("{a a}"), Ok(OperationType::Query), "a query reads the same twice");
    }

    #[test]
    fn picks_the_named_operation() {
        let document = "query A{a} mutation B{b}";
        assert_eq!(kind(document).unwrap_err().0, "OPERATION_RESOLUTION_FAILURE");
        let named = |name: &str| outcome(Request::new(document).operation_name(name));
        assert_eq!(named("B"), Ok(OperationType::Mutation));
        assert_eq!(named("C").unwrap_err().0, "OPERATION_RESOLUTION_FAILURE");
        assert_eq!(
            outcome(Request::new("{a}").operation_name("A")).unwrap_err().0,
            "OPERATION_RESOLUTION_FAILURE"
        );
    }

    #[test]
    fn syntax_errors_carry_their_place() {
        assert_eq!(kind("{a").unwrap_err().0, "GRAPHQL_PARSE_FAILED");
        let mut request = Request::new("{a");
        let errors = prepare(&mut request).unwrap_err().into_errors();
        assert_eq!(errors[0].locations.len(), 1);
        assert!(errors[0].message.starts_with("Syntax error: expected "), "{}", errors[0].message);
        assert!(!errors[0].message.contains("{a"), "{}", errors[0].message);
    }

    #[test]
    fn required_variables_must_be_given() {
        let query = "query($n:Int!){a(n:$n)}";
        let (code, message) = with(query, json!({})).unwrap_err();
        assert_eq!(code, "BAD_USER_INPUT");
        assert_eq!(message, "Variable \"$n\" of type \"Int!\" is required.");
        assert_eq!(with(query, json!({"n": null})).unwrap_err().0, "BAD_USER_INPUT");
        assert_eq!(with(query, json!({"n": 1})), Ok(OperationType::Query));
        assert_eq!(with("query($n:Int){a(n:$n)}", json!({})), Ok(OperationType::Query));
        let default = "query($n:Int!=1){a(n:$n)}";
        assert_eq!(with(default, json!({})), Ok(OperationType::Query));
        assert_eq!(with(default, json!({"n": null})).unwrap_err().0, "BAD_USER_INPUT");
    }

    #[test]
    fn a_subscription_has_one_plain_root_field() {
        for refused in [
            "subscription{a b}",
            "subscription{a a}",
            "subscription{...F} fragment F on S{a}",
            "subscription{...{a}}",
            "subscription($x:Boolean!){a @skip(if:$x)}",
        ] {
            let request = Request::new(refused).variables(Variables::from_json(json!({"x":true})));
            assert_eq!(outcome(request).unwrap_err().0, "GRAPHQL_VALIDATION_FAILED", "{refused}");
        }
    }

    #[test]
    fn a_document_too_long_is_refused_before_it_is_parsed() {
        let words = |count: usize| format!("{{{}}}", "a ".repeat(count));
        assert!(kind(&words(5_000)).unwrap_err().1.contains("At most 5000 tokens"));
        let long = format!("{{a}}#{}", "x".repeat(64 * 1024));
        let (code, message) = kind(&long).unwrap_err();
        assert_eq!(code, "GRAPHQL_PARSE_FAILED");
        assert_eq!(message, "At most 65536 bytes of the document are allowed; there are 65540.");
    }

    #[test]
    fn variables_nest_so_deep_and_no_deeper() {
        let nested = |depth: usize| (0..depth).fold(json!(1), |inner, _| json!([inner]));
        assert_eq!(levels(&async_graphql::Value::from_json(nested(3)).unwrap()), 4);
        assert_eq!(with("{a}", json!({"x": nested(19)})), Ok(OperationType::Query));
        assert_eq!(with("{a}", json!({"x": nested(20)})).unwrap_err().0, "BAD_USER_INPUT");
    }

    #[test]
    fn what_costs_too_much_is_refused() {
        let mut request = Request::new(format!("{{{}}}", "a{b} ".repeat(11)));
        let prepared = prepare(&mut request).unwrap();
        assert_eq!(prepared, Prepared { kind: OperationType::Query, cost: 11 });
        let (costs, documents) = (Costs::default(), Documents::default());
        let problem = super::prepare(&mut request, &costs, &documents, terms(10)).unwrap_err();
        let error = problem.into_errors().remove(0);
        assert_eq!(error.message, "At most 10 points of cost are allowed; there are 11.");
    }

    /// Goal: a document that is known is checked as at first. Method: it runs once, then with other variables, names and
    /// terms.
    #[test]
    fn a_known_document_is_checked_again() {
        let (costs, documents) = (Costs::default(), Documents::default());
        let query = "query A($n:Int!){a(n:$n){b} __schema{d}} query B{a}";
        let ask = |name: &str, variables: serde_json::Value, terms: Terms| {
            let mut request = Request::new(query).operation_name(name);
            request = request.variables(Variables::from_json(variables));
            let prepared = super::prepare(&mut request, &costs, &documents, terms);
            prepared.map_err(|problem| problem.into_errors().remove(0).message)
        };
        let first = ask("A", json!({"n": 1}), terms(10)).unwrap();
        assert!(documents.of(query).is_some(), "it is known");
        assert_eq!(ask("A", json!({"n": 1}), terms(10)), Ok(first));
        assert_eq!(ask("B", json!({}), terms(10)).unwrap().cost, 0);
        assert!(ask("A", json!({}), terms(10)).unwrap_err().contains("is required"));
        assert!(ask("A", json!({"n": 1}), terms(1)).unwrap_err().contains("points of cost"));
        let closed = Terms { cost_max: 10, introspection: false };
        assert!(ask("A", json!({"n": 1}), closed).is_err());
        assert!(ask("C", json!({}), terms(10)).is_err());
    }

    #[test]
    fn a_document_too_deep_is_refused_before_the_parser_recurses() {
        for open in ["{a", "[", "{a(b:["] {
            assert_eq!(kind(&open.repeat(50_000)).unwrap_err().0, "GRAPHQL_PARSE_FAILED");
        }
    }
}
