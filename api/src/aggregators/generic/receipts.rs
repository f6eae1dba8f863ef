//! Receipts: verified by Standard Webhooks over the raw bytes.
//!
//! **Invariant:** signatures are compared in constant time, against every secret of the connection, before
//! anything of the body is read.

use crate::ports::{Connection, RawReceipt, ReceiptRefusal};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use chrono::TimeDelta;
use domain::Instant;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// How far a delivery's timestamp may be off.
const TOLERANCE: TimeDelta = TimeDelta::minutes(5);
/// Signatures looked at in one header.
const SIGNATURES_MAX: usize = 8;
/// Characters of a `webhook-id`.
const ID_CHARS_MAX: usize = 255;
/// What a secret begins with.
const SECRET_PREFIX: &str = "whsec_";
/// The version of the signatures this contract uses.
const VERSION: &str = "v1";

/// A verified delivery.
pub(super) struct Delivery {
    /// Its `webhook-id`: the same for every repeat.
    pub(super) id: String,
    /// When it was sent.
    pub(super) at: Instant,
}

/// Verifies a delivery.
pub(super) fn verify(
    connection: &Connection,
    raw: &RawReceipt<'_>,
    now: Instant,
) -> Result<Delivery, ReceiptRefusal> {
    let header = |name: &str| {
        raw.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    let (Some(id), Some(timestamp), Some(signatures)) =
        (header("webhook-id"), header("webhook-timestamp"), header("webhook-signature"))
    else {
        return Err(ReceiptRefusal::Forged);
    };
    let sent_s: i64 = timestamp.parse().map_err(|_number| ReceiptRefusal::Forged)?;
    let at = Instant::from_timestamp_secs(sent_s).ok_or(ReceiptRefusal::Forged)?;
    if id.is_empty() || id.len() > ID_CHARS_MAX || (now - at).abs() > TOLERANCE {
        return Err(ReceiptRefusal::Forged);
    }
    let content = [id.as_bytes(), b".", timestamp.as_bytes(), b".", raw.body].concat();
    let secrets = [Some(&connection.webhook_secret), connection.webhook_secret_next.as_ref()];
    let mut is_signed = false;
    for secret in secrets.into_iter().flatten() {
        is_signed |= holds(secret, &content, signatures);
    }
    if is_signed { Ok(Delivery { id: id.to_owned(), at }) } else { Err(ReceiptRefusal::Forged) }
}

/// Whether one of `signatures` is that of `content` under `secret`.
fn holds(secret: &SecretString, content: &[u8], signatures: &str) -> bool {
    let Some(mac) = mac(secret, content) else { return false };
    let mut holds = false;
    for signature in signatures.split_whitespace().take(SIGNATURES_MAX) {
        let given = signature
            .split_once(',')
            .filter(|(version, _)| *version == VERSION)
            .and_then(|(_, code)| STANDARD.decode(code).ok());
        if let Some(given) = given {
            holds |= mac.clone().verify_slice(&given).is_ok();
        }
    }
    holds
}

fn mac(secret: &SecretString, content: &[u8]) -> Option<Hmac<Sha256>> {
    let key = STANDARD.decode(secret.expose_secret().strip_prefix(SECRET_PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(content);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::id::{ConnectionId, SiteId};
    use uuid::Uuid;

    const BODY: &[u8] = br#"{"data":{"event_type":"message.finalized","id":"e1"}}"#;
    const SIGNATURE: &str = "v1,hkUqigyTRWl27f/dgf8Z+y+AM1WQWMITB41vSLgiKC4=";
    const SECRET: &str = "whsec_CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ";

    fn connection(secret: &str, next: Option<&str>) -> Connection {
        Connection {
            id: ConnectionId(Uuid::nil()),
            site_id: SiteId(Uuid::nil()),
            name: "main".into(),
            kind: "generic".into(),
            base_url: "http://127.0.0.1:9".into(),
            token: "t".into(),
            webhook_secret: secret.into(),
            webhook_secret_next: next.map(Into::into),
            key_window_s: 0,
            has_lookup: false,
            status_page_url: None,
            segments_per_s: 0,
        }
    }

    fn check(connection: &Connection, signature: &str, body: &[u8], off_s: i64) -> bool {
        let headers = [
            ("webhook-id".to_owned(), "msg_1".to_owned()),
            ("webhook-timestamp".to_owned(), "1795426300".to_owned()),
            ("webhook-signature".to_owned(), signature.to_owned()),
        ];
        let raw = RawReceipt { headers: &headers, body };
        verify(connection, &raw, Instant::from_timestamp_secs(1_795_426_300 + off_s).unwrap())
            .is_ok()
    }

    /// The vector was made with the vendor's own code.
    #[test]
    fn the_signature_is_that_of_standard_webhooks() {
        let plain = connection(SECRET, None);
        assert!(check(&plain, SIGNATURE, BODY, 0));
        assert!(check(&plain, &format!("v1,AAAA v2,x {SIGNATURE}"), BODY, 300));
        assert!(check(&connection("whsec_AAAA", Some(SECRET)), SIGNATURE, BODY, -300));
        assert!(!check(&plain, SIGNATURE, BODY, 301), "too old");
        assert!(!check(&plain, SIGNATURE, BODY, -301), "from the future");
        assert!(!check(&plain, SIGNATURE, b"{}", 0), "another body");
        assert!(!check(&plain, "v1,AAAA", BODY, 0), "another signature");
        assert!(!check(&plain, "", BODY, 0), "none");
        assert!(!check(&connection("whsec_AAAA", None), SIGNATURE, BODY, 0), "another secret");
        assert!(!check(&connection("not a secret", None), SIGNATURE, BODY, 0), "no secret");
    }
}
