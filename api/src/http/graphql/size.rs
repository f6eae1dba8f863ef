//! How much a document asks for once its fragments are written out.
//!
//! Validation visits a fragment each time it is spread, and execution resolves a field each time it
//! is written, so that a few hundred bytes could keep a core busy for hours.
//!
//! **Invariant:** nothing here visits a fragment twice or recurses without a bound.
use super::{
    bound::Bound,
    limits::{
        ALIASES, DEPTH, DIRECTIVES, INTROSPECTION_DEPTH, INTROSPECTION_LISTS, MUTATION_FIELDS,
        REPEATS, SELECTION_DEPTH, SELECTIONS,
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
/// The fields of a described type that list others: each inside another multiplies the answer by the
/// length of the list, which no depth keeps small.
const SCHEMA_LISTS: [&str; 4] = ["fields", "inputFields", "interfaces", "possibleTypes"];

/// The field that async-graphql answers without looking at its directives.
const TYPE_NAME: &str = "__typename";
/// The directives that an operation may hold.
const DIRECTIVE_NAMES: [&str; 2] = ["include", "skip"];

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
    /// Lists of the schema inside one another, so far.
    lists: usize,
    /// The same within the fields that ask for the schema.
    introspection_lists: usize,
    /// How often one field is written in one selection.
    repeats: usize,
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
            lists: self.lists.max(other.lists),
            introspection_lists: self.introspection_lists.max(other.introspection_lists),
            repeats: self.repeats.max(other.repeats),
        }
    }

    /// A field around it.
    fn within(self, field: &Field) -> Self {
        let aliases = self.aliases.saturating_add(usize::from(field.alias.is_some()));
        let deeper = self.depth.saturating_add(1);
        let name = field.name.node.as_str();
        let lists = self.lists.saturating_add(usize::from(SCHEMA_LISTS.contains(&name)));
        let inside = Self { aliases, lists, ..self };
        if INTROSPECTION.contains(&name) {
            let introspection_depth = deeper.max(self.introspection_depth);
            let introspection_lists = lists.max(self.introspection_lists);
            return Self { depth: 0, lists: 0, introspection_depth, introspection_lists, ..inside };
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

/// Refuses a document that asks for too much, or for the schema where it may not.
pub(super) fn check(document: &ExecutableDocument, introspection: bool) -> Result<(), Problem> {
    let mut counter = Counter { document, known: HashMap::new() };
    let mut total = Size::default();
    for (_, operation) in document.operations.iter() {
        total = total.beside(counter.size(&operation.node.selection_set.node, 0)?);
    }
    if !introspection && total.introspection_depth > 0 {
        let message = "This service does not tell its schema: `schema.graphql` describes it.";
        return Err(Problem::new(Outcome::Refused, code::VALIDATION_FAILED, message));
    }
    Bound::Depth.check(total.depth, DEPTH)?;
    Bound::IntrospectionDepth.check(total.introspection_depth, INTROSPECTION_DEPTH)?;
    Bound::IntrospectionLists.check(total.introspection_lists, INTROSPECTION_LISTS)?;
    Bound::Aliases.check(total.aliases, ALIASES)?;
    Bound::Directives.check(total.directives, DIRECTIVES)?;
    // Validation visits each fragment by itself too, also one that nobody spreads.
    for fragment in document.fragments.values() {
        total = total.beside(counter.size(&fragment.node.selection_set.node, 0)?);
    }
    Bound::Repeats.check(total.repeats, REPEATS)?;
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
        let mut size = Size { repeats: repeats(set), ..Size::default() };
        for selection in &set.items {
            let (inner, directives) = match &selection.node {
                Selection::Field(field) => {
                    let inner = self.size(&field.node.selection_set.node, level + 1)?;
                    require_known(&field.node)?;
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

/// Refuses a directive on `__typename` that there is not: validation looks at all other fields only.
fn require_known(field: &Field) -> Result<(), Problem> {
    let mut names = field.directives.iter().map(|directive| directive.node.name.node.as_str());
    match names.find(|name| !DIRECTIVE_NAMES.contains(name)) {
        Some(name) if field.name.node == TYPE_NAME => {
            let message = format!("Unknown directive \"{name}\"");
            Err(Problem::new(Outcome::Refused, code::VALIDATION_FAILED, message))
        }
        _ => Ok(()),
    }
}

/// How often the most repeated field is written in this selection. It is answered once, and is resolved
/// each time.
fn repeats(set: &SelectionSet) -> usize {
    if set.items.len() <= REPEATS {
        return 0;
    }
    let mut times: HashMap<&Name, usize> = HashMap::new();
    for selection in &set.items {
        if let Selection::Field(field) = &selection.node {
            let count = times.entry(&field.node.response_key().node).or_default();
            *count = count.saturating_add(1);
        }
    }
    times.into_values().max().unwrap_or_default()
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
        let extensions = check(&document, true)
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

    /// `fields` of the type of each of the `fields` of each type: a few hundred bytes ask for the schema to
    /// the power of their nesting.
    #[test]
    fn lists_of_the_schema_do_not_multiply() {
        let nested = |levels: usize| {
            let open = "fields{type{".repeat(levels);
            format!("{{__schema{{types{{{open}name{}}}}}}}", "}}".repeat(levels))
        };
        assert_eq!(excess(&nested(2)), None);
        let many = "{name: INTROSPECTION_LISTS, maximum: 2, found: 3}";
        assert_eq!(excess(&nested(3)).as_deref(), Some(many));
        let spread = "{__type{...F}} fragment F on __Type{interfaces{possibleTypes{fields{name}}}}";
        assert_eq!(excess(spread).as_deref(), Some(many));
        assert_eq!(excess("{fields{fields{fields{fields{a}}}}}"), None, "no schema is asked for");
    }

    #[test]
    fn the_schema_can_be_kept_back() {
        let refused = |query: &str| check(&parse_query(query).unwrap(), false).is_err();
        for query in
            ["{__schema{types{name}}}", "{...F} fragment F on Q{x:__type(name:\"Q\"){name}}"]
        {
            assert!(refused(query), "{query}");
        }
        assert!(!refused("{__typename a{__typename}}"));
    }

    #[test]
    fn a_directive_on_a_type_name_is_known() {
        let refused = |query: &str| check(&parse_query(query).unwrap(), true).is_err();
        assert!(
            refused("{__typename @aa}") && refused("{a{...F}} fragment F on T{x:__typename @aa}")
        );
        assert!(!refused("{__typename @skip(if:false) @include(if:true)}"));
    }

    #[test]
    fn a_field_is_not_written_again_and_again() {
        assert_eq!(excess(&format!("{{{}}}", "a ".repeat(100))), None);
        let many = "{name: REPEATS, maximum: 100, found: 101}";
        assert_eq!(excess(&format!("{{{}}}", "a ".repeat(101))).as_deref(), Some(many));
        assert_eq!(excess(&format!("{{b{{{}}}}}", "a ".repeat(101))).as_deref(), Some(many));
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
