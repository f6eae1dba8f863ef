//! What an operation costs, reckoned from its document and variables before anything runs.
//!
//! A leaf costs nothing and an object a point. A connection costs a point, and what is asked of
//! each entry as many times as its page is long; a field that takes ids costs what it asks as many
//! times as there are ids. A mutation costs ten points, and what is asked of its answer. A
//! subscription costs what one event does. What `@skip` and `@include` may leave out is reckoned
//! like all else.
//!
//! **Invariant:** the same document with the same variables always costs the same.
//! **Invariant:** a document's size is checked before its cost is reckoned: a field is visited as
//! often as it is written out.
use async_graphql::{
    Name, Value, Variables,
    parser::{
        parse_schema,
        types::{
            BaseType, ExecutableDocument, Field, FieldDefinition, OperationDefinition,
            OperationType, Selection, SelectionSet, Type, TypeKind, TypeSystemDefinition,
        },
    },
};
use domain::limits::{PAGE_DEFAULT, PAGE_MAX};
use std::collections::HashMap;

/// Points of a mutation, what is asked of its answer aside.
const MUTATION_POINTS: usize = 10;
/// Points of an object.
const OBJECT_POINTS: usize = 1;
/// The fields of a connection that hold its entries: the entries themselves, or edges around them.
const ENTRIES: &str = "nodes";
const EDGES: &str = "edges";
/// The arguments that say how long a page is.
const PAGE_ARGUMENTS: [&str; 2] = ["first", "last"];
/// The argument that names several objects.
const IDS_ARGUMENT: &str = "ids";

/// What the schema says that costs depend on.
#[derive(Clone, Debug, Default)]
pub struct Costs {
    /// The fields of each type by their names.
    types: HashMap<Name, HashMap<Name, Shape>>,
    /// The names of the three roots: query, mutation, subscription.
    roots: [Option<Name>; 3],
}

/// What a field answers.
#[derive(Clone, Debug)]
struct Shape {
    of: Name,
    is_connection: bool,
}

/// Why a schema has no costs.
#[derive(Debug, thiserror::Error)]
#[error("the schema's own description cannot be read")]
pub struct Unreadable(#[from] async_graphql::parser::Error);

impl Costs {
    /// The costs of the schema that `sdl` describes.
    pub fn of(sdl: &str) -> Result<Self, Unreadable> {
        let mut costs = Self::default();
        for definition in parse_schema(sdl)?.definitions {
            match definition {
                TypeSystemDefinition::Schema(schema) => {
                    let root = |name: Option<async_graphql::Positioned<Name>>| name.map(|n| n.node);
                    let node = schema.node;
                    costs.roots = [root(node.query), root(node.mutation), root(node.subscription)];
                }
                TypeSystemDefinition::Type(definition) => {
                    let fields = match definition.node.kind {
                        TypeKind::Object(object) => object.fields,
                        TypeKind::Interface(interface) => interface.fields,
                        _ => continue,
                    };
                    let shapes = fields.iter().map(|field| Shape::of(&field.node)).collect();
                    costs.types.insert(definition.node.name.node, shapes);
                }
                TypeSystemDefinition::Directive(_) => {}
            }
        }
        Ok(costs)
    }

    /// The points of `operation`, one of those of `document`.
    pub(super) fn reckon(
        &self,
        document: &ExecutableDocument,
        operation: &OperationDefinition,
        variables: &Variables,
    ) -> usize {
        let [query, mutation, subscription] = &self.roots;
        let root = match operation.ty {
            OperationType::Query => query,
            OperationType::Mutation => mutation,
            OperationType::Subscription => subscription,
        };
        let is_mutation = operation.ty == OperationType::Mutation;
        let reckoner = Reckoner { costs: self, document, operation, variables };
        let fields = reckoner.fields(&operation.selection_set.node, root.as_ref());
        let each = if is_mutation { MUTATION_POINTS } else { 0 };
        fields.iter().fold(0, |points, field| {
            points.saturating_add(reckoner.field(field)).saturating_add(each)
        })
    }
}

impl Shape {
    fn of(field: &FieldDefinition) -> (Name, Self) {
        let of = named(&field.ty.node).clone();
        let is_connection =
            field.arguments.iter().any(|argument| argument.node.name.node == PAGE_ARGUMENTS[0]);
        (field.name.node.clone(), Self { of, is_connection })
    }
}

fn named(of: &Type) -> &Name {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => named(inner),
    }
}

struct Reckoner<'a> {
    costs: &'a Costs,
    document: &'a ExecutableDocument,
    operation: &'a OperationDefinition,
    variables: &'a Variables,
}

/// A field where it stands.
struct Placed<'a> {
    field: &'a Field,
    shape: Option<&'a Shape>,
}

