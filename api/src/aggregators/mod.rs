//! Aggregators: one folder a contract.
//!
//! **Invariant:** nothing retries here. Exactly one place does, the dispatcher, and only on proof that a
//! message was not taken.

mod generic;

pub use generic::{Generic, Unusable};
