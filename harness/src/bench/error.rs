//! What keeps a benchmark from its figures.

use std::{io, num::ParseIntError};

use crate::{child, client, store};

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An option makes no sense.
    #[error("{0}")]
    Option(&'static str),
    /// The files of the databases cannot be made, copied or removed.
    #[error("the benchmark cannot use its directory")]
    Directory(#[source] io::Error),
    /// The figures cannot be written.
    #[error("the figures cannot be written")]
    Output(#[source] io::Error),
    /// The service cannot be started as a process.
    #[error("the service cannot be started")]
    Spawn(#[source] io::Error),
    /// The service ended before it was asked to.
    #[error("the service ended early, or did not say where it is")]
    Ended,
    /// The memory of the service cannot be read.
    #[error("the peak memory of the service cannot be read in /proc")]
    Memory(#[source] io::Error),
    /// The memory of the service is not told.
    #[error("/proc does not tell the peak memory of the service")]
    NoMemory,
    /// The memory of the service is not a number.
    #[error("/proc tells a peak memory that is no number")]
    BadMemory(#[source] ParseIntError),
    /// The service does not start.
    #[error("the service cannot run")]
    Start(#[from] api::app::StartError),
    /// The database cannot be used.
    #[error("the database cannot be used")]
    Database(#[from] api::db::Error),
    /// A process of the benchmark's own cannot be had.
    #[error("a process of the benchmark cannot be had")]
    Process(#[from] child::Error),
    /// A database of the benchmark's own cannot be had.
    #[error("a database of the benchmark cannot be had")]
    Store(#[from] store::Error),
    /// A statement of the benchmark failed.
    #[error("a statement of the benchmark failed")]
    Sql(#[from] sea_orm::DbErr),
    /// A file of a database cannot be filled.
    #[error("a database cannot be filled")]
    File(#[source] rusqlite::Error),
    /// The service could not be set up.
    #[error("the service cannot be set up")]
    SetUp(#[from] api::service::admin::SetUpError),
    /// The service did not do its work.
    #[error("the service did not do its work")]
    Fault(#[from] api::service::Fault),
    /// What was to be measured was refused.
    #[error("the service refused: {0}")]
    Refused(String),
    /// A value of the seed is none.
    #[error("`{0}` is no value that the service takes")]
    Value(&'static str),
    /// A call brought no answer.
    #[error("a call brought no answer")]
    Client(#[from] client::Error),
    /// The sink cannot be asked.
    #[error("the sink cannot be asked")]
    Http(#[source] reqwest::Error),
    /// The work did not end in time.
    #[error("the service was not done in time")]
    Late,
    /// What was measured is not what was to be measured.
    #[error("the run was not what is to be measured: {0}")]
    Wrong(String),
}
