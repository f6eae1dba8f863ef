//! A database of a world's own: a temporary SQLite file, or a PostgreSQL database in the server that
//! `TEST_DATABASE_URL` names.
//!
//! **Invariant:** what is made here is gone when the world has stopped.

use std::fmt;
use std::path::Path;

use api::config::test_database_url;
use api::db::{Db, Options};
use rand::RngExt as _;
use sea_orm::{ConnectOptions, ConnectionTrait, Database as SeaDatabase, DatabaseConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::Error;

/// A SQLite file of the schema with nothing in it, as bytes: made once, for every world of the process
/// begins with the same, and making it takes longer than most stories.
static EMPTY: OnceCell<Vec<u8>> = OnceCell::const_new();

/// The name of a SQLite file in its directory.
const FILE: &str = "world.db";
/// Readers of a SQLite file, connections to a PostgreSQL database.
const CONNECTIONS: u32 = 4;

/// Where the service keeps its data.
pub(super) enum Database {
    /// A file in a directory of its own.
    Sqlite(TempDir),
    /// A database in a server.
    Postgres { server_url: String, name: String, url: String },
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite(_) => "Sqlite",
            Self::Postgres { .. } => "Postgres",
        })
    }
}

impl Database {
    /// Makes an empty one.
    pub(super) async fn create() -> Result<Self, Error> {
        let Some(server_url) = test_database_url() else {
            return Ok(Self::Sqlite(TempDir::new().map_err(Error::Directory)?));
        };
        let name = format!("w_{:032x}", rand::rng().random::<u128>());
        let url = with_name(&server_url, &name).ok_or(Error::ServerUrl)?;
        run(&server_url, &format!("CREATE DATABASE {name}")).await?;
        Ok(Self::Postgres { server_url, name, url })
    }

    /// Opens it and brings it to the schema.
    pub(super) async fn open(&self) -> Result<Db, Error> {
        let url = match self {
            Self::Sqlite(dir) => {
                let file = dir.path().join(FILE);
                let empty = EMPTY.get_or_try_init(empty).await?;
                std::fs::write(&file, empty).map_err(Error::Directory)?;
                sqlite_url(&file)
            }
            Self::Postgres { url, .. } => url.clone(),
        };
        open(url).await
    }

    /// Opens it once more.
    pub(super) async fn another(&self) -> Result<Db, Error> {
        open(match self {
            Self::Sqlite(dir) => sqlite_url(&dir.path().join(FILE)),
            Self::Postgres { url, .. } => url.clone(),
        })
        .await
    }

    /// Removes it.
    pub(super) async fn drop(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(dir) => dir.close().map_err(Error::Directory),
            Self::Postgres { server_url, name, .. } => {
                run(&server_url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await
            }
        }
    }
}

fn sqlite_url(file: &Path) -> String {
    format!("sqlite://{}?mode=rwc", file.display())
}

/// Opens a database and brings it to the schema, if it is not there yet.
async fn open(url: String) -> Result<Db, Error> {
    let options = Options { url, reader_connections: CONNECTIONS, max_connections: CONNECTIONS };
    let db = Db::open(&options).await.map_err(Error::Database)?;
    db.migrate().await.map_err(Error::Database)?;
    Ok(db)
}

/// Makes a SQLite file of the schema, and answers with its bytes.
async fn empty() -> Result<Vec<u8>, Error> {
    let dir = TempDir::new().map_err(Error::Directory)?;
    let file = dir.path().join("empty.db");
    // Closing it folds the write-ahead log into the file.
    open(sqlite_url(&file)).await?.close().await.map_err(Error::Database)?;
    let bytes = std::fs::read(&file).map_err(Error::Directory)?;
    dir.close().map_err(Error::Directory)?;
    Ok(bytes)
}

/// The URL of another database of the same server.
fn with_name(server_url: &str, name: &str) -> Option<String> {
    let mut url = reqwest::Url::parse(server_url).ok()?;
    url.set_path(name);
    Some(url.into())
}

/// Runs one statement in the server's own database.
async fn run(server_url: &str, statement: &str) -> Result<(), Error> {
    let mut options = ConnectOptions::new(server_url);
    options.max_connections(1).sqlx_logging(false);
    let server: DatabaseConnection =
        SeaDatabase::connect(options).await.map_err(Error::TestServer)?;
    let done = server.execute_unprepared(statement).await.map_err(Error::TestServer);
    server.close().await.map_err(Error::TestServer)?;
    done.map(drop)
}

#[cfg(test)]
mod tests {
    use super::with_name;

    #[test]
    fn only_the_name_changes() {
        let url = with_name("postgres://me@127.0.0.1:5433/postgres?sslmode=disable", "w_1");
        assert_eq!(url.as_deref(), Some("postgres://me@127.0.0.1:5433/w_1?sslmode=disable"));
        assert_eq!(with_name("nothing", "w_1"), None);
    }
}
