//! `sendoff` as a process: set up by its own commands, refused when something is missing, and served.

// `cfg(test)` tells the lints that a helper of a test is a test's code.
#[cfg(test)]
mod admin;
#[cfg(test)]
mod program;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod serving;
