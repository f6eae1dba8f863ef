//! What went wrong, in a word that stays the same: for metrics, `/readyz` and operators.
//!
//! **Invariant:** a released code never changes its meaning.

/// What kept the service from doing what was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultCode {
    /// The database cannot be reached, or ended the connection.
    DatabaseUnreachable,
    /// Somebody else holds a lock for longer than can be waited for.
    DatabaseLocked,
    /// The database takes no writes.
    DatabaseReadOnly,
    /// There is no room left for the database.
    DatabaseFull,
    /// The database refused a statement for another reason.
    DatabaseRefused,
    /// The tables hold what this version cannot work with.
    DataUnusable,
    /// The code panicked.
    Panicked,
}

impl FaultCode {
    /// Every code.
    pub const ALL: [Self; 7] = [
        Self::DatabaseUnreachable,
        Self::DatabaseLocked,
        Self::DatabaseReadOnly,
        Self::DatabaseFull,
        Self::DatabaseRefused,
        Self::DataUnusable,
        Self::Panicked,
    ];

    /// The code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DatabaseUnreachable => "DATABASE_UNREACHABLE",
            Self::DatabaseLocked => "DATABASE_LOCKED",
            Self::DatabaseReadOnly => "DATABASE_READ_ONLY",
            Self::DatabaseFull => "DATABASE_FULL",
            Self::DatabaseRefused => "DATABASE_REFUSED",
            Self::DataUnusable => "DATA_UNUSABLE",
            Self::Panicked => "PANICKED",
        }
    }

    /// The code in a sentence.
    pub const fn message(self) -> &'static str {
        match self {
            Self::DatabaseUnreachable => "The database does not answer.",
            Self::DatabaseLocked => "The database is locked by somebody else.",
            Self::DatabaseReadOnly => "The database takes no writes.",
            Self::DatabaseFull => "There is no room left for the database.",
            Self::DatabaseRefused => "The database refused what it was asked.",
            Self::DataUnusable => "The database holds what this version cannot work with.",
            Self::Panicked => "The service failed in a way that it should not.",
        }
    }

    /// Whether another node, or this one later, may do better. A row that cannot be read stays as it is on every
    /// node, and is no reason to send callers elsewhere.
    pub const fn is_passing(self) -> bool {
        !matches!(self, Self::DataUnusable | Self::Panicked)
    }
}
