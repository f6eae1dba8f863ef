//! What happens in a schedule, told and hashed.
//!
//! **Invariant:** two plays of one seed have the same hash, or something but the schedule decided.

/// The first value of Fowler, Noll and Vo's hash, and what it is multiplied by.
const BASIS: u64 = 0xCBF2_9CE4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01B3;

/// The trace of a schedule.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    /// Lines, if they are wanted.
    lines: Option<Vec<String>>,
}

impl Trace {
    /// An empty one; with lines, it can be read.
    pub(super) fn new(is_told: bool) -> Self {
        Self { hash: BASIS, lines: is_told.then(Vec::new) }
    }

    /// Something happened: its kind, a number that tells it from others of that kind, and its words.
    pub(super) fn tell(&mut self, kind: u8, number: u64, words: impl FnOnce() -> String) {
        self.mix(&[kind]);
        self.mix(&number.to_be_bytes());
        if let Some(lines) = &mut self.lines {
            lines.push(words());
        }
    }

    /// Adds bytes to the hash.
    pub(super) fn mix(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(PRIME);
        }
    }

    /// The hash so far.
    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines so far.
    pub(super) fn lines(&self) -> &[String] {
        self.lines.as_deref().unwrap_or_default()
    }
}
