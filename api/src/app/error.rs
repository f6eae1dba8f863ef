//! Why a process does not start.
//!
//! **Invariant:** each is one line that says what to look at; what led to it is its source.

use crate::{
    aggregators::Unusable,
    config::ConfigError,
    db, engine,
    http::graphql::{Unreadable, Untrusted},
    service::Fault,
    status_pages, tokens, vitals,
};
use std::{io, net::SocketAddr, path::PathBuf};

/// Why the process does not start: one line each, with what led to it as its source.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not make sense.
    #[error("the configuration is not valid")]
    Config(#[from] ConfigError),
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file {}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The data directory cannot be used.
    #[error("cannot write to the data directory {}", path.display())]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database cannot be opened.
    #[error("cannot open the database (is it running, and are its address and password right?)")]
    Database(#[source] db::Error),
    /// Another process serves from the same SQLite data.
    #[error("another process is at work on this data: it holds {}", .0.display())]
    InUse(PathBuf),
    /// The file that marks the data as taken cannot be locked.
    #[error("cannot lock {}", path.display())]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The schema is older than this version.
    #[error("the database is {0} schema steps behind this version: run `sendoff admin migrate`")]
    SchemaBehind(usize),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is nobody to hand messages to.
    #[error("no aggregator is set up: run `sendoff admin connection set`")]
    NoAggregator,
    /// The development world's key would be a way in.
    #[error("the database holds the development world's key: production refuses to start with it")]
    DevelopmentKey,
    /// The HTTP client cannot be set up.
    #[error(transparent)]
    Client(#[from] Unusable),
    /// The HTTP client of the status pages cannot be set up.
    #[error(transparent)]
    StatusPages(#[from] status_pages::Unusable),
    /// What the process shows of itself cannot be set up.
    #[error(transparent)]
    Vitals(#[from] vitals::Unusable),
    /// The database was asked and did not answer.
    #[error(transparent)]
    Service(#[from] Fault),
    /// The engine could not settle what a crash left behind.
    #[error(transparent)]
    Engine(#[from] engine::Fault),
    /// Our own schema cannot be read, so that nothing in it has a cost.
    #[error("the costs of the API cannot be reckoned")]
    Costs(#[from] Unreadable),
    /// The manifest of trusted documents cannot be read.
    #[error("cannot read the trusted documents {}", path.display())]
    DocumentsFile {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The manifest of trusted documents is none.
    #[error("the trusted documents {} cannot be used", path.display())]
    Documents {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Untrusted,
    },
    /// The keys that signed tokens are checked with cannot be used.
    #[error("the keys of tokens {} cannot be used", path.display())]
    TokenKeys {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: tokens::Unusable,
    },
    /// Serving ended with an error.
    #[error("the server stopped")]
    Serve(#[source] io::Error),
}
