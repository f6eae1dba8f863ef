//! Where runs happen: databases, journals and ports, and where the result goes.

use super::{Error, ledger::Entry};
use crate::store::Store;
use rand::RngExt as _;
use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Ports that no outgoing connection is given by the system.
const PORTS: std::ops::Range<u16> = 15_000..32_000;
/// How many of them are tried.
const PORT_TRIES_MAX: usize = 100;

/// Where to run, and what to keep.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Whereabouts {
    /// A PostgreSQL server on which databases can be made; SQLite if left out.
    #[arg(long)]
    database: Option<String>,
    /// Where databases and journals are made; in a directory of the system's if left out.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Where the journals of runs that violate something are kept; they hold phones and texts.
    #[arg(long)]
    journals: Option<PathBuf>,
    /// A file to whose end the result is written, too.
    #[arg(long)]
    ledger: Option<PathBuf>,
    /// The commit that the result is of; what git says if left out.
    #[arg(long)]
    commit: Option<String>,
}

/// A place that is there until it is closed.
pub(super) struct Place {
    /// Where databases are.
    pub(super) store: Store,
    dir: TempDir,
    options: Whereabouts,
}

impl Place {
    /// Makes it.
    pub(super) async fn open(options: &Whereabouts) -> Result<Self, Error> {
        let dir = match &options.dir {
            Some(dir) => TempDir::new_in(dir),
            None => TempDir::new(),
        };
        let dir = dir.map_err(Error::Directory)?;
        let url = options.database.as_deref();
        let store = Store::of(url, dir.path().to_owned(), "chaos").await?;
        Ok(Self { store, dir, options: options.clone() })
    }

    /// The file of a run's journal.
    pub(super) fn journal(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.jsonl"))
    }

    /// Keeps a journal that speaks against the service, if that was asked for.
    pub(super) fn keep(&self, journal: &Path) -> Result<(), Error> {
        let (Some(kept), Some(name)) = (&self.options.journals, journal.file_name()) else {
            return Ok(());
        };
        std::fs::create_dir_all(kept).map_err(Error::Directory)?;
        std::fs::copy(journal, kept.join(name)).map_err(Error::Directory)?;
        Ok(())
    }

    /// Writes a result down where that was asked for, and removes what was made here.
    pub(super) fn close(self, entry: Entry) -> Result<Entry, Error> {
        let entry = entry.dated(self.store.name(), self.options.commit.clone());
        if let Some(ledger) = &self.options.ledger {
            entry.append(ledger)?;
        }
        self.dir.close().map_err(Error::Directory)?;
        Ok(entry)
    }
}

/// An address of the loopback at which one service after another can listen: no other connection of this
/// machine is given its port.
pub(super) fn address() -> Result<SocketAddr, Error> {
    for _ in 0..PORT_TRIES_MAX {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::rng().random_range(PORTS)));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(Error::Port)
}
