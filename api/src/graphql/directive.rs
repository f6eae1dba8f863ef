//! `@requiresScope`: the schema documents its own authorisation.

use super::enums::Scope;
use async_graphql::TypeDirective;

/// The API key scope a caller needs to read the field. Without it the field resolves to an error
/// with code `FORBIDDEN`.
#[TypeDirective(name = "requiresScope", location = "FieldDefinition")]
pub(super) fn requires_scope(#[graphql(desc = "The scope.")] scope: Scope) {}
