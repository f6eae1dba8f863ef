//! Reading a journal, a line at a time.
//!
//! **Invariant:** lines, their length and their number are bounded; what is longer is refused, not skipped.
//! **Invariant:** a journal with a hole is refused: it proves nothing. The one thing that may be missing is
//! the rest of a line that its writer was killed over.

use std::collections::HashMap;
use std::io::{BufRead, Read as _};

use super::Error;
use super::book::{Book, Heard, Message, Noted, Owner, Request, Stamp};
use super::segments::segments;
use super::symbols::Sym;
use crate::record::{Decided, Did, FORMAT_VERSION, Fact, Line, Read, Receipt, Row};

/// The longest line, in bytes.
const LINE_BYTES_MAX: u64 = 1024 * 1024;
/// The most lines.
const LINES_MAX: u32 = 50_000_000;

/// What is known while reading.
#[derive(Default)]
struct Reader {
    book: Book,
    /// The next number and the last time of each writer.
    writers: HashMap<String, (u64, u64)>,
    /// Where each request stands, by writer and number; and when it began, until it is read.
    requests: HashMap<(Sym, u64), usize>,
    begun: HashMap<(Sym, u64), Stamp>,
    torn_at: Option<u32>,
}

/// A digest as a number: it is compared and never shown. The recorder writes 32 hexadecimal digits; what is
/// something else is told apart by a number made of its bytes.
fn digest(text: &str) -> u128 {
    u128::from_str_radix(text, 16).unwrap_or_else(|_not_hexadecimal| {
        text.bytes().fold(0, |all, byte| all.wrapping_mul(257).wrapping_add(u128::from(byte)))
    })
}

/// Reads a journal whole.
pub(super) fn read(mut from: impl BufRead) -> Result<Book, Error> {
    let mut reader = Reader::default();
    let mut bytes = Vec::new();
    for line in 1..=LINES_MAX {
        bytes.clear();
        let limited = from.by_ref().take(LINE_BYTES_MAX.saturating_add(1));
        let count = { limited }.read_until(b'\n', &mut bytes).map_err(Error::Read)?;
        if count == 0 {
            return reader.finish();
        }
        if bytes.last() != Some(&b'\n')
            && bytes.len() > usize::try_from(LINE_BYTES_MAX).unwrap_or(0)
        {
            return Err(Error::TooLong { line });
        }
        reader.take(line, &bytes)?;
    }
    Err(Error::TooMany { lines: LINES_MAX })
}

impl Reader {
    fn finish(mut self) -> Result<Book, Error> {
        if self.torn_at.is_some() {
            self.book.torn = self.book.torn.saturating_add(1);
        }
        if self.writers.is_empty() {
            return Err(Error::Empty);
        }
        self.book.settle();
        Ok(self.book)
    }

    fn take(&mut self, number: u32, bytes: &[u8]) -> Result<(), Error> {
        let line = match serde_json::from_slice::<Line>(bytes) {
            Ok(line) => line,
            Err(source) if self.torn_at.is_none() => {
                // Whether that is a killed writer's last is seen by what comes next.
                self.torn_at = Some(number);
                drop(source);
                return Ok(());
            }
            Err(source) => return Err(Error::Parse { line: number, source }),
        };
        if let Some(torn) = self.torn_at.take() {
            if line.n != 0 {
                return Err(Error::Torn { line: torn });
            }
            self.book.torn = self.book.torn.saturating_add(1);
        }
        let (next, last_us) = self.writers.get(&line.by).copied().unwrap_or_default();
        if line.n != next || line.us < last_us {
            return Err(Error::Gap { line: number, by: line.by, expected: next, found: line.n });
        }
        let stamp = Stamp { us: line.us, line: number, at_ms: line.at_ms };
        let by = self.book.symbols.keep(&line.by);
        self.writers.insert(line.by, (line.n.saturating_add(1), line.us));
        self.book.lines = self.book.lines.saturating_add(1);
        self.note(by, stamp, line.fact)
    }

