//! Recording what happens as a journal: one fact a line, in JSON, as `docs/journal.md` says.
//!
//! A [`Recorder`] is shared by everybody of a process who sees something: the scripted aggregator, whoever
//! calls the API, whoever reads what it tells. It writes to a file, or keeps the lines in memory.
//!
//! **Invariant:** a line is written whole, under one lock, before the call that records it comes back; so
//! whoever is killed, all that was seen before is in the journal.
//! **Invariant:** the lines of one writer are numbered without a gap and their monotonic time never goes back.

mod fact;
mod monotonic;

#[cfg(test)]
mod tests;

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

pub use fact::{
    Accepted, Answered, Body, Called, Claim, ClockKind, Counts, Decided, Did, Event, Fact, Frozen,
    Header, Hours, HowStopped, Ledger, Line, LookedUp, Person, Progress, Read, Receipt, Received,
    Row, Selection, Sender, Service, SiteState, StepText, Stopped, StreamEnd, StreamStart,
};
pub use monotonic::monotonic_us;

use crate::clock::Now;

/// How many bytes of a digest are kept.
const DIGEST_BYTES: usize = 16;

/// A digest of some bytes, as hexadecimal digits.
pub fn digest(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(DIGEST_BYTES * 2);
    for byte in Sha256::digest(bytes).iter().take(DIGEST_BYTES) {
        // Writing to a text cannot fail.
        write!(text, "{byte:02x}").ok();
    }
    text
}

/// The version of the journal's format.
pub const FORMAT_VERSION: u32 = 1;

/// Where lines go.
#[derive(Debug)]
enum Sink {
    /// To the end of a file.
    File(File),
    /// Into memory.
    Memory(String),
}

#[derive(Debug)]
struct Writer {
    name: String,
    sink: Sink,
    next: u64,
    last_us: u64,
    /// What went wrong first, if something did: a journal with a hole proves nothing.
    failed: Option<io::Error>,
}

/// Records facts. Clones write to the same journal.
#[derive(Clone, Debug)]
pub struct Recorder {
    writer: Arc<Mutex<Writer>>,
    clock: Arc<dyn Now>,
    requests: Arc<AtomicU64>,
}

impl Recorder {
    /// A recorder that keeps its journal in memory. `name` is the writer's.
    pub fn in_memory(name: &str, clock: Arc<dyn Now>, kind: ClockKind) -> Self {
        Self::new(name, Sink::Memory(String::new()), clock, kind)
    }

    /// A recorder that writes to the end of the file at `path`, which is made if there is none. What a
    /// killed writer left half written there is ended, and stays a line of its own. Two writers of one
    /// file need two names.
    pub fn append(
        name: &str,
        path: &Path,
        clock: Arc<dyn Now>,
        kind: ClockKind,
    ) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.create(true).read(true).append(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        if file.seek(SeekFrom::End(0))? > 0 {
            file.seek(SeekFrom::End(-1))?;
            let mut last = [0_u8];
            file.read_exact(&mut last)?;
            if last != [b'\n'] {
                file.write_all(b"\n")?;
            }
        }
        let recorder = Self::new(name, Sink::File(file), clock, kind);
        recorder.problem()?;
        Ok(recorder)
    }

    fn new(name: &str, sink: Sink, clock: Arc<dyn Now>, kind: ClockKind) -> Self {
        let writer = Writer { name: name.to_owned(), sink, next: 0, last_us: 0, failed: None };
        let writer = Arc::new(Mutex::new(writer));
        let recorder = Self { writer, clock, requests: Arc::new(AtomicU64::new(0)) };
        recorder.record(Fact::Journal(Header { version: FORMAT_VERSION, clock: kind }));
        recorder
    }

    /// Records a fact, at the present instant.
    pub fn record(&self, fact: Fact) {
        self.record_at(self.clock.now(), fact);
    }

    /// Records a fact that was seen at `at` by civil time.
    pub fn record_at(&self, at: DateTime<Utc>, fact: Fact) {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let us = monotonic_us().max(writer.last_us);
        let line = Line {
            n: writer.next,
            by: writer.name.clone(),
            us,
            at_ms: at.timestamp_millis(),
            fact,
        };
        writer.next = writer.next.saturating_add(1);
        writer.last_us = us;
        if let Err(error) = writer.write(&line) {
            tracing::error!(%error, "the journal cannot be written");
            writer.failed.get_or_insert(error);
        }
    }

    /// A number that no other request of this recorder has.
    pub fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// What kept the journal from being written, if something did: told once.
    pub fn problem(&self) -> io::Result<()> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        writer.failed.take().map_or(Ok(()), Err)
    }

    /// The journal so far, if it is kept in memory; empty if it is written to a file.
    pub fn text(&self) -> String {
        match &self.writer.lock().unwrap_or_else(PoisonError::into_inner).sink {
            Sink::Memory(text) => text.clone(),
            Sink::File(_) => String::new(),
        }
    }
}

impl Writer {
    fn write(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line).map_err(io::Error::other)?;
        text.push('\n');
        match &mut self.sink {
            // One call to the system, so that the line of a killed process is there or is not.
            Sink::File(file) => file.write_all(text.as_bytes()),
            Sink::Memory(kept) => {
                kept.push_str(&text);
                Ok(())
            }
        }
    }
}
