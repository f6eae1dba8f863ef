//! Opening a database, and bringing it to the schema of this version.
//!
//! **Invariant:** SQLite runs in WAL with `synchronous=FULL` and foreign keys, asserted before use: an
//! attempt that was written ahead must survive a power cut.

use super::{Db, Error, Result, Statements, subscribers};
pub use migration::Standing as Schema;
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

/// A process's hold on its name.
#[derive(Debug)]
#[must_use = "the name is free again when this is dropped"]
pub struct Presence {
    _session: Option<DatabaseConnection>,
}

/// How long a caller waits for a connection before it is told that there is none.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long opening may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long SQLite waits for a lock held by another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Pages of the database that the writer keeps in memory. The ledger's indexes by phone are written all over:
/// with SQLite's own 2 MiB nearly every row of a large plan costs a read and a write of its own.
const WRITER_CACHE_KIB: u32 = 16 * 1_024;
/// The same of each reader: SQLite's own default.
const READER_CACHE_KIB: u32 = 2 * 1_024;
/// Rows that SQLite's thread reads ahead of whoever asked for them: each time it waits for them costs two
/// changes of thread.
const ROWS_AT_ONCE: usize = 1_024;
/// Pages of the write-ahead log after which it is folded into the file: 16 MiB. A page that is written many times
/// in between is folded once.
const WAL_PAGES: u32 = 4_096;

impl Db {
    /// Opens a database; its schema is left as it is.
    pub async fn open(options: &Options) -> Result<Self> {
        if options.url.starts_with("sqlite:") {
            let mut writer = open_sqlite(&options.url, 1, WRITER_CACHE_KIB).await?;
            let readers = options.reader_connections.max(1);
            let mut reader = open_sqlite(&options.url, readers, READER_CACHE_KIB).await?;
            assert_sqlite_settings(&writer).await?;
            let statements = Statements::default();
            statements.count(&mut writer);
            statements.count(&mut reader);
            Ok(Self { writer, reader, turns: None, statements })
        } else {
            let mut pool = open_postgres(&options.url, options.max_connections).await?;
            let statements = Statements::default();
            statements.count(&mut pool);
            Ok(Self { writer: pool.clone(), reader: pool, turns: None, statements })
        }
    }

    /// Brings the schema to this version, and the rows of older ones with it.
    pub async fn migrate(&self) -> Result<()> {
        // Asked for steps that it has, and others that it does not know, the migrator would refuse.
        if self.schema().await?.behind > 0 {
            Migrator::up(&self.writer, None).await?;
        }
        subscribers::locate_old(self).await
    }

    /// Takes every step of the schema back, newest first: for tests of the steps themselves.
    pub async fn unmigrate(&self) -> Result<()> {
        Ok(Migrator::down(&self.writer, None).await?)
    }

    /// How the schema compares with this version's, without changing anything. One that is ahead is fine: nodes of
    /// the version before go on, and may begin again, while an upgrade is under way.
    pub async fn schema(&self) -> Result<Schema> {
        Ok(Migrator::standing(&self.writer).await?)
    }

    /// Asks for an answer, to see whether there is one.
    pub async fn ping(&self) -> Result<()> {
        self.reader.execute_unprepared("SELECT 1").await?;
        Ok(())
    }

    /// The database's own time, to the millisecond: what leases of several nodes are kept in.
    pub async fn now_ms(&self) -> Result<i64> {
        let backend = self.reader.get_database_backend();
        let sql = match backend {
            DbBackend::Postgres => "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint",
            _ => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER)",
        };
        let row = self.reader.query_one_raw(Statement::from_string(backend, sql)).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the time".to_owned()))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Makes this process the only one that goes by `name` until the answer is dropped; none when another
    /// does. On SQLite there is one process anyway.
    pub async fn be_present(url: &str, name: &str) -> Result<Option<Presence>> {
        if url.starts_with("sqlite:") {
            return Ok(Some(Presence { _session: None }));
        }
        let mut options = common(url);
        // A lock of a session lasts as long as its connection: it must be one, and never change.
        options.min_connections(1).max_connections(1).set_application_name("sendoff presence");
        options.map_sqlx_postgres_pool_opts(|pool| pool.idle_timeout(None).max_lifetime(None));
        let session = Database::connect(options).await?;
        let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
        let statement =
            Statement::from_sql_and_values(DbBackend::Postgres, sql, [name.to_owned().into()]);
        let row = session.query_one_raw(statement).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the lock".to_owned()))?;
        let is_alone: bool = row.try_get_by_index(0)?;
        Ok(is_alone.then_some(Presence { _session: Some(session) }))
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
    // Whether it still lives need not be asked of one within the process, which takes a trip of its own. A server's is
    // asked each time: else the first to use each that was cut would be told that there is no database.
    options.test_before_acquire(false);
    options.min_connections(1).max_connections(connections).map_sqlx_sqlite_opts(move |sqlite| {
        sqlite
            .create_if_missing(true)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .row_buffer_size(ROWS_AT_ONCE)
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "FULL")
            // SQLite takes a negative number for KiB, a positive one for pages.
            .pragma("cache_size", format!("-{cache_kib}"))
            // What a statement must be able to take back is kept in memory: with batches of some dozen rows it
            // would be written to a file of its own for each.
            .pragma("temp_store", "MEMORY")
            .pragma("wal_autocheckpoint", WAL_PAGES.to_string())
    });
    Ok(Database::connect(options).await?)
}

/// How PostgreSQL plans. Every statement of the service has an index to go by; but a plan that was made while a
/// table was new and small reads the whole of it for as long as the table has not been analyzed, and a campaign
/// fills tables within seconds. Where a table must be read whole, that has a cost for which nothing is compiled.
const PLANNING: [(&str, &str); 2] = [("enable_seqscan", "off"), ("jit", "off")];

async fn open_postgres(url: &str, connections: u32) -> Result<DatabaseConnection> {
    let mut options = common(url);
    options
        .min_connections(1)
        .max_connections(connections)
        .set_application_name("sendoff")
        .map_sqlx_postgres_opts(|postgres| postgres.options(PLANNING));
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Goal: SQLite plans a statement once, whatever is bound to it. Method: ask it how it was built; a build that
    /// passes by the workspace's `.cargo/config.toml` is slower and nothing else.
    #[tokio::test]
    async fn sqlite_plans_once() {
        let connection = Database::connect("sqlite::memory:").await.unwrap();
        let statement = Statement::from_string(DbBackend::Sqlite, "PRAGMA compile_options");
        let rows = connection.query_all_raw(statement).await.unwrap();
        let options = rows.iter().map(|row| row.try_get_by_index::<String>(0).unwrap());
        assert!(options.collect::<Vec<_>>().contains(&"ENABLE_QPSG".to_owned()));
    }
}
