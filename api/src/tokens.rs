//! Bearer tokens that another service signed: JSON Web Tokens, checked with the public keys of a local file.
//!
//! The signatures are ring's, which TLS uses already; what is left of the standard is small. A crate that knows
//! all of it would bring a second implementation of each algorithm, or a second provider of TLS.
//!
//! **Invariant:** nothing of a token is believed before its signature is verified, and no algorithm is taken
//! from the token: the key that its `kid` names has one.
//! **Invariant:** a token, a claim and a key are never written to a log or an error.
//! **Invariant:** a file that cannot be read, or holds no keys, leaves the keys as they were.

mod claims;
mod jwk;
mod jws;
#[cfg(test)]
mod tests;

pub use claims::{Claims, Flaw, SUBJECT_CHARS_MAX};
pub use jwk::BadKeys;

use crate::causes;
use domain::Instant as Civil;
use jwk::Keys;
use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// Bytes of a token; longer ones are nobody's, and are not even decoded.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Bytes of the file of keys.
const KEYS_FILE_BYTES_MAX: u64 = 64 * 1024;
/// How old the keys may be when a token is checked; older ones are read again.
const KEYS_READ_EVERY: Duration = Duration::from_secs(5);

/// Whose tokens are taken, and what they must be for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Who signs: the claim `iss`.
    pub issuer: String,
    /// Whom they are for: in the claim `aud`.
    pub audience: String,
    /// The file of public keys: a JSON Web Key Set.
    pub keys_file: PathBuf,
}

/// Why the file of keys is of no use.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read.
    #[error("it cannot be read")]
    File(#[from] io::Error),
    /// It is longer than any set of keys that is taken.
    #[error("it has more than {KEYS_FILE_BYTES_MAX} bytes")]
    TooLong,
    /// It holds no keys that can be used.
    #[error(transparent)]
    Keys(#[from] BadKeys),
}

/// What checks tokens.
#[derive(Debug)]
pub struct Tokens {
    settings: Settings,
    state: Mutex<State>,
}

/// The keys, and the file as it was when they were last looked for.
#[derive(Debug)]
struct State {
    keys: Arc<Keys>,
    looked_at: Instant,
    /// Its text, which may be one of no use; none when it could not be read.
    seen: Option<String>,
}

/// Whether a bearer token has the form of a signed one. An API key never has.
pub fn is_signed(bearer: &str) -> bool {
    bearer.matches('.').count() == 2
}

impl Tokens {
    /// Reads the keys for the first time.
    pub fn load(settings: Settings) -> Result<Self, Unusable> {
        let text = read(&settings.keys_file)?;
        let keys = Arc::new(Keys::parse(&text)?);
        let state = Mutex::new(State { keys, looked_at: Instant::now(), seen: Some(text) });
        Ok(Self { settings, state })
    }

    /// What a token says, if it is good at `now`.
    pub async fn check(&self, token: &str, now: Civil) -> Result<Claims, Flaw> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(Flaw::Unverified);
        }
        let keys = self.keys().await;
        let payload = jws::verified(token, &keys).ok_or(Flaw::Unverified)?;
        claims::read(&payload, &self.settings, now)
    }

    /// The keys, read again when it is time.
    async fn keys(&self) -> Arc<Keys> {
        {
            let mut state = self.state();
            if state.looked_at.elapsed() < KEYS_READ_EVERY {
                return Arc::clone(&state.keys);
            }
            // This caller's turn: the others go on with the keys there are.
            state.looked_at = Instant::now();
        }
        let path = self.settings.keys_file.clone();
        let text = tokio::task::spawn_blocking(move || read(&path)).await;
        let text = text.unwrap_or_else(|stopped| Err(io::Error::other(stopped).into()));
        let mut state = self.state();
        state.take(text);
        Arc::clone(&state.keys)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes the keys of a file that has changed. The same trouble is told once.
    fn take(&mut self, text: Result<String, Unusable>) {
        let (seen, keys) = match text {
            Ok(text) if self.seen.as_ref() == Some(&text) => return,
            Ok(text) => {
                let keys = Keys::parse(&text).map_err(Unusable::from);
                (Some(text), keys)
            }
            Err(_) if self.seen.is_none() => return,
            Err(unusable) => (None, Err(unusable)),
        };
        self.seen = seen;
        match keys {
            Ok(keys) => {
                tracing::info!(keys = keys.len(), "the keys that tokens are checked with changed");
                self.keys = Arc::new(keys);
            }
            Err(unusable) => {
                let causes = causes::chain(&unusable);
                tracing::warn!(
                    error = %unusable, causes,
                    "the file of keys is of no use; the keys before it stay"
                );
            }
        }
    }
}

/// The text of the file, of which no more is read than may be in it.
fn read(path: &Path) -> Result<String, Unusable> {
    let mut text = String::new();
    let read = File::open(path)?.take(KEYS_FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    match u64::try_from(read) {
        Ok(bytes) if bytes <= KEYS_FILE_BYTES_MAX => Ok(text),
        _ => Err(Unusable::TooLong),
    }
}