impl<'a> Reckoner<'a> {
    /// The fields that are asked of an object of the type `of`, those of fragments among them.
    fn fields(&self, set: &'a SelectionSet, of: Option<&'a Name>) -> Vec<Placed<'a>> {
        let mut fields = Vec::new();
        let mut sets = vec![(set, of)];
        while let Some((set, of)) = sets.pop() {
            for selection in &set.items {
                match &selection.node {
                    Selection::Field(field) => {
                        let shapes = of.and_then(|of| self.costs.types.get(of));
                        let shape = shapes.and_then(|shapes| shapes.get(&field.node.name.node));
                        fields.push(Placed { field: &field.node, shape });
                    }
                    Selection::InlineFragment(inline) => {
                        let on = inline.node.type_condition.as_ref().map(|on| &on.node.on.node);
                        sets.push((&inline.node.selection_set.node, on.or(of)));
                    }
                    Selection::FragmentSpread(spread) => {
                        let name = &spread.node.fragment_name.node;
                        // One that is not there is told by validation.
                        let Some(fragment) = self.document.fragments.get(name) else { continue };
                        let on = &fragment.node.type_condition.node.on.node;
                        sets.push((&fragment.node.selection_set.node, Some(on)));
                    }
                }
            }
        }
        fields
    }

    fn field(&self, placed: &Placed<'a>) -> usize {
        let set = &placed.field.selection_set.node;
        if set.items.is_empty() {
            return 0;
        }
        let asked = self.fields(set, placed.shape.map(|shape| &shape.of));
        if placed.shape.is_some_and(|shape| shape.is_connection) {
            return self.connection(placed.field, &asked);
        }
        let times = match self.argument(placed.field, IDS_ARGUMENT) {
            Some(Value::List(ids)) => ids.len(),
            _ => 1,
        };
        self.sum(&asked).saturating_add(OBJECT_POINTS).saturating_mul(times)
    }

    fn connection(&self, field: &Field, asked: &[Placed<'a>]) -> usize {
        let (mut entry, mut once) = (0_usize, OBJECT_POINTS);
        for placed in asked {
            match placed.field.name.node.as_str() {
                ENTRIES => entry = entry.saturating_add(self.field(placed)),
                EDGES => {
                    let of = placed.shape.map(|shape| &shape.of);
                    let edge = self.fields(&placed.field.selection_set.node, of);
                    entry = entry.saturating_add(self.sum(&edge));
                }
                _ => once = once.saturating_add(self.field(placed)),
            }
        }
        entry.saturating_mul(self.page(field)).saturating_add(once)
    }

    fn sum(&self, fields: &[Placed<'a>]) -> usize {
        fields.iter().fold(0, |points, field| points.saturating_add(self.field(field)))
    }

    /// The entries that a page can have. One that is too long is refused by its resolver.
    fn page(&self, field: &Field) -> usize {
        let asked = PAGE_ARGUMENTS.iter().find_map(|name| match self.argument(field, name)? {
            Value::Number(number) => number.as_u64(),
            _ => None,
        });
        usize::try_from(asked.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX)).unwrap_or(usize::MAX)
    }

    /// The value of an argument, its variables filled in.
    fn argument(&self, field: &Field, name: &str) -> Option<Value> {
        let value = field.get_argument(name)?.node.clone();
        value.into_const_with(|variable| self.variable(&variable).ok_or(())).ok()
    }

    fn variable(&self, name: &Name) -> Option<Value> {
        if let Some(given) = self.variables.get(name) {
            return Some(given.clone());
        }
        let mut definitions = self.operation.variable_definitions.iter();
        let definition = definitions.find(|definition| definition.node.name.node == *name)?;
        definition.node.default_value.as_ref().map(|default| default.node.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::Costs;
    use async_graphql::{Variables, parser::parse_query};
    use serde_json::json;

    const SDL: &str = "
        schema { query: Q mutation: M subscription: S }
        interface Node { id: ID }
        type Q { n: Int shop: Shop shops(first: Int, last: Int): Shops nodes(ids: [ID!]): [Node] }
        type M { open(n: Int): Shop }
        type S { opened: Shop }
        type Shop implements Node { id: ID owner: Owner shops(first: Int, last: Int): Shops }
        type Owner { name: String }
        type Shops { nodes: [Shop] edges: [Edge] page: Page total: Int }
        type Edge { cursor: ID node: Shop }
        type Page { next: Boolean }";

    fn cost(query: &str) -> usize {
        cost_with(query, json!({}))
    }

    fn cost_with(query: &str, variables: serde_json::Value) -> usize {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let variables = Variables::from_json(variables);
        Costs::of(SDL).unwrap().reckon(&document, &operation.node, &variables)
    }

    #[test]
    fn leaves_are_free_and_objects_cost_a_point() {
        assert_eq!(cost("{n __typename}"), 0);
        assert_eq!(cost("{shop{id}}"), 1);
        assert_eq!(cost("{shop{owner{name}} again:shop{id}}"), 3);
        assert_eq!(cost("{shop{...F}} fragment F on Shop{...on Shop{owner{name}}}"), 2);
    }

    #[test]
    fn a_connection_costs_its_page() {
        assert_eq!(cost("{shops{total}}"), 1);
        assert_eq!(cost("{shops{nodes{id}}}"), 26);
        assert_eq!(cost("{shops(first:10){nodes{id owner{name}} page{next}}}"), 22);
        assert_eq!(cost("{shops(last:10){edges{cursor node{id owner{name}}}}}"), 21);
        assert_eq!(cost("{shops(first:10){nodes{shops(first:10){nodes{id}}}}}"), 121);
        assert_eq!(cost("{shops(first:10){...F}} fragment F on Shops{nodes{id}}"), 11);
        assert_eq!(cost("{shops(first:1000000){nodes{id}}}"), 101);
    }

    #[test]
    fn variables_and_their_defaults_count() {
        let query = "query($n:Int=7,$ids:[ID!]){shops(first:$n){nodes{id}} nodes(ids:$ids){id}}";
        assert_eq!(cost_with(query, json!({"n": 3, "ids": ["a", "b"]})), 6);
        assert_eq!(cost_with(query, json!({"ids": []})), 8);
        assert_eq!(cost(r#"{nodes(ids:["a","b","c"]){id ...on Shop{owner{name}}}}"#), 6);
    }

    #[test]
    fn a_mutation_costs_ten_and_a_subscription_an_event() {
        assert_eq!(cost("mutation{open{id}}"), 11);
        assert_eq!(cost("mutation{a:open{id} b:open{id}}"), 22);
        assert_eq!(cost("subscription{opened{owner{name}}}"), 2);
    }
}
