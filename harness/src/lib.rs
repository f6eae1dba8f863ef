//! The harness: everything that plays the world around the service, so that it can be verified
//! whole.
//!
//! - [`scenario`] the stories, read from YAML
//! - [`aggregator`] the scripted aggregator, in the wire format of [`contract`]
//! - [`mod@bench`] how fast the service is
//! - [`chaos`] kills, cancels and STOPs at any moment, and what the journal says of them
//! - [`clock`] time set by hand
//! - [`world`] a whole service in one value, on that clock
//! - [`record`] what happened, as a journal of facts, and [`check`], which proves the invariants from it
//! - [`client`] a caller of the GraphQL API
//! - [`dev`] the development world, and [`watch`], which follows a campaign in it
//! - [`runner`] plays a story in a world and tells it as a timeline
//! - [`source_rules`] the rules of the source, which scenarios prove
//! - [`timeline`] what happened, in words that are the same every time
//!
//! **Invariant:** nothing here prints a whole phone number, a text or a token.

pub mod aggregator;
pub mod bench;
pub mod chaos;
pub mod check;
mod child;
pub mod client;
pub mod clock;
pub mod contract;
pub mod dev;
pub mod dice;
pub mod privacy;
pub mod record;
pub mod runner;
pub mod scenario;
pub mod simulate;
pub mod source_rules;
mod store;
pub mod timeline;
pub mod watch;
pub mod world;
