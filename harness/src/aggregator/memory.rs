//! What the aggregator remembers over a restart: the messages it took, and which receipts were stored.
//!
//! The development world is stopped and started at will; a real aggregator would not forget. A file of
//! JSON lines, written before the 202 is answered.
//!
//! **Invariant:** a message that was answered for is remembered, whatever kills the process.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::ledger::Taken;
use crate::contract::{Accepted, KEY_WINDOW_HOURS};

/// The most lines read back; the file is rewritten at each start, so that it does not grow for ever.
const LINES_MAX: usize = 4_000_000;

/// The open file.
#[derive(Debug)]
pub(crate) struct Memory(Mutex<File>);

/// A message that was taken.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Remembered {
    /// When, in milliseconds since 1970.
    at_ms: i64,
    /// Its key.
    pub(crate) key: String,
    /// The request's body, as it came.
    pub(crate) body: String,
    /// The how-manieth hand-over to its phone it was.
    pub(crate) attempt: u32,
    /// What was answered.
    pub(crate) accepted: Accepted,
}

impl Remembered {
    /// When it was taken.
    pub(crate) fn at(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.at_ms).unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Took(Remembered),
    Posted(String),
}

/// What a file held.
#[derive(Default)]
pub(crate) struct Recalled {
    /// Messages, in the order of arrival.
    pub(crate) messages: Vec<Remembered>,
    /// Events that the service stored.
    pub(crate) posted: HashSet<String>,
}

impl Memory {
    /// Opens the file at `path`, made if there is none, and recalls what is younger than the key window.
    pub(crate) fn open(path: &Path, now: DateTime<Utc>) -> io::Result<(Self, Recalled)> {
        let recalled = recall(path, now)?;
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let rewritten = path.with_extension("new");
        let memory = Self(Mutex::new(options.open(&rewritten)?));
        for message in &recalled.messages {
            memory.write(&Line::Took(message.clone()))?;
        }
        for event_id in &recalled.posted {
            memory.write(&Line::Posted(event_id.clone()))?;
        }
        std::fs::rename(&rewritten, path)?;
        Ok((memory, recalled))
    }

    /// Remembers a message, before it is answered for.
    pub(crate) fn took(&self, taken: &Taken) {
        let line = Line::Took(Remembered {
            at_ms: taken.accepted_at.timestamp_millis(),
            key: taken.key.clone(),
            body: String::from_utf8_lossy(&taken.body).into_owned(),
            attempt: taken.attempt,
            accepted: taken.accepted.clone(),
        });
        self.note(&line);
    }

    /// Remembers that an event was stored by the service.
    pub(crate) fn posted(&self, event_id: &str) {
        self.note(&Line::Posted(event_id.to_owned()));
    }

    fn note(&self, line: &Line) {
        if let Err(error) = self.write(line) {
            tracing::error!(%error, "the aggregator cannot remember: receipts may be lost at a restart");
        }
    }

    fn write(&self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&text)
    }
}

fn recall(path: &Path, now: DateTime<Utc>) -> io::Result<Recalled> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Recalled::default()),
        Err(error) => return Err(error),
    };
    let oldest = now - TimeDelta::hours(KEY_WINDOW_HOURS);
    let mut recalled = Recalled::default();
    for line in BufReader::new(file).lines().take(LINES_MAX) {
        // The last line may be cut short: it was not answered for.
        match serde_json::from_str(&line?) {
            Ok(Line::Took(message)) if message.at() > oldest => recalled.messages.push(message),
            Ok(Line::Posted(event_id)) => {
                recalled.posted.insert(event_id);
            }
            Ok(Line::Took(_)) | Err(_) => {}
        }
    }
    if recalled.messages.is_empty() {
        recalled.posted.clear();
    }
    Ok(recalled)
}
