//! What schema.graphql says, for tests that must have a case for each of its operations, ids, scopes or
//! codes.
//!
//! **Invariant:** it is the committed file that is read; another test keeps it equal to the service's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_graphql::Value as ConstValue;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    BaseType, FieldDefinition, InputValueDefinition, Type, TypeDefinition, TypeKind,
    TypeSystemDefinition,
};

/// The roots of operations.
const ROOTS: [&str; 3] = ["Query", "Mutation", "Subscription"];

/// The schema, type by type.
pub(crate) struct Sdl(BTreeMap<String, TypeDefinition>);

impl Sdl {
    /// Reads the committed file.
    pub(crate) fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema.graphql");
        let document = parse_schema(std::fs::read_to_string(path).unwrap()).unwrap();
        let types = document.definitions.into_iter().filter_map(|definition| match definition {
            TypeSystemDefinition::Type(found) => {
                Some((found.node.name.node.to_string(), found.node))
            }
            _ => None,
        });
        Self(types.collect())
    }

    /// Every operation as `Root.field`, in order.
    pub(crate) fn operations(&self) -> BTreeSet<String> {
        let of = |root: &&str| {
            let fields = self.fields(root).into_iter();
            fields.map(|field| format!("{root}.{}", field.name.node)).collect::<Vec<_>>()
        };
        ROOTS.iter().flat_map(of).collect()
    }

    /// The scope that each field asks for that asks for one, by `Type.field`.
    pub(crate) fn scopes(&self) -> BTreeMap<String, String> {
        let mut scopes = BTreeMap::new();
        for name in self.0.keys() {
            for field in self.fields(name) {
                let directives = field.directives.iter().map(|it| &it.node);
                let asks = directives.filter(|it| it.name.node == "requiresScope");
                for (_, value) in asks.flat_map(|directive| &directive.arguments) {
                    let ConstValue::Enum(scope) = &value.node else { panic!("{value:?}") };
                    scopes.insert(format!("{name}.{}", field.name.node), scope.to_string());
                }
            }
        }
        scopes
    }

    /// Every argument that is an id, or has one within, as `Type.field(argument.member)`, in order.
    pub(crate) fn id_places(&self) -> Vec<String> {
        let mut places = Vec::new();
        for name in self.0.keys() {
            for field in self.fields(name) {
                for argument in &field.arguments {
                    let told = |path: String| format!("{name}.{}({path})", field.name.node);
                    let paths = self.paths("", &argument.node, &mut Vec::new());
                    places.extend(paths.into_iter().map(told));
                }
            }
        }
        places.sort();
        places
    }

    /// The values of each enum whose name ends so, by its name.
    pub(crate) fn enums(&self, end: &str) -> BTreeMap<&str, Vec<String>> {
        let ours = self.0.iter().filter(|(name, _)| name.ends_with(end));
        let values = ours.filter_map(|(name, of)| {
            let TypeKind::Enum(of) = &of.kind else { return None };
            let values = of.values.iter().map(|value| value.node.value.node.to_string());
            Some((name.as_str(), values.collect()))
        });
        values.collect()
    }

    /// The names of the object types, in order.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &str> {
        let objects = self.0.iter().filter(|(_, of)| matches!(of.kind, TypeKind::Object(_)));
        objects.map(|(name, _)| name.as_str())
    }

    /// Whether a type is an object type.
    pub(crate) fn is_object(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|of| matches!(of.kind, TypeKind::Object(_)))
    }

    /// The fields of an object type.
    pub(crate) fn fields(&self, name: &str) -> Vec<&FieldDefinition> {
        let fields = match self.0.get(name).map(|of| &of.kind) {
            Some(TypeKind::Object(of)) => &of.fields,
            _ => return Vec::new(),
        };
        fields.iter().map(|field| &field.node).collect()
    }

    /// The paths to ids within `member`; `around` are the inputs that it stands in, so that one that holds
    /// itself is entered once.
    fn paths<'a>(
        &'a self,
        before: &str,
        member: &'a InputValueDefinition,
        around: &mut Vec<&'a str>,
    ) -> Vec<String> {
        let path = format!("{before}{}", member.name.node);
        let of = innermost(&member.ty.node);
        if of == "ID" {
            return vec![path];
        }
        let Some(TypeKind::InputObject(input)) = self.0.get(of).map(|of| &of.kind) else {
            return Vec::new();
        };
        if around.contains(&of) {
            return Vec::new();
        }
        around.push(of);
        let before = format!("{path}.");
        let members = input.fields.iter().map(|member| &member.node);
        let found = members.flat_map(|member| self.paths(&before, member, around)).collect();
        around.pop();
        found
    }
}

/// The type within lists and behind exclamation marks.
pub(crate) fn innermost(of: &Type) -> &str {
    match &of.base {
        BaseType::Named(name) => name,
        BaseType::List(inner) => innermost(inner),
    }
}
