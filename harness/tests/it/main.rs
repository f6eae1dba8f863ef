//! The one integration binary.

mod architecture;
mod contract_page;
mod scenarios;
