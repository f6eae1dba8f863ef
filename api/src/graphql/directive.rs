//! `@requiresScope`: the schema documents its own authorisation.

use super::enums::Scope;
use async_graphql::TypeDirective;

/// The scope that the role of the caller, a key or a token, must grant. Without it the field resolves
/// to an error with code `FORBIDDEN`.
#[TypeDirective(name = "requiresScope", location = "FieldDefinition")]
pub(super) fn requires_scope(#[graphql(desc = "The scope.")] scope: Scope) {}
