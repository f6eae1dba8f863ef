//! The tables as SeaORM sees them, one file a table.
//!
//! Instants are milliseconds since 1970 in UTC (`i64`), codes are `snake_case` text; [`convert`] turns rows
//! into the domain's types and is the only place that reads such text.
//!
//! **Invariant:** no rules and no queries here, and no type of the API: a row is not an answer.

#![expect(
    clippy::disallowed_methods,
    clippy::struct_excessive_bools,
    reason = "the derive writes a `begin` nobody calls; a row has as many flags as its table"
)]

pub mod aggregator_connection;
pub mod api_key;
pub mod api_key_site;
pub mod attempt;
pub mod audience;
pub mod audit_entry;
pub mod campaign;
pub mod campaign_audience;
pub mod campaign_progress;
pub mod campaign_revision;
pub mod campaign_step;
pub mod connection_health;
pub mod consent_log;
pub mod convert;
pub mod direct_text;
pub mod event;
pub mod idempotency;
pub mod message;
pub mod message_count;
pub mod message_decision;
pub mod opt_out;
pub mod pace;
pub mod receipt;
pub mod secret;
pub mod sender;
pub mod site;
pub mod site_attribute;
pub mod site_change;
pub mod site_log;
pub mod subscriber;
pub mod subscriber_tag;
pub mod subscriber_tag_past;
