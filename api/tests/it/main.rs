//! `sendoff` as a process: set up by its own commands, refused when something is missing, and served.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a helper of a test fails as the test does"
)]

mod admin;
mod program;
mod refusals;
mod serving;
