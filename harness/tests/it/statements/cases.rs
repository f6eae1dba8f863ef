//! Queries made from the schema: each field of each type, asked for at the end of the shortest way to the type.

use std::collections::{BTreeMap, VecDeque, btree_map::Entry};
use std::fmt::Write as _;

use async_graphql::parser::types::FieldDefinition;
use serde_json::Value;

use crate::sdl::{Sdl, innermost};

/// How many of a list within the list are asked for.
const WITHIN: &str = "first: 2";
/// How many of the list are asked for.
const LENGTH: &str = "first: $n";

/// Fields that are worked out for one at a time, and are bounded otherwise: each is a run of the planner.
const ALONE: [&str; 2] = ["Campaign.estimate", "Campaign.explainRecipient"];

/// One query.
pub(super) struct Case {
    /// `Type.field`.
    pub(super) name: String,
    /// The type.
    pub(super) of: String,
    /// What is sent.
    pub(super) document: String,
    /// The way to the type, as the answer has it.
    way: Vec<String>,
    /// The field.
    field: String,
}

impl Case {
    /// How many objects of the type an answer has.
    pub(super) fn objects(&self, answer: &Value) -> usize {
        self.found(answer).len()
    }

    /// Whether any of them says something in the field.
    pub(super) fn is_told(&self, answer: &Value) -> bool {
        let says = |object: &&Value| match &object[self.field.as_str()] {
            Value::Null => false,
            Value::Array(items) => !items.is_empty(),
            Value::Object(fields) => fields
                .get("nodes")
                .is_none_or(|nodes| nodes.as_array().is_some_and(|it| !it.is_empty())),
            _ => true,
        };
        self.found(answer).iter().any(says)
    }

    fn found<'a>(&self, answer: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![answer];
        for step in &self.way {
            let next = found.into_iter().map(|value| &value[step.as_str()]);
            found = next.flat_map(flat).filter(|value| !value.is_null()).collect();
        }
        found
    }
}

fn flat(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().flat_map(flat).collect(),
        _ => vec![value],
    }
}

/// Whether a type is a part of others: of a list, of an answer to a mutation, of the roots.
pub(super) fn is_part(name: &str) -> bool {
    let ends = ["Connection", "Edge", "Payload", "UserError"];
    let roots = ["Query", "Mutation", "Subscription", "PageInfo"];
    roots.contains(&name) || ends.iter().any(|end| name.ends_with(end))
}

/// A way to objects of a type.
#[derive(Clone)]
struct Way {
    of: String,
    /// Whether it leads through the list whose length is chosen.
    is_long: bool,
    text: String,
    braces: usize,
    steps: Vec<String>,
}

impl Way {
    /// The way on by a field, if it leads to objects.
    fn on(&self, sdl: &Sdl, field: &FieldDefinition) -> Option<Self> {
        let of = innermost(&field.ty.node).to_owned();
        let name = field.name.node.to_string();
        let is_here = format!("{}.{name}", self.of);
        if !sdl.is_object(&of) || ALONE.contains(&is_here.as_str()) {
            return None;
        }
        let mut way = self.clone();
        way.steps.push(name.clone());
        if of.ends_with("Connection") {
            let first = if self.is_long { WITHIN } else { LENGTH };
            let node = node(sdl, &of)?;
            write!(way.text, " {name}({first}) {{ nodes {{").unwrap();
            way.steps.push("nodes".to_owned());
            return Some(Self { of: node, is_long: true, braces: self.braces + 2, ..way });
        }
        // Of the arguments that an object must be chosen by, the site's is known.
        let arguments = if is_here == "Query.site" { "(id: $site)" } else { "" };
        if arguments.is_empty() && field.arguments.iter().any(|it| !it.node.ty.node.nullable) {
            return None;
        }
        write!(way.text, " {name}{arguments} {{").unwrap();
        Some(Self { of, braces: self.braces + 1, ..way })
    }
}

/// What a list is of.
fn node(sdl: &Sdl, connection: &str) -> Option<String> {
    let fields = sdl.fields(connection);
    let nodes = fields.iter().find(|field| field.name.node == "nodes")?;
    Some(innermost(&nodes.ty.node).to_owned())
}

/// The shortest way to each type that leads through a list.
fn ways(sdl: &Sdl) -> BTreeMap<String, Way> {
    let start = Way {
        of: "Query".to_owned(),
        is_long: false,
        text: String::new(),
        braces: 0,
        steps: Vec::new(),
    };
    let mut seen: BTreeMap<(String, bool), Way> = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(way) = open.pop_front() {
        for field in sdl.fields(&way.of) {
            let Some(next) = way.on(sdl, field) else { continue };
            let key = (next.of.clone(), next.is_long);
            if let Entry::Vacant(unseen) = seen.entry(key) {
                unseen.insert(next.clone());
                open.push_back(next);
            }
        }
    }
    let long = seen.into_iter().filter(|((_, is_long), _)| *is_long);
    long.map(|((of, _), way)| (of, way)).filter(|(of, _)| !is_part(of)).collect()
}

/// What is asked of a field: itself, what an object says at once, or the beginning of a list.
fn asked(sdl: &Sdl, field: &FieldDefinition) -> String {
    let (name, of) = (&field.name.node, innermost(&field.ty.node));
    if !sdl.is_object(of) {
        return name.to_string();
    }
    if of.ends_with("Connection") {
        let said = sdl.fields(of).into_iter();
        let said = said.filter(|field| !sdl.is_object(innermost(&field.ty.node)));
        let said: Vec<String> = said.map(|field| field.name.node.to_string()).collect();
        return format!("{name}({WITHIN}) {{ {} nodes {{ __typename }} }}", said.join(" "));
    }
    // What the object says has cases of its own.
    format!("{name} {{ __typename }}")
}

/// Every case.
pub(super) fn all(sdl: &Sdl) -> Vec<Case> {
    let mut cases = Vec::new();
    for (of, way) in ways(sdl) {
        for field in sdl.fields(&of) {
            let name = format!("{of}.{}", field.name.node);
            if ALONE.contains(&name.as_str()) {
                continue;
            }
            let (text, end) = (&way.text, "}".repeat(way.braces));
            let document = format!(
                "query($site: ID, $n: Int) {{ of: site(id: $site) {{ __typename }}{text} {} {end} }}",
                asked(sdl, field),
            );
            let (way, field) = (way.steps.clone(), field.name.node.to_string());
            cases.push(Case { name, of: of.clone(), document, way, field });
        }
    }
    cases
}
