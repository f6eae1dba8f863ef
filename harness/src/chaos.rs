//! `harness chaos NAME`: proves from outside that no kill, no cancel and no STOP at any moment loses a message,
//! doubles one, or lets one out that must not leave; and that who follows live sees every event once.
//!
//! The service runs in a process of its own that is killed for real and started again on what it left. The
//! scripted aggregator and the journal outlive it; the checker judges the journal. Every command ends with one
//! line on standard output: a JSON object that [`ledger::Entry`] describes.
//!
//! **Invariant:** what is judged was seen by the aggregator and by callers, never told by the part that died.
//! **Invariant:** every wait has a bound, and what is not done by then counts against the service.

mod claims;
mod error;
mod kills;
pub mod ledger;
mod matrix;
mod nodes;
mod outcome;
mod place;
mod plays;
mod races;
mod resume;
mod service;
mod stage;
mod steps;
mod template;

pub use error::Error;

use std::io::Write;

/// What can be done to a service.
#[derive(Debug, clap::Subcommand)]
pub enum Chaos {
    /// Kill the service at every step of its ports, once each, in a small campaign.
    Matrix(matrix::Options),
    /// Kill the service at random moments while it hands over thousands of messages.
    Kills(kills::Options),
    /// Let several nodes on one PostgreSQL be killed, stand still, be replaced and be cut off while they hand over
    /// thousands of messages.
    Nodes(nodes::Options),
    /// Cancel many small campaigns, each at a random moment of its dispatch.
    Cancels(races::Options),
    /// Post signed STOP texts at random moments of dispatch.
    Stops(races::Options),
    /// Let clients follow campaigns live while connections are lost and the service is killed.
    Resume(resume::Options),
    /// The service that chaos starts in a process of its own. It ends with its standard input.
    #[command(hide = true)]
    Service(service::Options),
}

/// Runs one; its last line goes to `out`. Answers whether nothing was violated.
pub async fn run(chaos: &Chaos, out: &mut (impl Write + Send)) -> Result<bool, Error> {
    let entry = match chaos {
        Chaos::Matrix(options) => Box::pin(matrix::run(options)).await?,
        Chaos::Kills(options) => Box::pin(kills::run(options)).await?,
        Chaos::Nodes(options) => Box::pin(nodes::run(options)).await?,
        Chaos::Cancels(options) => Box::pin(races::cancels(options)).await?,
        Chaos::Stops(options) => Box::pin(races::stops(options)).await?,
        Chaos::Resume(options) => Box::pin(resume::run(options)).await?,
        Chaos::Service(options) => {
            service::serve(options, out).await?;
            return Ok(true);
        }
    };
    writeln!(out, "{}", entry.line()?).map_err(Error::Output)?;
    Ok(entry.is_clean())
}

/// Tells whoever waits what was seen.
fn tell(text: &str) {
    // Chaos goes on without anybody who watches it.
    let _ = writeln!(std::io::stderr(), "{text}");
}
