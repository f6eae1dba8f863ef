//! The one integration binary.

mod architecture;
mod bad_input;
mod common;
mod contract_page;
mod migrations;
mod scenarios;
mod schema;
