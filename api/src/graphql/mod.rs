//! The GraphQL schema.
#[cfg(test)]
mod guard_tests;
