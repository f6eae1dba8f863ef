//! Standard Webhooks: how receipts are signed.
//!
//! **Invariant:** what is signed is `{id}.{timestamp}.{body}`, the body byte for byte as it is
//! sent.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The header with the event's id.
pub const WEBHOOK_ID: &str = "webhook-id";
/// The header with the instant of sending, in seconds since 1970.
pub const WEBHOOK_TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, parted by spaces.
pub const WEBHOOK_SIGNATURE: &str = "webhook-signature";

/// What a written secret begins with.
const SECRET_PREFIX: &str = "whsec_";

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// It does not begin with `whsec_`.
    #[error("a webhook secret begins with `whsec_`")]
    Prefix,
    /// What follows is not base64.
    #[error("a webhook secret is base64 after `whsec_`")]
    Base64(#[source] base64::DecodeError),
    /// The key cannot be used for HMAC.
    #[error("a webhook secret has a usable length")]
    Length(#[source] hmac::digest::InvalidLength),
}

/// The key that signs receipts.
#[derive(Clone)]
pub struct WebhookSecret {
    mac: Hmac<Sha256>,
}

impl WebhookSecret {
    /// Reads `whsec_<base64>`.
    pub fn parse(text: &str) -> Result<Self, SecretError> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(SecretError::Prefix)?;
        let key = STANDARD.decode(encoded).map_err(SecretError::Base64)?;
        let mac = Hmac::new_from_slice(&key).map_err(SecretError::Length)?;
        Ok(Self { mac })
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret")
    }
}

/// The value of `webhook-signature`: `v1,<base64 of HMAC-SHA256>`. `timestamp` is in seconds since
/// 1970.
pub fn sign(secret: &WebhookSecret, id: &str, timestamp: i64, body: &[u8]) -> String {
    let mut mac = secret.mac.clone();
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector_is_met() {
        let secret = WebhookSecret::parse("whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ").unwrap();
        let body = br#"{"data":{"event_type":"message.finalized","id":"e1"}}"#;
        assert_eq!(
            sign(&secret, "msg_1", 1_795_426_300, body),
            "v1,hkUqigyTRWl27f/dgf8Z+y+AM1WQWMITB41vSLgiKC4="
        );
    }

    #[test]
    fn any_change_changes_the_signature() {
        let secret = WebhookSecret::parse("whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ").unwrap();
        let other = WebhookSecret::parse("whsec_CAkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ").unwrap();
        let signed = sign(&secret, "a", 1, b"{}");
        assert_ne!(signed, sign(&other, "a", 1, b"{}"));
        assert_ne!(signed, sign(&secret, "b", 1, b"{}"));
        assert_ne!(signed, sign(&secret, "a", 2, b"{}"));
        assert_ne!(signed, sign(&secret, "a", 1, b"{ }"));
    }

    #[test]
    fn a_bad_secret_is_refused_and_a_good_one_never_shown() {
        assert!(matches!(WebhookSecret::parse("CQkJ"), Err(SecretError::Prefix)));
        assert!(matches!(WebhookSecret::parse("whsec_?"), Err(SecretError::Base64(_))));
        let secret = WebhookSecret::parse("whsec_CQkJ").unwrap();
        assert_eq!(format!("{secret:?}"), "WebhookSecret");
    }
}
