//! Where the databases of a run of processes are: files in a directory, or databases on a PostgreSQL server.
//!
//! **Invariant:** each is known by a short name, and what is dropped leaves nothing behind.

use api::db::{Db, Options};
use sea_orm::{ConnectionTrait as _, Database, DatabaseConnection};
use std::{
    fs::{self, File},
    path::PathBuf,
};

/// Connections of the harness's own to a database.
const CONNECTIONS: u32 = 2;
/// Connections to the server that makes and drops databases.
const ADMIN_CONNECTIONS: u32 = 4;

/// Why a database cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The files cannot be made, copied or removed.
    #[error("the directory of the databases cannot be used")]
    Directory(#[source] std::io::Error),
    /// A database cannot be opened.
    #[error("a database cannot be opened")]
    Open(#[from] api::db::Error),
    /// The server did not do what was asked.
    #[error("the database server did not do what was asked")]
    Sql(#[from] sea_orm::DbErr),
    /// The server does not tell the size of a database.
    #[error("the size of a database is not told")]
    NoSize,
}

/// A place for databases, each known by a short name.
pub(crate) enum Store {
    /// A directory.
    Files(PathBuf),
    /// A server, reached with the right to make databases, and what their names begin with.
    Server { admin: DatabaseConnection, url: String, prefix: String },
}

impl Store {
    /// The place that `url` names, or a directory.
    pub(crate) async fn of(url: Option<&str>, dir: PathBuf, purpose: &str) -> Result<Self, Error> {
        let Some(url) = url else { return Ok(Self::Files(dir)) };
        let mut options = sea_orm::ConnectOptions::new(url);
        options.max_connections(ADMIN_CONNECTIONS).sqlx_logging(false);
        let admin = Database::connect(options).await?;
        let prefix = format!("sendoff_{purpose}_{}", std::process::id());
        Ok(Self::Server { admin, url: url.to_owned(), prefix })
    }

    /// What it is called in figures.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Files(_) => "sqlite",
            Self::Server { .. } => "postgres",
        }
    }

    /// The URL of a database.
    pub(crate) fn url(&self, name: &str) -> String {
        match self {
            Self::Files(dir) => format!("sqlite://{}?mode=rwc", dir.join(name).display()),
            Self::Server { url, prefix, .. } => {
                let (server, _) = url.rsplit_once('/').unwrap_or((url, ""));
                format!("{server}/{prefix}_{name}")
            }
        }
    }

    /// Makes an empty database.
    pub(crate) async fn create(&self, name: &str) -> Result<(), Error> {
        if let Self::Server { admin, prefix, .. } = self {
            admin.execute_unprepared(&format!("CREATE DATABASE {prefix}_{name}")).await?;
        }
        Ok(())
    }

    /// Copies a database that nobody has open.
    pub(crate) async fn copy(&self, from: &str, to: &str) -> Result<(), Error> {
        match self {
            Self::Files(dir) => {
                fs::copy(dir.join(from), dir.join(to)).map(drop).map_err(Error::Directory)
            }
            Self::Server { admin, prefix, .. } => {
                let copy = format!("CREATE DATABASE {prefix}_{to} TEMPLATE {prefix}_{from}");
                admin.execute_unprepared(&copy).await?;
                Ok(())
            }
        }
    }

    /// Waits until a copy lies on the disk, so that nobody else pays for that later.
    pub(crate) async fn settle(&self, name: &str) -> Result<(), Error> {
        match self {
            Self::Files(dir) => {
                let file = File::open(dir.join(name)).map_err(Error::Directory)?;
                file.sync_all().map_err(Error::Directory)
            }
            Self::Server { admin, .. } => {
                admin.execute_unprepared("CHECKPOINT").await?;
                Ok(())
            }
        }
    }

    /// Removes a database that nobody has open.
    pub(crate) async fn drop(&self, name: &str) -> Result<(), Error> {
        match self {
            Self::Files(dir) => {
                for suffix in ["", "-wal", "-shm"] {
                    let file = dir.join(format!("{name}{suffix}"));
                    if file.exists() {
                        fs::remove_file(file).map_err(Error::Directory)?;
                    }
                }
                Ok(())
            }
            Self::Server { admin, prefix, .. } => {
                let drop = format!("DROP DATABASE IF EXISTS {prefix}_{name} WITH (FORCE)");
                admin.execute_unprepared(&drop).await?;
                Ok(())
            }
        }
    }

    /// The bytes of a database, its log included.
    pub(crate) async fn bytes(&self, name: &str) -> Result<u64, Error> {
        match self {
            Self::Files(dir) => {
                let size = |suffix| fs::metadata(dir.join(format!("{name}{suffix}")));
                let log = size("-wal").map(|file| file.len()).unwrap_or_default();
                Ok(size("").map_err(Error::Directory)?.len() + log)
            }
            Self::Server { admin, prefix, .. } => {
                let sql = format!("SELECT pg_database_size('{prefix}_{name}')");
                let backend = sea_orm::DbBackend::Postgres;
                let row =
                    admin.query_one_raw(sea_orm::Statement::from_string(backend, sql)).await?;
                let size: i64 = row.ok_or(Error::NoSize)?.try_get_by_index(0)?;
                Ok(u64::try_from(size).unwrap_or_default())
            }
        }
    }

    /// Opens a database as the service does.
    pub(crate) async fn open(&self, name: &str) -> Result<Db, Error> {
        let url = self.url(name);
        let connections = CONNECTIONS;
        let options =
            Options { url, reader_connections: connections, max_connections: connections };
        Ok(Db::open(&options).await?)
    }
}
