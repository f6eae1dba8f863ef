//! The database: one file an aggregate, SQLite and PostgreSQL alike.
//!
//! **Invariant:** the database stores what it is told; rules are the domain's, and nothing here decides.
//! **Invariant:** civil time is always bound, never read with SQL's `now()`.
//! **Invariant:** rows are locked in one order (campaign gate, paces by id, campaign, messages by id,
//! subscribers by id, counts by key, progress, the site's trial, site log; direct texts by id, then the
//! site), so that two transactions never wait for each other in a circle. What is locked out of order (pending messages to a
//! number that an aggregator speaks of) is skipped where somebody else holds it, and never waited for. A
//! scheduled campaign is locked after the subscribers who join it: nothing of it is locked before it runs.

pub mod admin;
pub mod attempts;
pub mod attributes;
pub mod audiences;
pub mod audit;
pub mod binding;
mod bulk;
pub mod campaigns;
mod connect;
pub mod consent;
pub mod counts;
pub mod decisions;
pub mod direct_texts;
mod each;
pub mod events;
mod figures;
mod follow_ups;
pub mod gate;
pub mod health;
pub mod history;
pub mod idempotency;
pub mod keys;
pub mod launches;
mod lists;
pub mod messages;
pub mod outcomes;
pub mod paces;
pub mod page;
pub mod plans;
pub mod prospects;
pub mod receipts;
mod recipients;
pub mod resolution;
pub mod resumption;
pub mod revisions;
mod rows;
pub mod runs;
mod signals;
pub mod silence;
pub mod site_changes;
pub mod sites;
pub mod status_pages;
pub mod subscribers;
mod touches;
pub mod trials;
mod trouble;
pub mod waiting;

pub use connect::{Options, Presence, Schema};
pub use signals::Listener;

use sea_orm::{
    AccessMode, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, IsolationLevel,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};
use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// A transaction; it rolls back unless it is committed.
pub type Txn = DatabaseTransaction;

/// A failure of the database or of what it holds. `Display` leaves the cause out: drivers echo values.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or was not there.
    #[error("the database did not do what was asked")]
    Sql(#[from] DbErr),
    /// A row that this version cannot read.
    #[error("the database holds what this version cannot read")]
    Corrupt(#[from] entity::convert::Corrupt),
    /// A statement changed more or fewer rows than it must.
    #[error("{what} changed {found} rows where {expected} had to change")]
    Rows {
        /// What was being written.
        what: &'static str,
        /// Rows that had to change.
        expected: u64,
        /// Rows that did.
        found: u64,
    },
    /// A failure that is told to several, who asked together.
    #[error(transparent)]
    Shared(Arc<Self>),
    /// What several asked together was not asked to the end.
    #[error("the database was not heard to the end")]
    Unheard,
}

/// The result of asking the database.
pub type Result<T> = std::result::Result<T, Error>;

/// Checks that a statement changed exactly as many rows as it had to.
pub(crate) fn expect_rows(what: &'static str, found: u64, expected: u64) -> Result<()> {
    if found == expected { Ok(()) } else { Err(Error::Rows { what, expected, found }) }
}

/// Whoever says when a transaction that writes may begin: a schedule that is played step by step.
pub trait Turns: Send + Sync + std::fmt::Debug + 'static {
    /// Completes when the transaction may begin; what is dropped before has not begun.
    fn turn(&self) -> Pin<Box<dyn Future<Output = ()> + Send>>;
}

/// A database: one writer on SQLite and readers beside it, one pool on PostgreSQL.
#[derive(Clone, Debug)]
pub struct Db {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    turns: Option<Arc<dyn Turns>>,
    statements: Statements,
}

/// How many statements connections have run.
#[derive(Clone, Debug, Default)]
struct Statements(Arc<AtomicU64>);

impl Statements {
    /// Counts those of a connection, transactions included.
    fn count(&self, connection: &mut DatabaseConnection) {
        let run = Arc::clone(&self.0);
        connection.set_metric_callback(move |_statement| {
            run.fetch_add(1, Ordering::Relaxed);
        });
    }
}

impl Db {
    /// A database over connections that somebody else opened, whose transactions wait for `turns`: for those who
    /// prove what becomes of messages when a process stops before any of them.
    pub fn over(
        writer: DatabaseConnection,
        reader: DatabaseConnection,
        turns: Arc<dyn Turns>,
    ) -> Self {
        Self { writer, reader, turns: Some(turns), statements: Statements::default() }
    }

    /// Begins a transaction that will write. On SQLite it holds the one writer from here on.
    pub async fn begin_write(&self) -> Result<Txn> {
        if let Some(turns) = &self.turns {
            turns.turn().await;
        }
        let options = TransactionOptions {
            sqlite_transaction_mode: self.is_sqlite().then_some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        Ok(self.writer.begin_with_options(options).await?)
    }

    /// Begins a transaction that reads one snapshot: what is committed meanwhile is not seen.
    pub async fn begin_read(&self) -> Result<Txn> {
        // A transaction of SQLite's is a snapshot from its first read on; the isolation says so to
        // PostgreSQL.
        let isolation_level = (!self.is_sqlite()).then_some(IsolationLevel::RepeatableRead);
        let access_mode = (!self.is_sqlite()).then_some(AccessMode::ReadOnly);
        let options =
            TransactionOptions { isolation_level, access_mode, ..TransactionOptions::default() };
        Ok(self.reader.begin_with_options(options).await?)
    }

    /// A connection to read from; it sees what was committed before.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// How many statements were run since the database was opened, beginnings and ends of transactions
    /// left out: what a test tells by whether a query costs more of them the more it finds.
    pub fn statements_run(&self) -> u64 {
        self.statements.0.load(Ordering::Relaxed)
    }

    /// Whether this is SQLite: one process, one writer.
    pub fn is_sqlite(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Sqlite
    }
}
