//! How much a document asks for once its fragments are written out.
//!
//! Validation visits a fragment each time it is spread, and execution resolves a field each time it is
//! written, so that a few hundred bytes could keep a core busy for hours.
//!
//! **Invariant:** nothing here visits a fragment twice or recurses without a bound.
use super::{
    limits::{SELECTION_DEPTH, SELECTIONS},
    problem::{Outcome, Problem, code},
};
use async_graphql::{
    Name, Positioned,
    parser::types::{ExecutableDocument, OperationDefinition, Selection, SelectionSet},
};
use std::collections::{HashMap, HashSet};

/// Refuses a document that asks for too much.
pub(super) fn check(document: &ExecutableDocument) -> Result<(), Problem> {
    let mut counter = Counter { document, known: HashMap::new() };
    let mut total = 0_usize;
    for (_, operation) in document.operations.iter() {
        total = counter.count(&operation.node.selection_set.node, 0)?.saturating_add(total);
    }
    for fragment in document.fragments.values() {
        total = counter.count(&fragment.node.selection_set.node, 0)?.saturating_add(total);
    }
    if total > SELECTIONS {
        let message = format!("The document asks for more than {SELECTIONS} fields.");
        return Err(Problem::new(Outcome::Refused, code::VALIDATION_FAILED, message));
    }
    Ok(())
}

struct Counter<'a> {
    document: &'a ExecutableDocument,
    /// Selections of each fragment, written out.
    known: HashMap<&'a Name, usize>,
}

impl<'a> Counter<'a> {
    fn count(&mut self, set: &'a SelectionSet, depth: usize) -> Result<usize, Problem> {
        if depth > SELECTION_DEPTH {
            let message = "The document is nested too deeply, or a fragment spreads itself.";
            return Err(Problem::new(Outcome::Refused, code::VALIDATION_FAILED, message));
        }
        let mut count = 0_usize;
        for selection in &set.items {
            let inner = match &selection.node {
                Selection::Field(field) => self.count(&field.node.selection_set.node, depth + 1)?,
                Selection::InlineFragment(inline) => {
                    self.count(&inline.node.selection_set.node, depth + 1)?
                }
                Selection::FragmentSpread(spread) => {
                    self.fragment(&spread.node.fragment_name, depth + 1)?
                }
            };
            count = count.saturating_add(inner).saturating_add(1);
        }
        Ok(count)
    }

    fn fragment(&mut self, name: &Positioned<Name>, depth: usize) -> Result<usize, Problem> {
        if let Some(known) = self.known.get(&name.node) {
            return Ok(*known);
        }
        // One that is not there is told by validation.
        let Some((name, fragment)) = self.document.fragments.get_key_value(&name.node) else {
            return Ok(0);
        };
        let count = self.count(&fragment.node.selection_set.node, depth)?;
        self.known.insert(name, count);
        Ok(count)
    }
}

/// Refuses a mutation that names one field twice: it would run twice and answer once. The document's size
/// must have been checked.
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
    Ok(())
}
