//! The invariants that are checked, by their codes.

use std::fmt;

macro_rules! rules {
    ($($code:ident $words:literal,)*) => {
        /// An invariant of the campaign ledger. Its number is that of `docs/journal.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $words] $code,)*
        }

        impl Rule {
            /// Every one that is checked, in order.
            pub const ALL: &[Self] = &[$(Self::$code,)*];

            /// Its code: `I11`.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$code => stringify!($code),)* }
            }

            /// What it says, in a line.
            pub const fn words(self) -> &'static str {
                match self { $(Self::$code => $words,)* }
            }
        }
    };
}

rules! {
    I1 "the parts of a campaign's messages add up to the total, and recipients never get fewer",
    I2 "the counts are those of the messages",
    I3 "at most one message is taken for each campaign, step and subscriber",
    I4 "at most one message is taken for each campaign, step and phone",
    I5 "what was taken is known, and what is known was taken",
    I6 "nobody of the audience is lost, and every message that ends says why",
    I7 "a crash leaves no more unknown than was in flight",
    I8 "nothing begins to leave for a phone once its STOP was answered",
    I9 "nothing leaves in quiet hours, on the recipient's clock",
    I10 "nothing leaves before its time or after its last instant",
    I11 "nothing begins to leave once a cancel or a pause was answered, but what it named",
    I12 "what a cancel counted is what came of it",
    I13 "Smart Sending leaves a phone alone for its window",
    I14 "a status changes along the edges of the business alone",
    I15 "a message stands as the greatest of its genuine receipts says",
    I16 "a campaign that has ended has nothing left to hand over",
    I17 "a campaign that failed hands nothing over, and a trial is never exceeded",
    I18 "a campaign's events are numbered without a gap, the same for every listener",
    I19 "who was answered sees no older state afterwards",
    I20 "every listener is told the end, and then that it is complete",
    I21 "a repeat under an idempotency key gets the first answer",
    I22 "every text is that of the activation",
    I23 "nobody's values stand in another's text",
    I24 "a site is told of its own campaigns alone",
    I25 "a sender keeps its pace, and a node its window",
    I26 "a repeat has the same bytes, waits as long as it was told, and never follows an unknown",
    I27 "a follow-up leaves a delay after its recipient's own step before it",
    I28 "no message is under way twice at once",
    I29 "once nothing is left to do, every campaign has ended or waits for somebody",
    I30 "the segments counted are those of the text",
    I31 "no phone stands in the output of the service",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
