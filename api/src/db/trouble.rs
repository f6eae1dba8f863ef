//! What is wrong with the database, in a code that says what to do about it.
//!
//! **Invariant:** asking leaves nothing behind: what is written to see whether it can be is rolled back.

use super::{Db, Error};
use crate::vitals::FaultCode;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, SqlxError, Statement};

/// Something that only a database with room for it takes.
const TRIAL: &str = "CREATE TABLE sendoff_readiness_trial (id INTEGER)";
/// Whether PostgreSQL takes writes: neither a standby nor set to read.
const IS_READ_ONLY: &str =
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'";

impl Error {
    /// What went wrong.
    pub fn code(&self) -> FaultCode {
        match self {
            Self::Sql(error) => code_of(error),
            Self::Corrupt(_) | Self::Rows { .. } => FaultCode::DataUnusable,
            Self::Shared(error) => error.code(),
            Self::Unheard => FaultCode::DatabaseUnreachable,
        }
    }
}

fn code_of(error: &DbErr) -> FaultCode {
    match error {
        DbErr::Conn(RuntimeErr::SqlxError(error))
        | DbErr::Exec(RuntimeErr::SqlxError(error))
        | DbErr::Query(RuntimeErr::SqlxError(error)) => match &**error {
            SqlxError::Database(told) => told.code().map_or(FaultCode::DatabaseRefused, |code| {
                sqlite_code(&code).unwrap_or_else(|| postgres_code(&code))
            }),
            SqlxError::Io(_)
            | SqlxError::Tls(_)
            | SqlxError::Protocol(_)
            | SqlxError::PoolTimedOut
            | SqlxError::PoolClosed
            | SqlxError::WorkerCrashed => FaultCode::DatabaseUnreachable,
            _ => FaultCode::DatabaseRefused,
        },
        DbErr::Conn(_) | DbErr::ConnectionAcquire(_) => FaultCode::DatabaseUnreachable,
        _ => FaultCode::DatabaseRefused,
    }
}

/// What a code of SQLite's means; none for a code that is PostgreSQL's: those have five characters.
fn sqlite_code(code: &str) -> Option<FaultCode> {
    /// An extended code carries the code itself in its last byte.
    const PRIMARY: u32 = 0xff;
    let code: u32 = Some(code).filter(|code| code.len() < 5)?.parse().ok()?;
    Some(match code & PRIMARY {
        5 | 6 => FaultCode::DatabaseLocked,
        8 => FaultCode::DatabaseReadOnly,
        13 => FaultCode::DatabaseFull,
        // A read or write that failed, and a file that cannot be opened.
        10 | 14 => FaultCode::DatabaseUnreachable,
        _ => FaultCode::DatabaseRefused,
    })
}

fn postgres_code(code: &str) -> FaultCode {
    match code {
        "53100" => FaultCode::DatabaseFull,
        "25006" => FaultCode::DatabaseReadOnly,
        // A lock that was not to be had in time, and a circle of waiting transactions.
        "55P03" | "40P01" => FaultCode::DatabaseLocked,
        // A door that does not open: a wrong password, no such database, one that lets nobody in. Too many
        // connections, and a server that stops or starts.
        "28000" | "28P01" | "3D000" | "55000" | "53300" | "57P01" | "57P02" | "57P03" | "57P05" => {
            FaultCode::DatabaseUnreachable
        }
        // The connection itself.
        code if code.starts_with("08") => FaultCode::DatabaseUnreachable,
        _ => FaultCode::DatabaseRefused,
    }
}

impl Db {
    /// Finds out whether the database answers and takes writes.
    pub async fn probe(&self) -> Result<(), FaultCode> {
        self.ping().await.map_err(|error| error.code())?;
        if self.is_sqlite() { self.probe_sqlite().await } else { self.probe_postgres().await }
    }

    /// Makes a SQLite database refuse writes, or take them again: for tests of what becomes of everything
    /// meanwhile.
    pub async fn refuse_writes(&self, refuse: bool) -> super::Result<()> {
        let pragma = if refuse { "PRAGMA query_only = ON" } else { "PRAGMA query_only = OFF" };
        self.writer.execute_unprepared(pragma).await?;
        Ok(())
    }