    fn note(&mut self, by: Sym, stamp: Stamp, fact: Fact) -> Result<(), Error> {
        let book = &mut self.book;
        // What happens after that says that there was something to do again.
        if matches!(fact, Fact::Called(_) | Fact::Site(_) | Fact::Read(_) | Fact::Receipt(_)) {
            book.idle = None;
        }
        match fact {
            Fact::Journal(header) if header.version != FORMAT_VERSION => {
                return Err(Error::Version { line: stamp.line, found: header.version });
            }
            Fact::Journal(header) => book.clock = header.clock,
            Fact::Site(fact) => book.sites.push(Noted { stamp, fact }),
            Fact::Sender(fact) => {
                let phone = book.symbols.keep(&fact.phone);
                book.senders.insert(phone, Noted { stamp, fact });
            }
            Fact::Person(fact) => {
                let phone = book.symbols.keep(&fact.phone);
                book.people.insert(phone, Noted { stamp, fact });
            }
            Fact::Started(fact) => book.started.push(Noted { stamp, fact }),
            Fact::Stopped(fact) => book.stopped.push(Noted { stamp, fact }),
            Fact::Called(fact) => book.calls.push(Noted { stamp, fact }),
            Fact::Frozen(fact) => {
                let campaign = book.symbols.keep(&fact.campaign);
                book.frozen.entry(campaign).or_default().push(Noted { stamp, fact });
            }
            Fact::Begun { req } => {
                self.begun.insert((by, req), stamp);
            }
            Fact::Read(fact) => self.hand_over(by, stamp, &fact),
            Fact::Decided(fact) => self.decide(by, stamp, &fact),
            Fact::Answered(fact) => {
                self.begun.remove(&(by, fact.req));
                let place = self.requests.get(&(by, fact.req));
                if let Some(request) = place.and_then(|place| book.requests.get_mut(*place)) {
                    request.answered = Some(stamp);
                }
            }
            Fact::Claimed(fact) => {
                let reference = book.symbols.keep(&fact.reference);
                book.claimed.insert(reference, fact.claimed_ms);
            }
            Fact::LookedUp(fact) => book.looked_up.push(Noted { stamp, fact }),
            Fact::Receipt(fact) => self.receipt(stamp, &fact),
            Fact::Received(fact) => book.received.push(Noted { stamp, fact }),
            Fact::Stream(fact) => book.streams.push(Noted { stamp, fact }),
            Fact::Event(fact) => book.events.push(Noted { stamp, fact }),
            Fact::StreamEnd(fact) => book.stream_ends.push(Noted { stamp, fact }),
            Fact::Progress(fact) => book.progress.push(Noted { stamp, fact }),
            Fact::Ledger(fact) => {
                let campaign = book.symbols.keep(&fact.campaign);
                let known = book.ledgers.insert(fact.campaign.clone(), Noted { stamp, fact });
                if known.is_some() {
                    book.rows.retain(|row| row.campaign != campaign);
                }
            }
            Fact::Row(fact) => self.row(stamp, &fact),
            Fact::Direct(fact) => {
                let (id, phone) = (book.symbols.keep(&fact.id), book.symbols.keep(&fact.phone));
                book.direct.insert(id, (stamp, phone));
            }
            Fact::Idle {} => book.idle = Some(stamp),
            Fact::Output(fact) => book.output.push(Noted { stamp, fact }),
        }
        Ok(())
    }

    fn hand_over(&mut self, by: Sym, stamp: Stamp, fact: &Read) {
        let symbols = &mut self.book.symbols;
        let request = Request {
            begun: self.begun.remove(&(by, fact.req)).unwrap_or(stamp),
            read: stamp,
            decided: None,
            answered: None,
            key: symbols.keep(&fact.key),
            reference: symbols.keep(&fact.reference),
            digest: digest(&fact.digest),
            to: symbols.keep(&fact.to),
            from: symbols.keep(&fact.from),
            text: symbols.keep(&fact.text),
            segments: segments(&fact.text),
            has_media: fact.media > 0,
            not_after_ms: fact.not_after_ms,
            did: Did::Declined,
            id: None,
            status: None,
            told_segments: None,
            retry_after_s: None,
            owner: Owner::Unclear,
        };
        self.requests.insert((by, fact.req), self.book.requests.len());
        self.book.requests.push(request);
    }

    fn decide(&mut self, by: Sym, stamp: Stamp, fact: &Decided) {
        // What is against the contract is decided on before it is read, and hands nothing over.
        let Some(place) = self.requests.get(&(by, fact.req)) else { return };
        let Some(request) = self.book.requests.get_mut(*place) else { return };
        request.decided = Some(stamp);
        request.did = fact.did;
        request.id = fact.id.as_deref().map(|id| self.book.symbols.keep(id));
        request.status = fact.status;
        request.told_segments = fact.segments;
        request.retry_after_s = fact.retry_after_s;
    }

    fn receipt(&mut self, stamp: Stamp, fact: &Receipt) {
        let is_refused = fact.answered.is_some_and(|status| !(200..300).contains(&status));
        let is_heard = !is_refused && !fact.is_forged;
        let Some(id) = fact.id.as_deref().filter(|_| is_heard) else { return };
        let rank = match fact.status.as_str() {
            "delivered" => 2,
            "undelivered" | "failed" | "expired" => 1,
            _ => 0,
        };
        let id = self.book.symbols.keep(id);
        self.book.heard.push(Heard { stamp, id, rank, is_certain: fact.answered.is_some() });
    }

    fn row(&mut self, stamp: Stamp, fact: &Row) {
        let symbols = &mut self.book.symbols;
        let message = Message {
            stamp,
            own_id: symbols.keep(&fact.message),
            campaign: symbols.keep(&fact.campaign),
            position: fact.position,
            phone: symbols.keep(&fact.phone),
            state: symbols.keep(&fact.state),
            reason: fact.reason.as_deref().map(|text| symbols.keep(text)),
            id: fact.id.as_deref().map(|text| symbols.keep(text)),
            zones: fact.zones.iter().map(|text| symbols.keep(text)).collect(),
            region: fact.region.as_deref().map(|text| symbols.keep(text)),
            due_ms: fact.due_ms,
            attempts: fact.attempts,
            segments: fact.segments,
            text: None,
        };
        self.book.rows.push(message);
    }
}
