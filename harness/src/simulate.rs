//! Deterministic simulation: the real engine and service on the real statements, over a world that is decided by a
//! seed.
//!
//! A schedule is a tiny world (one to three nodes on one database, one to three campaigns, an aggregator with or
//! without keys, look-up and echoes) and an order of everything that can happen in it: reconcilers that look,
//! answers that are lost or late, nodes that die between any two steps, stand still and wake, clocks that jump,
//! receipts doubled, reordered, early and forged, and people who cancel, pause, stop and send again. At its end
//! the faults are lifted, everything runs until nothing is left to do, and the ledger is held against what the
//! world saw. docs/simulation.md is its page.
//!
//! **Invariant:** a seed is a schedule: it comes out the same every time and everywhere.

mod choices;
mod clock;
mod coverage;
mod crew;
mod drain;
mod faults;
mod findings;
mod ground;
mod intake;
mod judge;
mod people;
mod plan;
mod play;
mod port;
mod run;
mod shrink;
mod steps;
mod store;
mod tale;
mod trace;
mod turnstile;
mod world;

pub use findings::Found;
pub use run::{Error, Failure, Run, Simulate, Summary, simulate};
