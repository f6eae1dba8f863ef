//! How much a document asks for once its fragments are written out.
//!
//! Validation visits a fragment each time it is spread, and execution resolves a field each time it
//! is written, so that a few hundred bytes could keep a core busy for hours.
//!
//! **Invariant:** nothing here visits a fragment twice or recurses without a bound.
use super::{
    bound::Bound,
    limits::{
        ALIASES, DEPTH, DIRECTIVES, INTROSPECTION_DEPTH, MUTATION_FIELDS, SELECTION_DEPTH,
        SELECTIONS,
    },
    problem::{Outcome, Problem, code},
};
use async_graphql::{
    Name, Positioned,
    parser::types::{ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet},
};
use std::collections::{HashMap, HashSet};

/// The fields that ask for the schema itself.
const INTROSPECTION: [&str; 2] = ["__schema", "__type"];

/// What a selection asks for, every fragment written out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Size {
    /// Fields and fragments.
    selections: usize,
    aliases: usize,
    directives: usize,
    /// Fields inside one another, those of introspection aside.
    depth: usize,
    /// Fields inside one another from the deepest field that asks for the schema.
    introspection_depth: usize,
}

impl Size {
    /// Both, side by side.
    fn beside(self, other: Self) -> Self {
        Self {
            selections: self.selections.saturating_add(other.selections),
            aliases: self.aliases.saturating_add(other.aliases),
            directives: self.directives.saturating_add(other.directives),
            depth: self.depth.max(other.depth),
            introspection_depth: self.introspection_depth.max(other.introspection_depth),
        }
    }

    /// A field around it.
    fn within(self, field: &Field) -> Self {
        let aliases = self.aliases.saturating_add(usize::from(field.alias.is_some()));
        let deeper = self.depth.saturating_add(1);
        let inside = Self { aliases, ..self };
        if INTROSPECTION.contains(&field.name.node.as_str()) {
            let introspection_depth = deeper.max(self.introspection_depth);
            return Self { depth: 0, introspection_depth, ..inside };
        }
        Self { depth: deeper, ..inside }
    }

    /// One more field or fragment, with so many directives.
    fn and(self, directives: usize) -> Self {
        Self {
            selections: self.selections.saturating_add(1),
            directives: self.directives.saturating_add(directives),
            ..self
        }
    }
}

/// Refuses a document that asks for too much.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), Problem> {
    let mut counter = Counter { document, known: HashMap::new() };
    let mut total = Size::default();
    for (_, operation) in document.operations.iter() {
        total = total.beside(counter.size(&operation.node.selection_set.node, 0)?);
    }
    Bound::Depth.check(total.depth, DEPTH)?;
    Bound::IntrospectionDepth.check(total.introspection_depth, INTROSPECTION_DEPTH)?;
    Bound::Aliases.check(total.aliases, ALIASES)?;
    Bound::Directives.check(total.directives, DIRECTIVES)?;
    // Validation visits each fragment by itself too, also one that nobody spreads.
    for fragment in document.fragments.values() {
        total = total.beside(counter.size(&fragment.node.selection_set.node, 0)?);
    }
    Bound::Selections.check(total.selections, SELECTIONS)
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    /// The size of each fragment, written out.
    known: HashMap<&'a Name, Size>,
}

impl<'a> Counter<'a> {
    fn size(&mut self, set: &'a SelectionSet, level: usize) -> Result<Size, Problem> {
        if level > SELECTION_DEPTH {
            let message = format!(
                "The document nests more than {SELECTION_DEPTH} fields and fragments, or a \
                 fragment spreads itself."
            );
            return Err(Problem::new(Outcome::Refused, code::VALIDATION_FAILED, message));
        }
        let mut size = Size::default();
        for selection in &set.items {
            let (inner, directives) = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.size(&field.node.selection_set.node, level + 1)?;
                    (inner.within(&field.node), &field.node.directives)
                }
                Selection::InlineFragment(inline) => {
                    let inner = self.size(&inline.node.selection_set.node, level + 1)?;
                    (inner, &inline.node.directives)
                }
                Selection::FragmentSpread(spread) => {
                    let inner = self.fragment(&spread.node.fragment_name, level + 1)?;
                    (inner, &spread.node.directives)
                }
            };
            size = size.beside(inner.and(directives.len()));
        }
        Ok(size)
    }

    fn fragment(&mut self, name: &Positioned<Name>, level: usize) -> Result<Size, Problem> {
        if let Some(known) = self.known.get(&name.node) {
            return Ok(*known);
        }
        // One that is not there is told by validation.
        let Some((name, fragment)) = self.document.fragments.get_key_value(&name.node) else {
            return Ok(Size::default());
        };
        let size = self.size(&fragment.node.selection_set.node, level)?;
        self.known.insert(name, size);
        Ok(size)
    }
}

