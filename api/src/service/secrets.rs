//! Secrets of API keys, and digests.
//!
//! **Invariant:** only the digest of a secret is stored. Secrets are 256 random bits, so a plain SHA-256
//! cannot be guessed backwards.

use crate::hex;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::Rng as _;
use sha2::{Digest as _, Sha256};

/// What every secret begins with, so that leaked ones can be searched for.
const SECRET_PREFIX: &str = "sk_";
/// Random bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Characters of a secret that are stored and shown to tell keys apart.
const SHOWN_CHARS: usize = 9;

/// A new secret.
pub(super) fn generate() -> String {
    let mut bytes = [0_u8; SECRET_BYTES];
    rand::rng().fill_bytes(&mut bytes);
    format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// The first characters of a secret.
pub(super) fn shown(secret: &str) -> &str {
    secret.get(..SHOWN_CHARS).unwrap_or(secret)
}

/// The digest of a secret, as stored.
pub(super) fn hash(secret: &str) -> String {
    hex::encode(&Sha256::digest(secret.as_bytes()))
}

/// A digest of a command's input: fields in order, each with its length, so that none runs into the next.
#[derive(Clone, Default)]
pub(super) struct InputDigest(Sha256);

impl InputDigest {
    /// Adds a field.
    #[must_use]
    pub(super) fn field(mut self, text: &str) -> Self {
        self.0.update(text.len().to_le_bytes());
        self.0.update(text.as_bytes());
        self
    }

    /// Adds a field that may be missing, which differs from an empty one.
    #[must_use]
    pub(super) fn optional(self, text: Option<&str>) -> Self {
        match text {
            Some(text) => self.field("some").field(text),
            None => self.field("none"),
        }
    }

    /// Adds a list.
    #[must_use]
    pub(super) fn list<T: AsRef<str>>(self, items: impl ExactSizeIterator<Item = T>) -> Self {
        let this = self.field(&items.len().to_string());
        items.fold(this, |digest, item| digest.field(item.as_ref()))
    }

    /// The digest.
    pub(super) fn finish(self) -> String {
        hex::encode(&self.0.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_hash() {
        let (one, two) = (generate(), generate());
        assert_ne!(one, two);
        assert_eq!(one.len(), 3 + 43);
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert!(one.starts_with(shown(&one)));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let digest = |a, b| InputDigest::default().field(a).field(b).finish();
        assert_ne!(digest("ab", "c"), digest("a", "bc"));
        let one = |text| InputDigest::default().optional(text).finish();
        assert_ne!(one(None), one(Some("")));
    }
}