    async fn probe_sqlite(&self) -> Result<(), FaultCode> {
        let code = |error: Error| match error.code() {
            // The one writer is always there; it is only not free.
            FaultCode::DatabaseUnreachable => FaultCode::DatabaseLocked,
            code => code,
        };
        let txn = self.begin_write().await.map_err(code)?;
        let tried = txn.execute_unprepared(TRIAL).await;
        let undone = txn.rollback().await;
        tried.map_err(|error| Error::from(error).code())?;
        undone.map_err(|error| Error::from(error).code())
    }

    async fn probe_postgres(&self) -> Result<(), FaultCode> {
        let statement = Statement::from_string(DbBackend::Postgres, IS_READ_ONLY);
        let asked = self.reader.query_one_raw(statement).await;
        let row = asked.map_err(|error| code_of(&error))?;
        match row.map(|row| row.try_get_by_index::<bool>(0)) {
            Some(Ok(false)) => Ok(()),
            Some(Ok(true)) => Err(FaultCode::DatabaseReadOnly),
            Some(Err(_)) | None => Err(FaultCode::DatabaseRefused),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_are_told_apart() {
        for (code, wanted) in [
            ("5", FaultCode::DatabaseLocked),
            ("517", FaultCode::DatabaseLocked),
            ("1032", FaultCode::DatabaseReadOnly),
            ("13", FaultCode::DatabaseFull),
            ("778", FaultCode::DatabaseUnreachable),
            ("2067", FaultCode::DatabaseRefused),
        ] {
            assert_eq!(sqlite_code(code), Some(wanted), "{code}");
        }
        for (code, wanted) in [
            ("53100", FaultCode::DatabaseFull),
            ("25006", FaultCode::DatabaseReadOnly),
            ("57P01", FaultCode::DatabaseUnreachable),
            ("08006", FaultCode::DatabaseUnreachable),
            ("40P01", FaultCode::DatabaseLocked),
            ("23505", FaultCode::DatabaseRefused),
        ] {
            assert_eq!(sqlite_code(code), None, "{code}");
            assert_eq!(postgres_code(code), wanted, "{code}");
        }
    }

    /// Goal: a database that takes no writes is told apart from one that has no room, and asking changes
    /// nothing.
    #[tokio::test]
    async fn a_probe_says_what_is_wrong_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}?mode=rwc", dir.path().join("a.db").display());
        let options = super::super::Options { url, reader_connections: 1, max_connections: 1 };
        let db = Db::open(&options).await.unwrap();
        db.migrate().await.unwrap();
        assert_eq!(db.probe().await, Ok(()));
        let set = async |pragma: &str| {
            let txn = db.begin_write().await.unwrap();
            txn.execute_unprepared(pragma).await.unwrap();
            txn.commit().await.unwrap();
        };
        db.refuse_writes(true).await.unwrap();
        assert_eq!(db.probe().await, Err(FaultCode::DatabaseReadOnly));
        db.refuse_writes(false).await.unwrap();
        // Pages that a migration left free would be written to before the file is full.
        set("CREATE TABLE filler (bytes BLOB)").await;
        set("INSERT INTO filler VALUES (zeroblob(1000000))").await;
        // Never fewer than there are.
        set("PRAGMA max_page_count = 1").await;
        assert_eq!(db.probe().await, Err(FaultCode::DatabaseFull));
        set("PRAGMA max_page_count = 1000000").await;
        assert_eq!(db.probe().await, Ok(()));
        let other = Db::open(&options).await.unwrap();
        let lock = other.begin_write().await.unwrap();
        set_busy_timeout(&db).await;
        assert_eq!(db.probe().await, Err(FaultCode::DatabaseLocked));
        lock.rollback().await.unwrap();
        assert_eq!(db.probe().await, Ok(()));
    }

    /// Whoever finds a lock gives up soon.
    async fn set_busy_timeout(db: &Db) {
        db.writer.execute_unprepared("PRAGMA busy_timeout = 50").await.unwrap();
    }
}
