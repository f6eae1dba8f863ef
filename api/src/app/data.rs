//! The data: the SQLite file and who may serve from it, or the PostgreSQL that is named.
//!
//! **Invariant:** one process at most serves from a SQLite file.
//! **Invariant:** what is made here only its owner may read: it holds phone numbers and tokens.

use super::StartError;
use crate::{
    config::Config,
    db::{self, Db},
};
use secrecy::ExposeSecret;
use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

/// The data is this process's alone until it is dropped. PostgreSQL needs no such thing.
#[derive(Debug)]
#[must_use = "the data is free again when this is dropped"]
pub struct DataLock {
    /// The system lets go of it even if the process is killed.
    _file: Option<File>,
}

/// The file in the data directory that is locked while a process serves from it.
const LOCK_FILE: &str = "sendoff.lock";

/// Takes the SQLite data that `config` names for this process: what a second engine would take for
/// leftovers of a crash is in flight in the first. The database can still be opened by others, such as
/// the admin commands.
pub fn lock_data(config: &Config) -> Result<DataLock, StartError> {
    let path = if let Some(url) = &config.database.url {
        sqlite_path(url.expose_secret()).map(|path| format!("{path}.lock").into())
    } else {
        let dir = &config.database.data_dir;
        std::fs::create_dir_all(dir)
            .map_err(|source| StartError::DataDir { path: dir.clone(), source })?;
        Some(dir.join(LOCK_FILE))
    };
    let Some(path) = path else { return Ok(DataLock { _file: None }) };
    let file = open_own(&path);
    let file = file.map_err(|source| StartError::Lock { path: path.clone(), source })?;
    match file.try_lock() {
        Ok(()) => Ok(DataLock { _file: Some(file) }),
        Err(TryLockError::WouldBlock) => Err(StartError::InUse(path)),
        Err(TryLockError::Error(source)) => Err(StartError::Lock { path, source }),
    }
}

/// The file that a `sqlite:` URL names; `None` for one in memory, and for other databases.
fn sqlite_path(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("sqlite:")?;
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let is_file = !path.is_empty()
        && path != ":memory:"
        && parameters.split('&').all(|parameter| parameter != "mode=memory");
    is_file.then_some(path)
}

/// Opens the database that `config` names, its directory made if there is none.
pub async fn open_database(config: &Config) -> Result<Db, StartError> {
    let url = match &config.database.url {
        Some(url) => url.expose_secret().to_owned(),
        None => sqlite_url(config)?,
    };
    let options = db::Options {
        url,
        reader_connections: config.database.reader_connections.into(),
        max_connections: config.database.max_connections.into(),
    };
    Db::open(&options).await.map_err(StartError::Database)
}

/// Makes this process the only one that goes by a node's name; none when another does.
pub async fn be_present(config: &Config, name: &str) -> Result<Option<db::Presence>, StartError> {
    let url = config.database.url.as_ref().map_or("sqlite:", |url| url.expose_secret());
    Db::be_present(url, name).await.map_err(StartError::Database)
}

/// The file of the SQLite database.
const SQLITE_FILE: &str = "sendoff.db";

fn sqlite_url(config: &Config) -> Result<String, StartError> {
    let dir = &config.database.data_dir;
    let path = dir.join(SQLITE_FILE);
    prepare(dir, &path).map_err(|source| StartError::DataDir { path: dir.clone(), source })?;
    Ok(format!("sqlite://{}?mode=rwc", path.display()))
}

/// Makes the directory and the file, which only its owner may read: it holds phone numbers and tokens.
fn prepare(dir: &Path, file: &Path) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    open_own(file).map(drop)
}

/// Opens a file as it is, or makes an empty one that only its owner may read.
fn open_own(file: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(dir: &Path, url: Option<String>) -> Config {
        let mut config = Config::default();
        config.database.data_dir = dir.to_path_buf();
        config.database.url = url.map(Into::into);
        config
    }

    /// Goal: one process at most serves from a SQLite file, and the commands still reach it. Method:
    /// lock twice, by directory and by URL; the lock is of the open file, not of the process.
    #[tokio::test]
    async fn data_is_served_by_one_process() {
        let dir = tempfile::tempdir().unwrap();
        let url = |name| format!("sqlite://{}?mode=rwc", dir.path().join(name).display());
        let by_url = config(dir.path(), Some(url("a.db")));
        for config in [config(dir.path(), None), by_url] {
            let held = lock_data(&config).unwrap();
            let refusal = lock_data(&config).unwrap_err();
            assert!(matches!(&refusal, StartError::InUse(_)), "{refusal:?}");
            assert_eq!(refusal.to_string().lines().count(), 1);
            open_database(&config).await.unwrap().close().await.unwrap();
            drop(held);
            let _again = lock_data(&config).unwrap();
        }
        let names = ["sendoff.lock", "sendoff.db", "a.db", "a.db.lock"];
        assert!(names.iter().all(|name| dir.path().join(name).exists()));
    }

    #[test]
    fn only_files_are_locked() {
        for url in ["postgres://u@h/d", "sqlite::memory:", "sqlite://x?cache=shared&mode=memory"] {
            assert_eq!(sqlite_path(url), None, "{url}");
        }
        assert_eq!(sqlite_path("sqlite:///var/x.db?mode=rwc"), Some("/var/x.db"));
        assert_eq!(sqlite_path("sqlite:x.db"), Some("x.db"));
        let dir = Path::new("/nonexistent/data");
        let postgres = config(dir, Some("postgres://u@h/d".to_owned()));
        let _one = lock_data(&postgres).unwrap();
        let _two = lock_data(&postgres).unwrap();
    }
}
