//! The API's schema: queries, mutations and subscriptions over the service.
//!
//! **Invariant:** nothing here knows a table, a row or the database: every read and every write
//! passes the service, with the caller first.
//! **Invariant:** what a field's `@requiresScope` says is what its resolver asks of the caller.

mod connection;
mod context;
mod directive;
mod enums;
mod error;
mod expectations;
mod inputs;
mod kinds;
mod live;
mod loaders;
mod mutation;
mod query;
mod scalars;
mod schema;
#[cfg(test)]
mod schema_tests;
mod subscription;
mod types;

pub use self::{
    context::RequestId,
    error::code,
    expectations::explain,
    kinds::{Kinds, Unkind},
    mutation::Mutation,
    query::Query,
    schema::{SendoffSchema, builder, sdl},
    subscription::Subscription,
};

#[cfg(test)]
mod guard_tests;
