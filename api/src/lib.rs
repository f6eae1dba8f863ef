//! Sendoff, the service: SMS campaigns over GraphQL, a ledger of every message, and the engine that sends.
//!
//! `main -> cli -> app -> http -> graphql -> service -> db`; `engine` is the sibling of `service`: time's
//! hand, as `service` is a caller's. ARCHITECTURE.md is the map.

pub mod aggregators;
pub mod app;
pub mod causes;
pub mod cli;
pub mod config;
pub mod db;
pub mod direct;
pub mod engine;
mod gather;
pub mod graphql;
mod hex;
pub mod http;
pub mod ports;
pub mod relay;
pub mod service;
pub mod status_pages;
pub mod tokens;
pub mod vitals;
pub mod wall_clock;
