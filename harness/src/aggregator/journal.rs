//! Everything the aggregator saw and did, in order, in words.
//!
//! **Invariant:** `Display` masks phones. [`Entry::words`] does not: it is for the timeline, which
//! tells entries apart by whole numbers before it masks them.

use std::collections::VecDeque;
use std::fmt;

use chrono::{DateTime, Utc};

use super::event::Outcome;
use crate::privacy::mask;
use crate::scenario::{ForgedSignature, Transport};

/// What a caller was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With this HTTP status, and this code if it was a problem.
    Status(u16, Option<String>),
    /// Not at all.
    Cut(Transport),
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status, Some(code)) => write!(f, "answered {status} {code}"),
            Self::Status(status, None) => write!(f, "answered {status}"),
            Self::Cut(Transport::CloseAfterRead) => f.write_str("connection closed"),
            Self::Cut(Transport::Hang(span)) => write!(f, "no answer for {span}"),
        }
    }
}

/// What was seen or done.
#[derive(Clone, PartialEq, Eq)]
pub enum Seen {
    /// A hand-over that was decided on.
    Submission {
        /// The recipient.
        to: String,
        /// The reference.
        reference: String,
        /// The idempotency key.
        key: String,
        /// The rule or window that decided, by name.
        by: Option<String>,
        /// The id, if the message was taken.
        taken: Option<String>,
        /// What the caller saw.
        answer: Answer,
    },
    /// A repeat of a hand-over that had been taken.
    Replay {
        /// The recipient.
        to: String,
        /// The idempotency key.
        key: String,
        /// The id it had been given.
        id: String,
        /// What the caller saw.
        answer: Answer,
    },
    /// A request that is against the contract.
    Refusal {
        /// Method and path.
        request: String,
        /// What the caller saw.
        answer: Answer,
    },
    /// A look-up.
    LookUp {
        /// The reference asked for.
        reference: String,
        /// The ids found.
        found: Vec<String>,
        /// What the caller saw.
        answer: Answer,
    },
    /// The status page was read, and said something else than before.
    StatusPage {
        /// What it said.
        words: String,
    },
    /// A receipt that was posted.
    Receipt {
        /// What it said, for instance `delivered`.
        status: &'static str,
        /// Its code.
        code: Option<String>,
        /// The message's id.
        message_id: Option<String>,
        /// The message's recipient, if it is known.
        to: Option<String>,
        /// How it was forged, if it was.
        forged: Option<ForgedSignature>,
        /// Which repeat it was; 0 for the first.
        copy: u32,
        /// Which try it was; 0 for the first.
        tries: usize,
        /// Whether it was posted before the message's 202 was answered.
        is_early: bool,
        /// How it went.
        outcome: Outcome,
    },
    /// A text that was posted.
    Inbound {
        /// The phone it came from.
        from: String,
        /// Which try it was; 0 for the first.
        tries: usize,
        /// How it went.
        outcome: Outcome,
    },
}

/// One line of the journal.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 0, without gaps.
    pub seq: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub seen: Seen,
}

impl Entry {
    /// In words, phones whole.
    pub fn words(&self) -> String {
        self.seen.words(str::to_owned)
    }

    /// Whether the aggregator began it: a receipt or a text, not an answer.
    pub fn is_outgoing(&self) -> bool {
        matches!(self.seen, Seen::Receipt { .. } | Seen::Inbound { .. })
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", crate::contract::instant_text(self.at), self.seen.words(mask))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words(mask))
    }
}

impl Seen {
    /// In words, with phones as `show` writes them.
    fn words(&self, show: impl Fn(&str) -> String) -> String {
        match self {
            Self::Submission { to, reference, key, by, taken, answer } => {
                let by = by.as_ref().map_or_else(String::new, |by| format!(" [{by}]"));
                let taken = match taken {
                    Some(id) => format!("taken as {id}"),
                    None => "not taken".to_owned(),
                };
                format!(
                    "← POST /messages to {} reference {reference} key {key}{by}: {taken}, {answer}",
                    show(to)
                )
            }
            Self::Replay { to, key, id, answer } => {
                format!("← POST /messages to {} key {key}: a repeat of {id}, {answer}", show(to))
            }
            Self::Refusal { request, answer } => format!("← {request}: {answer}"),
            Self::LookUp { reference, found, answer } => {
                let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
                format!("← GET /messages reference {reference}: found {found}, {answer}")
            }
            Self::StatusPage { words } => format!("← GET status page: {words}"),
            Self::Receipt { .. } => self.receipt_words(show),
            Self::Inbound { from, tries, outcome } => {
                format!("→ text from {}{}: {outcome}", show(from), ordinal("try", *tries))
            }
        }
    }

    fn receipt_words(&self, show: impl Fn(&str) -> String) -> String {
        let Self::Receipt { status, code, message_id, to, forged, copy, tries, is_early, outcome } =
            self
        else {
            return String::new();
        };
        let early = if *is_early { ", before the answer" } else { "" };
        let kind = match forged {
            Some(forged) => format!("forged receipt ({})", forgery(*forged)),
            None => "receipt".to_owned(),
        };
        let code = code.as_ref().map_or_else(String::new, |code| format!(" {code}"));
        let about = message_id
            .as_ref()
            .map_or_else(|| " about no message".to_owned(), |id| format!(" of {id}"));
        let to = to.as_ref().map_or_else(String::new, |to| format!(" to {}", show(to)));
        let copy = ordinal("copy", usize::try_from(*copy).unwrap_or(usize::MAX));
        let tries = ordinal("try", *tries);
        format!("→ {kind} {status}{code}{about}{to}{early}{copy}{tries}: {outcome}")
    }
}

/// `, copy 2` for the second; nothing for the first.
fn ordinal(what: &str, before: usize) -> String {
    if before == 0 { String::new() } else { format!(", {what} {}", before.saturating_add(1)) }
}

/// What is wrong with a signature, in words.
fn forgery(signature: ForgedSignature) -> &'static str {
    match signature {
        ForgedSignature::None => "no signature",
        ForgedSignature::WrongKey => "wrong key",
        ForgedSignature::ValidThenTamperedBody => "tampered body",
        ForgedSignature::Stale => "stale",
    }
}

/// The entries kept, in order.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    entries: VecDeque<Entry>,
    next: u64,
}

impl Journal {
    /// Writes an entry; the oldest go when there are more than `max`.
    pub(crate) fn write(&mut self, at: DateTime<Utc>, seen: Seen, max: usize) {
        self.entries.push_back(Entry { seq: self.next, at, seen });
        self.next = self.next.saturating_add(1);
        while self.entries.len() > max.max(1) {
            self.entries.pop_front();
        }
    }

    /// The entries from number `seq` on, as far as they are kept.
    pub fn since(&self, seq: u64) -> Vec<Entry> {
        self.entries.iter().filter(|entry| entry.seq >= seq).cloned().collect()
    }

    /// The number the next entry will have.
    pub fn next_seq(&self) -> u64 {
        self.next
    }
}
