//! The schema: the three roots, and the limits on what is asked of them.

use super::{
    loaders, mutation::Mutation, query::Query, subscription::Subscription, types::UserError,
};
use crate::service::Service;
use async_graphql::{SDLExportOptions, Schema, SchemaBuilder};

/// How deep a query may nest.
const DEPTH_MAX: usize = 20;
/// Directives on one field.
const DIRECTIVES_MAX: usize = 10;
/// Aliases in one document.
const ALIASES_MAX: usize = 50;

/// The schema of the service. Cheap to clone.
pub type SendoffSchema = Schema<Query, Mutation, Subscription>;

/// The schema without a service behind it: it can be described, and validates, but answers nothing.
pub(super) fn bare() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query, Mutation, Subscription)
        .register_output_type::<UserError>()
        .limit_depth(DEPTH_MAX)
        .limit_directives(DIRECTIVES_MAX)
        .limit_aliases(ALIASES_MAX)
        .disable_suggestions()
}

/// The schema that `service` answers, for the transports to add their extension to. The
/// [`Actor`](crate::service::Actor) who calls, and the [`RequestId`](super::RequestId) if there is
/// one, are read from the data of each request. To be called inside a Tokio runtime.
pub fn builder(service: Service) -> SchemaBuilder<Query, Mutation, Subscription> {
    bare().data(service).data(loaders::Together::default())
}

/// The schema in GraphQL's own language, as `schema.graphql` holds it.
pub fn sdl() -> String {
    let options = SDLExportOptions::new().include_specified_by().use_space_ident();
    bare().finish().sdl_with_options(options)
}
