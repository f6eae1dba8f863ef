//! Facts of what reached the world: what the aggregator saw and did.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Did;

facts! {
    /// A hand-over, as it was read.
    Read {
        /// The request.
        req: u64,
        /// Its idempotency key.
        key: String,
        /// The reference.
        reference: String,
        /// A digest of the body's bytes.
        digest: String,
        /// The recipient.
        to: String,
        /// The sender.
        from: String,
        /// The text.
        text: String,
        /// How many pictures.
        media: u32,
        /// Until when it may be delivered.
        #[serde(skip_serializing_if = "Option::is_none")]
        not_after_ms: Option<i64>,
    }

    /// What was decided on a request.
    Decided {
        /// The request.
        req: u64,
        /// What.
        did: Did,
        /// The message's id.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The HTTP status of the answer; none where the connection is cut.
        #[serde(skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// The code of the problem.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The billable segments that the answer names, if it names them.
        #[serde(skip_serializing_if = "Option::is_none")]
        segments: Option<u32>,
        /// How long to wait before trying again, in seconds.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_after_s: Option<u32>,
    }

    /// An answer that left.
    Answered {
        /// The request.
        req: u64,
    }

    /// A look-up.
    LookedUp {
        /// The reference asked for.
        reference: String,
        /// The ids found.
        found: Vec<String>,
    }

    /// A receipt that was posted. The line's time is that at which its answer had been read.
    Receipt {
        /// What it said: `sent`, `delivered`, `undelivered`, `failed`, `expired`.
        status: String,
        /// The message.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// Whether the aggregator did not write it.
        is_forged: bool,
        /// What the service answered; none for no answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        answered: Option<u16>,
    }

    /// A text from a phone that was posted. The line's time is that at which its answer had been read.
    Received {
        /// The phone.
        from: String,
        /// Its words.
        text: String,
        /// When it was written.
        said_ms: i64,
        /// What the service answered; none for no answer.
        #[serde(skip_serializing_if = "Option::is_none")]
        answered: Option<u16>,
    }

    /// When the service wrote a hand-over ahead, by its own account.
    Claim {
        /// The reference of the hand-over.
        reference: String,
        /// The civil time that its claim read before it began.
        claimed_ms: i64,
    }

    /// A text of no campaign.
    Accepted {
        /// The aggregator's id.
        id: String,
        /// Whom it was for.
        phone: String,
    }

    /// A line of output.
    Body {
        /// Where it came from: `stdout`, `stderr`, `metrics`.
        from: String,
        /// The line.
        text: String,
    }
}
