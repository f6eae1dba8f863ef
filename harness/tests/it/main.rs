//! The one integration binary.

// `cfg(test)` tells the lints that a helper of a test is a test's code.
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod bad_input;
#[cfg(test)]
mod bench;
#[cfg(test)]
mod chaos;
#[cfg(test)]
mod checker;
#[cfg(test)]
mod common;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod contract_page;
#[cfg(test)]
mod database_trouble;
#[cfg(test)]
mod error_pages;
#[cfg(test)]
mod estimates;
#[cfg(test)]
mod idempotency;
#[cfg(test)]
mod ledger;
#[cfg(test)]
mod live;
#[cfg(test)]
mod memberships;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod odd_rows;
#[cfg(test)]
mod partition;
#[cfg(test)]
mod pausing;
#[cfg(test)]
mod place_tables;
#[cfg(test)]
mod places;
#[cfg(test)]
mod process;
#[cfg(test)]
mod receipts_hook;
#[cfg(test)]
mod restart;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod schema;
#[cfg(test)]
mod sdl;
#[cfg(test)]
mod security;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod simulate;
#[cfg(test)]
mod source_rules;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod status_pages;
#[cfg(test)]
mod test_sends;
#[cfg(test)]
mod texts;
#[cfg(test)]
mod why;
