//! What keeps chaos from a verdict. None of it is a violation: those are counted.

use crate::{aggregator, check, child, client, runner, scenario, store, world};
use std::io;

/// Why there is no verdict.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option makes no sense.
    #[error("{0}")]
    Option(&'static str),
    /// There is no scenario of that name.
    #[error("there is no scenario `{name}`: there are {known}")]
    NoPlay {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// A scenario of chaos cannot be read.
    #[error("a scenario cannot be played")]
    Scenario(#[from] scenario::Error),
    /// The directory of databases and journals cannot be used.
    #[error("the directory of a run cannot be used")]
    Directory(#[source] io::Error),
    /// The result cannot be written.
    #[error("the result cannot be written")]
    Output(#[source] io::Error),
    /// The ledger of results cannot be read or written.
    #[error("the ledger of results cannot be used")]
    Ledger(#[source] io::Error),
    /// A line of the ledger of results is none.
    #[error("line {line} of the ledger of results is none")]
    Entry {
        /// The line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The journal cannot be written.
    #[error("the journal cannot be written")]
    Journal(#[source] io::Error),
    /// The journal cannot be judged.
    #[error("the journal cannot be judged")]
    Check(#[from] check::Error),
    /// No port can be had.
    #[error("no port of the loopback can be had")]
    Port,
    /// A process cannot be made to stand still, or to go on.
    #[error("a process cannot be signalled")]
    Signal(#[source] std::io::Error),
    /// A listener cannot be had.
    #[error("nobody can listen on the loopback")]
    Listen(#[source] io::Error),
    /// The service cannot be started or waited for.
    #[error("the process of the service cannot be had")]
    Process(#[from] child::Error),
    /// A task of the harness panicked.
    #[error("a task of the harness died")]
    Task(#[from] tokio::task::JoinError),
    /// The database cannot be had.
    #[error("the database of a run cannot be had")]
    Store(#[from] store::Error),
    /// The database cannot be used.
    #[error("the database of a run cannot be used")]
    Database(#[from] api::db::Error),
    /// A statement of the harness failed.
    #[error("a statement of the harness failed")]
    Sql(#[from] sea_orm::DbErr),
    /// The service does not start.
    #[error("the service cannot run")]
    Start(#[from] api::app::StartError),
    /// The service could not be set up.
    #[error("the service cannot be set up")]
    World(#[from] world::Error),
    /// The service did not answer as the schema promises.
    #[error("the service did not answer as it should")]
    Runner(#[from] runner::Error),
    /// A call brought no answer.
    #[error("a call brought no answer")]
    Client(#[from] client::Error),
    /// The aggregator cannot be started.
    #[error("the aggregator cannot be started")]
    Aggregator(#[from] aggregator::Error),
    /// The service answered what it must not.
    #[error("{what} was answered {answer}")]
    Answer {
        /// What was asked.
        what: &'static str,
        /// The answer, phones masked.
        answer: String,
    },
    /// A client that follows live did not see the end in time.
    #[error("a client did not see the end in time")]
    Late,
    /// The service runs and answers nobody.
    #[error("the service runs and does not answer")]
    Mute,
}

impl Error {
    /// Whether it says that nobody was there to answer.
    pub(super) fn is_nobody(&self) -> bool {
        use client::Error::Http;
        matches!(
            self,
            Self::Client(Http(_))
                | Self::World(world::Error::Client(Http(_)) | world::Error::Post(_))
                | Self::Runner(
                    runner::Error::Client(Http(_))
                        | runner::Error::World(world::Error::Client(Http(_)))
                )
        )
    }
}
