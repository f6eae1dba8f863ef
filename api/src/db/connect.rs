//! Opening a database, and bringing it to the schema of this version.
//!
//! **Invariant:** SQLite runs in WAL with `synchronous=FULL` and foreign keys, asserted before use: an
//! attempt that was written ahead must survive a power cut.

use super::{Db, Error, Result, subscribers};
use migration::{Migrator, MigratorTrait};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DbBackend, DbErr, Statement,
};
use std::time::Duration;

/// How to open a database.
#[derive(Clone)]
pub struct Options {
    /// `sqlite://PATH` or `postgres://…`.
    pub url: String,
    /// Readers beside the one writer; SQLite only.
    pub reader_connections: u32,
    /// Connections of the pool; PostgreSQL only.
    pub max_connections: u32,
}

/// How long a caller waits for a connection before it is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long opening may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for a lock held by another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages of the database that the writer keeps in memory. The ledger's indexes by phone are written all over:
/// with SQLite's own 2 MiB nearly every row of a large plan costs a read and a write of its own.
const WRITER_CACHE_KIB: u32 = 32 * 1_024;
/// The same of each reader: SQLite's own default.
const READER_CACHE_KIB: u32 = 2 * 1_024;
/// Pages of the write-ahead log after which it is folded into the file: 16 MiB. A page that is written many times
/// in between is folded once.
const WAL_PAGES: u32 = 4_096;

/// Steps of the schema that the database does not have yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending(pub usize);

impl Db {
    /// Opens a database; its schema is left as it is.
    pub async fn open(options: &Options) -> Result<Self> {
        if options.url.starts_with("sqlite:") {
            let writer = open_sqlite(&options.url, 1, WRITER_CACHE_KIB).await?;
            let readers = options.reader_connections.max(1);
            let reader = open_sqlite(&options.url, readers, READER_CACHE_KIB).await?;
            assert_sqlite_settings(&writer).await?;
            Ok(Self { writer, reader })
        } else {
            let pool = open_postgres(&options.url, options.max_connections).await?;
            Ok(Self { writer: pool.clone(), reader: pool })
        }
    }

    /// Brings the schema to this version, and the rows of older ones with it.
    pub async fn migrate(&self) -> Result<()> {
        Migrator::up(&self.writer, None).await?;
        subscribers::locate_old(self).await
    }

    /// Takes every step of the schema back, newest first: for tests of the steps themselves.
    pub async fn unmigrate(&self) -> Result<()> {
        Ok(Migrator::down(&self.writer, None).await?)
    }

    /// How far the schema is behind this version, without changing anything.
    pub async fn pending(&self) -> Result<Pending> {
        let pending = Migrator::get_pending_migrations_read_only(&self.writer).await?;
        Ok(Pending(pending.len()))
    }

    /// Asks for an answer, to see whether there is one.
    pub async fn ping(&self) -> Result<()> {
        self.reader.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// Closes every connection.
    pub async fn close(self) -> Result<()> {
        self.writer.close().await?;
        Ok(self.reader.close().await?)
    }
}

fn common(url: &str) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT)
        // Statements hold phone numbers and texts as bound values; none may reach a log.
        .sqlx_logging(false)
        .record_stmt_in_spans(false);
    options
}

async fn open_sqlite(url: &str, connections: u32, cache_kib: u32) -> Result<DatabaseConnection> {
    let mut options = common(url);
    options.min_connections(1).max_connections(connections).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
            // SQLite takes a negative number for KiB, a positive one for pages.
            .pragma("cache_size", format!("-{cache_kib}"))
            .pragma("wal_autocheckpoint", WAL_PAGES.to_string())
    });
    Ok(Database::connect(options).await?)
}

async fn open_postgres(url: &str, connections: u32) -> Result<DatabaseConnection> {
    let mut options = common(url);
    options.min_connections(1).max_connections(connections).set_application_name("sendoff");
    Ok(Database::connect(options).await?)
}

/// `PRAGMA synchronous` answers 2 for FULL.
const SYNCHRONOUS_FULL: i32 = 2;

async fn assert_sqlite_settings(connection: &DatabaseConnection) -> Result<()> {
    let journal_mode: String = pragma(connection, "journal_mode").await?;
    let synchronous: i32 = pragma(connection, "synchronous").await?;
    let foreign_keys: i32 = pragma(connection, "foreign_keys").await?;
    if journal_mode == "wal" && synchronous == SYNCHRONOUS_FULL && foreign_keys == 1 {
        return Ok(());
    }
    let found = format!(
        "SQLite runs with journal_mode={journal_mode}, synchronous={synchronous}, \
         foreign_keys={foreign_keys}; wal, 2 and 1 are needed"
    );
    Err(Error::Sql(DbErr::Custom(found)))
}

async fn pragma<T: sea_orm::TryGetable>(connection: &DatabaseConnection, name: &str) -> Result<T> {
    let statement = Statement::from_string(DbBackend::Sqlite, format!("PRAGMA {name}"));
    let row = connection.query_one_raw(statement).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound(name.to_owned()))?;
    Ok(row.try_get_by_index(0)?)
}
