//! The rules of SMS campaigns as pure functions of their arguments.
//!
//! The words, which are the field's own:
//! - A **site** is the store that owns subscribers, audiences and campaigns.
//! - A **subscriber** is a person who can be texted; an **audience** is a saved choice of them.
//! - A **campaign** sends its **steps** (the initial message, then follow-ups) to an audience. It has a
//!   *status*, moved only by [`campaign::TRANSITIONS`].
//! - A **message** is one step for one phone: a row of the ledger. It has a *state*, see [`message`].
//! - An **aggregator** carries messages; handing one over is an **attempt**; what the aggregator and the
//!   carriers later say about it is a **receipt**.
//!
//! **Invariant:** nothing here is async, reads a clock, a file, the environment or a random source.
//! **Invariant:** nothing here knows SQL, GraphQL, HTTP or any wire format.
#![warn(missing_docs)]

pub mod access;
pub mod audience;
pub mod audit;
pub mod campaign;
pub mod code;
pub mod consent;
pub mod curfew;
pub mod delay;
pub mod details;
pub mod direct;
pub mod estimate;
pub mod event;
pub mod explanation;
pub mod frequency_cap;
pub mod gate;
pub mod health;
pub mod history;
pub mod id;
pub mod journey;
pub mod latency;
pub mod limits;
pub mod message;
pub mod phone;
pub mod place;
pub mod reason;
pub mod receipt;
pub mod refusal;
pub mod rule_pack;
pub mod schedule;
pub mod setting;
pub mod site;
pub mod subscriber;
pub mod template;
pub mod text;
pub mod week;
pub mod zone;

/// An instant in UTC; the ledger keeps milliseconds.
pub type Instant = chrono::DateTime<chrono::Utc>;
