//! The facts a journal can hold, as they are written. `docs/journal.md` is the page of this format.
//!
//! **Invariant:** instants are whole milliseconds since 1970 in UTC; what is not known is left out.
//! **Invariant:** no `Debug` shows what a fact says: it holds phones and texts.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! facts {
    ($($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $field:ident: $kind:ty,)* })*) => {
        $(
            $(#[$outer])*
            #[derive(Clone, Default, Serialize, Deserialize)]
            #[serde(default)]
            pub struct $name {
                $(
                    $(#[$inner])*
                    pub $field: $kind,
                )*
            }

            impl fmt::Debug for $name {
                fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str(stringify!($name))
                }
            }
        )*
    };
}

mod service;
mod set_up;
mod world;

pub use service::*;
pub use set_up::*;
pub use world::*;

/// One line of a journal.
#[derive(Clone, Serialize, Deserialize)]
pub struct Line {
    /// Its number among the lines of its writer, from 0, without gaps.
    pub n: u64,
    /// The writer: one name a process and start.
    pub by: String,
    /// When, in microseconds on the machine's monotonic clock.
    pub us: u64,
    /// When, by civil time.
    pub at_ms: i64,
    /// What.
    pub fact: Fact,
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("n", &self.n).field("by", &self.by).finish_non_exhaustive()
    }
}

/// What happened.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// The first fact of a writer.
    Journal(Header),
    /// How a site is set, from here on.
    Site(SiteState),
    /// A number that texts are sent from, and its pace.
    Sender(Sender),
    /// Somebody who can be texted.
    Person(Person),
    /// A process of the service began.
    Started(Service),
    /// A process of the service ended.
    Stopped(Stopped),
    /// A caller was answered.
    Called(Called),
    /// What an activation froze.
    Frozen(Frozen),
    /// The first bytes of a request reached the aggregator.
    Begun {
        /// The request.
        req: u64,
    },
    /// A hand-over was read whole.
    Read(Read),
    /// It was decided on.
    Decided(Decided),
    /// Its answer left, or its connection was cut.
    Answered(Answered),
    /// A look-up was answered.
    LookedUp(LookedUp),
    /// A receipt was posted.
    Receipt(Receipt),
    /// A text from a phone was posted.
    Received(Received),
    /// Somebody listens to what the service tells.
    Stream(StreamStart),
    /// The service told an event.
    Event(Event),
    /// Nothing more comes from a stream.
    StreamEnd(StreamEnd),
    /// How a campaign stood, in one answer.
    Progress(Progress),
    /// A campaign's ledger is read: its rows follow. A later reading replaces it.
    Ledger(Ledger),
    /// One message of a ledger.
    Row(Row),
    /// When a hand-over was written ahead, as the service's own tables say.
    Claimed(Claim),
    /// A text of no campaign that the service says it handed over: a test, an answer to HELP.
    Direct(Accepted),
    /// Nobody had anything left to do.
    Idle {},
    /// Something the service's process wrote: a line of its log.
    Output(Body),
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fact")
    }
}

/// Which kind of civil clock a run had.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ClockKind {
    /// It is moved by hand: nothing is late.
    #[default]
    Virtual,
    /// It is the machine's.
    Real,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum HowStopped {
    /// It was asked to.
    #[default]
    Asked,
    /// It was killed.
    Killed,
}

/// What was decided on a hand-over.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Did {
    /// The message was taken.
    Accepted,
    /// It had been taken before, under this key.
    Replayed,
    /// It was not taken.
    #[default]
    Declined,
}
