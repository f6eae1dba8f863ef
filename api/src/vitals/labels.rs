//! The words that figures are told apart by.
//!
//! **Invariant:** each set is closed and small: what is not in it is counted as `other`.

macro_rules! labels {
    ($(#[$about:meta])* $reach:vis $name:ident { $($(#[$of:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $reach enum $name { $($(#[$of])* $variant),+ }

        impl $name {
            /// All of them.
            pub(super) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word.
            pub(super) const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

labels! {
    /// Whose messages they are.
    pub SiteClass {
        /// A site on trial.
        Trial = "trial",
        /// A site that pays.
        Paid = "paid",
    }
}

labels! {
    /// The contract that a connection speaks.
    pub(super) ConnectionKind {
        /// The generic contract.
        Generic = "generic",
        /// Any other.
        Other = "other",
    }
}

labels! {
    /// What one hand-over proved.
    pub Told {
        /// The aggregator took the message.
        Accepted = "accepted",
        /// It refused this very message.
        Rejected = "rejected",
        /// It refused the account or the sender.
        AccountRejected = "account_rejected",
        /// It asked for a slower pace.
        Throttled = "throttled",
        /// It was away.
        Unavailable = "unavailable",
        /// Nobody was asked: the claim had grown too old.
        Withdrawn = "withdrawn",
        /// It may or may not have taken it.
        Unknown = "unknown",
    }
}

labels! {
    /// Why a connection is left alone.
    pub HoldCause {
        /// The aggregator asked for a slower pace.
        Throttled = "throttled",
        /// It was away.
        Unavailable = "unavailable",
        /// Its answers stay away.
        Unanswered = "unanswered",
    }
}

labels! {
    /// What became of a receipt at the door.
    pub ReceiptTaking {
        /// It was stored.
        Stored = "stored",
        /// It was stored before.
        Repeated = "repeated",
        /// It is not signed with a secret of the connection, or its timestamp is too far off.
        Forged = "forged",
        /// It is signed, but cannot be read.
        Unreadable = "unreadable",
        /// It has too many bytes.
        TooLarge = "too_large",
        /// It did not come in whole.
        Broken = "broken",
        /// It did not come in in time.
        Late = "late",
        /// It came in on a connection that there is not.
        UnknownConnection = "unknown_connection",
        /// It could not be stored: the aggregator must deliver it again.
        Fault = "fault",
    }
}

labels! {
    /// What became of a stored receipt.
    pub ReceiptFate {
        /// It was applied.
        Applied = "applied",
        /// Its message is not known yet.
        Parked = "parked",
        /// It is of a kind that this version does not know, or about nothing.
        Ignored = "ignored",
        /// Its message became known: it is to be applied once more.
        Woken = "woken",
    }
}

labels! {
    /// What an activation of a reconciler came to.
    pub(super) Came {
        /// It did something.
        Worked = "worked",
        /// There was nothing to do.
        Idle = "idle",
        /// It failed.
        Failed = "failed",
    }
}

labels! {
    /// What became of words between nodes.
    pub Word {
        /// This node told the others something.
        Told = "told",
        /// It heard something of another.
        Heard = "heard",
        /// It could not tell something.
        Lost = "lost",
        /// It stopped hearing the others, and listened anew.
        Deaf = "deaf",
    }
}

/// Over what, and for whom, messages are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub(super) kind: ConnectionKind,
    pub(super) class: SiteClass,
}

impl Route {
    /// Over a connection of that kind, for a site of that class.
    pub fn new(connection_kind: &str, class: SiteClass) -> Self {
        let known = ConnectionKind::ALL.iter().find(|kind| kind.word() == connection_kind);
        Self { kind: known.copied().unwrap_or(ConnectionKind::Other), class }
    }

    /// Its words.
    pub(super) const fn words(self) -> [&'static str; 2] {
        [self.kind.word(), self.class.word()]
    }
}
