//! `harness bench NAME`: how fast the service is, measured beside something that anybody can repeat.
//!
//! Every benchmark prints what it sees as it goes to standard error, and ends with one line on standard
//! output: a JSON object with its figures. `harness/benches/README.md` tells how they are meant.
//!
//! **Invariant:** the service runs in a process of its own, so that its memory is its own.
//! **Invariant:** both sides of a ratio are measured in one run, in turn, on copies of one file.

mod beside;
mod error;
mod fanout;
pub mod figures;
mod handover;
mod plan;
mod process;
mod query;
mod raw;
mod receipts;
mod seed;
mod sink;
mod takeover;

pub use error::Error;

use std::io::Write;

/// The benchmarks.
#[derive(Debug, clap::Subcommand)]
pub enum Bench {
    /// Plan a campaign of many recipients, beside raw inserts of the same rows.
    Plan(plan::Options),
    /// Hand a campaign over to an aggregator that takes everything, beside the same requests without a ledger.
    Handover(handover::Options),
    /// Activate a small campaign while a large one is handed over, and see how soon it begins.
    Beside(beside::Options),
    /// Post signed receipts for a campaign that was handed over.
    Receipts(receipts::Options),
    /// Kill one of two nodes on PostgreSQL, and see how soon the other has settled what it had in flight.
    Takeover(takeover::Options),
    /// List campaigns with their counts, beside a bare resolver that answers the same.
    Query(query::Options),
    /// Tell thousands of sockets of changes, and see how soon they know.
    Fanout(fanout::Options),
    /// The clients of a benchmark, in a process of their own. They end with its standard input.
    #[command(hide = true)]
    Watchers(fanout::watchers::Options),
    /// The aggregator of a benchmark, in a process of its own. It ends with its standard input.
    #[command(hide = true)]
    Sink(sink::Options),
    /// The service that a benchmark starts in a process of its own. It ends with its standard input.
    #[command(hide = true)]
    Service(process::Options),
}

/// Runs a benchmark; its last line goes to `out`.
pub async fn run(bench: &Bench, out: &mut (impl Write + Send)) -> Result<(), Error> {
    let figures = match bench {
        Bench::Plan(options) => plan::run(options).await?,
        Bench::Handover(options) => handover::run(options).await?,
        Bench::Beside(options) => beside::run(options).await?,
        Bench::Receipts(options) => receipts::run(options).await?,
        Bench::Takeover(options) => takeover::run(options).await?,
        Bench::Query(options) => query::run(options).await?,
        Bench::Fanout(options) => fanout::run(options).await?,
        Bench::Watchers(options) => return fanout::watchers::serve(options, out).await,
        Bench::Sink(options) => return sink::serve(options, out).await,
        Bench::Service(options) => return process::serve(options, out).await,
    };
    writeln!(out, "{}", figures.line()).map_err(Error::Output)
}

/// Tells whoever waits what was seen.
fn tell(text: &str) {
    // A benchmark goes on without anybody who watches it.
    let _ = writeln!(std::io::stderr(), "{text}");
}
