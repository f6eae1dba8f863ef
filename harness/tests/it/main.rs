//! The one integration binary.

mod architecture;
mod contract_page;

// `cfg(test)` tells the lints that a helper of a test is a test's code.
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod common;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod schema;
