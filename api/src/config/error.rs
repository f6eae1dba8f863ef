//! What can be wrong with a configuration, in sentences that name the key.

/// A configuration that cannot be used. Its text is one line and never shows a secret.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is not TOML.
    #[error("the configuration file is not valid TOML: line {line}: {problem}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// What the parser says, without the line's text.
        problem: String,
    },
    /// A key or variable that nothing reads.
    #[error("unknown configuration key `{key}`; the nearest known one is `{nearest}`")]
    UnknownKey {
        /// The key or variable as it was given.
        key: String,
        /// The known key or variable that is spelled most like it.
        nearest: String,
    },
    /// A value of the wrong type, form or size.
    #[error("`{key}` must be {expected}{given}")]
    Value {
        /// The key or variable.
        key: String,
        /// What it must be.
        expected: String,
        /// What it was instead, led by `, not`; empty for a secret.
        given: String,
    },
    /// Two variables for one key that disagree.
    #[error("`{first}` and `{second}` set the same key to different values; keep one of them")]
    SetTwice {
        /// The variable that was read first.
        first: String,
        /// The variable that disagrees with it.
        second: String,
    },
    /// Two keys whose values do not go together.
    #[error("`{first}` {rule} `{second}`")]
    Conflict {
        /// The key at fault, or what is computed from it.
        first: String,
        /// How the two must relate.
        rule: &'static str,
        /// The key it does not go with.
        second: String,
    },
}