/// Refuses a mutation of too many fields, or that names one field twice: it would run twice and
/// answer once. The document's size must have been checked.
pub(super) fn check_mutation(
    document: &ExecutableDocument,
    operation: &OperationDefinition,
) -> Result<(), Problem> {
    let mut seen = HashSet::new();
    let mut sets = vec![&operation.selection_set.node];
    while let Some(set) = sets.pop() {
        for selection in &set.items {
            match &selection.node {
                Selection::Field(field) => {
                    let key = &field.node.response_key().node;
                    if !seen.insert(key) {
                        let message = format!(
                            "`{key}` stands twice at the root of the mutation: give each an alias."
                        );
                        let code = code::VALIDATION_FAILED;
                        return Err(Problem::new(Outcome::Refused, code, message));
                    }
                }
                Selection::InlineFragment(inline) => sets.push(&inline.node.selection_set.node),
                Selection::FragmentSpread(spread) => {
                    let fragment = document.fragments.get(&spread.node.fragment_name.node);
                    sets.extend(fragment.map(|fragment| &fragment.node.selection_set.node));
                }
            }
        }
    }
    Bound::MutationFields.check(seen.len(), MUTATION_FIELDS)
}

#[cfg(test)]
mod tests {
    use super::{check, check_mutation};
    use async_graphql::parser::{parse_query, types::OperationType};

    /// The name of the limit that is exceeded, what it is and what was found.
    fn excess(query: &str) -> Option<String> {
        let document = parse_query(query).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let is_mutation = operation.node.ty == OperationType::Mutation;
        let then = || if is_mutation { check_mutation(&document, &operation.node) } else { Ok(()) };
        let extensions = check(&document)
            .and_then(|()| then())
            .err()?
            .into_errors()
            .remove(0)
            .extensions
            .unwrap();
        Some(extensions.get("limit").unwrap().to_string().replace('"', ""))
    }

    fn nested(names: &str, levels: usize) -> String {
        format!("{}x{}", format!("{names}{{").repeat(levels), "}".repeat(levels))
    }

    #[test]
    fn depth_counts_fields_and_leaves_introspection_aside() {
        assert_eq!(excess(&format!("{{{}}}", nested("a", 11))), None);
        let deep = "{name: DEPTH, maximum: 12, found: 13}";
        assert_eq!(excess(&format!("{{{}}}", nested("a", 12))).as_deref(), Some(deep));
        let fragments = format!("{{a{{...F}}}} fragment F on T{{...on T{{{}}}}}", nested("a", 11));
        assert_eq!(excess(&fragments).as_deref(), Some(deep));
        assert_eq!(excess(&format!("{{__schema{{{}}}}}", nested("a", 18))), None);
        let deep = "{name: INTROSPECTION_DEPTH, maximum: 20, found: 21}";
        assert_eq!(excess(&format!("{{__type{{{}}}}}", nested("a", 19))).as_deref(), Some(deep));
    }

    #[test]
    fn aliases_and_directives_are_counted_written_out() {
        let aliases = |count: usize| "x:a ".repeat(count);
        assert_eq!(excess(&format!("{{{}}}", aliases(50))), None);
        let many = "{name: ALIASES, maximum: 50, found: 51}";
        assert_eq!(excess(&format!("{{{}}}", aliases(51))).as_deref(), Some(many));
        let spread = format!("{{...F ...F x:b}} fragment F on T{{{}}}", aliases(25));
        assert_eq!(excess(&spread).as_deref(), Some(many));
        let directives = format!("{{a {}}}", "@skip(if:false)".repeat(51));
        let many = "{name: DIRECTIVES, maximum: 50, found: 51}";
        assert_eq!(excess(&directives).as_deref(), Some(many));
    }

    #[test]
    fn a_mutation_has_ten_fields_at_most() {
        let fields = |count: usize| -> String {
            let names: Vec<String> = (0..count).map(|n| format!("a{n}:a")).collect();
            names.join(" ")
        };
        assert_eq!(excess(&format!("mutation{{{}}}", fields(10))), None);
        let many = "{name: MUTATION_FIELDS, maximum: 10, found: 11}";
        assert_eq!(excess(&format!("mutation{{{}}}", fields(11))).as_deref(), Some(many));
        assert_eq!(excess(&format!("{{{}}}", fields(11))), None);
    }
}
