//! The signature around a token: JSON Web Signature in its compact form (RFC 7515).
//!
//! **Invariant:** the payload of a signature that is not verified is never given out.

use super::jwk::Keys;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

/// What a token may say that it is; without a word it is a JSON Web Token too. A token that the same issuer
/// signed for something else, such as a logout, says so here.
const TYPES: [&str; 4] = ["jwt", "application/jwt", "at+jwt", "application/at+jwt"];

/// What stands before the payload. Nothing in it is taken for a key.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: String,
    typ: Option<String>,
    crit: Option<serde::de::IgnoredAny>,
}

/// The payload of a token that one of the keys has signed.
pub(super) fn verified(token: &str, keys: &Keys) -> Option<Vec<u8>> {
    let (message, signature) = token.rsplit_once('.')?;
    let (header, payload) = message.split_once('.')?;
    let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
    let is_typed =
        header.typ.is_none_or(|typ| TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known)));
    // We know no extension that a token could ask to be understood.
    if !is_typed || header.crit.is_some() {
        return None;
    }
    let key = keys.get(&header.kid).filter(|key| key.algorithm().name() == header.alg)?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
    key.verifies(message.as_bytes(), &signature).then_some(payload)
}
